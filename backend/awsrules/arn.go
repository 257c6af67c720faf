// SPDX-License-Identifier: MPL-2.0

// Package awsrules says what AWS accepts. It is pure: it knows neither Vault nor the AWS SDK, and only its templates
// read a clock.
//
//   - arn.go, region.go, names.go, tags.go: the form of ARNs, regions, names and tags
//   - arn_pattern.go: which ARNs a pattern covers
//   - console.go: which links lead to the console
//
// Policy documents:
//
//   - policy.go checks a document: begin there
//   - policy_json.go reads it, and policy_not_json.go explains why a text is not JSON
//   - policy_tree.go is the parsed document
//   - policy_statement.go checks its statements, policy_resource.go their actions and resources, policy_condition.go and
//     policy_date.go their conditions
//   - policy_join.go joins several policies into one
//
// Templates with the caller's identity:
//
//   - template.go reads them
//   - template_identity.go has their values
//   - template_policy.go renders a policy
//
// Names of users and sessions:
//
//   - username.go makes names from a template
//   - username_template.go limits what a template may do
//   - username_random.go counts the random characters of a name
//   - username_pattern.go says what all names of a template have in common
package awsrules

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// How long an ARN is: arnType of the IAM and STS API References.
const (
	leastARN = 20
	mostARN  = 2048
)

var (
	partitionForm = regexp.MustCompile(`^aws(-[a-z0-9]+)*$`)
	accountForm   = regexp.MustCompile(`^\d{12}$`)
	typeForm      = regexp.MustCompile(`^[a-z-]+$`)
	nameForm      = regexp.MustCompile(`^[\w+=,.@-]+$`)
)

// resourceForm is what IAM takes behind the type of a resource in an ARN (IAM API Reference,
// CreateRole and CreatePolicy, RoleName and PolicyName, Path).
type resourceForm struct {
	mostName int
	path     *regexp.Regexp
	pathRule string
}

var resourceForms = map[string]resourceForm{
	"role":   {64, regexp.MustCompile(`^/([\x21-\x7E]+/)?$`), "printable ASCII characters without spaces"},
	"policy": {128, regexp.MustCompile(`^/([\w+=,.@-]+/)*$`), "letters, digits and _ + = , . @ -"},
}

// IsAccount reports whether text is an account number, such as 123456789012 or
// aws-cn:123456789012.
func IsAccount(text string) bool {
	partition, number, both := strings.Cut(text, ":")
	if !both {
		return accountForm.MatchString(text)
	}
	return partitionForm.MatchString(partition) && accountForm.MatchString(number)
}

// CheckARN says what keeps text from being the ARN of an IAM resource of a type,
// "policy" or "role", in any partition.
func CheckARN(text, resource string) error {
	example := "arn:aws:iam::123456789012:" + resource + "/example"
	if len(text) > mostARN {
		return fmt.Errorf("%q has %d bytes; the longest ARN that AWS takes has %d", Abridged(text), len(text), mostARN)
	}
	parts := strings.SplitN(text, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" || !partitionForm.MatchString(parts[1]) || parts[2] != "iam" || parts[3] != "" {
		return fmt.Errorf("%q is not the ARN of a %s, such as %s", Abridged(text), resource, example)
	}
	kind, rest, slash := strings.Cut(parts[5], "/")
	if kind != resource && typeForm.MatchString(kind) {
		return fmt.Errorf("%q is the ARN of a %s, not of a %s such as %s", Abridged(text), kind, resource, example)
	}
	var err error
	switch account := parts[4]; {
	case kind != resource, !slash:
		err = fmt.Errorf("%s/ is missing after the account number", resource)
	case accountForm.MatchString(account), account == "aws" && resource == "policy": // AWS's own policies
		err = resourceForms[resource].check(rest)
	default:
		err = errors.New("its account number must have 12 digits")
	}
	if err != nil {
		return fmt.Errorf("%q is not the ARN of a %s, such as %s: %w", Abridged(text), resource, example, err)
	}
	return nil
}

// check looks at the path and the name of a resource, without the slash that begins the path.
func (f resourceForm) check(rest string) error {
	slash := strings.LastIndexByte(rest, '/') + 1
	path, name := "/"+rest[:slash], rest[slash:]
	switch {
	case name == "":
		return errors.New("a name is missing after the last slash")
	case len(name) > f.mostName:
		return fmt.Errorf("its name has %d characters; AWS allows %d", len(name), f.mostName)
	case !nameForm.MatchString(name):
		return errors.New("its name may hold letters, digits and _ + = , . @ - only")
	case len(path) > MostPath:
		return fmt.Errorf("its path has %d characters; AWS allows %d", len(path), MostPath)
	case !f.path.MatchString(path):
		return fmt.Errorf("its path may contain only %s between the slashes", f.pathRule)
	}
	return nil
}

// foreignForm is what an ARN has everywhere: the characters of arnType, without white space, in the
// STS API Reference. Anything shorter than leastARN is none that the API could carry.
var foreignForm = regexp.MustCompile(`^arn:[\x21-\x7E\x{A1}-\x{D7FF}\x{E000}-\x{FFFD}\x{10000}-\x{10FFFF}]+$`)

// CheckForeignARN says what keeps a text from being an ARN where AWS's rules do not count.
func CheckForeignARN(text string) error {
	if n := utf8.RuneCountInString(text); n < leastARN || len(text) > mostARN || !foreignForm.MatchString(text) {
		return fmt.Errorf("%q is not an ARN: arn: and more, without white space, %d characters at least and %d bytes at most", Abridged(text), leastARN, mostARN)
	}
	return nil
}

// IsForeignARN reports whether a text looks like the ARN of a resource of a type, "policy" or
// "role", where AWS's rules do not count.
func IsForeignARN(text, resource string) bool {
	return CheckForeignARN(text) == nil && strings.Contains(text, ":"+resource+"/")
}

// ARNAccount is the account number in an ARN; empty where there is none.
func ARNAccount(text string) string {
	parts := strings.SplitN(text, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" {
		return ""
	}
	return parts[4]
}

// ARNPartition is the partition in an ARN of AWS; empty in any other text.
func ARNPartition(text string) string {
	parts := strings.SplitN(text, ":", 3)
	if len(parts) < 3 || parts[0] != "arn" || !partitionForm.MatchString(parts[1]) {
		return ""
	}
	return parts[1]
}
