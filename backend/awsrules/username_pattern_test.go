// SPDX-License-Identifier: MPL-2.0

package awsrules

import (
	"strings"
	"testing"
)

// What is in a pattern is in every name: a policy that is too narrow would refuse users.
func TestUserPatterns(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "vault-*", DefaultNameTemplate: "vault-*",
		"fixed":                                  "fixed",
		"fixed-{{.PolicyName}}":                  "fixed-deploy-role",
		"{{.PolicyName}}-{{random 12}}":          "deploy-role-*",
		"{{.DisplayName}}-{{random 12}}":         "*",
		"v-{{.DisplayName}}-{{.PolicyName}}":     "v-*",
		"{{unix_time}}-{{random 5}}":             "*",
		"t{{unix_time_millis}}":                  "t*",
		`{{timestamp "2006-01-02"}}-x`:           "*",
		`y{{timestamp "Jan"}}{{uuid}}`:           "y*",
		`{{timestamp "15:04:05 PM MST Monday"}}`: "*",
		`{{printf "team-%s" (.DisplayName | lowercase | truncate 8)}}-{{random 20}}`: "team-*",
		`{{.DisplayName | base64 | truncate 4}}`:                                     "*",
		`{{if eq .Type "STS"}}s-{{else}}u-{{end}}{{random 8}}`:                       "u-*",
		`{{if eq .PolicyName "deploy-role"}}d-{{else}}u-{{end}}{{random 8}}`:         "d-*",
		`{{if eq .DisplayName "root"}}r-{{else}}u-{{end}}{{random 8}}`:               "*",
		`{{with .DisplayName}}{{.}}{{else}}u{{end}}{{random 8}}`:                     "*",
		`{{or .DisplayName "nobody"}}-{{random 8}}`:                                  "*",
		`{{$x := .DisplayName}}{{if $x}}r-{{end}}{{random 8}}`:                       "*",
		`vault-{{eq .DisplayName "root"}}-{{random 8}}`:                              "*",
	} {
		if got, err := UserPattern(text, "deploy-role"); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", text, got, err, want)
		}
		names, err := ParseNameTemplate(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, caller := range []string{"", "a", "root", "token-test", strings.Repeat("x", 100)} {
			name, _, err := names.User(caller, "deploy-role")
			if err == nil && name != want && !strings.HasPrefix(name, strings.TrimSuffix(want, Any)) {
				t.Errorf("%s makes %s, which %s does not cover", text, name, want)
			}
		}
	}
	if got, err := FederatedPattern("", "r"); err != nil || got != "vault-*" {
		t.Errorf("federated users: %q, %v", got, err)
	}
	for _, bad := range []string{"{{", "{{.Nobody}}", strings.Repeat("x", MostTemplate+1)} {
		if got, err := UserPattern(bad, "r"); err == nil || !strings.HasPrefix(err.Error(), "username_template: ") {
			t.Errorf("%.20s: %q, %v", bad, got, err)
		}
	}
}
