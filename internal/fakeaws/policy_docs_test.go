// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The documents of this project have policies that people paste into AWS.

var jsonBlock = regexp.MustCompile("(?s)```json\n(\\{.*?\n\\}\n)```")

func TestDocumentedPoliciesAreTaken(t *testing.T) {
	count := 0
	for _, file := range []string{"../../README.md", "../../docs/iam-policy.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range jsonBlock.FindAllStringSubmatch(string(text), -1) {
			// What has a principal is the trust policy of a role, which IAM reads by other rules.
			if !strings.Contains(block[1], `"Statement"`) || strings.Contains(block[1], `"Principal"`) {
				continue
			}
			count++
			if refusal := CheckPolicy(block[1]); refusal != nil {
				t.Errorf("%s: %v of\n%s", file, refusal, block[1])
			}
		}
	}
	if count == 0 {
		t.Error("found no policy")
	}
}
