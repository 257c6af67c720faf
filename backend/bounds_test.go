// SPDX-License-Identifier: MPL-2.0

package backend

// Texts are bounded before anything parses them: one process serves many mounts, and a
// stack that overflows ends it. What an earlier version stored may be over the bound; it
// keeps keys from being made, and not from being taken back.

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/roles"
)

// nestedTemplate is a template of many levels that makes no bad name.
func nestedTemplate(levels int) string {
	return strings.Repeat("{{if 1}}", levels) + "a{{random 20}}" + strings.Repeat("{{end}}", levels)
}

func TestTemplateIsBoundedBeforeItIsParsed(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	for _, levels := range []int{300, 100_000, 4_000_000} {
		text := nestedTemplate(levels)
		refusal := m.refused(logical.UpdateOperation, "config/root", map[string]any{"username_template": text})
		want := fmt.Sprintf("username_template: has %d bytes; the limit is %d", len(text), awsrules.MostTemplate)
		if refusal != want {
			t.Errorf("%d levels: refused with %s", levels, shortened(refusal))
		}
	}
	m.write("config/root", map[string]any{"username_template": nestedTemplate(100)})
	parentheses := `{{` + strings.Repeat("(", 2000) + `random 20` + strings.Repeat(")", 2000) + `}}`
	if text := m.refused(logical.UpdateOperation, "config/root", map[string]any{"username_template": parentheses}); !strings.Contains(text, "username_template: ") {
		t.Errorf("refused with %s", shortened(text))
	}
}

func TestStoredTemplateOverTheBoundStopsNoRevocation(t *testing.T) {
	t.Parallel()
	const huge = 100_000 // levels: more than Vault's integrated storage takes in an entry, a megabyte
	for name, c := range map[string]struct{ template, refusal string }{
		"huge":        {nestedTemplate(huge), "the limit is"},
		"a loop":      {`{{range "ab"}}a{{end}}`, "range"},
		"no template": {"{{", "username_template: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t)
			creds := m.creds("developer-access")
			m.store(map[string]any{"username_template": c.template})
			reads := m.watch(engine.KeyRootConfig)
			for range 3 {
				text := m.refused(logical.ReadOperation, "creds/developer-access", nil)
				if !strings.Contains(text, "username_template: ") || !strings.Contains(text, c.refusal) {
					t.Errorf("refused with %s", shortened(text))
				}
			}
			if n := len(reads); n > 2 { // one for the client, one for the settings
				t.Errorf("config/root was read %d times", n)
			}
			m.renew(creds)
			m.revoke(creds)
			m.noUsers()
			m.mustTick()
		})
	}
}

func TestBoundsOfConfig(t *testing.T) {
	t.Parallel()
	cron := strings.TrimSuffix(strings.Repeat("0,", 600), ",") + " 3 * * *"
	url := "https://" + strings.Repeat("a.", 1100) + "example.com"
	refuseHuge(t, []badInput{
		{name: "cron line", path: "config/root", data: map[string]any{"rotation_schedule": cron}, field: "rotation_schedule: has "},
		{name: "cron line of a static role", path: "static-roles/app", data: map[string]any{"username": "app", "rotation_schedule": cron}, field: "rotation_schedule: has "},
		{name: "cron line of a megabyte", path: "static-roles/app", field: "rotation_schedule: has ",
			data: map[string]any{"username": "app", "rotation_schedule": strings.Repeat("1,", megabyte/2) + "1 * * * *"}},
		{name: "endpoint", path: "config/root", data: map[string]any{"iam_endpoint": url}, field: "iam_endpoint: has "},
		{name: "fallback endpoint", path: "config/root", data: map[string]any{"sts_fallback_endpoints": url}, field: "sts_fallback_endpoints: has "},
		{name: "fallback endpoints", path: "config/root", field: "sts_fallback_endpoints: has 65 entries",
			data: map[string]any{"sts_fallback_endpoints": each(65, func(i int) string { return fmt.Sprintf("https://sts%d.example.com", i) })}},
		{name: "fallback regions", path: "config/root", field: "sts_fallback_regions: has 65 entries",
			data: map[string]any{"sts_fallback_regions": each(65, func(i int) string { return fmt.Sprintf("eu-central-%d", i) })}},
		{name: "region that is too long for a host's name", path: "config/root", data: map[string]any{"region": "eu-" + strings.Repeat("a", 61)}, field: "region: "},
	})
	m := newMount(t)
	m.write("config/root", map[string]any{
		"access_key": goodAccessKey, "secret_key": goodSecretKey, "rotation_schedule": longestCron(),
		"sts_fallback_regions": each(64, func(i int) string { return fmt.Sprintf("eu-central-%d", i) }),
	})
}

