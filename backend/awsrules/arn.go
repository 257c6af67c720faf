// SPDX-License-Identifier: MPL-2.0

// Package awsrules says what AWS accepts. It is pure: it knows no Vault, no SDK of AWS's
// and no clock but that of templates.
//
// arn.go, names.go and tags.go have the forms of ARNs, names and tags.
//
// policy.go checks a policy document: policy_json.go reads it, policy_not_json.go says what is
// wrong where it is no JSON, and policy_tree.go is what was read. policy_statement.go judges
// its statements, policy_resource.go their actions and resources, policy_condition.go and
// policy_date.go their conditions. policy_join.go makes one policy of several.
//
// username.go makes names
// from a template, username_template.go bounds what a template may do, and
// username_random.go counts what is random in a name.
package awsrules

import (
	"fmt"
	"regexp"
)

// arnForm is the shape of the ARN of a policy or a role, in any partition. An AWS
// managed policy has "aws" for its account.
var arnForm = regexp.MustCompile(`^arn:aws[a-z-]*:iam::(\d{12}|aws):([a-z-]+)/([\w+=,.@/-]+)$`)

// accountForm is an account number, with or without the partition that it is in.
var accountForm = regexp.MustCompile(`^(aws[a-z-]*:)?\d{12}$`)

// IsAccount reports whether text is an account number, such as 123456789012 or
// aws-cn:123456789012.
func IsAccount(text string) bool { return accountForm.MatchString(text) }

// mostARN is the longest ARN that IAM takes (IAM API Reference, AttachUserPolicy).
const mostARN = 2048

// CheckARN says what keeps text from being the ARN of an IAM resource of a type,
// "policy" or "role".
func CheckARN(text, resource string) error {
	example := "arn:aws:iam::123456789012:" + resource + "/example"
	var parts []string
	if len(text) <= mostARN {
		parts = arnForm.FindStringSubmatch(text)
	}
	switch {
	case parts == nil:
		return fmt.Errorf("%q is not the ARN of a %s, such as %s", Abridged(text), resource, example)
	case parts[2] != resource:
		return fmt.Errorf("%q is the ARN of a %s, not of a %s such as %s", Abridged(text), parts[2], resource, example)
	case resource == "role" && parts[1] == "aws":
		return fmt.Errorf("%q has no account number, such as %s has", Abridged(text), example)
	}
	return nil
}
