// SPDX-License-Identifier: MPL-2.0

package roles

import (
	"reflect"
	"testing"
)

// Every field of the stored role stands in the table, and is sent, stored and shown.
func TestEveryFieldOfARoleStandsInTheTable(t *testing.T) {
	t.Parallel()
	r := &Role{}
	places := map[any]bool{}
	for _, f := range table {
		if f.in == nil {
			continue
		}
		places[f.in(r)] = true
		if f.types == nil {
			t.Errorf("%s is of no credential type", f.name)
		}
	}
	apart := map[string]bool{"DisabledSince": true, "CredentialTypes": true, "InvalidData": true, "ProhibitFlexibleCredPath": true, "Version": true, "Patterns": true}
	value := reflect.ValueOf(r).Elem()
	for _, field := range reflect.VisibleFields(value.Type()) {
		if name := field.Name; field.IsExported() && !field.Anonymous && !apart[name] && !places[value.FieldByIndex(field.Index).Addr().Interface()] {
			t.Errorf("%s of a role stands in no line of the table", name)
		}
	}
}
