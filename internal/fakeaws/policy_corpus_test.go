// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"fmt"
	"strings"
	"testing"
)

// A corpus of policies, each with AWS's answer and where that is written down. Documents are of the kinds that the
// sources have, not theirs. Where no source has the kind, the source begins with "guess".

// The sources that are named more than once.
const (
	grammar    = "IAM User Guide, Grammar of the IAM JSON policy language"
	resources  = "IAM User Guide, IAM JSON policy elements: Resource"
	comparing  = "IAM User Guide, IAM JSON policy elements: Condition operators"
	variables  = "IAM User Guide, IAM policy elements: Variables and tags"
	analyzer   = "guess, after IAM Access Analyzer's policy checks"
	moto       = "moto, iam/policy_validation.py and tests/test_iam/test_iam_policies.py"
	versity    = "versitygw, iamapi/policy, tried on AWS"
	blog2015   = "AWS Security Blog, Coming March 2015: Upgrades to IAM Policy Validation"
	bareBefore = "terraform-provider-aws issues 22879 and 26108, 99designs/iamy issue 65"
)

// policyCase is a policy and AWS's message, which is "" where AWS takes the policy.
type policyCase struct {
	source, document, message string
}

// statementsOf is a policy of statements.
func statementsOf(list ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(list, ",") + `]}`
}

// stated is a policy of one statement, which has these elements.
func stated(elements string) string { return statementsOf("{" + elements + "}") }

// plain is a statement that AWS takes, to which elements can be added in front.
const plain = `"Effect":"Allow","Action":"s3:GetObject","Resource":"*"`

func acting(value string) string {
	return stated(`"Effect":"Allow","Action":` + value + `,"Resource":"*"`)
}

func on(value string) string {
	return stated(`"Effect":"Allow","Action":"s3:GetObject","Resource":` + value)
}

func where(value string) string { return stated(plain + `,"Condition":` + value) }

// date is a policy that compares a key with a date.
func date(value string) string { return where(`{"DateLessThan":{"aws:CurrentTime":` + value + `}}`) }

func TestPolicyCorpus(t *testing.T) {
	s := newServer(t)
	s.AddUser("ann")
	client := root(s)
	count, guesses := 0, 0
	for name, cases := range map[string][]policyCase{
		"documents": documentCases, "statements": statementCases, "actions": actionCases,
		"resources": resourceCases, "conditions": conditionCases, "dates": dateCases,
	} {
		t.Run(name, func(t *testing.T) {
			for _, c := range cases {
				count++
				if strings.HasPrefix(c.source, "guess") {
					guesses++
				}
				_, err := client.Do(t.Context(), "iam", "PutUserPolicy", params("UserName", "ann", "PolicyName", "p", "PolicyDocument", c.document))
				want := ""
				if c.message != "" {
					want = malformedPolicy(c.message).Error()
				}
				if got := fmt.Sprint(err); got != want && (err != nil || want != "") {
					t.Errorf("%s\n got %s\nwant %s, by %s", c.document, got, want, c.source)
				}
			}
		})
	}
	t.Logf("%d documents, %d of them guesses", count, guesses)
}

// Every door that a policy comes in by checks it.
func TestPoliciesAreCheckedAtEveryDoor(t *testing.T) {
	s := newServer(t)
	s.AddUser("ann")
	s.AddGroup("ops")
	s.AddRole("deploy")
	s.SetWebIdentityToken("word")
	bad := on(`"bucket/*"`)
	for _, call := range [][]string{
		{"PutUserPolicy", "UserName", "ann", "PolicyName", "p", "PolicyDocument", bad},
		{"PutGroupPolicy", "GroupName", "ops", "PolicyName", "p", "PolicyDocument", bad},
		{"GetFederationToken", "Name", "ann", "Policy", bad},
		{"AssumeRole", "RoleArn", roleARN + "deploy", "RoleSessionName", "test", "Policy", bad},
		{"AssumeRoleWithWebIdentity", "RoleArn", roleARN + "deploy", "RoleSessionName", "test", "WebIdentityToken", "word", "Policy", bad},
	} {
		t.Run(call[0], func(t *testing.T) {
			client := root(s)
			if call[0] == "AssumeRoleWithWebIdentity" {
				client.Key = Key{}
			}
			refused(t, client, 400, "MalformedPolicyDocument", `Resource bucket/* must be in ARN format or "*".`, call[0], call[1:]...)
		})
	}
}

func FuzzCheckPolicy(f *testing.F) {
	for _, cases := range [][]policyCase{documentCases, statementCases, actionCases, resourceCases, conditionCases, dateCases} {
		for _, c := range cases {
			f.Add(c.document)
		}
	}
	f.Fuzz(func(t *testing.T, document string) {
		refusal := CheckPolicy(document)
		if refusal == nil && !strings.HasPrefix(document, "{") {
			t.Errorf("took what is no object: %q", document)
		}
		if refusal != nil && (refusal.Code != "MalformedPolicyDocument" || refusal.Message == "") {
			t.Errorf("refused without words: %+v", refusal)
		}
		// White space behind the document changes nothing.
		if after := CheckPolicy(document + "\n"); (after == nil) != (refusal == nil) {
			t.Errorf("a line end changes %+v into %+v", refusal, after)
		}
	})
}
