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
	mostAllGroups   = 500 // groups of an account; AWS grants no more
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
	for _, kind := range r.CredentialTypes {
		if !slices.Contains(credentialTypes, kind) {
			m.add("credential_type", "%q is none; use %s", kind, strings.Join(credentialTypes, ", "))
		}
	}
	if len(r.CredentialTypes) == 0 {
		m.add("credential_type", "is missing; use %s", strings.Join(credentialTypes, ", "))
	}
	warnings = append(warnings, r.validatePolicies(&m, name)...)
	r.validateGroups(&m)
	warnings = append(warnings, r.validateUserTags(&m)...)
	warnings = append(warnings, validateMaxUsers(&m, r.MaxUsers)...)
	r.validateUser(&m)
	warnings = append(warnings, r.validateSession(&m)...)
	r.validateTTLs(&m)
	if r.issues(iamUser) && len(r.PolicyARNs)+len(r.IAMGroups) == 0 && r.PolicyDocument == "" {
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
	if r.issues(iamUser) {
		warnings = r.validateAttached(m)
	}
	if r.PolicyDocument == "" {
		return warnings
	}
	compact, more, err := checkPolicy(r.PolicyDocument, mostInline)
	if err != nil {
		m.add("policy_document", "%v", err)
		return warnings
	}
	r.PolicyDocument = compact
	if r.issues(iamUser) && len(name) > mostPolicyName {
		m.add("name", "has %d characters; AWS allows %d to the inline policy that is named after the role", len(name), mostPolicyName)
	}
	return append(warnings, more...)
}

// validateAttached keeps to the number of policies that a user may have.
func (r *role) validateAttached(m *mistakes) (warnings []string) {
	switch n := len(r.PolicyARNs); {
	case n > mostPolicies:
		m.add("policy_arns", "has %d policies; AWS attaches at most %d to a user, so join some or use iam_groups", n, mostPolicies)
	case n > defaultPolicies:
		warnings = append(warnings, fmt.Sprintf("policy_arns: has %d policies; AWS attaches %d to a user unless the account's quota was raised", n, defaultPolicies))
	}
	return warnings
}

// validateUser checks what only IAM users have.
func (r *role) validateUser(m *mistakes) {
	if r.UserPath != "" && (len(r.UserPath) > mostPath || !pathForm.MatchString(r.UserPath)) {
		m.add("user_path", "%q is not a path in IAM: / alone, or up to %d characters that begin and end with /, without spaces", r.UserPath, mostPath)
	}
	if r.PermissionsBoundaryARN != "" {
		if err := checkARN(r.PermissionsBoundaryARN, "policy"); err != nil {
			m.add("permissions_boundary_arn", "%v", err)
		}
	}
	r.only(m, iamUser, map[string]bool{
		"user_path":                r.UserPath != "" && r.UserPath != "/",
		"permissions_boundary_arn": r.PermissionsBoundaryARN != "",
		"iam_tags":                 len(r.IAMTags) > 0,
		"default_ttl":              r.DefaultTTL > 0,
		"max_ttl":                  r.MaxTTL > 0,
		"max_users":                r.MaxUsers != 0,
	})
}

// only refuses fields that are set and that no credential type of the role has.
func (r *role) only(m *mistakes, kinds string, fields map[string]bool) {
	for _, kind := range strings.Split(kinds, " ") {
		if r.issues(kind) {
			return
		}
	}
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		if fields[field] {
			m.add(field, "is of no use to the credential_type %s; only %s has it", strings.Join(r.CredentialTypes, ","), strings.ReplaceAll(kinds, " ", " or "))
		}
	}
}

func (r *role) validateGroups(m *mistakes) {
	for _, group := range r.IAMGroups {
		if !nameForm.MatchString(group) {
			m.add("iam_groups", "%q is not the name of an IAM group: up to 128 letters, digits and _ + = , . @ - (the name, not the ARN)", group)
		}
	}
	switch n := len(r.IAMGroups); {
	case r.issues(iamUser) && n > mostGroups:
		m.add("iam_groups", "has %d groups; AWS lets a user be in %d at most", n, mostGroups)
	case n > mostAllGroups: // each request for a session reads them all
		m.add("iam_groups", "has %d groups; AWS lets an account have %d at most", n, mostAllGroups)
	}
}

// validateUserTags keeps the tags that say whose a user is to the engine.
func (r *role) validateUserTags(m *mistakes) (warnings []string) {
	validateTags(m, "iam_tags", r.IAMTags)
	for _, key := range slices.Sorted(maps.Keys(r.IAMTags)) {
		if isOwnTag(key) {
			m.add("iam_tags", "%q is a tag that the engine sets itself; choose another key", key)
		}
	}
	if n := len(r.IAMTags); n <= mostTags && n+len(ownTagKeys) > mostTags {
		warnings = append(warnings, fmt.Sprintf("iam_tags: %d tags leave no room for the %d that say whose the IAM user is; tidy will not know these users", n, len(ownTagKeys)))
	}
	return warnings
}

// validateTags checks tags of a user or of a session; the limits are the same.
func validateTags(m *mistakes, field string, tags map[string]string) {
	if n := len(tags); n > mostTags {
		m.add(field, "has %d tags; AWS allows %d", n, mostTags)
	}
	seen := make(map[string]string, len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		value, folded := tags[key], strings.ToLower(key)
		switch {
		case key == "" || utf8.RuneCountInString(key) > mostTagKey || !tagForm.MatchString(key):
			m.add(field, "%q is not the key of a tag: 1 to %d letters, digits, spaces and _ . : / = + - @", key, mostTagKey)
		case strings.HasPrefix(folded, "aws:"):
			m.add(field, "%q begins with aws:, which AWS keeps for itself", key)
		case seen[folded] != "":
			m.add(field, "%q and %q differ only in case; to AWS they are one key", seen[folded], key)
		}
		seen[folded] = key
		if utf8.RuneCountInString(value) > mostTagValue || !tagForm.MatchString(value) {
			m.add(field, "the value of %q is not that of a tag: up to %d letters, digits, spaces and _ . : / = + - @", key, mostTagValue)
		}
	}
}
