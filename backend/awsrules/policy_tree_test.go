// SPDX-License-Identifier: MPL-2.0

package awsrules

// What a parsed policy shows of itself, and that it prints as it was written.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

const variedPolicy = `{
  "Version": "2012-10-17", "Id": "x",
  "Statement": [
    {"Sid": "One", "Effect": "Allow", "Action": ["s3:Get*", "s3:List*"], "Resource": "arn:aws:s3:::a/${aws:username}\/\u00e4"},
    {"Effect": "Deny", "NotAction": "iam:*", "NotResource": "*",
     "Condition": {"StringLike": {"s3:prefix": ["", "home/*"]}, "NumericLessThan": {"s3:max-keys": [1.50, 1e2]}}}
  ]
}`

func TestPolicyPrintsAsItWasWritten(t *testing.T) {
	policy, err := ParsePolicy(variedPolicy)
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := json.Compact(&want, []byte(variedPolicy)); err != nil {
		t.Fatal(err)
	}
	if policy.String() != want.String() {
		t.Errorf("prints\n%s\nwant\n%s", policy, want.String())
	}
}

func TestPolicyShowsItsStrings(t *testing.T) {
	policy, err := ParsePolicy(variedPolicy)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	eachString(policy.root, func(at policyPlace, v *jsonValue) bool {
		got = append(got, fmt.Sprintf("%s|%s|%t|%s", at.Element, strings.Join(at.Path, "/"), at.Key, v.text))
		return true
	})
	want := []string{
		"Version|Version|false|2012-10-17",
		"Id|Id|false|x",
		"Sid|statement 1/Sid|false|One",
		"Effect|statement 1/Effect|false|Allow",
		"Action|statement 1/Action|false|s3:Get*",
		"Action|statement 1/Action|false|s3:List*",
		"Resource|statement 1/Resource|false|arn:aws:s3:::a/${aws:username}/ä",
		"Effect|statement 2/Effect|false|Deny",
		"NotAction|statement 2/NotAction|false|iam:*",
		"NotResource|statement 2/NotResource|false|*",
		"Condition|statement 2/Condition|true|StringLike",
		"Condition|statement 2/Condition/StringLike|true|s3:prefix",
		"Condition|statement 2/Condition/StringLike/s3:prefix|false|",
		"Condition|statement 2/Condition/StringLike/s3:prefix|false|home/*",
		"Condition|statement 2/Condition|true|NumericLessThan",
		"Condition|statement 2/Condition/NumericLessThan|true|s3:max-keys",
	}
	if !slices.Equal(got, want) {
		t.Errorf("shows\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	yielded := 0
	eachString(policy.root, func(policyPlace, *jsonValue) bool { // may be left at any string
		yielded++
		return yielded < 3
	})
	if yielded != 3 {
		t.Errorf("%d strings were yielded, want 3", yielded)
	}
}
