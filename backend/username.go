// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/hashicorp/vault/sdk/helper/template"
)

const (
	// defaultUsernameTemplate is the built-in engine's, as its API documentation
	// gives it: Terraform and others compare what they read with it.
	defaultUsernameTemplate = `{{ if (eq .Type "STS") }}{{ printf "vault-%s-%s"  (unix_time) (random 20) | truncate 32 }}{{ else }}` +
		`{{ printf "vault-%s-%s-%s" (printf "%s-%s" (.DisplayName) (.PolicyName) | truncate 42) (unix_time) (random 20) | truncate 64 }}{{ end }}`

	// mostTemplate is the longest template, in bytes: the parser calls itself for what
	// stands within something else, and what is very deep would end the process. The
	// default template has 200 bytes, and a name 64 characters.
	mostTemplate = 4 << 10

	// mostUsername is the longest name of an IAM user (IAM User Guide, "IAM and
	// AWS STS quotas").
	mostUsername = 64

	// mostFederated is the longest name of a federated user (STS API Reference,
	// GetFederationToken).
	mostFederated = 32
	// mostDisplayName is how much of a caller's name a template is given, in bytes. No
	// name in AWS has room for more.
	mostDisplayName = 1024
)

// usernames makes the names of users and sessions from the template in config/root.
type usernames struct {
	tmpl   template.StringTemplate
	repeat bool // the template can make the same name twice, for all we know
	broken error
}

// nameData is what a template may use.
type nameData struct {
	Type        string // IAM, or STS for a federated user
	DisplayName string // who asks, as Vault calls them
	PolicyName  string // the role
}

// storedUsernames reads a template that is in storage. One that is not ours to run keeps
// users from being made, and not from being deleted.
func storedUsernames(text string) *usernames {
	u, err := newUsernames(text)
	if err != nil {
		return &usernames{repeat: true, broken: err}
	}
	return u
}

// newUsernames reads a template; empty means the default one.
func newUsernames(text string) (*usernames, error) {
	if text == "" {
		text = defaultUsernameTemplate
	}
	if len(text) > mostTemplate {
		return nil, userErrorf("username_template: has %d bytes; the longest that is taken has %d", len(text), mostTemplate)
	}
	tmpl, err := boundedTemplate(text)
	if err != nil {
		return nil, userErrorf("username_template: is not a template: %v", err)
	}
	u := &usernames{tmpl: tmpl}
	one, _ := u.user("t", "r") // what makes no name at all is refused when it is used
	two, _ := u.user("t", "r")
	u.repeat = one == two
	return u, nil
}

// outsideName are the characters that the name of a user or a session cannot have.
var outsideName = regexp.MustCompile(`[^a-zA-Z0-9+=,.@_-]`)

// user returns the name of a new IAM user, or of a session of a role.
func (u *usernames) user(displayName, role string) (string, error) {
	return u.make("IAM", displayName, role, mostUsername)
}

// federated returns the name of a federated user.
func (u *usernames) federated(displayName, role string) (string, error) {
	return u.make("STS", displayName, role, mostFederated)
}

func (u *usernames) make(kind, displayName, role string, most int) (string, error) {
	if u.broken != nil {
		return "", u.broken
	}
	name, err := u.tmpl.Generate(nameData{
		Type:        kind,
		DisplayName: inName(displayName[:min(len(displayName), mostDisplayName)]),
		PolicyName:  inName(role),
	})
	switch {
	case err != nil:
		return "", userErrorf("username_template: makes no name: %v", err)
	case name == "" || outsideName.MatchString(name):
		return "", userErrorf("username_template: makes the name %q for Type %s; a name in AWS has letters, digits and + = , . @ _ - alone", name, kind)
	case len(name) > most:
		return "", userErrorf("username_template: makes names of %d characters for Type %s, and AWS allows %d; shorten a part with truncate", len(name), kind, most)
	}
	return name, nil
}

// inName replaces what a name in AWS cannot have.
func inName(text string) string { return outsideName.ReplaceAllString(text, "_") }

// checkUsernameTemplate tries a template, and returns warnings or what keeps it
// from making any name at all.
func checkUsernameTemplate(text string) (warnings []string, err error) {
	u, err := newUsernames(text)
	if err != nil {
		return nil, err
	}
	if _, err := u.user("t", "r"); err != nil {
		return nil, err
	}
	if u.repeat {
		warnings = append(warnings, "username_template: makes the same name for requests of one caller and role, so AWS will refuse all but the first of them; "+
			"add a random part, such as {{random 20}}")
	}
	if _, err := u.user(strings.Repeat("d", 200), strings.Repeat("r", 200)); err != nil {
		warnings = append(warnings, fmt.Sprintf("for callers and roles with long names: %v", err))
	}
	if _, err := u.federated("t", "r"); err != nil {
		warnings = append(warnings, fmt.Sprintf("for roles of the type %s: %v", federationToken, err))
	}
	return warnings, nil
}
