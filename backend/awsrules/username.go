// SPDX-License-Identifier: MPL-2.0

package awsrules

import (
	"fmt"
	"strings"
	"sync"

	"github.com/hashicorp/vault/sdk/helper/template"
)

const (
	// DefaultNameTemplate is the built-in engine's, as its API documentation
	// gives it: Terraform and others compare what they read with it.
	DefaultNameTemplate = `{{ if (eq .Type "STS") }}{{ printf "vault-%s-%s"  (unix_time) (random 20) | truncate 32 }}{{ else }}` +
		`{{ printf "vault-%s-%s-%s" (printf "%s-%s" (.DisplayName) (.PolicyName) | truncate 42) (unix_time) (random 20) | truncate 64 }}{{ end }}`

	// MostTemplate is the longest template, in bytes: the parser calls itself for what
	// stands within something else, and what is very deep would end the process. The
	// default template has 200 bytes, and a name 64 characters.
	MostTemplate = 4 << 10

	// mostDisplayName is how much of a caller's name a template is given, in bytes. No
	// name in AWS has room for more.
	mostDisplayName = 1024
)

// roomForRandom is the default template for users with a shorter part for caller and role,
// so that 12 of the 20 random characters are left however long those are. It makes names of
// the same form, and is what the default means; the text that clients compare stays.
var roomForRandom = strings.Replace(DefaultNameTemplate, "truncate 42", "truncate 34", 1)

// NameTemplate makes the names of users and sessions from the template in config/root.
type NameTemplate struct {
	// Repeats says that the template can make the same name twice.
	Repeats bool

	mu   sync.Mutex // one name at a time, so that it is known what was random in it
	tmpl template.StringTemplate
	made []string // random texts that went into the name
}

// nameData is what a template may use.
type nameData struct {
	Type        string // IAM, or STS for a federated user
	DisplayName string // who asks, as Vault calls them
	PolicyName  string // the role
}

// ParseNameTemplate reads a template; empty means the default one.
func ParseNameTemplate(text string) (*NameTemplate, error) {
	if text == "" {
		text = DefaultNameTemplate
	}
	if len(text) > MostTemplate {
		return nil, fmt.Errorf("username_template: has %d bytes; the limit is %d", len(text), MostTemplate)
	}
	if text == DefaultNameTemplate {
		text = roomForRandom
	}
	u := new(NameTemplate)
	tmpl, err := boundedTemplate(text, template.Function("random", u.random), template.Function("uuid", u.uuid))
	if err != nil {
		return nil, fmt.Errorf("username_template: is not a template: %w", err)
	}
	u.tmpl = tmpl
	one, random, _ := u.User("t", "r") // what makes no name at all is refused when it is used
	two, _, _ := u.User("t", "r")
	u.Repeats = one == two && random == 0 // few random characters are the same by chance
	return u, nil
}

// User returns the name of a new IAM user, and how many random characters it has.
func (u *NameTemplate) User(displayName, role string) (name string, random int, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.made = nil
	name, err = u.make("IAM", displayName, role, 1, mostNewUser)
	for _, text := range u.made {
		random += survived(text, name)
	}
	return name, random, err
}

// Session returns the name of a session of a role, which is made as that of a user.
func (u *NameTemplate) Session(displayName, role string) (string, error) {
	return u.one("IAM", displayName, role, MostSessionName)
}

// Federated returns the name of a federated user.
func (u *NameTemplate) Federated(displayName, role string) (string, error) {
	return u.one("STS", displayName, role, mostFederated)
}

// one makes the name of a session.
func (u *NameTemplate) one(kind, displayName, role string, most int) (string, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.made = nil
	return u.make(kind, displayName, role, leastSessionName, most)
}

func (u *NameTemplate) make(kind, displayName, role string, least, most int) (string, error) {
	name, err := u.tmpl.Generate(nameData{
		Type:        kind,
		DisplayName: InName(displayName[:min(len(displayName), mostDisplayName)]),
		PolicyName:  InName(role),
	})
	switch {
	case err != nil:
		return "", fmt.Errorf("username_template: makes no name: %w", err)
	case name == "" || outsideName.MatchString(name):
		return "", fmt.Errorf("username_template: makes the name %q for Type %s; a name in AWS has letters, digits and + = , . @ _ - alone", Abridged(name), kind)
	case len(name) < least:
		return "", fmt.Errorf("username_template: makes the name %q, and AWS wants %d to %d characters for a session; make it longer, such as with {{random 20}}", name, least, most)
	case len(name) > most:
		return "", fmt.Errorf("username_template: makes names of %d characters for Type %s, and AWS allows %d; shorten a part with truncate", len(name), kind, most)
	}
	return name, nil
}

// CheckNameTemplate tries a template, and returns warnings or what keeps it
// from making any name at all.
func CheckNameTemplate(text string) (warnings []string, err error) {
	u, err := ParseNameTemplate(text)
	if err != nil {
		return nil, err
	}
	if _, _, err := u.User("t", "r"); err != nil {
		return nil, err
	}
	if u.Repeats {
		warnings = append(warnings, "username_template: makes the same name for requests of one caller and role, so all but the first of them are refused as long as its user exists; "+
			"add a random part, such as {{random 20}}")
	}
	if _, _, err := u.User(strings.Repeat("d", 200), strings.Repeat("r", 200)); err != nil {
		warnings = append(warnings, fmt.Sprintf("for callers and roles with long names: %v", err))
	}
	if _, err := u.Session("t", "r"); err != nil {
		warnings = append(warnings, fmt.Sprintf("for sessions of assumed roles: %v", err))
	}
	if _, err := u.Federated("t", "r"); err != nil {
		warnings = append(warnings, fmt.Sprintf("for federation tokens: %v", err))
	}
	return warnings, nil
}
