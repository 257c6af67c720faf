// SPDX-License-Identifier: MPL-2.0

package awsrules

// Templates: texts that name parts of the identity of who asks, in the form of Vault's own
// ACL policies (Vault documentation, "Policies", "Templated policies").

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// identityNames are what a template may name, for messages.
const identityNames = "identity.entity.id, identity.entity.name, identity.entity.metadata.<key>, " +
	"identity.entity.aliases.<mount accessor> with .id, .name, .metadata.<key> or .custom_metadata.<key>, " +
	"identity.groups.ids.<group ID> with .name or .metadata.<key>, " +
	"and identity.groups.names.<group name> with .id or .metadata.<key>"

// Template is a text with placeholders such as {{identity.entity.name}}.
type Template struct{ parts []templatePart }

// templatePart is plain text, or a placeholder.
type templatePart struct {
	literal     string
	placeholder *placeholder
}

// subject is what a placeholder asks about.
type subject int

const (
	ofEntity subject = iota
	ofAlias
	ofGroupID
	ofGroupName
)

// placeholder names one text of an identity.
type placeholder struct {
	name     string // all of it, as written between the braces
	of       subject
	selector string // the mount accessor of an alias; the ID or the name of a group
	what     string // id, name, metadata or custom_metadata
	key      string // of metadata
}

func (p *placeholder) String() string { return "{{" + p.name + "}}" }

// HasTemplate reports whether a text has the beginning or the end of a placeholder.
func HasTemplate(text string) bool {
	return strings.Contains(text, "{{") || strings.Contains(text, "}}")
}

// ParseTemplate reads a text. It takes what Vault takes: white space within the braces, and
// no brace that lacks its other.
func ParseTemplate(text string) (Template, error) {
	first, rest, found := strings.Cut(text, "{{")
	t := Template{}
	if strings.Contains(first, "}}") {
		return t, errors.New("has }} without {{ before it")
	}
	t.parts = append(t.parts, templatePart{literal: first})
	for found {
		var inside string
		inside, rest, found = strings.Cut(rest, "}}")
		if !found || strings.Contains(inside, "{{") {
			return t, errors.New("has {{ without }} after it")
		}
		p, err := parsePlaceholder(strings.TrimSpace(inside))
		if err != nil {
			return t, err
		}
		var literal string
		literal, rest, found = strings.Cut(rest, "{{")
		if strings.Contains(literal, "}}") {
			return t, errors.New("has }} without {{ before it")
		}
		t.parts = append(t.parts, templatePart{placeholder: p}, templatePart{literal: literal})
	}
	return t, nil
}

// parsePlaceholder reads what stands between the braces. A key may have dots; a mount accessor,
// and the ID or name of a group may not.
func parsePlaceholder(name string) (*placeholder, error) {
	p := &placeholder{name: name}
	unknown := fmt.Errorf("{{%s}} is unknown: %s", Abridged(name), identityNames)
	var is bool
	rest := name
	for _, form := range []struct {
		prefix string
		of     subject
	}{{"identity.entity.aliases.", ofAlias}, {"identity.entity.", ofEntity}, {"identity.groups.ids.", ofGroupID}, {"identity.groups.names.", ofGroupName}} {
		if rest, is = strings.CutPrefix(name, form.prefix); is {
			p.of = form.of
			break
		}
	}
	if !is {
		return nil, unknown
	}
	if p.of != ofEntity {
		if p.selector, rest, is = strings.Cut(rest, "."); !is || p.selector == "" {
			return nil, unknown
		}
	}
	p.what, p.key, _ = strings.Cut(rest, ".")
	if !p.exists(rest) {
		return nil, unknown
	}
	return p, nil
}

// exists reports whether the subject has what the placeholder asks for.
func (p *placeholder) exists(rest string) bool {
	switch p.what {
	case "metadata":
		return p.key != ""
	case "custom_metadata":
		return p.key != "" && p.of == ofAlias
	case "id":
		return rest == "id" && p.of != ofGroupID
	case "name":
		return rest == "name" && p.of != ofGroupName
	}
	return false
}

// Needs reports whether a template asks about the entity or its aliases, and about groups.
func (t Template) Needs() (entity, groups bool) {
	for _, part := range t.parts {
		if p := part.placeholder; p != nil {
			entity, groups = true, groups || p.of == ofGroupID || p.of == ofGroupName
		}
	}
	return entity, groups
}

// literals is the text without its placeholders.
func (t Template) literals() string {
	var b strings.Builder
	for _, part := range t.parts {
		b.WriteString(part.literal)
	}
	return b.String()
}

// Render puts the values of an identity in place of the placeholders. A value is not read
// again, so that braces in it are text.
func (t Template) Render(id Identity, allowed Values) (string, error) {
	var b strings.Builder
	for _, part := range t.parts {
		b.WriteString(part.literal)
		if part.placeholder == nil {
			continue
		}
		value, err := id.value(part.placeholder)
		if err != nil {
			return "", err
		}
		if err := allowed.check(value); err != nil {
			return "", fmt.Errorf("%s of %s %w", part.placeholder, id.whose(part.placeholder), err)
		}
		b.WriteString(value)
	}
	return b.String(), nil
}

// placeholderForm finds what looks like a placeholder.
var placeholderForm = regexp.MustCompile(`(?s)\{\{.*?\}\}`)

// Pieces is what stands between the placeholders of a text, before and behind them.
func Pieces(text string) []string { return placeholderForm.Split(text, -1) }

// Sample is a text with a value of one character, the shortest, for each placeholder.
func Sample(text string) string { return placeholderForm.ReplaceAllString(text, "x") }
