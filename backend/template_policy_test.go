// SPDX-License-Identifier: MPL-2.0

package backend

// Templates in policies: what a value may be, and where a template may stand.

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"
)

const ofTeam = "{{identity.entity.metadata.team}}"

// anna is an entity with an alias and two groups.
func anna() (*logical.Entity, []*logical.Group) {
	return &logical.Entity{
			ID: "7d2e3179-f69b-450c-7179-ac8ee8bd8ca9", Name: "anna", NamespaceID: "root", Metadata: map[string]string{"team": "payments", "empty": ""},
			Aliases: []*logical.Alias{{
				MountAccessor: "auth_userpass_6671d643", ID: "alias-1", Name: "anna@example.org",
				Metadata: map[string]string{"floor": "3"}, CustomMetadata: map[string]string{"cost.center": "42"},
			}},
		}, []*logical.Group{
			{ID: "group-1", Name: "developers", NamespaceID: "root", Metadata: map[string]string{"env": "test"}},
			{ID: "group-2", Name: "strangers", NamespaceID: "root", Metadata: map[string]string{"env": "prod"}},
			{ID: "group-3", Name: "strangers", NamespaceID: "child", Metadata: map[string]string{"env": "prod"}},
		}
}

// asks makes the caller of all further requests an entity.
func (m *mount) asks(change func(*logical.Entity)) {
	m.t.Helper()
	view := m.system.(*logical.StaticSystemView)
	view.EntityVal, view.GroupsVal = anna()
	if change != nil {
		change(view.EntityVal)
	}
	m.entityID = view.EntityVal.ID
}

// newTemplateMount has anna as its caller.
func newTemplateMount(t testing.TB) *mount {
	t.Helper()
	m := newSessionMount(t)
	m.asks(nil)
	return m
}

