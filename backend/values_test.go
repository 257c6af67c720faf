// SPDX-License-Identifier: MPL-2.0

package backend

// What a request sends for a field is what the engine takes, or is refused: no value changes
// on its way. Numbers are tested in both forms: a plugin gets them as floating point, and a
// test as they were written.

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
)

// wrongValues are JSON that no field of a type takes, and what the refusal says.
var wrongValues = map[string]map[string]string{
	"text": {
		`5`: "must be text, not a number; put it in quotes", `1.5`: "not a number", `123456789012`: "not a number", `true`: "not true or false",
		`["a"]`: "give the field once", `["a","b"]`: "not a list", `[]`: "not a list", `{"a":"b"}`: "not a map", `{}`: "not a map",
	},
	"whole number": {
		`5.7`: "5.7 is not a whole number", `"5.7"`: `"5.7" is not a whole number`, `"1e3"`: "not a whole number", `"0x10"`: "not a whole number",
		`" 5"`: "not a whole number", `"many"`: `"many" is not a whole number, such as 5`, `true`: "not true or false", `[5]`: "not a list", `{}`: "not a map",
		`9007199254740992`: "write it as text", `-9007199254740993`: "write it as text", `1e300`: "write it as text",
		`"99999999999999999999"`: "is too large a number",
	},
	"true or false": {
		`2`: "must be true or false, not a number", `-1`: "not a number", `0.5`: "not a number", `"yes"`: `"yes" is neither true nor false`, `[true]`: "not a list", `{}`: "not a map",
	},
	"duration": {
		`true`: "not true or false", `5.7`: "5.7 is not a whole number", `"5.7"`: `"5.7" is not a duration`, `"1500ms"`: "not a whole number of seconds",
		`-5`: "-5 is negative", `"-1h"`: "-1h is negative", `"1e3"`: "is not a duration", `"soon"`: `"soon" is not a duration; use whole seconds`, `["1h"]`: "not a list", `{}`: "not a map",
		`18446744134`: "too long", `"99999999h"`: "is not a duration", `1e300`: "write it as text",
	},
	"list": {
		`5`: "must be a list of texts, not a number", `true`: "not true or false", `{"a":"b"}`: "not a map", `["a",5]`: "entry 2 must be text, not a number",
		`[null]`: "entry 1 must be text, not null", `[["a"]]`: "entry 1 must be text, not a list", `[{"a":"b"}]`: "not a map",
	},
	"map": {
		`5`: "must be a map of texts", `true`: "must be a map", `"a"`: "key=value", `["a"]`: "key=value", `["=a"]`: "key=value", `[5]`: "not a number", `[["a=1"]]`: "entry 1",
		`{"mfa":true}`: `the value of "mfa" must be text, not true or false`, `{"cost":5}`: `the value of "cost" must be text, not a number`,
		`{"a":null}`: `the value of "a" must be text, not null`, `{"a":["b"]}`: "not a list", `{"a":{"b":"c"}}`: "not a map",
		`["a=1","a=2"]`: `"a" is there twice`, `["a=1","b=1","a=1"]`: `"a" is there twice`, `[{"a":"1"},{"a":"2"}]`: `"a" is there twice`,
	},
}

func kindOf(schema *framework.FieldSchema) string {
	switch schema.Type {
	case framework.TypeInt:
		return "whole number"
	case framework.TypeBool:
		return "true or false"
	case framework.TypeDurationSecond:
		return "duration"
	case framework.TypeCommaStringSlice:
		return "list"
	case framework.TypeKVPairs:
		return "map"
	}
	if schema.DisplayAttrs != nil && schema.DisplayAttrs.EditType == "ttl" {
		return "duration"
	}
	return "text"
}

// asVault is a body as it reaches a plugin from Vault.
func asVault(t testing.TB, body string) map[string]any {
	t.Helper()
	var data map[string]any
	if err := json.Unmarshal([]byte(body), &data); err != nil {
		t.Fatal(err)
	}
	return data
}

// Every field of every path refuses every value that it cannot keep.
func TestNoValueChangesOnItsWay(t *testing.T) {
	t.Parallel()
	m := newStrictMount(t, "configured")
	before := m.storage.dump(t)
	tried := map[string]int{}
	for _, path := range []string{
		"config/root", "config/lease", "config/users", "config/auto-tidy", "config/gap", "tidy",
		"roles/developer-access", "static-roles/app", "static-roles/app/rotate", "creds/developer-access", "sts/developer-access",
	} {
		for _, field := range m.fields(path) {
			kind := kindOf(m.b.(*backend).Route(path).Fields[field])
			for value, want := range wrongValues[kind] {
				body := fmt.Sprintf(`{%q: %s}`, field, value)
				for _, data := range []map[string]any{fromJSON(t, body), asVault(t, body)} {
					text := m.refused(logical.UpdateOperation, path, data)
					if !strings.HasPrefix(text, field+": ") || !strings.Contains(text, want) {
						t.Errorf("%s with %s: want %q: %s", path, body, want, text)
					}
				}
				tried[kind]++
			}
		}
	}
	if len(tried) != len(wrongValues) {
		t.Errorf("some kinds of fields were not tried: %v", tried)
	}
	m.untouched(before, "")
	// Vault's own decoder lets no such number through; a test's does.
	if text := m.refused(logical.UpdateOperation, "config/root", fromJSON(t, `{"max_retries": 1e400}`)); !strings.Contains(text, "max_retries: 1e400 is larger") {
		t.Error(text)
	}
}

