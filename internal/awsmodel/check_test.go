// SPDX-License-Identifier: MPL-2.0

package awsmodel

import (
	"strings"
	"testing"
)

// What stands in the model and on AWS's pages, read by a person.
func TestValuesAgainstTheModel(t *testing.T) {
	for _, c := range []struct {
		action, member, value string
		fits                  bool
	}{
		{"CreateUser", "UserName", strings.Repeat("u", 64), true},
		{"CreateUser", "UserName", strings.Repeat("u", 65), false},
		{"GetUser", "UserName", strings.Repeat("u", 128), true},
		{"CreateUser", "UserName", "ü", false}, // \w is ASCII
		{"CreateUser", "UserName", "a\n", false},
		{"CreateUser", "Path", "/", true},
		{"CreateUser", "Path", "/a:b/c/", true},
		{"CreateUser", "Path", "//", false},
		{"CreateUser", "Path", "/a b/", false},
		{"CreateUser", "Tags.member.7.Key", strings.Repeat("\U0001D400", 128), true}, // a letter of two UTF-16 units
		{"CreateUser", "Tags.member.7.Key", "\U0001F511", false},
		{"CreateUser", "Tags.member.1.Value", "", true},
		{"CreateUser", "Tags.member.1.Value", "größe 1", true},
		{"CreateUser", "Tags.member.1.Value", "a&b", false},
		{"PutUserPolicy", "PolicyDocument", "{\"é\":\r\n\t1}", true},
		{"PutUserPolicy", "PolicyDocument", "{\"Ā\":1}", false},
		{"AssumeRole", "RoleArn", "arn:aws:iam::1:role/\U00010000", true},
		{"AssumeRole", "RoleArn", "arn:aws:iam::1:role/\u0007x", false},
		{"AssumeRole", "RoleSessionName", "s", false},
		{"AssumeRole", "DurationSeconds", "43200", true},
		{"AssumeRole", "DurationSeconds", "43201", false},
		{"AssumeRole", "DurationSeconds", "1e3", false},
		{"GetSessionToken", "DurationSeconds", "129600", true},
		{"GetSessionToken", "TokenCode", "12345６", false}, // \d is ASCII
		{"UpdateAccessKey", "Status", "Active", true},
		{"UpdateAccessKey", "Status", "active", false},
	} {
		member, ok := Load().Member(c.action, c.member)
		if !ok {
			t.Errorf("the table has no %s of %s", c.member, c.action)
			continue
		}
		if broken := member.Broken(c.value); (len(broken) == 0) != c.fits {
			t.Errorf("%s of %s: %q breaks %q", c.member, c.action, c.value, broken)
		}
	}
}

func TestEveryPatternIsOneOfGo(t *testing.T) {
	for _, action := range Load().Names() {
		for _, member := range Load().Actions[action] {
			if member.Pattern != "" {
				pattern(member.Pattern) // panics
			}
		}
	}
}
