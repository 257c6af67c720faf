// SPDX-License-Identifier: MPL-2.0

package backend

// config/check and roles/:name/check against AWS.

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/roles"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// finds checks that a check says each of the lines, in its first words and in parts.
func (m *mount) finds(path string, want ...string) map[string]any {
	m.t.Helper()
	users := m.aws.Users()
	data := m.write(path, nil).Data
	for _, line := range want {
		result, parts, _ := strings.Cut(line, ": ")
		found := slices.ContainsFunc(data[result].([]string), func(said string) bool {
			for part := range strings.SplitSeq(parts, " … ") {
				if !strings.Contains(said, part) {
					return false
				}
			}
			return true
		})
		if !found {
			m.t.Errorf("%s does not say %q:\n%q", path, line, data)
		}
	}
	if !slices.Equal(m.aws.Users(), users) {
		m.t.Error("it made or deleted users")
	}
	return data
}

// nothingBad checks that a check found nothing bad.
func (m *mount) nothingBad(data map[string]any) {
	m.t.Helper()
	if bad := data["bad"].([]string); len(bad) > 0 {
		m.t.Errorf("bad: %q", bad)
	}
}

func TestCheckOfConfiguration(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	m.mustTick()
	before := m.storage.dump(t)
	m.nothingBad(m.finds("config/check", "ok: configuration: … access key", "ok: identity: … user/vault-root", "ok: clock: ", "ok: account: "+home, "ok: key: … is 0 days old"))
	m.aws.SetClock(10 * time.Minute)
	m.finds("config/check", "bad: clock: … from AWS's … set the clock of this server")
	m.aws.SetClock(0)
	m.aws.Inject(fakeaws.Fault{Action: "ListAccessKeys", Times: 1})
	m.finds("config/check", "unknown: key: AccessDenied … allow iam:ListAccessKeys")
	away := m.aws.Inject(fakeaws.Fault{Kind: fakeaws.Cut})
	m.finds("config/check", "unknown: identity: AWS did not answer")
	away.Remove()
	m.aws.Inject(fakeaws.Fault{Action: "GetCallerIdentity", Code: "InvalidClientTokenId", Message: "The security token included in the request is invalid.", Times: 1})
	m.finds("config/check", "bad: identity: InvalidClientTokenId … write credentials that work")
	if after := m.storage.dump(t); len(after) != len(before) {
		t.Error("something was stored")
	}
	creds := m.creds("developer-access")
	key := m.aws.Account(other).AddUser("vault")
	m.write("config/root", map[string]any{"access_key": key.AccessKeyID, "secret_key": key.SecretAccessKey})
	m.finds("config/check", "bad: account: "+other+" … 1 IAM user of this mount were made in "+home)
	m.configure()
	m.revoke(creds)
	if text := m.problems(); text != "" {
		t.Errorf("the failures of a check count as those of work: %s", text)
	}
}

func TestCheckOfUsers(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	gone := "arn:aws:iam::" + home + ":policy/app"
	m.write("roles/app", map[string]any{"policy_arns": []string{readOnly, gone}, "iam_groups": "ops,gone", "permissions_boundary_arn": gone, "policy_document": s3Only})
	m.aws.AddGroup("ops")
	m.finds("roles/app/check", "ok: policy_arns: "+readOnly+": exists", "bad: policy_arns: "+gone+" … NoSuchEntity … make it in AWS, or change the role",
		"bad: permissions_boundary_arn: "+gone+" … NoSuchEntity", "ok: iam_groups: ops: exists", "bad: iam_groups: gone: NoSuchEntity",
		"ok: permissions: … iam:CreateUser … iam:TagUser", "ok: permissions: … iam:PutUserPolicy", "ok: permissions: … iam:AttachUserPolicy … iam:AddUserToGroup … iam:DeleteSSHPublicKey")
	m.aws.Forbid("iam:CreateUser", "iam:AddUserToGroup")
	m.finds("roles/app/check", "bad: permissions: iam:CreateUser: implicitDeny on arn:aws:iam::"+home+":user/vault-token-test-app … allow it in the policy of arn:aws:iam::"+home+":user/vault-root",
		"bad: permissions: iam:AddUserToGroup: implicitDeny on arn:aws:iam::"+home+":group/ops")
	for _, action := range []string{"GetPolicy", "GetGroup", "SimulatePrincipalPolicy"} {
		m.aws.Inject(fakeaws.Fault{Action: action})
	}
	m.nothingBad(m.finds("roles/app/check", "unknown: policy_arns: "+gone+" … AccessDenied … allow iam:GetPolicy", "unknown: iam_groups: gone: AccessDenied … allow iam:GetGroup",
		"unknown: permissions: … AccessDenied … allow iam:SimulatePrincipalPolicy"))
	if text := m.refused(logical.UpdateOperation, "roles/none/check", nil); !strings.Contains(text, "name: there is no role") {
		t.Error(text)
	}
	m.write("roles/app", map[string]any{"disabled": true, "disabled_reason": "leaked"})
	m.finds("roles/app/check", "bad: role: … leaked … disabled=false")
}

