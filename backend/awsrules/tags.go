// SPDX-License-Identifier: MPL-2.0

package awsrules

// Tags of users and of sessions; the limits are the same (IAM User Guide, "Tags for AWS
// Identity and Access Management resources"; STS API Reference, Tag).

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// How many tags there may be, and how long.
const (
	MostTags     = 50  // of a user or a session; AWS grants no more
	mostTagKey   = 128 // characters
	MostTagValue = 256 // characters
)

var (
	tagForm    = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
	outsideTag = regexp.MustCompile(`[^\p{L}\p{Z}\p{N}_.:/=+\-@]`)
)

// CheckTags says all that keeps AWS from taking tags.
func CheckTags(tags map[string]string) (errs []error) {
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if n := len(tags); n > MostTags {
		add("has %d tags; AWS allows %d", n, MostTags)
	}
	seen := make(map[string]string, len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		value, folded := tags[key], strings.ToLower(key)
		switch {
		case key == "" || utf8.RuneCountInString(key) > mostTagKey || !tagForm.MatchString(key):
			add("%q is not the key of a tag: 1 to %d letters, digits, spaces and _ . : / = + - @", Abridged(key), mostTagKey)
		case strings.HasPrefix(folded, "aws:"):
			add("%q begins with aws:, which AWS keeps for itself", Abridged(key))
		case seen[folded] != "":
			add("%q and %q differ only in case; to AWS they are one key", Abridged(seen[folded]), Abridged(key))
		}
		seen[folded] = key
		if utf8.RuneCountInString(value) > MostTagValue || !tagForm.MatchString(value) {
			add("the value of %q is not that of a tag: up to %d letters, digits, spaces and _ . : / = + - @", Abridged(key), MostTagValue)
		}
	}
	return errs
}

// InTag makes a text fit for the value of a tag, of so many characters at most.
func InTag(text string, most int) string {
	runes := []rune(strings.Trim(outsideTag.ReplaceAllString(text, "_"), "/"))
	return string(runes[:min(len(runes), most)])
}
