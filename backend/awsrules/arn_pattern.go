// SPDX-License-Identifier: MPL-2.0

package awsrules

import (
	"fmt"
	"strings"
)

// A pattern is the ARN of a role whose name, behind the last slash, holds *: any characters but a
// slash, none among them. Partition, account and path are as they stand.

// IsPattern reports whether an ARN holds *.
func IsPattern(arn string) bool { return strings.Contains(arn, "*") }

// Exemplar is an ARN that a pattern covers.
func Exemplar(arn string) string {
	path, name := cutName(arn)
	short := strings.ReplaceAll(name, "*", "")
	if short == "" && name != "" {
		short = "x"
	}
	return path + short
}

// CheckPattern says where * stands that may not.
func CheckPattern(arn string) error {
	if path, _ := cutName(arn); IsPattern(path) {
		return fmt.Errorf("%q has * before the role's name; it may stand behind the last slash only, as in arn:aws:iam::123456789012:role/team-*", Abridged(arn))
	}
	return nil
}

// Matches reports whether a pattern, or an ARN without *, covers the ARN of a role.
func Matches(pattern, arn string) bool {
	path, name := cutName(pattern)
	of, is := cutName(arn)
	if path != of || IsPattern(arn) {
		return false
	}
	parts := strings.Split(name, "*")
	if len(parts) == 1 {
		return name == is
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(is) < len(first)+len(last) || !strings.HasPrefix(is, first) || !strings.HasSuffix(is, last) {
		return false
	}
	is = is[len(first) : len(is)-len(last)]
	for _, part := range parts[1 : len(parts)-1] { // each as early as can be
		_, rest, found := strings.Cut(is, part)
		if !found {
			return false
		}
		is = rest
	}
	return true
}

// cutName cuts an ARN behind its last slash.
func cutName(arn string) (path, name string) {
	i := strings.LastIndexByte(arn, '/') + 1
	return arn[:i], arn[i:]
}
