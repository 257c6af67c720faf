// SPDX-License-Identifier: MPL-2.0

package awsrules

import (
	"fmt"
	"strings"
)

// A pattern is the ARN of a role whose name, behind the last slash, holds *: any characters that such a
// name may have, none among them. Partition, account and path are as they stand: a path of IAM may hold *.

// IsPattern reports whether the name in an ARN holds *.
func IsPattern(arn string) bool {
	_, name := cutName(arn)
	return strings.Contains(name, "*")
}

// Exemplar is an ARN that a pattern covers.
func Exemplar(arn string) string {
	path, name := cutName(arn)
	short := strings.ReplaceAll(name, "*", "")
	if short == "" && name != "" {
		short = "x"
	}
	return path + short
}

// CheckPattern says where * stands that may not, and what to warn of.
func CheckPattern(arn string) (warning string, err error) {
	before, _, _ := strings.Cut(arn, ":role/")
	switch path, _ := cutName(arn); {
	case strings.Contains(before, "*"):
		return "", fmt.Errorf("%q has * before the role's name; it may stand behind the last slash only, as in arn:aws:iam::123456789012:role/team-*", Abridged(arn))
	case strings.Contains(path, "*"):
		return fmt.Sprintf("%q has * in its path, where it is that character and no pattern", Abridged(arn)), nil
	}
	return "", nil
}

// Matches reports whether a pattern, or an ARN without *, covers the ARN of a role.
func Matches(pattern, arn string) bool {
	path, name := cutName(pattern)
	of, is := cutName(arn)
	if path != of || strings.Contains(is, "*") {
		return false
	}
	parts := strings.Split(name, "*")
	if len(parts) == 1 {
		return name == is
	}
	if !nameForm.MatchString(is) {
		return false
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