func TestCheckOfSessions(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	m.aws.AddRole("deploy")
	m.write("roles/deploy", map[string]any{
		"credential_type": roles.AssumedRole, "role_arns": "arn:aws:iam::" + home + ":role/deploy", "session_tags": "team=payments", "source_identity": "vault", "default_sts_ttl": "1h", "max_sts_ttl": "12h",
	})
	m.finds("roles/deploy/check", "ok: role_arns: … role/deploy: is assumed", "bad: max_sts_ttl … 12h0m0s … is 1h0m0s; raise that")
	for _, c := range m.aws.Calls() {
		if c.Action == "AssumeRole" && (c.Params.Get("DurationSeconds") != "900" || c.Params.Get("Tags.member.1.Key") != "team" || c.Params.Get("SourceIdentity") != "vault") {
			t.Errorf("assumed with %v", c.Params)
		}
	}
	m.aws.SetMaxSession("deploy", 12*time.Hour)
	m.nothingBad(m.finds("roles/deploy/check", "ok: max_sts_ttl … 12h0m0s"))
	m.aws.AllowInTrust("deploy", "sts:AssumeRole")
	m.finds("roles/deploy/check", "bad: role_arns: … AccessDenied … sts:TagSession … check that the role exists, that its trust policy allows arn:aws:iam::"+home+":user/vault-root")
	m.write("roles/wide", map[string]any{"credential_type": roles.AssumedRole, "role_arns": "arn:aws:iam::" + home + ":role/team-*"})
	m.finds("roles/wide/check", "unknown: role_arns: … is a pattern")
	m.write("roles/whose", map[string]any{"credential_type": roles.AssumedRole, "role_arns": "arn:aws:iam::" + home + ":role/deploy", "templates": true, "session_name": "{{identity.entity.name}}"})
	m.finds("roles/whose/check", "unknown: templates: … entity")
	m.write("roles/fed", map[string]any{"credential_type": roles.FederationToken, "policy_arns": readOnly})
	m.nothingBad(m.finds("roles/fed/check", "ok: permissions: sts:GetFederationToken"))
	m.write("roles/mfa", map[string]any{"credential_type": roles.SessionToken, "mfa_serial_number": mfaOfVault})
	m.finds("roles/mfa/check", "unknown: mfa_serial_number")
}

// By way of a hub the policies of the hub count, and its trust.
func TestCheckByWayOfAHub(t *testing.T) {
	t.Parallel()
	m, there := newAccounts(t, noRetries)
	m.nothingBad(m.finds("roles/payments/check", "ok: assume_role_arn: "+otherHub+" is assumed", "ok: permissions: … iam:CreateUser"))
	there.Forbid("iam:CreateUser")
	m.finds("roles/payments/check", "bad: permissions: iam:CreateUser: implicitDeny … "+otherHub)
	there.RemoveRole("hub")
	m.start()
	m.finds("roles/payments/check", "bad: assume_role_arn: … AccessDenied … trust policy")
}

// What config/iam-policy allows, a check finds allowed; what is left out of it, it finds.
func TestCheckAgreesWithTheGeneratedPolicy(t *testing.T) {
	t.Parallel()
	w := newJudged(t, false, 0)
	w.write("config/auto-tidy", map[string]any{"enabled": true})
	w.write("config/root", map[string]any{"rotation_period": "9000h"})
	generated := w.generated()
	const looks = `,{"Effect":"Allow","Action":["iam:SimulatePrincipalPolicy","iam:Get*"],"Resource":"*"}]}`
	judge := func(but string) {
		policies := map[string]json.RawMessage{}
		for identity, text := range generated {
			var document struct {
				Version   string
				Statement []json.RawMessage
			}
			if err := json.Unmarshal(text, &document); err != nil {
				t.Fatal(err)
			}
			all := ""
			for i, s := range document.Statement {
				if i > 0 {
					all += ","
				}
				all += strings.ReplaceAll(string(s), `"`+but+`"`, `"iam:Nothing"`)
			}
			policies[identity] = json.RawMessage(`{"Version":"2012-10-17","Statement":[` + all + looks)
		}
		w.judgeBy(policies)
	}
	judge("nothing")
	for role := range judgedRoles {
		if data := w.finds("roles/" + role + "/check"); len(data["bad"].([]string)) > 0 {
			t.Errorf("%s: %q", role, data["bad"])
		}
	}
	w.nothingBad(w.finds("config/check", "ok: permissions: … iam:ListUsers … sts:AssumeRole", "ok: permissions: … iam:DeleteAccessKey"))
	for action, line := range map[string]string{
		"iam:CreateUser":         "roles/managed/check: implicitDeny on arn:aws:iam::" + home + ":user/vault/vault-",
		"iam:AttachUserPolicy":   "roles/bounded/check: implicitDeny",
		"iam:PutRolePolicy":      "roles/revocable/check: implicitDeny on " + auditARN,
		"iam:DeleteRolePolicy":   "roles/revocable/check: implicitDeny on " + auditARN,
		"iam:ListGroupPolicies":  "roles/deploy-group/check: implicitDeny on arn:aws:iam::" + home + ":group/readers",
		"sts:GetFederationToken": "roles/federate/check: implicitDeny on arn:aws:sts::" + home + ":federated-user/vault-",
		"iam:ListUsers":          "config/check: implicitDeny on *",
		"iam:CreateAccessKey":    "config/check: implicitDeny on arn:aws:iam::" + home + ":user/" + ownName,
	} {
		judge(action)
		path, says, _ := strings.Cut(line, ": ")
		w.finds(path, "bad: permissions: "+action+" … "+says+" … as config/iam-policy has it")
	}
}

// Storage cannot be read: that is no fault of the template.
func TestCheckTellsStorageFromTheTemplate(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.start()
	m.storage.breaks("get", "config/users")
	found := fmt.Sprint(m.do(logical.UpdateOperation, "roles/developer-access/check", nil).Data["bad"])
	if strings.Contains(found, "username_template") || !strings.Contains(found, "configuration of the mount: ") {
		t.Errorf("the check says %s", found)
	}
	m.storage.mend()
}
