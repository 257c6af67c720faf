// SPDX-License-Identifier: MPL-2.0

package backend

// What is said for longer, or counts for less time, than it is true.

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// A role that issues sessions now says nothing of the leases of IAM users: their own limits count.
func TestRenewalKeepsMaxTTLOfARoleThatIssuesSessionsNow(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.write("roles/app", map[string]any{"policy_arns": readOnly, "max_ttl": "1h", "default_ttl": "10m"})
	creds := m.creds("app")
	m.write("roles/app", map[string]any{"credential_type": "assumed_role", "role_arns": deployARN, "max_ttl": 0, "default_ttl": 0})
	secret := m.renew(creds)
	if secret.MaxTTL != time.Hour {
		t.Errorf("the lease may now live for %s (0 is the mount's maximum), and its role allowed 1h", secret.MaxTTL)
	}
	m.revoke(creds)
}

// A warning about the tags of a role goes with the role.
func TestStatusForgetsTheTagsOfARoleThatIsGone(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	fault := m.aws.Inject(fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.Refuse, Code: "AccessDenied", Status: http.StatusForbidden, Message: "User: x is not authorized to perform: iam:TagUser", Times: 1})
	resp, err := m.ask(logical.ReadOperation, "creds/developer-access", nil)
	fault.Remove()
	if resp != nil && !resp.IsError() && err == nil {
		m.revoke(resp)
	}
	warned := func() bool {
		return strings.Contains(strings.Join(m.read("status")["warnings"].([]string), " "), "developer-access")
	}
	if !warned() {
		t.Fatal("it does not warn")
	}
	m.do(logical.DeleteOperation, "roles/developer-access", nil)
	m.pass(48 * time.Hour)
	if warned() {
		t.Error(m.read("status")["warnings"])
	}
}

// A key is not new for ever: the warning that it may be refused at first is not repeated hours later.
func TestSharedUserDoesNotRepeatThatItIsNew(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.entityID = "e"
	m.write("roles/developer-access", map[string]any{"share_for": "10h", "wait_until_usable": true, "wait_timeout": "1s"})
	fault := m.aws.Inject(fakeaws.Fault{Action: "GetCallerIdentity", Kind: fakeaws.Refuse, Code: "InvalidClientTokenId", Status: http.StatusForbidden, Message: "The security token included in the request is invalid."})
	resp, err := m.ask(logical.ReadOperation, "creds/developer-access", nil)
	if text, status := outcome(resp, err); status != 200 {
		t.Fatal(text)
	}
	fault.Remove()
	m.pass(5 * time.Hour)
	again := m.creds("developer-access")
	if strings.Contains(strings.Join(again.Warnings, " "), "may be refused at first") {
		t.Errorf("five hours later: %v", again.Warnings)
	}
	m.revoke(resp)
	m.revoke(again)
}
