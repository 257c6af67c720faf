// SPDX-License-Identifier: MPL-2.0

package iampolicy

import (
	"encoding/json"
	"fmt"
	"strings"
)

// How long a policy may be, and how many an identity may have (IAM User Guide, "IAM and AWS STS
// quotas").
const (
	mostManaged  = 6144  // characters of a managed policy
	mostOfUser   = 2048  // of all inline policies of a user
	mostOfRole   = 10240 // of all inline policies of a role
	mostAttached = 10    // managed policies of an identity, unless AWS was asked for more
)

// Document is a policy as AWS takes it.
type Document struct {
	Name string // of the identity, and which of its policies where it needs several
	Text string
	Size int // as AWS counts
}

// Documents are the policies of all identities, none longer than AWS allows a managed policy to be;
// warnings say where that takes several, or does not do.
func (p *Plan) Documents() (documents []Document, warnings []string) {
	for _, identity := range p.Identities {
		parts := packed(identity.Statements)
		for i, part := range parts {
			name := identity.Name
			if len(parts) > 1 {
				name = fmt.Sprintf("%s (%d of %d)", name, i+1, len(parts))
			}
			written := text(part)
			documents = append(documents, Document{name, written, size(written)})
		}
		warnings = append(warnings, warnOfSize(identity.Name, documents[len(documents)-len(parts):])...)
	}
	return documents, warnings
}

func warnOfSize(name string, documents []Document) (warnings []string) {
	whole, longest := 0, 0
	for _, d := range documents {
		whole, longest = whole+d.Size, max(longest, d.Size)
	}
	switch n := len(documents); {
	case longest > mostManaged:
		warnings = append(warnings, fmt.Sprintf("policies: a statement of %s has %d characters, and AWS allows %d to a policy", name, longest, mostManaged))
	case n > mostAttached:
		warnings = append(warnings, fmt.Sprintf("policies: %s needs %d managed policies, and AWS attaches %d unless the account's quota was raised; give roles a common user_path, or use several mounts", name, n, mostAttached))
	case n > 1:
		warnings = append(warnings, fmt.Sprintf("policies: %s needs %d managed policies, since AWS allows %d characters to each; attach them all", name, n, mostManaged))
	}
	if whole > mostOfUser && name == Root {
		warnings = append(warnings, fmt.Sprintf("policies: %s has %d characters, which is too long for the inline policies of an IAM user, %d; attach managed policies", name, whole, mostOfUser))
	}
	if whole > mostOfRole && name != Root {
		warnings = append(warnings, fmt.Sprintf("policies: %s has %d characters, which is too long for the inline policies of a role, %d; attach managed policies", name, whole, mostOfRole))
	}
	return warnings
}

// packed puts statements into as few documents as their order allows.
func packed(statements []Statement) (parts [][]Statement) {
	var small []Statement
	for _, s := range statements {
		small = append(small, halved(s)...)
	}
	empty, left := size(text([]Statement{})), 0
	for _, s := range numbered(small) {
		n := size(text([]Statement{s})) - empty + len(",")
		if n > left {
			parts, left = append(parts, nil), mostManaged-empty
		}
		last := len(parts) - 1
		parts[last], left = append(parts[last], s), left-n
	}
	return parts
}

// room is left in a document for what stands around a statement, and for the number behind its Sid.
const room = 100

// halved is a statement, or several that allow the same, where one would be too long.
func halved(s Statement) []Statement {
	if size(text([]Statement{s})) <= mostManaged-room {
		return []Statement{s}
	}
	one, other := s, s
	if n := len(s.Resources); n > 1 {
		one.Resources, other.Resources = s.Resources[:n/2], s.Resources[n/2:]
		return append(halved(one), halved(other)...)
	}
	for operator, keys := range s.Condition {
		for key, values := range keys { // one of which a call has to match
			if n := len(values); n > 1 && !strings.HasPrefix(operator, "ForAllValues:") {
				one.Condition, other.Condition = s.Condition.with(operator, key, values[:n/2]), s.Condition.with(operator, key, values[n/2:])
				return append(halved(one), halved(other)...)
			}
		}
	}
	return []Statement{s}
}

// Object is the JSON text of documents by their names, in their order.
func Object(documents []Document) string {
	if len(documents) == 0 {
		return "{}"
	}
	members := make([]string, len(documents))
	for i, d := range documents {
		name, _ := json.Marshal(d.Name) // a text
		members[i] = "  " + string(name) + ": " + strings.ReplaceAll(d.Text, "\n", "\n  ")
	}
	return "{\n" + strings.Join(members, ",\n") + "\n}"
}
