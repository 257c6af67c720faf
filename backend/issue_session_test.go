// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

const (
	deployARN   = "arn:aws:iam::123456789012:role/deploy"
	auditARN    = "arn:aws:iam::123456789012:role/audit"
	s3Only      = `{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
	sqsOnly     = `{"Version":"2012-10-17","Statement":{"Sid":"A","Effect":"Allow","Action":"sqs:*","Resource":"*"}}`
	mfaOfVault  = "arn:aws:iam::123456789012:mfa/vault"
	sessionKeys = "access_key secret_key security_token session_token ttl"
)

// newSessionMount has a role of each type of session.
func newSessionMount(t testing.TB, more ...map[string]any) *mount {
	t.Helper()
	m := newConfiguredMount(t, more...)
	m.aws.AddRole("deploy")
	m.aws.AddRole("audit")
	m.write("roles/deploy", map[string]any{"credential_type": "assumed_role", "role_arns": deployARN})
	m.write("roles/fed", map[string]any{"credential_type": "federation_token", "policy_document": s3Only})
	m.write("roles/own", map[string]any{"credential_type": "session_token"})
	return m
}

// session is the last session that AWS gave.
func (m *mount) session() fakeaws.Session {
	m.t.Helper()
	all := m.aws.Sessions()
	if len(all) == 0 {
		m.t.Fatal("AWS gave no session")
	}
	return all[len(all)-1]
}

// worksAs checks whom AWS takes the holder of a session for.
func (m *mount) worksAs(creds *logical.Response, arn string) {
	m.t.Helper()
	client := fakeaws.Client{Endpoint: m.aws.URL(), Key: fakeaws.Key{
		AccessKeyID:     creds.Data["access_key"].(string),
		SecretAccessKey: creds.Data["secret_key"].(string),
		SessionToken:    creds.Data["security_token"].(string),
	}}
	got, err := client.CallerARN(m.ctx)
	if err != nil || !strings.HasPrefix(got, arn) {
		m.t.Errorf("AWS takes the session for %q (%v), want %q", got, err, arn)
	}
}

// Every type of session, at both paths, works, has both names of its token, and a
// lease that ends with it and cannot be renewed.
func TestSessionsAtBothPaths(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	for role, arn := range map[string]string{
		"deploy": "arn:aws:sts::123456789012:assumed-role/deploy/vault-token-test-deploy-",
		"fed":    "arn:aws:sts::123456789012:federated-user/vault-",
		"own":    "arn:aws:iam::123456789012:user/vault-root",
	} {
		for _, path := range []string{"creds/", "sts/"} {
			for _, op := range []logical.Operation{logical.ReadOperation, logical.UpdateOperation} {
				creds := m.do(op, path+role, nil)
				for _, key := range strings.Fields(sessionKeys) {
					if creds.Data[key] == nil {
						t.Errorf("%s%s has no %s", path, role, key)
					}
				}
				if creds.Data["security_token"] != creds.Data["session_token"] {
					t.Errorf("%s%s has two different tokens", path, role)
				}
				m.worksAs(creds, arn)
				if s := creds.Secret; s.Renewable || s.TTL < 59*time.Minute || s.TTL > time.Hour {
					t.Errorf("%s%s: renewable %v, ttl %s", path, role, s.Renewable, s.TTL)
				}
				if got, _ := creds.Data["arn"].(string); role != "own" && !strings.HasPrefix(got, arn) {
					t.Errorf("%s%s: arn %q", path, role, got)
				}
				m.revoke(creds) // takes nothing back, and is no error
				m.worksAs(creds, arn)
			}
		}
	}
}

// A request for more than the role or the mount allows is cut, not refused.
func TestSessionTTLs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		role, request map[string]any
		want          time.Duration
	}{
		"nothing said": {want: time.Hour},
		"the request":  {request: map[string]any{"ttl": "2h"}, want: 2 * time.Hour},
		"the role":     {role: map[string]any{"default_sts_ttl": "30m"}, want: 30 * time.Minute},
		"the request over the role": {role: map[string]any{"default_sts_ttl": "30m"}, request: map[string]any{"ttl": 1200},
			want: 20 * time.Minute},
		"cut to the role's maximum": {role: map[string]any{"max_sts_ttl": "45m"}, request: map[string]any{"ttl": "3600s"},
			want: 45 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newSessionMount(t)
			m.aws.SetMaxSession("deploy", 12*time.Hour)
			m.write("roles/deploy", c.role)
			m.do(logical.UpdateOperation, "sts/deploy", c.request)
			if got := m.session().Duration; got != c.want {
				t.Errorf("AWS was asked for %s, want %s", got, c.want)
			}
		})
	}
}

func TestAssumedRoleIsAskedForAsTheRoleSays(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	m.aws.AddRoleExternalID("audit", "external-1")
	m.write("roles/deploy", map[string]any{
		"role_arns": []string{deployARN, auditARN}, "external_id": "external-1", "session_tags": "team=payments",
		"policy_arns": readOnly, "policy_document": s3Only,
	})
	m.do(logical.ReadOperation, "sts/deploy", map[string]any{"role_arn": auditARN, "role_session_name": "ci job 7"})
	s := m.session()
	if s.SessionName != "ci_job_7" || s.ExternalID != "external-1" || s.Tags["team"] != "payments" ||
		s.Policy != s3Only || len(s.PolicyARNs) != 1 || !strings.Contains(s.ARN, "assumed-role/audit/") {
		t.Errorf("AWS was asked for %+v", s)
	}
	for want, data := range map[string]map[string]any{
		"role_arn: is missing":  nil,
		"is not among":          {"role_arn": "arn:aws:iam::123456789012:role/other"},
		"role_session_name: \"": {"role_arn": auditARN, "role_session_name": "x"},
		"ttl: 10m0s is less":    {"role_arn": auditARN, "ttl": "10m"},
	} {
		if text := m.refused(logical.UpdateOperation, "sts/deploy", data); !strings.Contains(text, want) {
			t.Errorf("want %q: %s", want, text)
		}
	}
}

// A session is narrowed down by the policies of the role's groups, every page of
// them, and the same Sid in two of them does no harm.
func TestSessionGetsThePoliciesOfItsGroups(t *testing.T) {
	t.Parallel()
	for role, more := range map[string]map[string]any{"deploy": {}, "fed": {}} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			m := newSessionMount(t)
			for _, name := range []string{"one", "two", "three", "four", "five"} {
				m.aws.AddGroupPolicy("developers", name, sqsOnly)
				m.aws.AttachGroupPolicy("developers", "arn:aws:iam::aws:policy/"+name)
			}
			m.aws.AttachGroupPolicy("readers", readOnly)
			more["iam_groups"], more["policy_arns"], more["policy_document"] = "developers,readers", readOnly, s3Only
			m.write("roles/"+role, more)
			m.do(logical.ReadOperation, "sts/"+role, nil)
			s := m.session()
			var doc struct{ Statement []map[string]any }
			if err := json.Unmarshal([]byte(s.Policy), &doc); err != nil || len(doc.Statement) != 6 {
				t.Errorf("%d statements: %s", len(doc.Statement), s.Policy)
			}
			if len(s.PolicyARNs) != 6 { // the five of developers, and ReadOnlyAccess once
				t.Errorf("managed policies: %v", s.PolicyARNs)
			}
		})
	}
}

// Without policies a federation token could do nothing.
func TestFederationTokenWithoutPermissionsIsNotIssued(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	m.aws.AddGroup("empty")
	m.write("roles/fed", map[string]any{"policy_document": "", "iam_groups": "empty"})
	m.refused(logical.ReadOperation, "sts/fed", nil)
	if n := len(m.aws.Sessions()); n != 0 {
		t.Errorf("AWS gave %d sessions", n)
	}
}

// A role session without policies may do all that the role may, which who has emptied its groups may not have meant.
func TestSessionOfEmptyGroupsIsToldToBeWide(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	m.aws.AddGroup("empty")
	m.write("roles/deploy", map[string]any{"iam_groups": "empty"})
	m.warns(m.creds("deploy"), "iam_groups: AWS has no policies of empty now, so nothing narrows the session down: it may do all that "+deployARN+" may")
	m.aws.AddGroupPolicy("empty", "one", sqsOnly)
	if resp := m.creds("deploy"); len(resp.Warnings) > 0 {
		t.Errorf("warned %q", resp.Warnings)
	}
}

func TestSessionTokenWithMFA(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	m.aws.SetMFACode(mfaOfVault, "123456")
	if text := m.refused(logical.UpdateOperation, "sts/own", map[string]any{"mfa_code": "123456"}); !strings.Contains(text, "mfa_serial_number") {
		t.Error(text)
	}
	m.write("roles/own", map[string]any{"mfa_serial_number": mfaOfVault})
	if text := m.refused(logical.ReadOperation, "sts/own", nil); !strings.Contains(text, "mfa_code: is missing") {
		t.Error(text)
	}
	if text := m.refused(logical.UpdateOperation, "sts/own", map[string]any{"mfa_code": "000000"}); !strings.Contains(text, "AccessDenied") {
		t.Error(text)
	}
	m.do(logical.UpdateOperation, "sts/own", map[string]any{"mfa_code": "123456"})
	if !m.session().MFA {
		t.Error("the session is without MFA")
	}
}

// What a role in the deprecated form issues depends on the path.
func TestDeprecatedRolesAtBothPaths(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	m.write("roles/old-policy", map[string]any{"policy": s3Only})
	m.write("roles/old-arn", map[string]any{"arn": readOnly})
	m.write("roles/old-role", map[string]any{"arn": deployARN})
	m.revoke(m.creds("old-policy"))
	m.revoke(m.creds("old-arn"))
	m.worksAs(m.do(logical.ReadOperation, "sts/old-policy", nil), "arn:aws:sts::123456789012:federated-user/")
	m.worksAs(m.do(logical.ReadOperation, "sts/old-role", nil), "arn:aws:sts::123456789012:assumed-role/deploy/")
	m.refused(logical.ReadOperation, "sts/old-arn", nil)
	m.refused(logical.ReadOperation, "creds/old-role", nil)
	m.write("roles/old-role", map[string]any{"max_sts_ttl": "2h"}) // written anew: no longer bound to a path
	m.do(logical.ReadOperation, "creds/old-role", nil)
}

// Parameters that the role has no use for are told, and do no harm: Terraform sends
// an empty role_arn with every request.
func TestParametersOfOtherTypesAreTold(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	creds := m.do(logical.ReadOperation, "creds/developer-access", map[string]any{"role_arn": ""})
	if len(creds.Warnings) != 0 {
		t.Errorf("warnings: %v", creds.Warnings)
	}
	m.revoke(creds)
	creds = m.do(logical.ReadOperation, "creds/developer-access", map[string]any{"role_arn": deployARN})
	if len(creds.Warnings) != 1 {
		t.Errorf("warnings: %v", creds.Warnings)
	}
	m.revoke(creds)
}
