// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/awsmodel"
)

// formRefusal is what AWS says of the form of a value, before it looks for what the value names.
var formRefusal = regexp.MustCompile(`^ValidationError: ([0-9]+ validation errors? detected: |The specified value for )`)

// sampleOf is a request that fits: what is required of it, and of elements that it has.
func sampleOf(action string, elements map[string]int) url.Values {
	params := url.Values{}
	for _, member := range awsmodel.Load().Actions[action] {
		list, rest, inList := strings.Cut(member.Name, ".member.N")
		switch {
		case !inList && member.Required && member.Type != "list":
			params.Set(member.Name, member.Sample())
		case inList:
			for n := range elements[list] {
				value := member.Sample()
				if strings.HasSuffix(strings.ToLower(member.Name), "key") || strings.Contains(list, "Key") {
					value = fmt.Sprintf("key-%d", n)
				}
				params.Set(fmt.Sprintf("%s.member.%d%s", list, n+1, rest), value)
			}
		case member.Required:
			params.Set(member.Name+".member.1", "key-1") // of TagKeys; those of Tags follow
		}
	}
	return params
}

// requestOf is the request of a cell.
func requestOf(c awsmodel.Cell) url.Values {
	list, rest, inList := strings.Cut(c.Member, ".member.N")
	elements := map[string]int{}
	if inList {
		elements[list] = 1
	}
	if c.Elements > 0 {
		elements[c.Member] = c.Elements
	}
	if c.Action == "TagUser" && elements["Tags"] == 0 {
		elements["Tags"] = 1
	}
	params := sampleOf(c.Action, elements)
	params.Del("Tags.member.1")
	switch {
	case c.Case == "absent":
		for param := range params {
			if param == c.Member || strings.HasPrefix(param, c.Member+".") {
				params.Del(param)
			}
		}
	case inList:
		params.Set(list+".member.1"+rest, c.Value)
	case c.Elements == 0:
		params.Set(c.Member, c.Value)
	}
	return params
}

// Every member of every action that the fake serves, at its bounds and beyond, signed and over HTTP.
func TestFakeAgreesWithTheModelInEveryCell(t *testing.T) {
	s := newServer(t)
	cells, differences := 0, 0
	for action, act := range actions {
		if _, known := awsmodel.Load().Actions[action]; !known {
			t.Errorf("the table has no action %s: add it to internal/awsmodel/generate/actions.go", action)
		}
		t.Run(action, func(t *testing.T) {
			for _, c := range awsmodel.Load().Cells(action) {
				cells++
				_, err := root(s).Do(t.Context(), act.service, action, requestOf(c))
				var refusal *Refusal
				if err != nil && !errors.As(err, &refusal) {
					t.Fatalf("%s: %v", c, err)
				}
				if refused := refusal != nil && formRefusal.MatchString(refusal.Error()); refused == c.Fits {
					differences++
					t.Errorf("%s, %.80q: the model takes it: %t; the fake: %v", c, c.Value, c.Fits, refusal)
				}
			}
		})
	}
	t.Logf("%d cells of %d actions, %d differences", cells, len(actions), differences)
	for _, member := range slices.Sorted(maps.Keys(awsmodel.Optional)) {
		t.Logf("explained: the model requires %s; %s", member, awsmodel.Optional[member])
	}
	s.Forgive()
}

func TestAllThatBreaksTheModelIsNamed(t *testing.T) {
	s := newServer(t)
	refused(t, root(s), 400, "ValidationError", "2 validation errors detected: Value '1' at 'durationSeconds' failed to satisfy constraint: "+
		"Member must have value greater than or equal to 900; Value 'x' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 2",
		"GetFederationToken", "Name", "x", "DurationSeconds", "1")
	refused(t, root(s), 400, "ValidationError", "1 validation error detected: Value null at 'tags.1.member.value' failed", "CreateUser", "UserName", "ann", "Tags.member.1.Key", "a")
	refused(t, root(s), 400, "ValidationError", "The specified value for userName is invalid. It must contain only", "CreateUser", "UserName", "a b")
	refused(t, root(s), 400, "ValidationError", "Value '***' at 'tokenCode' failed", "GetSessionToken", "SerialNumber", "GAHT12345678", "TokenCode", "secret")
}