// longestCron lists all that there is.
func longestCron() string {
	list := func(first, last int) string {
		return strings.Join(each(last-first+1, func(i int) string { return fmt.Sprint(first + i) }), ",")
	}
	return strings.Join([]string{list(0, 59), list(0, 23), list(1, 31), list(1, 12), list(0, 6)}, " ")
}

func TestBoundsOfRoles(t *testing.T) {
	t.Parallel()
	deep := func(levels int) string {
		return `{"Version":"2012-10-17","Statement":` + strings.Repeat("[", levels) + strings.Repeat("]", levels) + `}`
	}
	spaced := strings.Replace(goodPolicy, "{", "{"+strings.Repeat(" ", awsrules.MostPolicyText), 1)
	groups := each(500+1, func(i int) string { return fmt.Sprint("group-", i) })
	cases := []badInput{
		{name: "policy within policies", data: map[string]any{"policy_document": deep(1000)}, field: "policy_document: "},
		{name: "policy that is too deep for JSON", data: map[string]any{"policy_document": deep(60_000)}, field: "policy_document: is not JSON"},
		{name: "policy that is very deep", data: map[string]any{"policy_document": deep(4_000_000)}, field: "policy_document: has 8"},
		{name: "policy that is mostly white space", data: map[string]any{"policy_document": spaced}, field: "policy_document: has 131"},
		{name: "legacy policy", data: map[string]any{"policy": deep(4_000_000)}, field: "policy: has 8"},
		{name: "groups of a session", field: "iam_groups: has 501", data: map[string]any{"credential_type": roles.FederationToken, "iam_groups": groups}},
		{name: "tags of a session", field: "session_tags: has 51",
			data: map[string]any{"credential_type": roles.AssumedRole, "session_tags": tags(51)}},
		{name: "external ID", field: "external_id: ",
			data: map[string]any{"credential_type": roles.AssumedRole, "external_id": strings.Repeat("x", megabyte)}},
		{name: "MFA device", field: "mfa_serial_number: ",
			data: map[string]any{"credential_type": roles.SessionToken, "mfa_serial_number": strings.Repeat("x", megabyte)}},
		{name: "role to assume", field: "role_arns: ",
			data: map[string]any{"credential_type": roles.AssumedRole, "role_arns": "arn:aws:iam::123456789012:role/" + strings.Repeat("x", megabyte)}},
	}
	for i := range cases {
		cases[i].path = "roles/developer-access"
	}
	refuseHuge(t, cases)
	m := newMount(t)
	m.write("roles/spaced", map[string]any{"policy_document": strings.Replace(goodPolicy, "{", "{"+strings.Repeat(" ", awsrules.MostPolicyText-len(goodPolicy)), 1)})
}

// A role in the oldest form is read each time that it is used.
func TestStoredRoleThatIsVeryDeep(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	creds := m.creds("developer-access")
	entry := &logical.StorageEntry{Key: engine.PrefixLegacyRole + "old", Value: []byte(strings.Repeat("[", 4_000_000))}
	if err := m.storage.Put(m.ctx, entry); err != nil {
		t.Fatal(err)
	}
	m.fails(logical.ReadOperation, "creds/old", nil)
	m.revoke(creds)
}
