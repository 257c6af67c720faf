// SPDX-License-Identifier: MPL-2.0

package awsrules

// Several policies as one: a session has a single inline policy.

import (
	"fmt"
	"strings"
)

// The Versions of the policy language ("IAM JSON policy elements: Version").
const (
	Version2012 = "2012-10-17"
	Version2008 = "2008-10-17" // of a policy without one, too
)

// NamedPolicy is a policy document, and what an error calls it.
type NamedPolicy struct {
	Name     string
	Document string
}

// PolicyVersion is the Version of a policy document; that of 2008 where it has none, and ""
// where it is no policy.
func PolicyVersion(document string) string {
	root, err := readPolicy(document)
	if err != nil {
		return ""
	}
	return versionOf(root)
}

func versionOf(root *jsonValue) string {
	if version := root.member("Version"); version != nil {
		return version.text
	}
	return Version2008
}

// JoinPolicies makes one policy of the statements of several, each as it was written and in
// order. The Sid of a statement has to be unique within a policy; one that comes again is
// left out, and the statement stays. Policies of two Versions mean different things by
// ${…}, so they are not joined.
func JoinPolicies(policies []NamedPolicy) (string, error) {
	var statements []string
	var first NamedPolicy
	version := ""
	sids := map[string]bool{}
	for _, policy := range policies {
		root, err := readPolicy(policy.Document)
		if err != nil {
			return "", fmt.Errorf("joining policies: %s %w", policy.Name, err)
		}
		switch own := versionOf(root); {
		case version == "":
			first, version = policy, own
		case version != own:
			return "", fmt.Errorf("%s has the Version %q and %s has %q; AWS takes one policy for a session, and policy variables mean something only in 2012-10-17: give both the same Version", first.Name, Abridged(version), policy.Name, Abridged(own))
		}
		for _, m := range root.members {
			if m.key.text != "Statement" {
				continue
			}
			for _, st := range listed(m.value) {
				dropRepeatedSid(st, sids)
				statements = append(statements, (&Policy{root: st}).String())
			}
		}
	}
	return fmt.Sprintf(`{"Version":%q,"Statement":[%s]}`, version, strings.Join(statements, ",")), nil
}

// dropRepeatedSid takes the Sid out of a statement if it was seen before.
func dropRepeatedSid(st *jsonValue, seen map[string]bool) {
	kept := st.members[:0]
	for _, m := range st.members {
		if m.key.text == "Sid" && m.value.text != "" {
			if seen[m.value.text] {
				continue
			}
			seen[m.value.text] = true
		}
		kept = append(kept, m)
	}
	st.members = kept
}
