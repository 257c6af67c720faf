// SPDX-License-Identifier: MPL-2.0

package backend

// What AWS would refuse later is refused when the role is written. The limits are
// those of the IAM User Guide, "IAM and AWS STS quotas", and the patterns those of
// the IAM API Reference. A quota that AWS raises on request earns a warning.

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	defaultPolicies = 10  // managed policies of a user, unless AWS was asked for more
	mostPolicies    = 20  // the most that AWS grants
	mostGroups      = 10  // groups of a user; AWS grants no more
	mostTags        = 50  // tags of a user; AWS grants no more
	mostTagKey      = 128 // characters
	mostTagValue    = 256 // characters
	mostPath        = 512 // characters
	mostRoleName    = 512 // characters; longer names make no sense in a path
	mostPolicyName  = 128 // characters; the inline policy is named after the role
)

var (
	nameForm     = regexp.MustCompile(`^[\w+=,.@-]{1,128}$`)
	pathForm     = regexp.MustCompile(`^/([\x21-\x7E]+/)?$`)
	tagForm      = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
	roleNameForm = regexp.MustCompile(`^\w([\w.@-]*\w)?$`)
)

// checkRoleName keeps to the names that the built-in engine and Vault's storage allow.
func checkRoleName(name string) error {
	if len(name) > mostRoleName || !roleNameForm.MatchString(name) || strings.Contains(name, "..") {
		return userErrorf("name: %q cannot name a role; use up to %d letters, digits and _ . @ -, with a letter, digit or _ at both ends and no two dots in a row",
			name, mostRoleName)
	}
	return nil
}

// validate returns warnings, or every mistake at once.
func (r *role) validate(name string) (warnings []string, err error) {
	var m mistakes
	if !r.issues(iamUser) {
		m.add("credential_type", "%q cannot be issued; use %s", strings.Join(r.CredentialTypes, ","), iamUser)
	}
	warnings = append(warnings, r.validatePolicies(&m, name)...)
	r.validateGroups(&m)
	r.validateTags(&m)
	r.validateTTLs(&m)
	if r.UserPath != "" && (len(r.UserPath) > mostPath || !pathForm.MatchString(r.UserPath)) {
		m.add("user_path", "%q is not a path in IAM: / alone, or up to %d characters that begin and end with /, without spaces", r.UserPath, mostPath)
	}
	if r.PermissionsBoundaryARN != "" {
		if err := checkARN(r.PermissionsBoundaryARN, "policy"); err != nil {
			m.add("permissions_boundary_arn", "%v", err)
		}
	}
	if len(r.PolicyARNs)+len(r.IAMGroups) == 0 && r.PolicyDocument == "" {
		warnings = append(warnings, "the role gives no permissions; set policy_arns, policy_document or iam_groups")
	}
	return warnings, m.err()
}

func (r *role) validatePolicies(m *mistakes, name string) (warnings []string) {
	for _, arn := range r.PolicyARNs {
		if err := checkARN(arn, "policy"); err != nil {
			m.add("policy_arns", "%v", err)
		}
	}
	switch n := len(r.PolicyARNs); {
	case n > mostPolicies:
		m.add("policy_arns", "has %d policies; AWS attaches at most %d to a user, so join some or use iam_groups", n, mostPolicies)
	case n > defaultPolicies:
		warnings = append(warnings, fmt.Sprintf("policy_arns: has %d policies; AWS attaches %d to a user unless the account's quota was raised", n, defaultPolicies))
	}
	if r.PolicyDocument == "" {
		return warnings
	}
	compact, more, err := checkPolicy(r.PolicyDocument)
	if err != nil {
		m.add("policy_document", "%v", err)
		return warnings
	}
	r.PolicyDocument = compact
	if len(name) > mostPolicyName {
		m.add("name", "has %d characters; AWS allows %d to the inline policy that is named after the role", len(name), mostPolicyName)
	}
	return append(warnings, more...)
}

func (r *role) validateGroups(m *mistakes) {
	for _, group := range r.IAMGroups {
		if !nameForm.MatchString(group) {
			m.add("iam_groups", "%q is not the name of an IAM group: up to 128 letters, digits and _ + = , . @ - (the name, not the ARN)", group)
		}
	}
	if n := len(r.IAMGroups); n > mostGroups {
		m.add("iam_groups", "has %d groups; AWS lets a user be in %d at most", n, mostGroups)
	}
}

func (r *role) validateTags(m *mistakes) {
	if n := len(r.IAMTags); n > mostTags {
		m.add("iam_tags", "has %d tags; AWS allows a user %d", n, mostTags)
	}
	seen := make(map[string]string, len(r.IAMTags))
	for _, key := range slices.Sorted(maps.Keys(r.IAMTags)) {
		value, folded := r.IAMTags[key], strings.ToLower(key)
		switch {
		case key == "" || utf8.RuneCountInString(key) > mostTagKey || !tagForm.MatchString(key):
			m.add("iam_tags", "%q is not the key of a tag: 1 to %d letters, digits, spaces and _ . : / = + - @", key, mostTagKey)
		case strings.HasPrefix(folded, "aws:"):
			m.add("iam_tags", "%q begins with aws:, which AWS keeps for itself", key)
		case seen[folded] != "":
			m.add("iam_tags", "%q and %q differ only in case; to IAM they are one key", seen[folded], key)
		}
		seen[folded] = key
		if utf8.RuneCountInString(value) > mostTagValue || !tagForm.MatchString(value) {
			m.add("iam_tags", "the value of %q is not that of a tag: up to %d letters, digits, spaces and _ . : / = + - @", key, mostTagValue)
		}
	}
}

func (r *role) validateTTLs(m *mistakes) {
	if r.MaxTTL > 0 && r.DefaultTTL > r.MaxTTL {
		m.add("default_ttl", "%s is more than max_ttl, %s", r.DefaultTTL, r.MaxTTL)
	}
}
