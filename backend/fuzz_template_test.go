// SPDX-License-Identifier: MPL-2.0

package backend

// Whatever Vault knows of a caller, a rendered policy has the statements, keys and operators of its
// template, and each string is what Vault's own templates would make of it.

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/helper/identitytpl"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/roles"
)

func FuzzTemplate(f *testing.F) {
	for _, element := range []string{
		`"Resource":"arn:aws:s3:::b/` + ofTeam + `/*"`, `"NotResource":["arn:aws:s3:::{{ identity.entity.name }}-` + ofTeam + `","*"]`, `"Action":"s3:Get` + ofTeam + `"`,
		`"Condition":{"StringLike":{"s3:prefix":["home/` + ofTeam + `/*","${aws:username}"]},"ArnLike":{"a:b":"arn:aws:iam::1:role/{{identity.groups.names.developers.id}}"}}`,
		`"Condition":{"DateLessThan":{"aws:CurrentTime":"{{identity.entity.aliases.auth_userpass_6671d643.name}}"}}`, `"Resource":"arn:aws:s3:::$` + ofTeam + `"`,
		`"Condition":{"StringEquals":{"a:b":"\u007b\u007bidentity.groups.ids.group-2.metadata.env}}"}}`, `"Resource":"{{identity.entity.id}}"`,
	} {
		for _, value := range []string{"payments", "*", `","Resource":"*`, "${aws:username}", "a/b:c", "{{identity.entity.id}}", "\x00", "é世😀", strings.Repeat("x", 300), "2026-01-01", `\`, ""} {
			f.Add(statementOf(element), value, ofTeam)
			f.Add(statementOf(element), "payments", "v-"+ofTeam+value)
		}
	}
	f.Add(statementOf(""), "payments", "{{identity.entity.metadata.team}"+strings.Repeat("\x11", 2000)) // its refusal had 9 kB
	m := newFuzzMount(f, func(m *mount) {
		m.configure(noRetries)
		m.aws.AddRole("deploy")
	})
	f.Fuzz(func(t *testing.T, policy, value, text string) {
		m.fresh(t)
		m.asks(func(e *logical.Entity) {
			e.Name, e.Metadata["team"], e.Aliases[0].Name = value, value, value
			m.system.(*logical.StaticSystemView).GroupsVal[0].ID = value
		})
		for field, of := range map[string]any{"policy_document": policy, "session_name": text, "source_identity": text, "session_tags": map[string]any{"k": text}} {
			role := map[string]any{"credential_type": roles.AssumedRole, "role_arns": deployARN, "templates": true, field: of}
			resp, err := m.asVault(m.request(logical.UpdateOperation, "roles/"+field, role))
			if status, told := m.answered(field, resp, err); status != 200 {
				if status != 400 || !strings.Contains(told, field) {
					t.Errorf("%s: %d %s", field, status, told)
				}
				continue
			}
			m.issueRendered(field, of)
		}
	})
}

// issueRendered asks for a session of the role: it is refused with the name of the field, or AWS gets what
// the template says.
func (fm *fuzzMount) issueRendered(field string, of any) {
	fm.t.Helper()
	resp, err := fm.asVault(fm.request(logical.ReadOperation, "sts/"+field, nil))
	status, told := fm.answered(field, resp, err)
	if status != 200 {
		if status != 400 || !strings.Contains(told, field+": ") || resp.IsError() && strings.Contains(told, "AWS Request ID") {
			fm.t.Errorf("%s: %d %s", field, status, told)
		}
		return
	}
	s := fm.session()
	switch field {
	case "policy_document":
		if of == "" {
			return
		}
		var before, after any
		if err := json.Unmarshal([]byte(fm.read("roles/" + field)[field].(string)), &before); err != nil {
			fm.t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(s.Policy), &after); err != nil {
			fm.t.Fatalf("%v: %s", err, s.Policy)
		}
		fm.sameShape("", before, after)
	case "session_name":
		if of != "" {
			fm.rendered(field, of.(string), s.SessionName)
		}
	case "source_identity":
		fm.rendered(field, of.(string), s.SourceIdentity)
	case "session_tags":
		fm.rendered(field, of.(map[string]any)["k"].(string), s.Tags["k"])
	}
}

// sameShape compares a policy with its template.
func (fm *fuzzMount) sameShape(path string, template, policy any) {
	fm.t.Helper()
	switch was := template.(type) {
	case map[string]any:
		is, same := policy.(map[string]any)
		if !same || !slices.Equal(slices.Sorted(maps.Keys(was)), slices.Sorted(maps.Keys(is))) {
			fm.t.Errorf("%s: %v became %v", path, template, policy)
			return
		}
		for key := range was {
			fm.sameShape(path+" "+key, was[key], is[key])
		}
	case []any:
		is, same := policy.([]any)
		if !same || len(was) != len(is) {
			fm.t.Errorf("%s: %v became %v", path, template, policy)
			return
		}
		for i := range was {
			fm.sameShape(path, was[i], is[i])
		}
	case string:
		is, same := policy.(string)
		if !same {
			fm.t.Errorf("%s: %v became %v", path, template, policy)
			return
		}
		fm.rendered(path, was, is)
		special := `*?$"'`
		if strings.Contains(path, "Resource") || strings.Contains(path, "Action") || strings.HasPrefix(was, "arn:") {
			special += ":/"
		}
		literal := betweenBraces.ReplaceAllString(was, "")
		for _, char := range special {
			if strings.Contains(was, "{{") && strings.Count(literal, string(char)) != strings.Count(is, string(char)) {
				fm.t.Errorf("%s: %q became %q, with another number of %q", path, was, is, char)
			}
		}
	default:
		if fmt.Sprint(template) != fmt.Sprint(policy) {
			fm.t.Errorf("%s: %v became %v", path, template, policy)
		}
	}
}

var betweenBraces = regexp.MustCompile(`(?s)\{\{.*?\}\}`)

// rendered asks Vault's own implementation of templates what a text becomes.
func (fm *fuzzMount) rendered(what, template, text string) {
	fm.t.Helper()
	if !strings.Contains(template, "{{") {
		if template != text {
			fm.t.Errorf("%s: %q became %q", what, template, text)
		}
		return
	}
	view := fm.system.(*logical.StaticSystemView)
	_, want, err := identitytpl.PopulateString(identitytpl.PopulateStringInput{
		Mode: identitytpl.ACLTemplating, String: template, Entity: view.EntityVal, Groups: view.GroupsVal, NamespaceID: view.EntityVal.NamespaceID,
	})
	if err != nil || text != want {
		fm.t.Errorf("%s: %q became %q; Vault would make %q of it, %v", what, template, text, want, err)
	}
	if betweenBraces.ReplaceAllString(template, "") == text {
		fm.t.Errorf("%s: %q became %q: a value is empty", what, template, text)
	}
}
