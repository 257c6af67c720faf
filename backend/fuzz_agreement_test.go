// SPDX-License-Identifier: MPL-2.0

package backend

// The engine and the fake read policies with two parsers, which two people wrote from AWS's
// pages without seeing each other's: what one accepts, the other accepts.

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// The fake does with each document what AWS does. Of guesses it may have its own.
func TestFakeAgreesWithThePolicyCorpus(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.aws.AddUser("bystander")
	client := fakeaws.Client{Endpoint: m.aws.URL(), Key: m.aws.RootKey()}
	for _, c := range policyCorpus(t) {
		if c.partition != "" {
			continue // the account is of the partition aws
		}
		_, err := client.Do(m.ctx, "iam", "PutUserPolicy", url.Values{"UserName": {"bystander"}, "PolicyName": {"p"}, "PolicyDocument": {c.document}})
		switch {
		case (err == nil) == c.accepted:
		case c.guess != "":
			t.Logf("%s: a guess (%s), and the fake has another: %v", c.name, c.guess, err)
		default:
			t.Errorf("%s: AWS accepts it: %t (%s). The fake says %v", c.name, c.accepted, c.source, err)
		}
	}
}

func FuzzPolicyAgreement(f *testing.F) {
	for _, c := range policyCorpus(f) {
		f.Add(c.document)
	}
	for _, text := range foundPolicies {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if awsrules.CheckPolicyText(text) != nil || !inLatin1(text) {
			return // the fake checks sizes and characters as IAM and STS do, before it reads a policy
		}
		policy, err := awsrules.ParsePolicy(text)
		refusal := fakeaws.CheckPolicy(strings.Trim(text, " \t\r\n")) // AWS wants none before a policy, and the engine sends none
		if (refusal == nil) != (err == nil) && !unsettled(policy, err, refusal) {
			t.Errorf("the engine says %v, and the fake %v", err, refusal)
		}
	})
}

func inLatin1(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(c rune) bool { return c > '\u00ff' })
}

// unsettled reports whether the two may differ. The engine does not know the partition of the
// account, leaves it to AWS which types of resources IAM has, and a guess differs: what follows in a
// resource that does not begin with "arn:".
func unsettled(policy *awsrules.Policy, err error, refusal *fakeaws.Refusal) bool {
	switch {
	case err != nil:
		return false
	case strings.Contains(refusal.Error(), `Partition "aws-`), strings.Contains(refusal.Error(), "IAM resource path must"):
		return true
	}
	warnings := strings.Join(policy.Warnings, "; ")
	return strings.Contains(warnings, `does not begin with "arn:"`)
}
