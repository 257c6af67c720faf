// SPDX-License-Identifier: MPL-2.0

package engine

// How a handler gets the fields of a request, which [Decode] has decoded.

import (
	"time"

	"github.com/hashicorp/vault/sdk/framework"
)

// Set copies a field into dst when the request names it. An explicit null sets
// the field's default, and so does an empty text for what is not a text. It reports
// whether the request named the field.
func Set[T any](d *framework.FieldData, name string, dst *T) bool {
	schema := d.Schema[name]
	if schema == nil {
		panic("no field " + name + " in the schema")
	}
	if raw, named := d.Raw[name]; named && (raw == nil || raw == "" && schema.Type != framework.TypeString) {
		*dst = schema.DefaultOrZero().(T)
		return true
	}
	v, ok := d.GetOk(name)
	if ok {
		*dst = v.(T)
	}
	return ok
}

// SetSeconds is [Set] for durations, which Vault's fields carry as whole seconds.
func SetSeconds(d *framework.FieldData, name string, dst *time.Duration) {
	var seconds int
	if Set(d, name, &seconds) {
		*dst = time.Duration(seconds) * time.Second
	}
}

// SetTTL is [Set] for durations in a field of texts, as [EditTTL] marks them.
func SetTTL(d *framework.FieldData, name string, dst *time.Duration) bool {
	var text string
	named := Set(d, name, &text)
	if named {
		*dst, _ = time.ParseDuration(text) // decoded to that form; empty is zero
	}
	return named
}

// Seconds is how durations stand in an answer.
func Seconds(d time.Duration) int64 { return int64(d / time.Second) }

// Stamp is how a time stands in an answer: text, or null for none.
func Stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}
