// SPDX-License-Identifier: MPL-2.0

package awsrules

// Who asks, as far as templates may name it, and which values may stand in a text.

import (
	"fmt"
	"strings"
	"unicode"
)

// Identity is who asks: an entity of Vault, with its aliases and groups.
type Identity struct {
	ID, Name string
	Metadata map[string]string
	Aliases  []Alias
	Groups   []Group
}

// Alias is what an auth mount calls an entity.
type Alias struct {
	Accessor                 string // of the auth mount
	ID, Name                 string
	Metadata, CustomMetadata map[string]string
}

// Group is a group that an entity is in.
type Group struct {
	ID, Name string
	Metadata map[string]string
}

// whose names the subject of a placeholder.
func (id Identity) whose(p *placeholder) string {
	name := id.Name
	if name == "" {
		name = id.ID
	}
	switch p.of {
	case ofAlias:
		return fmt.Sprintf("the alias of entity %q at the auth mount %s", Abridged(name), Abridged(p.selector))
	case ofGroupID, ofGroupName:
		return fmt.Sprintf("group %q", Abridged(p.selector))
	}
	return fmt.Sprintf("entity %q", Abridged(name))
}

// value is the text that a placeholder names. What is missing, or empty, is an error: an empty
// text in its place would mean something else.
func (id Identity) value(p *placeholder) (string, error) {
	var texts map[string]string // by what and key
	switch p.of {
	case ofEntity:
		texts = textsOf(id.ID, id.Name, id.Metadata, nil)
	case ofAlias:
		for _, a := range id.Aliases {
			if a.Accessor == p.selector {
				texts = textsOf(a.ID, a.Name, a.Metadata, a.CustomMetadata)
				break
			}
		}
		if texts == nil {
			return "", fmt.Errorf("%s: entity %q has no alias at an auth mount with the accessor %q", p, Abridged(id.Name), Abridged(p.selector))
		}
	default:
		g, err := id.group(p)
		if err != nil {
			return "", fmt.Errorf("%s: %w", p, err)
		}
		texts = textsOf(g.ID, g.Name, g.Metadata, nil)
	}
	what, label := p.what, p.what
	if p.key != "" {
		what += "." + p.key
		label = fmt.Sprintf("%s %q", p.what, Abridged(p.key))
	}
	value, is := texts[what]
	switch {
	case !is:
		return "", fmt.Errorf("%s: %s has no %s", p, id.whose(p), label)
	case value == "":
		return "", fmt.Errorf("%s: the %s of %s is empty", p, label, id.whose(p))
	}
	return value, nil
}

// textsOf are all texts of one subject.
func textsOf(id, name string, metadata, custom map[string]string) map[string]string {
	texts := map[string]string{"id": id, "name": name}
	for key, value := range metadata {
		texts["metadata."+key] = value
	}
	for key, value := range custom {
		texts["custom_metadata."+key] = value
	}
	return texts
}

// group finds a group of the entity's. Vault gives those of the mount's namespace, in which a name
// is of one group: should there be two, a name does not say which.
func (id Identity) group(p *placeholder) (found Group, err error) {
	for _, g := range id.Groups {
		switch {
		case p.of == ofGroupID && g.ID != p.selector, p.of == ofGroupName && g.Name != p.selector:
		case found.ID != "" && found.ID != g.ID:
			return Group{}, fmt.Errorf("entity %q is in two groups %q; name one by its ID, as identity.groups.ids.<group ID>", Abridged(id.Name), Abridged(p.selector))
		default:
			found = g
		}
	}
	if found.ID == "" {
		err = fmt.Errorf("entity %q is not in the group %q", Abridged(id.Name), Abridged(p.selector))
	}
	return found, err
}

// Values says which characters a value may have where a placeholder stands.
type Values struct {
	words string // those that it may not have, or may have, for messages
	has   func(rune) bool
}

// check refuses a value by its first character that cannot stand there. It repeats no more
// of it: who asks may not know the metadata of a group.
func (v Values) check(value string) error {
	for _, char := range value {
		if char == unicode.ReplacementChar || !v.has(char) {
			return fmt.Errorf("holds %q, which cannot stand there; %s", char, v.words)
		}
	}
	return nil
}

// The values that may stand in texts other than policies.
var (
	// NameValues are those in the name of a session, and in a source identity.
	NameValues = Values{"use letters, digits and _ + = , . @ -", func(char rune) bool { return !outsideName.MatchString(string(char)) }}
	// TagValues are those in the value of a tag.
	TagValues = Values{"use letters, digits, spaces and _ . : / = + - @", func(char rune) bool { return tagForm.MatchString(string(char)) }}
	// PathValues are those in the path of a user, which is a part of its ARN.
	PathValues = Values{"use printable ASCII without spaces, quotes and * ? $ : /", func(char rune) bool {
		return char > ' ' && char <= '~' && !strings.ContainsRune(`*?$"':/`, char)
	}}
)

// policyValues are those in a policy. Separators are those of the text around the value: one in a
// value would shift what stands behind it.
func policyValues(separators string) Values {
	words := "a value in a policy may not have * ? $ quotes or control characters"
	if separators != "" {
		words += ", and there not " + strings.Join(strings.Split(separators, ""), " or ")
	}
	return Values{words, func(char rune) bool {
		return unicode.IsPrint(char) && !strings.ContainsRune(`*?$"'`+separators, char)
	}}
}
