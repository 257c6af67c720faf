// SPDX-License-Identifier: MPL-2.0

package backend

// Any text may be a policy_document. What the engine takes, AWS has to take: of a user,
// of a session, and joined with the policies of a session's groups.

import (
	"encoding/json"
	"errors"
	"net/url"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/roles"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// foundPolicies were taken by the engine once, and refused by AWS when it came to it.
var foundPolicies = []string{
	policyWith(`"Statement"`, `"Name":"x","Statement"`),
	policyWith(`"Effect"`, `"Comment":"x","Effect"`),
	policyWith(`"Effect"`, `"Sid":"not one","Effect"`),
	policyWith(`]}`, `,{"Sid":"a","Effect":"Deny","Action":"*","Resource":"*"},{"Sid":"a","Effect":"Deny","Action":"*","Resource":"*"}]}`),
	policyWith(`"s3:*"`, `[]`),
	policyWith(`"s3:*"`, `null,"NotAction":"s3:*"`),
	policyWith(`"Effect"`, `"Principal":null,"Effect"`),
	policyWith(`"s3:*"`, `[null]`),
	policyWith(`s3:*`, `s3:€`),
	policyWith(`s3:*`, "s3:\xff"),
	policyWith(`"Version":"2012-10-17"`, `"Version":""`),
	policyWith(`"Version":"2012-10-17"`, `"Id":5`),
	policyWith(`s3:*`, "s3:\x7f"),
}

func FuzzPolicyDocument(f *testing.F) {
	for text := range badPolicies {
		if len(text) < 1<<12 {
			f.Add(text, goodPolicy)
		}
	}
	for _, text := range []string{
		goodPolicy, policyOf(2048), "\t" + strings.ReplaceAll(goodPolicy, ",", ",\n   ") + "\r\n",
		policyWith(`"Statement":[`, `"Id":"x","Statement":[`),
		policyWith(`"Effect"`, `"Sid":"One","Effect"`),
		policyWith(`"*"}]`, `["arn:aws:s3:::a","arn:aws:s3:::b c/*"],"Condition":{"StringLike":{"aws:username":["${aws:username}"]}}}]`),
		policyWith(`"2012-10-17"`, `"2008-10-17"`),
		`{"Statement":[{"Effect":"Deny","NotAction":"iam:*","NotResource":["arn:aws:s3:::b/*"]}]}`,
		policyWith("s3:*", "s3:\u00e4"), policyWith("s3:*", `s3:\u20ac`), policyWith("s3:*", `s3:\\ \" x`),
	} {
		f.Add(text, policyWith(`"Effect"`, `"Sid":"One","Effect"`))
	}
	for _, text := range foundPolicies {
		f.Add(text, goodPolicy)
	}
	f.Add(policyWith(`"Effect"`, `"Sid":"One","Effect"`), policyWith(`"Effect"`, `"Sid":"On\u0065","Effect"`))
	m := newFuzzMount(f, func(m *mount) {
		m.configure(noRetries)
		m.aws.AddUser("bystander")
		m.aws.AddGroup("grouped")
	})
	f.Fuzz(func(t *testing.T, text, ofGroup string) {
		m.fresh(t)
		compact, taken := m.writePolicy("roles/user", map[string]any{"policy_document": text})
		if !taken {
			return
		}
		m.sameJSON(text, compact)
		m.takenByAWS("iam", "PutUserPolicy", url.Values{"UserName": {"bystander"}, "PolicyName": {"p"}, "PolicyDocument": {compact}})
		fed := map[string]any{"credential_type": roles.FederationToken, "policy_document": text}
		if _, taken := m.writePolicy("roles/fed", fed); taken {
			m.issueLimited("sts/fed")
		}
		// A group's policy is what AWS has taken.
		group := url.Values{"GroupName": {"grouped"}, "PolicyName": {"p"}, "PolicyDocument": {ofGroup}}
		if m.call("iam", "PutGroupPolicy", group) == nil {
			fed["iam_groups"] = "grouped"
			if _, taken := m.writePolicy("roles/fed", fed); taken {
				m.issueLimited("sts/fed")
			}
		}
	})
}

var toldSize = regexp.MustCompile(`policy_document: has (\d+) characters`)

// writePolicy writes a role with a policy and returns the policy as the role has it, or
// checks why not.
func (fm *fuzzMount) writePolicy(path string, data map[string]any) (compact string, taken bool) {
	fm.t.Helper()
	before := fm.storage.dump(fm.t)
	resp, err := fm.asVault(fm.request(logical.UpdateOperation, path, data))
	status, answer := fm.answered(path, resp, err)
	if status == 200 {
		compact = fm.read(path)["policy_document"].(string)
		return compact, compact != ""
	}
	fm.unchanged(path, before)
	if status != 400 || !strings.Contains(answer, "policy_document: ") {
		fm.t.Errorf("answered %d %s", status, answer)
	}
	if told := toldSize.FindStringSubmatch(answer); told != nil {
		if want := minified(data["policy_document"].(string)); told[1] != strconv.Itoa(want) || want <= awsrules.MostInline {
			fm.t.Errorf("told %s characters, and there are %d", told[1], want)
		}
	}
	return "", false
}

// minified counts the characters of a JSON text that are no white space: an account of
// its own, for IAM's quota counts none, not even within texts.
func minified(text string) int {
	for _, space := range []string{" ", "\t", "\r", "\n"} {
		text = strings.ReplaceAll(text, space, "")
	}
	return utf8.RuneCountInString(text)
}

// sameJSON checks that a policy has lost nothing but white space.
func (fm *fuzzMount) sameJSON(text, compact string) {
	fm.t.Helper()
	var before, after any
	if err := errors.Join(json.Unmarshal([]byte(text), &before), json.Unmarshal([]byte(compact), &after)); err != nil {
		fm.t.Errorf("was accepted, and is not JSON: %v", err)
	}
	if !reflect.DeepEqual(before, after) {
		fm.t.Errorf("%s became %s", shortened(text), shortened(compact))
	}
	if n := minified(compact); n > awsrules.MostInline || n != minified(text) {
		fm.t.Errorf("%d characters became %d", minified(text), n)
	}
}

// issueLimited issues a session. Only that the policies are too large together, or of two
// Versions, may keep it from being given.
func (fm *fuzzMount) issueLimited(path string) {
	fm.t.Helper()
	resp, err := fm.asVault(fm.request(logical.ReadOperation, path, nil))
	status, text := fm.answered(path, resp, err)
	joined := strings.Contains(text, "PackedPolicyTooLarge") || strings.Contains(text, "Member must have length less than or equal to 2048") ||
		strings.Contains(text, "has the Version")
	if status != 200 && (status != 400 || !joined) {
		fm.t.Errorf("answered %d %s", status, text)
	}
}

func (fm *fuzzMount) call(service, action string, params url.Values) error {
	client := fakeaws.Client{Endpoint: fm.aws.URL(), Key: fm.aws.RootKey()}
	_, err := client.Do(fm.ctx, service, action, params)
	return err
}

// takenByAWS makes a call that has to go well.
func (fm *fuzzMount) takenByAWS(service, action string, params url.Values) {
	fm.t.Helper()
	if err := fm.call(service, action, params); err != nil {
		fm.t.Errorf("the engine takes what %s refuses: %v", action, err)
	}
}