// What JSON, the command line and Terraform send is taken for what it says.
func TestValuesAreTakenForWhatTheySay(t *testing.T) {
	t.Parallel()
	m := newStrictMount(t, "configured")
	for _, c := range []struct{ path, field, value, want string }{
		{"config/root", "max_retries", `5`, `5`}, {"config/root", "max_retries", `5.0`, `5`}, {"config/root", "max_retries", `"7"`, `7`}, {"config/root", "max_retries", `1e1`, `10`},
		{"config/root", "max_retries", `"-1"`, `-1`}, {"config/root", "max_retries", `"010"`, `10`}, {"config/root", "max_retries", `""`, `-1`}, {"config/root", "max_retries", `null`, `-1`},
		{"config/root", "sts_fallback_regions", `"eu-west-1, eu-west-2"`, `["eu-west-1","eu-west-2"]`}, {"config/root", "sts_fallback_regions", `["eu-west-1"]`, `["eu-west-1"]`},
		{"config/root", "sts_fallback_regions", `""`, `[]`}, {"config/root", "sts_fallback_regions", `[]`, `[]`},
		{"config/lease", "lease", `3600`, `"1h0m0s"`}, {"config/lease", "lease", `"1.5h"`, `"1h30m0s"`}, {"config/lease", "lease", `"60"`, `"1m0s"`}, {"config/lease", "lease", `null`, `"0s"`},
		{"config/users", "ownership_tags", `false`, `false`}, {"config/users", "ownership_tags", `"true"`, `true`}, {"config/users", "ownership_tags", `"0"`, `false`},
		{"config/users", "ownership_tags", `1`, `true`}, {"config/users", "ownership_tags", `0`, `false`}, {"config/users", "ownership_tags", `null`, `true`},
		{"roles/developer-access", "max_ttl", `3600`, `3600`}, {"roles/developer-access", "max_ttl", `"1h"`, `3600`}, {"roles/developer-access", "max_ttl", `"7d"`, `604800`},
		{"roles/developer-access", "max_ttl", `"3600"`, `3600`}, {"roles/developer-access", "max_ttl", `"2000ms"`, `2`}, {"roles/developer-access", "max_ttl", `""`, `0`},
		{"roles/developer-access", "iam_tags", `{"a":"1","b":""}`, `{"a":"1","b":""}`}, {"roles/developer-access", "iam_tags", `["a=1","b=x=y"]`, `{"a":"1","b":"x=y"}`},
		{"roles/developer-access", "iam_tags", `"a=1"`, `{"a":"1"}`}, {"roles/developer-access", "iam_tags", `[{"a":"1"},{"b":"2"}]`, `{"a":"1","b":"2"}`},
		{"roles/developer-access", "iam_tags", `[]`, `{}`}, {"roles/developer-access", "iam_tags", `{}`, `{}`},
		{"roles/developer-access", "iam_tags", `{"zero":"0123","big":"9007199254740993"}`, `{"big":"9007199254740993","zero":"0123"}`},
		{"roles/developer-access", "iam_groups", `["a","a",""]`, `["a"]`}, {"roles/developer-access", "user_path", `"/00123/"`, `"/00123/"`},
	} {
		body := fmt.Sprintf(`{%q: %s}`, c.field, c.value)
		for _, data := range []map[string]any{fromJSON(t, body), asVault(t, body)} {
			m.write(c.path, data)
			if got, _ := json.Marshal(m.read(c.path)[c.field]); string(got) != c.want {
				t.Errorf("%s with %s: read back %s, want %s", c.path, body, got, c.want)
			}
		}
	}
}

// A device shows its code in two groups, and a copy has blanks around it.
func TestBlanksInAnMFACodeAreDropped(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	m.aws.SetMFACode(mfaOfVault, "012345")
	m.write("roles/own", map[string]any{"mfa_serial_number": mfaOfVault})
	m.do(logical.UpdateOperation, "sts/own", map[string]any{"mfa_code": " 012 345\n"})
}

// Terraform's ephemeral resource sends the region of its provider.
func TestUnknownQueryParameterOfCreds(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	for _, path := range []string{"creds/developer-access", "creds/deploy", "sts/deploy", "sts/fed", "sts/own"} {
		creds := m.do(logical.ReadOperation, path, map[string]any{"region": "eu-west-1", "role_arn": ""})
		m.warns(creds, "region")
		if creds.Data["secret_key"] == "" {
			t.Errorf("%s: no key", path)
		}
		m.revoke(creds)
	}
}

// A refusal names the misspelt field, be the other one wrong in its type or in its value.
func TestRefusalNamesMisspeltFields(t *testing.T) {
	t.Parallel()
	m := newStrictMount(t, "configured")
	for path, wrong := range map[string]map[string]any{
		"config/root": {"region": "EU Central", "max_retries": true}, "config/lease": {"lease": -1, "lease_max": true}, "config/users": {"max_users": -1, "account": "x"},
		"config/auto-tidy": {"interval_duration": 1, "enabled": "yes"}, "config/gap": {"resume": false, "restored": 5}, "tidy": {"safety_buffer": 1, "delete": "x"},
		"roles/developer-access": {"policy_arns": "x", "max_ttl": true}, "static-roles/app": {"username": "a b", "rotation_period": "x"},
		"creds/developer-access": {"ttl": "x", "role_arn": 5}, "creds/none": {"role_arn": ""},
	} {
		before := m.storage.dump(t)
		for field, value := range wrong {
			text := m.refused(logical.UpdateOperation, path, map[string]any{field: value, "polcy_arns": readOnly, "zzz": 1})
			if !strings.HasSuffix(text, "; polcy_arns: there is no such field at this path; zzz: there is no such field at this path") {
				t.Errorf("%s with a wrong %s: %s", path, field, text)
			}
		}
		m.untouched(before, "")
	}
}
