// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/roles"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// policyAnswer reads config/iam-policy.
func (m *mount) policyAnswer() (policies map[string]json.RawMessage, trusts map[string]any, resp *logical.Response) {
	m.t.Helper()
	resp = m.do(logical.ReadOperation, "config/iam-policy", nil)
	for field, into := range map[string]any{"policies": &policies, "trust_policies": &trusts} {
		if err := json.Unmarshal([]byte(resp.Data[field].(string)), into); err != nil {
			m.t.Fatalf("%s: %v", field, err)
		}
	}
	return policies, trusts, resp
}

func TestIAMPolicyOfNothing(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.configure()
	policies, trusts, resp := m.policyAnswer()
	if len(policies) != 1 || len(trusts) != 0 || !strings.Contains(string(policies["config/root"]), "RotateOwnKey") || len(resp.Warnings) != 0 {
		t.Errorf("%v", resp)
	}
	if text := m.refused(logical.ReadOperation, "config/iam-policy", map[string]any{"format": "yaml"}); !strings.HasPrefix(text, "format: \"yaml\" is not possible; use json or terraform") {
		t.Error(text)
	}
}

// AWS is asked for the account once, and what is not known is told.
func TestIAMPolicyAndTheAccount(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.policyAnswer()
	m.policyAnswer()
	if calls := m.aws.Actions(); strings.Join(calls, " ") != "GetCallerIdentity" {
		t.Errorf("two reads made the calls %v", calls)
	}
	m.write("config/root", map[string]any{"role_arn": "arn:aws:iam::" + other + ":role/worker", "max_retries": 0})
	m.aws.Inject(fakeaws.Fault{Kind: fakeaws.Refuse})
	_, trusts, resp := m.policyAnswer()
	m.warns(resp, "account: is not known")
	m.warns(resp, "trust_policies: those that name the account of config/root are missing")
	if text := resp.Data["policies"].(string); !strings.Contains(text, `"arn:aws:iam::*:user/${aws:username}"`) || !strings.Contains(text, other+":user/vault-*") || len(trusts) != 0 {
		t.Errorf("without an account: %s, %v", text, trusts)
	}
}

func TestIAMPolicyTrusts(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.write("roles/deploy", map[string]any{"credential_type": roles.AssumedRole, "role_arns": deployARN, "external_id": "one", "session_tags": "team=a"})
	m.write("roles/other", map[string]any{"credential_type": roles.AssumedRole, "role_arns": deployARN, "external_id": "two", "source_identity": "ann"})
	m.write("roles/team", map[string]any{"credential_type": roles.AssumedRole, "role_arns": "arn:aws:iam::" + other + ":role/team-*", "assume_role_arn": otherHub})
	want := `[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":["sts:AssumeRole","sts:SetSourceIdentity","sts:TagSession"],"Condition":{"StringEquals":{"sts:ExternalId":["one","two"]}}}]`
	check := func(role, want string) {
		t.Helper()
		_, trusts, _ := m.policyAnswer()
		var is any
		if err := json.Unmarshal([]byte(want), &is); err != nil {
			t.Fatal(err)
		}
		if got := trusts[role].(map[string]any)["Statement"]; fmt.Sprint(got) != fmt.Sprint(is) {
			t.Errorf("%s trusts %v, want %v", role, got, is)
		}
	}
	check(deployARN, want)
	check(otherHub, `[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"}]`)
	check("arn:aws:iam::"+other+":role/team-*", `[{"Effect":"Allow","Principal":{"AWS":"`+otherHub+`"},"Action":"sts:AssumeRole"}]`)
	m.write("config/root", map[string]any{"role_arn": "arn:aws:iam::" + home + ":role/worker"})
	check(deployARN, strings.Replace(want, ":root", ":role/worker", 1))
	check("arn:aws:iam::"+home+":role/worker", `[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"}]`)
}

