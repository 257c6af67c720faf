// SPDX-License-Identifier: MPL-2.0

package backend

// Policies and ARNs that AWS would refuse, and the limits up to which it takes them.

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/roles"
)

const goodPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`

// policyWith is goodPolicy with a part of it replaced.
func policyWith(old, replacement string) string {
	return strings.Replace(goodPolicy, old, replacement, 1)
}

// policyOf is a good policy of n characters.
func policyOf(n int) string {
	return policyWith(`"*"}`, `"arn:aws:s3:::`+strings.Repeat("b", n-len(goodPolicy)-len(`arn:aws:s3:::`)+1)+`"}`)
}

func TestBadInputPolicies(t *testing.T) {
	t.Parallel()
	for text, name := range badPolicies {
		refuse(t, []badInput{{name: name, path: "roles/developer-access", data: map[string]any{"policy_document": text}, field: "policy_document"}})
	}
	refuse(t, []badInput{
		{name: "policy is a JSON object and not its text", path: "roles/developer-access", field: "policy_document",
			data: map[string]any{"policy_document": map[string]any{"Version": "2012-10-17"}}},
		{name: "policy is a list of texts", path: "roles/developer-access", field: "policy_document",
			data: map[string]any{"policy_document": []string{goodPolicy}}},
		{name: "inline policy under a name of 129 characters", path: "roles/" + strings.Repeat("r", 129), field: "name",
			data: map[string]any{"policy_document": goodPolicy}},
	})
}

var badPolicies = map[string]string{
	goodPolicy[:len(goodPolicy)/2]: "cut short",
	goodPolicy + goodPolicy:        "two policies",
	" ":                            "a space",
	"42":                           "a number",
	"null":                         "null",
	`"text"`:                       "a JSON text",
	"[" + goodPolicy + "]":         "a list",
	"{}":                           "an empty object",
	`{"Version":"2012-10-17"}`:     "no statement",
	`{"Version":"2012-10-17","Statement":[]}`:             "no statement in the list",
	`{"Version":"2012-10-17","Statement":"Allow"}`:        "a text for a statement",
	`{"Version":"2012-10-17","Statement":[["x"]]}`:        "lists for statements",
	policyWith("2012-10-17", "2012-10-18"):                "an unknown version",
	policyWith(`"2012-10-17"`, "2012"):                    "a number for the version",
	policyWith("Allow", "Permit"):                         "an unknown effect",
	policyWith("Allow", "allow"):                          "an effect in small letters",
	policyWith(`"Effect":"Allow",`, ""):                   "no effect",
	policyWith(`"Action":"s3:*",`, ""):                    "no action",
	policyWith(`"Action"`, `"NotAction":"a","Action"`):    "both kinds of action",
	policyWith(`,"Resource":"*"`, ""):                     "no resource",
	policyWith(`"Action"`, `"Principal":"*","Action"`):    "a principal",
	policyWith(`"Action"`, `"NotPrincipal":"*","Action"`): "a principal that it is not",
	policyOf(2049):             "2049 characters",
	strings.Repeat("[", 20000): "nesting without an end",
	strings.Repeat(`{"a":`, 9000) + "1" + strings.Repeat("}", 9000): "deep nesting",
	policyWith("s3:*", "s3:\x00"):                                   "a null byte",
}

func TestBadInputARNs(t *testing.T) {
	t.Parallel()
	for text, name := range badARNs {
		refuse(t, []badInput{
			{name: "policy is " + name, path: "roles/developer-access", data: map[string]any{"policy_arns": []string{readOnly, text}}, field: "policy_arns"},
			{name: "boundary is " + name, path: "roles/developer-access", data: map[string]any{"permissions_boundary_arn": text}, field: "permissions_boundary_arn"},
		})
	}
	refuse(t, []badInput{
		{name: "21 policies", path: "roles/developer-access", field: "policy_arns", data: map[string]any{"policy_arns": each(21, policyARN)}},
		{name: "policies are a map", path: "roles/developer-access", field: "policy_arns", data: map[string]any{"policy_arns": map[string]any{"a": readOnly}}},
		{name: "boundary is a list", path: "roles/developer-access", field: "permissions_boundary_arn", data: map[string]any{"permissions_boundary_arn": []string{readOnly}}},
	})
}

func policyARN(i int) string { return fmt.Sprintf("arn:aws:iam::123456789012:policy/p%d", i) }

var badARNs = map[string]string{
	"ReadOnlyAccess":                                       "a bare name",
	"arn:aws:s3:::bucket":                                  "an ARN of another service",
	"arn:aws:iam::123456789012:role/vault":                 "an ARN of a role",
	"arn:aws:iam::123456789012:user/vault":                 "an ARN of a user",
	"arn:aws:iam:::policy/vault":                           "an ARN without an account",
	"arn:aws:iam::12345:policy/vault":                      "an ARN with half an account",
	"arn:aws:iam::123456789012:policy/":                    "an ARN without a name",
	"arn:aws:iam:eu-central-1:123456789012:policy/vault":   "an ARN with a region",
	"arn:aws:iam::123456789012:policy/my policy":           "an ARN with a space",
	"arn:other:iam::123456789012:policy/vault":             "an ARN of no partition",
	readOnly + "\n" + readOnly:                             "two ARNs in one text",
	"arn:aws:iam::aws:policy/" + strings.Repeat("p", 2048): "an ARN longer than 2048",
}

// What is right at the edge of a limit is taken as it is.
func TestLimitsAreAllowed(t *testing.T) {
	t.Parallel()
	long := func(s string, n int) string { return strings.Repeat(s, n) }
	for name, c := range map[string]struct {
		path string
		data map[string]any
	}{
		"20 policies":          {"roles/r", map[string]any{"policy_arns": each(20, policyARN)}},
		"policy name of 128":   {"roles/r", map[string]any{"policy_arns": "arn:aws:iam::aws:policy/" + long("p", 510) + "/" + long("p", 128)}},
		"10 groups":            {"roles/r", map[string]any{"iam_groups": each(10, func(i int) string { return fmt.Sprintf("g%d", i) })}},
		"group of 128":         {"roles/r", map[string]any{"iam_groups": long("g", 128)}},
		"50 tags":              {"roles/r", map[string]any{"iam_tags": tags(50)}},
		"tag key of 128":       {"roles/r", map[string]any{"iam_tags": map[string]any{long("ä", 128): "v"}}},
		"tag value of 256":     {"roles/r", map[string]any{"iam_tags": map[string]any{"k": long("ä", 256)}}},
		"path of 512":          {"roles/r", map[string]any{"user_path": "/" + long("p", 510) + "/"}},
		"policy of 2048":       {"roles/r", map[string]any{"policy_document": policyOf(2048)}},
		"spaces do not count":  {"roles/r", map[string]any{"policy_document": strings.ReplaceAll(policyOf(2048), ",", ",\n   ")}},
		"inline policy's name": {"roles/" + long("r", 128), map[string]any{"policy_document": goodPolicy}},
		"0 retries":            {"config/root", map[string]any{"max_retries": 0}},
		"100 retries":          {"config/root", map[string]any{"max_retries": 100}},
		"user name of 64":      {"config/root", map[string]any{"username_template": "{{ random 64 }}"}},
		"role name of 64":      {"config/root", map[string]any{"role_arn": "arn:aws:iam::123456789012:role/" + long("~", 510) + "/" + long("r", 64)}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newStrictMount(t, "empty")
			m.write(c.path, asSent(t, c.data))
			if m.read(c.path) == nil {
				t.Error("nothing is stored")
			}
		})
	}
}

// A message about a resource says what is wrong with it, and not with what AWS makes of it.
func TestResourceWithoutARegionIsNotSaidToHaveOne(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	text := m.refused(logical.UpdateOperation, "roles/x", map[string]any{"credential_type": roles.IAMUser,
		"policy_document": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3"}]}`})
	if strings.Contains(text, "has a region") || !strings.Contains(text, "has 3 parts") {
		t.Errorf("refused with %s", text)
	}
}
