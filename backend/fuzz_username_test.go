// SPDX-License-Identifier: MPL-2.0

package backend

// Any text may be a username_template, and any caller and role may need a name of it.

import (
	"fmt"
	"regexp"
	"runtime/metrics"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// The shapes of names, as the IAM API Reference (CreateUser) and the STS API Reference
// (GetFederationToken) give them.
var (
	userShape      = regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]{1,64}$`)
	federatedShape = regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]{1,32}$`)
)

func FuzzUsernameTemplate(f *testing.F) {
	for _, seed := range [][3]string{
		{awsrules.DefaultNameTemplate, "token-test", "developer"},
		{`{{.DisplayName}}-{{.PolicyName}}-{{random 8}}`, "ldap-Jörg Müller", "a.b"},
		{`{{ .DisplayName | truncate_sha256 20 | lowercase | replace "-" "_" }}{{uuid | truncate 8}}`, strings.Repeat("d", 300), "r"},
		{`{{ printf "%s" .DisplayName | sha256 | base64 | uppercase | truncate 64 }}`, "", "r"},
		{`{{ timestamp "2006-01-02T15-04-05" }}{{unix_time}}{{unix_time_millis}}`, "d", "r"},
		{`{{range 1000000000000}}x{{end}}`, "d", "r"},
		{`{{range 1000000000000}}{{end}}name`, "d", "r"},
		{`{{random 4000000000}}`, "d", "r"},
		{`{{define "a"}}{{template "a"}}{{end}}{{template "a"}}`, "d", "r"},
		{`{{define "a"}}x{{end}}{{define "b"}}{{template "a"}}{{template "a"}}{{end}}{{template "b"}}`, "d", "r"},
		{doublings(40), "d", "r"},
		{`{{$a := printf "%999999d" 1}}{{$a := print $a $a $a $a $a $a}}{{$a := print $a $a $a $a $a $a}}{{len $a}}`, "d", "r"},
		{`{{printf "%*d" 999999 1 | len}}`, "d", "r"},
		{`{{` + strings.Repeat(`"aaaaaaaaaaaaaaaa" | replace "a" `, 1) + `"aaaaaaaaaaaaaaaa"` + strings.Repeat(` | replace "a" "aaaaaaaaaaaaaaaa"`, 12) + ` | len}}`, "d", "r"},
		{`{{.DisplayName | js | js | js | js | html | urlquery}}`, `<&"'>`, "r"},
		{`{{with $x := .PolicyName}}{{if eq $x "r"}}{{slice $x 0 1}}{{else}}n{{end}}{{end}}{{. | printf "%v" | len}}`, "d", "r"},
		{`{{truncate 0 "x"}}`, "d", "r"},
		{`{{call .DisplayName}}`, "d", "r"},
		{`{{`, "d", "r"},
		{`vault-root`, "d", "r"},
		{`x`, "d", "r"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	m := newFuzzMount(f, func(m *mount) {
		m.configure(noRetries)
	})
	f.Fuzz(func(t *testing.T, text, displayName, role string) {
		m.fresh(t)
		before := m.storage.dump(t)
		allocated := allocations()
		resp, err := m.asVault(m.request(logical.UpdateOperation, "config/root", map[string]any{"username_template": text}))
		if n := allocations() - allocated; n > fuzzMemory {
			t.Errorf("writing the template allocates %d MB", n>>20)
		}
		status, words := m.answered("config/root", resp, err)
		if status != 200 {
			m.unchanged("config/root", before)
			if status != 400 || !strings.Contains(words, "username_template: ") {
				t.Errorf("answered %d %s", status, words)
			}
			return
		}
		m.names(text, displayName, role)
		m.issueNamed(displayName, role)
	})
}

// doublings is a template that does nothing 2^n times.
func doublings(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, `{{define "t%d"}}{{template "t%d"}}{{template "t%d"}}{{end}}`, i, i+1, i+1)
	}
	fmt.Fprintf(&text, `{{define "t%d"}}{{end}}{{template "t0"}}name`, n)
	return text.String()
}

// names checks what a template that was accepted makes of a caller and a role.
func (fm *fuzzMount) names(text, displayName, role string) {
	fm.t.Helper()
	if text == "" {
		text = awsrules.DefaultNameTemplate
	}
	u, err := awsrules.ParseNameTemplate(text)
	if err != nil {
		fm.t.Fatalf("was accepted, and then: %v", err)
	}
	if name, _, err := u.User(displayName, role); err == nil && !userShape.MatchString(name) {
		fm.t.Errorf("makes a user of the name %q", name)
	}
	if name, err := u.Federated(displayName, role); err == nil && !federatedShape.MatchString(name) {
		fm.t.Errorf("makes a federated user of the name %q", name)
	}
}

// issueNamed issues what a template names: an IAM user, which goes again, or a refusal
// that says why not.
func (fm *fuzzMount) issueNamed(displayName, role string) {
	fm.t.Helper()
	if engine.CheckRoleName(role) != nil {
		role = "r"
	}
	fm.put(engine.PrefixRole+role, `{"credential_types":["iam_user"],"policy_arns":["`+readOnly+`"]}`)
	req := fm.request(logical.ReadOperation, "creds/"+role, nil)
	req.DisplayName = displayName
	allocated := allocations()
	resp, err := fm.asVault(req)
	if n := allocations() - allocated; n > fuzzMemory {
		fm.t.Errorf("making a name allocates %d MB", n>>20)
	}
	status, text := fm.answered("creds", resp, err)
	switch {
	case status == 200:
		fm.revoke(resp)
	case status == 400 && (strings.Contains(text, "username_template: ") || strings.Contains(text, "EntityAlreadyExists")):
	default:
		fm.t.Errorf("a template that was accepted is answered %d %s", status, text)
	}
	if users := fm.aws.Users(); len(users) > 0 {
		fm.t.Errorf("left in AWS: %v", users)
	}
}

// allocations is how much this process has allocated since it began.
func allocations() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