// What Terraform makes of its text is what JSON has.
func TestIAMPolicyForTerraform(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.write("roles/odd", map[string]any{"policy_arns": readOnly, "user_path": "/%{x}/${y}*/"})
	policies, _, _ := m.policyAnswer()
	text := m.do(logical.ReadOperation, "config/iam-policy", map[string]any{"format": "terraform"}).Data["terraform"].(string)
	if !strings.Contains(text, "  vault_trust_policies = {\n  }\n}\n") {
		t.Errorf("%s", text)
	}
	_, inner, _ := strings.Cut(text, `    "config/root" = jsonencode(`)
	inner, _, _ = strings.Cut(inner, ")\n  }")
	for i, r := range inner {
		if (r == '$' || r == '%') && strings.HasPrefix(inner[i+1:], "{") && (i == 0 || inner[i-1] != byte(r)) {
			t.Fatalf("Terraform would replace %.20s", inner[i:])
		}
	}
	var got, want any
	if err := json.Unmarshal([]byte(strings.NewReplacer("$${", "${", "%%{", "%{").Replace(inner)), &got); err != nil {
		t.Fatalf("%v: %s", err, inner)
	}
	if err := json.Unmarshal(policies["config/root"], &want); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v: %v, want %v", err, got, want)
	}
	if !strings.Contains(string(policies["config/root"]), `user/%{x}/${$}{y}${*}/vault-*`) {
		t.Errorf("what AWS takes for variables and wildcards: %s", policies["config/root"])
	}
}

func TestIAMPolicyWarnings(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	creds := m.creds("developer-access")
	m.write("roles/fed", map[string]any{"credential_type": roles.FederationToken, "policy_document": s3Only})
	m.leave("role/broken", `{"credential_types":7}`)
	_, _, resp := m.policyAnswer()
	m.warns(resp, `permissions_boundary_arn: is not set in role "developer-access"; `)
	m.warns(resp, `as well: add what those of role "fed" should do`)
	m.warns(resp, `role "broken" cannot be read`)
	m.write("config/root", map[string]any{"username_template": "{{.DisplayName}}-{{random 20}}"})
	_, _, resp = m.policyAnswer()
	m.warns(resp, "username_template: makes names without a fixed prefix")
	m.do(logical.DeleteOperation, "roles/developer-access", nil)
	_, _, resp = m.policyAnswer()
	m.warns(resp, "1 IAM user, such as "+m.user(creds))
	m.revoke(creds)
}

// AWS's limits of size take several policies, each of which AWS takes.
func TestIAMPolicyOfManyRoles(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.configure(map[string]any{"username_template": "{{.PolicyName}}-{{random 20}}"})
	for i := range 60 {
		m.write(fmt.Sprintf("roles/team-%d", i), map[string]any{
			"policy_arns": fmt.Sprintf("arn:aws:iam::123456789012:policy/team-%d", i), "permissions_boundary_arn": fmt.Sprintf("arn:aws:iam::123456789012:policy/bound-%d", i),
		})
	}
	policies, _, resp := m.policyAnswer()
	m.warns(resp, "policies: config/root needs")
	sizes := resp.Data["sizes"].(map[string]any)
	if len(policies) < 5 || len(sizes) != len(policies) {
		t.Errorf("%d policies, %d sizes", len(policies), len(sizes))
	}
	sids := map[string]bool{}
	for name, policy := range policies {
		if refusal := fakeaws.CheckPolicy(string(policy)); refusal != nil || sizes[name].(int) > 6144 {
			t.Errorf("%s has %d characters: %v", name, sizes[name], refusal)
		}
		var doc struct{ Statement []struct{ Sid string } }
		if err := json.Unmarshal(policy, &doc); err != nil {
			t.Fatal(err)
		}
		for _, s := range doc.Statement {
			if sids[s.Sid] {
				t.Errorf("the Sid %s is there twice", s.Sid)
			}
			sids[s.Sid] = true
		}
	}
}
