// SPDX-License-Identifier: MPL-2.0

package backend

// The policies of a session's groups and of its role become one, and those that cannot be
// issued say why.

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/roles"
)

// Each statement reaches AWS as it was written: order, numbers, escapes and characters that
// other encoders change. Only a Sid that comes again goes.
func TestJoinedPolicyKeepsWhatWasWritten(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	m.aws.AddGroupPolicy("developers", "first", `{
		"Version": "2012-10-17", "Id": "of the group",
		"Statement": {"Resource": "*", "Action": "sqs:*", "Sid": "Read", "Effect": "Deny",
			"Condition": {"NumericLessThan": {"s3:max-keys": [1.50, 1e2, 12345678901234567890]}, "Bool": {"aws:SecureTransport": true}}}}`)
	m.aws.AddGroupPolicy("developers", "second", `{"Version":"2012-10-17","Statement":[]}`)
	m.write("roles/fed", map[string]any{"iam_groups": "developers", "policy_document": `{"Version":"2012-10-17","Statement":[` +
		`{"Sid":"Re\u0061d","Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::a&b<c>\/\u00e4"},` +
		`{"Sid":"","Effect":"Allow","Action":"s3:*","Resource":"*"},{"Sid":"","Effect":"Deny","Action":"s3:*","Resource":"*"}]}`})
	m.do(logical.ReadOperation, "sts/fed", nil)
	const want = `{"Version":"2012-10-17","Statement":[` +
		`{"Resource":"*","Action":"sqs:*","Sid":"Read","Effect":"Deny","Condition":{"NumericLessThan":{"s3:max-keys":[1.50,1e2,12345678901234567890]},"Bool":{"aws:SecureTransport":true}}},` +
		`{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::a&b<c>\/\u00e4"},` +
		`{"Sid":"","Effect":"Allow","Action":"s3:*","Resource":"*"},{"Sid":"","Effect":"Deny","Action":"s3:*","Resource":"*"}]}`
	if got := m.session().Policy; got != want {
		t.Errorf("AWS got\n%s\nwant\n%s", got, want)
	}
}

// A policy of 2008 has no variables: joined with one of 2012, its ${…} would begin to work.
func TestPoliciesOfTwoVersionsAreNotJoined(t *testing.T) {
	t.Parallel()
	older := policyWith(`"Version":"2012-10-17",`, "")
	for _, c := range []struct {
		name, group, role string
		joined            string // Version, or "" where they are not joined
	}{
		{"role of 2008", goodPolicy, policyWith("2012-10-17", "2008-10-17"), ""},
		{"role without a Version", goodPolicy, older, ""},
		{"group without a Version", older, goodPolicy, ""},
		{"both without a Version", older, older, `{"Version":"2008-10-17",`},
		{"both of 2012", goodPolicy, goodPolicy, `{"Version":"2012-10-17",`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newSessionMount(t)
			m.aws.AddGroupPolicy("developers", "jobs", c.group)
			resp := m.write("roles/fed", map[string]any{"iam_groups": "developers", "policy_document": c.role})
			if c.role != goodPolicy {
				m.warns(resp, "policies of two Versions cannot be joined")
			}
			if c.joined != "" {
				m.do(logical.ReadOperation, "sts/fed", nil)
				if got := m.session().Policy; !strings.HasPrefix(got, c.joined) {
					t.Errorf("AWS got %s", got)
				}
				return
			}
			text := m.refused(logical.ReadOperation, "sts/fed", nil)
			for _, want := range []string{"policy_document: ", "the inline policy jobs of group developers", "the policy_document of the role", "2008-10-17", "2012-10-17"} {
				if !strings.Contains(text, want) {
					t.Errorf("does not name %q: %s", want, text)
				}
			}
			if n := len(m.aws.Sessions()); n != 0 {
				t.Errorf("AWS gave %d sessions", n)
			}
		})
	}
}

// builtInPolicies are stored by the built-in engine, which takes any JSON, and refused by AWS.
var builtInPolicies = map[string]string{
	`{"foo":1}`:                         "has no Statement",
	policyWith("Allow", "Permit"):       `has the Effect "Permit"`,
	policyWith(`"Effect":"Allow",`, ""): "has no Effect",
}

// Such a policy stops no renewal and no revocation, and a request says what is wrong with it.
func TestStoredPolicyThatAWSRefuses(t *testing.T) {
	t.Parallel()
	for document, why := range builtInPolicies {
		m := newConfiguredMount(t)
		m.write("roles/r", map[string]any{"policy_document": goodPolicy, "default_ttl": "1h"})
		creds := m.creds("r")
		for name, kind := range map[string]string{"r": roles.IAMUser, "fed": roles.FederationToken} {
			m.put(engine.PrefixRole+name, &roles.Role{CredentialTypes: []string{kind}, PolicyDocument: document, DefaultTTL: time.Hour})
		}
		m.start()
		for _, path := range []string{"creds/r", "sts/fed"} {
			text := m.refused(logical.ReadOperation, path, nil)
			if !strings.Contains(text, "MalformedPolicyDocument") || !strings.Contains(text, "policy_document of the role: ") || !strings.Contains(text, why) {
				t.Errorf("%s: want %q: %s", path, why, text)
			}
		}
		m.renew(creds)
		m.revoke(creds)
		m.noUsers()
	}
}

// The deprecated form says as much of what is no policy.
func TestDeprecatedPolicyThatIsNone(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"policy.json":             "write @ before the name",
		`{"Version":"2012-10-17"`: "line 1, column 24",
		"arn:aws:s3:::reports":    "is an ARN",
	} {
		m := newMount(t)
		if got := m.refused(logical.UpdateOperation, "roles/r", map[string]any{"policy": text}); !strings.Contains(got, want) {
			t.Errorf("want %q: %s", want, got)
		}
	}
}
