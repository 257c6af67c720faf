// SPDX-License-Identifier: MPL-2.0

package awsrules

import (
	"strings"
	"testing"
)

// What is random in a name is counted by what is left of it.
func TestRandomCharactersOfAName(t *testing.T) {
	t.Parallel()
	for template, want := range map[string]int{
		`vault-{{random 20}}`:                        20,
		`vault-{{random 20 | truncate 9}}`:           9,
		`vault-{{random 20 | lowercase}}`:            20,
		`vault-{{random 20 | uppercase}}`:            20,
		`vault-{{random 20 | sha256 | truncate 40}}`: 0, // nobody can tell what of it is left
		`{{uuid}}`:                  36,
		`{{uuid | truncate 8}}`:     8,
		`{{random 6}}-{{random 7}}`: 13,
		`{{printf "%s-%s" (random 12) (random 12) | truncate 20}}`:    19,
		`{{printf "x-%s" (random 20) | truncate 5}}`:                  0, // three characters may stand there by chance
		`{{$r := random 8}}{{$r}}{{$r}}`:                              8,
		`{{.DisplayName}}-{{.PolicyName}}`:                            0,
		`{{.DisplayName}}-{{unix_time}}`:                              0,
		`{{if (eq .Type "STS")}}{{random 20}}{{else}}fixed{{end}}`:    0,
		`{{printf "%s" (random 20) | replace "a" "b" | truncate 1}}x`: 0,
	} {
		n, err := ParseNameTemplate(template)
		if err != nil {
			t.Errorf("%s: %v", template, err)
			continue
		}
		for range 20 {
			name, random, err := n.User("token-test", "developer")
			if err != nil || random != want {
				t.Errorf("%s made %q with %d random characters, want %d (%v)", template, name, random, want, err)
				break
			}
		}
		if (want == 0) != n.Repeats && !strings.Contains(template, "truncate") && !strings.Contains(template, "unix_time") {
			t.Errorf("%s: repeats: %v", template, n.Repeats)
		}
	}
}

// Twelve are left in the default template's names, however long caller and role are.
func TestDefaultTemplateKeepsTwelveRandomCharacters(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", DefaultNameTemplate} {
		n, err := ParseNameTemplate(text)
		if err != nil {
			t.Fatal(err)
		}
		for length := range 300 {
			for _, of := range [][2]string{{strings.Repeat("d", length), "r"}, {"d", strings.Repeat("r", length)}, {strings.Repeat("d", length), strings.Repeat("r", length)}} {
				name, random, err := n.User(of[0], of[1])
				if err != nil || random < 12 || len(name) > 64 {
					t.Fatalf("%q has %d random characters (%v)", name, random, err)
				}
				if RandomIn(name) < 10 {
					t.Fatalf("%q cannot be told from its name alone", name)
				}
			}
		}
	}
}

// Of the built-in engine only the name is known.
func TestRandomInANameAlone(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int{
		"vault-token-app-1700000000-aBcDeFgHiJkLmNoPqRsT": 30,
		"vault-token-app-1700000000-aBcDeF":               16,
		"vault-token-app-1700000000-abc":                  0,
		"vault-1700000000-aBcDeF":                         0, // a session's
		"token-app-1700000000-aBcDeFgHiJ":                 0,
		"vault-token-app-170000000-aBcDeFgHiJ":            0,
		"vault-token-app-1700000000-aBcDeFgHi_":           0,
		"vault-token-app":                                 0,
		"":                                                0,
	} {
		if got := RandomIn(name); got != want {
			t.Errorf("%s has %d, want %d", name, got, want)
		}
	}
}