// statementOf is a policy of one statement with an element of its own.
func statementOf(element string) string {
	parts := map[string]string{"Action": `"Action":"s3:*"`, "Resource": `"Resource":"*"`}
	for name := range parts {
		if strings.HasPrefix(element, `"`+name+`"`) || strings.HasPrefix(element, `"Not`+name+`"`) {
			parts[name] = element
			element = ""
		}
	}
	if element != "" {
		element = "," + element
	}
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` + parts["Action"] + "," + parts["Resource"] + element + `}]}`
}

func decodedJSON(t testing.TB, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}

// Every name that there is, in every place where a template may stand.
func TestPolicyIsRendered(t *testing.T) {
	t.Parallel()
	m := newTemplateMount(t)
	for template, want := range map[string]string{
		`"Resource":"arn:aws:s3:::b/{{identity.entity.id}}"`:                                                                    `"Resource":"arn:aws:s3:::b/7d2e3179-f69b-450c-7179-ac8ee8bd8ca9"`,
		`"Resource":["arn:aws:s3:::b/{{ identity.entity.name	}}/x/` + ofTeam + `/*","*"]`:                                       ``,
		`"Resource":["arn:aws:s3:::b/{{ identity.entity.name }}/x/` + ofTeam + `/*","*"]`:                                       `"Resource":["arn:aws:s3:::b/anna/x/payments/*","*"]`,
		`"NotResource":"arn:aws:sqs:eu-west-1:{{identity.entity.aliases.auth_userpass_6671d643.id}}:q"`:                         `"NotResource":"arn:aws:sqs:eu-west-1:alias-1:q"`,
		`"Action":"s3:Get` + ofTeam + `"`:                                                                                       `"Action":"s3:Getpayments"`,
		`"NotAction":["sqs:` + ofTeam + `*"]`:                                                                                   `"NotAction":["sqs:payments*"]`,
		`"Condition":{"StringEquals":{"a:b":"{{identity.entity.aliases.auth_userpass_6671d643.name}}"}}`:                        `"Condition":{"StringEquals":{"a:b":"anna@example.org"}}`,
		`"Condition":{"NumericLessThan":{"a:b":["1","{{identity.entity.aliases.auth_userpass_6671d643.metadata.floor}}"]}}`:     `"Condition":{"NumericLessThan":{"a:b":["1","3"]}}`,
		`"Condition":{"StringEquals":{"a:b":"{{identity.entity.aliases.auth_userpass_6671d643.custom_metadata.cost.center}}"}}`: `"Condition":{"StringEquals":{"a:b":"42"}}`,
		`"Condition":{"StringLike":{"a:b":"{{identity.groups.ids.group-1.name}}-x"}}`:                                           `"Condition":{"StringLike":{"a:b":"developers-x"}}`,
		`"Condition":{"StringLike":{"a:b":"{{identity.groups.names.developers.id}}"}}`:                                          `"Condition":{"StringLike":{"a:b":"group-1"}}`,
		`"Condition":{"StringLike":{"a:b":"{{identity.groups.names.developers.metadata.env}}"}}`:                                `"Condition":{"StringLike":{"a:b":"test"}}`,
		`"Condition":{"StringLike":{"a:b":"{{identity.groups.ids.group-2.metadata.env}}"}}`:                                     `"Condition":{"StringLike":{"a:b":"prod"}}`,
		`"Condition":{"ArnLike":{"a:b":"arn:aws:iam::1:role/` + ofTeam + `"}}`:                                                  `"Condition":{"ArnLike":{"a:b":"arn:aws:iam::1:role/payments"}}`,
		`"Resource":"arn:aws:s3:::${aws:username}/` + ofTeam + `\u002f\u007b\u007bidentity.entity.name}}"`:                      `"Resource":"arn:aws:s3:::${aws:username}/payments/anna"`,
	} {
		if want == "" { // a raw tab within a string is no JSON
			continue
		}
		m.write("roles/fed", map[string]any{"templates": true, "policy_document": statementOf(template)})
		m.do(logical.ReadOperation, "sts/fed", nil)
		if got := m.session().Policy; got != statementOf(want) {
			t.Errorf("%s\nbecame %s\nwant   %s", template, got, statementOf(want))
		}
	}
}

// A value cannot widen what the template says, and no value comes back in the refusal.
func TestValuesThatCannotStandInAPolicy(t *testing.T) {
	t.Parallel()
	m := newTemplateMount(t)
	everywhere := []string{"*", "?", "$", `"`, "'", "\n", "\x00", "\u2028", "\u202e", "\u0085"}
	separators := []string{":", "/"}
	for _, place := range []struct {
		element string
		refused []string
		taken   []string
	}{
		{`"Resource":"arn:aws:s3:::b/` + ofTeam + `/*"`, append(separators, everywhere...), []string{" ", "\\", "{", "}}", "é", "世", "€", "😀", ".", "{{identity.entity.name}}"}},
		{`"NotResource":"arn:aws:s3:::` + ofTeam + `"`, append(separators, everywhere...), nil},
		{`"Action":"s3:` + ofTeam + `"`, append(separators, everywhere...), nil},
		{`"NotAction":"s3:` + ofTeam + `"`, append(separators, everywhere...), nil},
		{`"Condition":{"ArnEquals":{"a:b":"arn:aws:iam::1:role/` + ofTeam + `"}}`, append(separators, everywhere...), nil},
		{`"Condition":{"StringLike":{"a:b":"arn:aws:iam::1:role/` + ofTeam + `"}}`, append(separators, everywhere...), nil},
		{`"Condition":{"StringLike":{"s3:prefix":"home/` + ofTeam + `/*"}}`, append([]string{"/"}, everywhere...), []string{":"}},
		{`"Condition":{"StringLike":{"a:b":"x:` + ofTeam + `"}}`, append([]string{":"}, everywhere...), []string{"/"}},
		{`"Condition":{"ForAnyValue:StringEquals":{"a:b":["x","` + ofTeam + `"]}}`, everywhere, separators},
	} {
		m.write("roles/fed", map[string]any{"templates": true, "policy_document": statementOf(place.element)})
		for _, char := range place.refused {
			m.asks(func(e *logical.Entity) { e.Metadata["team"] = "secret" + char + "x" })
			before := len(m.aws.Sessions())
			told := m.refused(logical.ReadOperation, "sts/fed", nil)
			if !strings.Contains(told, "policy_document: statement 1: ") || !strings.Contains(told, ofTeam+` of entity "anna" holds `+fmt.Sprintf("%q", []rune(char)[0])) || strings.Contains(told, "secret") {
				t.Errorf("%s with %q: %s", place.element, char, told)
			}
			if len(m.aws.Sessions()) != before {
				t.Errorf("%s with %q: AWS was asked", place.element, char)
			}
		}
		for _, char := range place.taken {
			m.asks(func(e *logical.Entity) { e.Metadata["team"] = "a" + char + "b" })
			m.do(logical.ReadOperation, "sts/fed", nil)
			want := decodedJSON(t, strings.ReplaceAll(statementOf(place.element), ofTeam, strings.ReplaceAll("a"+char+"b", `\`, `\\`)))
			if got := m.session().Policy; !reflect.DeepEqual(decodedJSON(t, got), want) {
				t.Errorf("%s with %q became %s", place.element, char, got)
			}
		}
	}
}

// Where a template cannot stand, and names that there are not, are told when the role is written.
func TestTemplatesThatCannotStand(t *testing.T) {
	t.Parallel()
	m := newTemplateMount(t)
	const names = "identity.groups.names.<group name>"
	for policy, want := range map[string]string{
		`{"Version":"` + ofTeam + `","Statement":[]}`:                                            "cannot stand in Version",
		`{"Id":"` + ofTeam + `","Statement":[]}`:                                                 "cannot stand in Id",
		strings.Replace(statementOf(""), `"Effect"`, `"Sid":"`+ofTeam+`","Effect"`, 1):           "cannot stand in Sid",
		strings.Replace(statementOf(""), "Allow", ofTeam, 1):                                     "cannot stand in Effect",
		strings.Replace(statementOf(""), "Effect", ofTeam, 1):                                    "which does not exist",
		strings.Replace(statementOf(""), `"Effect"`, `"Principal":"`+ofTeam+`","Effect"`, 1):     "Principal",
		statementOf(`"Condition":{"` + ofTeam + `":{"a:b":"c"}}`):                                "only in values",
		statementOf(`"Condition":{"StringEquals":{"aws:PrincipalTag/` + ofTeam + `":"c"}}`):      "only in values",
		statementOf(`"Resource":"` + ofTeam + `"`):                                               "whole ARN",
		statementOf(`"Resource":"arn:` + ofTeam + `:s3:::b"`):                                    "partition or service",
		statementOf(`"Resource":"arn:aws:` + ofTeam + `:::b"`):                                   "partition or service",
		statementOf(`"NotResource":"` + ofTeam + `:b"`):                                          "whole ARN",
		statementOf(`"Condition":{"ArnLike":{"a:b":"` + ofTeam + `"}}`):                          "whole ARN",
		statementOf(`"Condition":{"ForAnyValue:ArnNotLikeIfExists":{"a:b":["` + ofTeam + `"]}}`): "whole ARN",
		statementOf(`"Action":"` + ofTeam + `"`):                                                 "names no service",
		statementOf(`"Resource":"arn:aws:s3:::$` + ofTeam + `"`):                                 "directly after $",
		statementOf(`"Resource":"arn:aws:s3:::${aws:PrincipalTag/` + ofTeam + `}"`):              "within a variable",
		statementOf(`"Resource":"arn:aws:s3:::${x` + ofTeam + ofTeam + `}"`):                     "within a variable",
		statementOf(`"Resource":"arn:aws:s3:::{{identity.entity.name"`):                          "has {{ without }}",
		statementOf(`"Resource":"arn:aws:s3:::identity.entity.name}}"`):                          "has }} without {{",
		statementOf(`"Resource":"arn:aws:s3:::{{identity.entity.name}}}}"`):                      "has }} without {{",
		statementOf(`"Resource":"arn:aws:s3:::{{identity.{{entity}}.name}}"`):                    "has {{ without }}",
		statementOf(`"Resource":"arn:aws:s3:::{{identity.entity.email}}"`):                       names,
		statementOf(`"Resource":"arn:aws:s3:::{{identity.entity.metadata}}"`):                    names,
		statementOf(`"Resource":"arn:aws:s3:::{{identity.entity.metadata.}}"`):                   names,
		statementOf(`"Resource":"arn:aws:s3:::{{identity.entity.custom_metadata.x}}"`):           names,
		statementOf(`"Resource":"arn:aws:s3:::{{identity.entity.aliases.x}}"`):                   names,
		statementOf(`"Resource":"arn:aws:s3:::{{identity.entity.aliases..name}}"`):               names,
		statementOf(`"Resource":"arn:aws:s3:::{{identity.groups.ids.x.id}}"`):                    names,
		statementOf(`"Resource":"arn:aws:s3:::{{identity.groups.names.x.name}}"`):                names,
		statementOf(`"Resource":"arn:aws:s3:::{{time.now}}"`):                                    names,
		statementOf(`"Resource":"arn:aws:s3:::{{}}"`):                                            names,
		statementOf(`"Resource":"arn:aws:s3:::b/` + ofTeam + strings.Repeat("x", 2048) + `"`):    "AWS allows 2048",
		strings.Replace(statementOf(`"Resource":"arn:aws:s3:::b/`+ofTeam+`"`), "s3:*", "s3", 1):  "names no service",
		statementOf(`"Condition":{"Bool":{"a:b":"` + ofTeam + `","a:c":{}}}`):                    "an object for a value",
	} {
		told := m.refused(logical.UpdateOperation, "roles/fed", map[string]any{"templates": true, "policy_document": policy})
		if !strings.Contains(told, "policy_document: ") || !strings.Contains(told, want) {
			t.Errorf("%s\nrefused with %s\nwant %q", policy, told, want)
		}
	}
	m.warns(m.write("roles/fed", map[string]any{"templates": true, "policy_document": statementOf(`"Resource":"arn:aws:s3:::b/` + ofTeam + `*"`)}), "policy_document: statement 1: Resource: "+ofTeam+" is followed by *")
	// Without the switch it is text, as in roles that were taken over.
	m.warns(m.write("roles/fed", map[string]any{"templates": false}), "policy_document: has {{identity.…}}, which is text here")
	m.do(logical.ReadOperation, "sts/fed", nil)
	if got := m.session().Policy; !strings.Contains(got, ofTeam) {
		t.Errorf("AWS got %s", got)
	}
}

// AWS's limits hold with the values too.
func TestRenderedPolicyIsChecked(t *testing.T) {
	t.Parallel()
	m := newTemplateMount(t)
	m.write("roles/fed", map[string]any{"templates": true, "policy_document": statementOf(`"Condition":{"DateLessThan":{"aws:CurrentTime":"` + ofTeam + `"}}`)})
	if told := m.refused(logical.ReadOperation, "sts/fed", nil); !strings.Contains(told, `has "`+ofTeam+`"; use a date`) || strings.Contains(told, "payments") {
		t.Errorf("a date that is none: %s", told)
	}
	m.asks(func(e *logical.Entity) { e.Metadata["team"] = "2026-12-31" })
	m.do(logical.ReadOperation, "sts/fed", nil)

	m.write("roles/fed", map[string]any{"policy_document": statementOf(`"Resource":["arn:aws:s3:::b/` + strings.Repeat(ofTeam, 3) + `"]`)})
	m.asks(func(e *logical.Entity) { e.Metadata["team"] = strings.Repeat("x", 700) })
	if told := m.refused(logical.ReadOperation, "sts/fed", nil); !strings.Contains(told, "policy_document: has 2") || !strings.Contains(told, "AWS allows 2048") {
		t.Errorf("a policy that is too long: %s", told)
	}
}

// How many addresses a condition compares with is the template's to say.
func TestAddressesInAPolicy(t *testing.T) {
	t.Parallel()
	m := newTemplateMount(t)
	for template, values := range map[string]struct{ taken, refused []string }{
		ofTeam:         {[]string{"203.0.113.7", "2001:db8::1", "0.0.0.0"}, []string{"0.0.0.0/0", "10.0.0.0/8", "::/0", "anna", "10.0.0", "fe80::1%eth0", "10.0.0.1 "}},
		ofTeam + "/32": {[]string{"203.0.113.7"}, []string{"2001:db8::", "::", "10.0.0.0/8", "10.0.0"}},
		"10.{{identity.entity.metadata.team}}.0.0/16": {[]string{"7"}, []string{"0.0.0.0/0", "7.0", "256", "7/8"}},
		"2001:db8:" + ofTeam + "::/48":                {[]string{"a"}, []string{":", "a:b", "x"}},
	} {
		for _, operator := range []string{"IpAddress", "NotIpAddressIfExists"} {
			policy := statementOf(`"Condition":{"` + operator + `":{"aws:SourceIp":["` + template + `","192.0.2.0/24"]}}`)
			m.write("roles/fed", map[string]any{"templates": true, "policy_document": policy})
			for _, value := range values.taken {
				m.asks(func(e *logical.Entity) { e.Metadata["team"] = value })
				m.do(logical.ReadOperation, "sts/fed", nil)
				if got := m.session().Policy; got != strings.ReplaceAll(policy, ofTeam, value) {
					t.Errorf("%s with %q: AWS got %s", template, value, got)
				}
			}
			for _, value := range values.refused {
				m.asks(func(e *logical.Entity) { e.Metadata["team"] = value })
				if told := m.refused(logical.ReadOperation, "sts/fed", nil); !strings.Contains(told, operator+": aws:SourceIp: ") {
					t.Errorf("%s with %q: %s", template, value, told)
				}
			}
		}
	}
	for _, template := range []string{"10.0.0.0/" + ofTeam, "10.0.0.0/1" + ofTeam, ofTeam + "/" + ofTeam} {
		told := m.refused(logical.UpdateOperation, "roles/fed", map[string]any{"templates": true, "policy_document": statementOf(`"Condition":{"IpAddress":{"aws:SourceIp":"` + template + `"}}`)})
		if !strings.Contains(told, "the length of a range of addresses") {
			t.Errorf("%s: %s", template, told)
		}
	}
}

// What is no number, Boolean or base64 matches nothing, hence everything where it is compared with a Not.
func TestValuesOfTheFormOfTheirOperator(t *testing.T) {
	t.Parallel()
	m := newTemplateMount(t)
	for operator, value := range map[string]string{"NumericNotEquals": "7", "Bool": "true", "BinaryEquals": "YQ==", "DateNotEquals": "2026-12-31"} {
		m.write("roles/fed", map[string]any{"templates": true, "policy_document": statementOf(`"Condition":{"` + operator + `":{"a:b":"` + ofTeam + `"}}`)})
		m.asks(func(e *logical.Entity) { e.Metadata["team"] = value })
		m.do(logical.ReadOperation, "sts/fed", nil)
		m.asks(func(e *logical.Entity) { e.Metadata["team"] = "hush!" })
		if told := m.refused(logical.ReadOperation, "sts/fed", nil); !strings.Contains(told, `has "`+ofTeam+`"; use `) || strings.Contains(told, "hush") {
			t.Errorf("%s: %s", operator, told)
		}
	}
}
