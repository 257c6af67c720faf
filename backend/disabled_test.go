// SPDX-License-Identifier: MPL-2.0

package backend

// A role that is switched off: nobody gets anything from it, and what it has given lives on.

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/roles"
)

// forbidden sends a request that has to be answered 403, and returns the text.
func (m *mount) forbidden(op logical.Operation, path string) string {
	m.t.Helper()
	return m.forbade(m.ask(op, path, nil))
}

// forbade checks that an answer is 403, and returns its text.
func (m *mount) forbade(resp *logical.Response, err error) string {
	m.t.Helper()
	text, status := outcome(resp, err)
	if status != http.StatusForbidden {
		m.t.Fatalf("want 403, got %d %q", status, text)
	}
	return text
}

// disabledSince is what a read of a role shows.
func (m *mount) disabledSince(path string) string {
	m.t.Helper()
	since, _ := m.read(path)["disabled_since"].(string)
	return since
}

func TestNobodyGetsAnythingFromADisabledRole(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.aws.AddRole("deploy")
	m.aws.SetMFACode(mfaOfVault, "123456")
	for kind, fields := range map[string]map[string]any{
		roles.IAMUser:         {"policy_arns": readOnly},
		roles.AssumedRole:     {"role_arns": deployARN},
		roles.FederationToken: {"policy_arns": readOnly},
		roles.SessionToken:    {},
	} {
		role := "roles/" + kind
		fields["credential_type"] = kind
		m.write(role, fields)
		before := m.creds(kind)
		m.write(role, map[string]any{"disabled": true, "disabled_reason": "leaked, see SEC-17"})
		m.aws.ResetCalls()
		since := m.disabledSince(role)
		want := fmt.Sprintf("%s was disabled at %s: leaked, see SEC-17", role, since)
		for _, path := range []string{"creds/", "sts/"} {
			for _, op := range []logical.Operation{logical.ReadOperation, logical.UpdateOperation} {
				if text := m.forbidden(op, path+kind); text != want {
					t.Errorf("%s %s%s: %s, want %s", op, path, kind, text, want)
				}
			}
		}
		if calls := m.aws.Calls(); len(calls) > 0 {
			t.Errorf("%s: AWS was called: %v", kind, calls)
		}
		if kind == roles.IAMUser {
			m.renew(before)
			m.revoke(before)
		}
		m.write(role, map[string]any{"disabled": false})
		if data := m.read(role); data["disabled_since"] != nil || data["disabled"] != false || data["disabled_reason"] != "leaked, see SEC-17" {
			t.Errorf("reads %v", data)
		}
		if again := m.creds(kind); kind == roles.IAMUser {
			m.revoke(again)
		}
	}
	m.noUsers()
}

// The moment is that in which the role was switched off, whatever is written since.
func TestDisabledSinceIsKept(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	const role = "roles/developer-access"
	m.write(role, map[string]any{"disabled": true})
	since := m.disabledSince(role)
	if _, err := time.Parse(time.RFC3339, since); err != nil {
		t.Fatal(err)
	}
	if text := m.forbidden(logical.ReadOperation, "creds/developer-access"); text != role+" was disabled at "+since {
		t.Errorf("without a reason: %s", text)
	}
	m.pass(time.Hour)
	for _, data := range []map[string]any{{"disabled": true}, {"max_users": 3}, {"disabled_reason": "found out"}, {}, {"arn": readOnly}} {
		m.write(role, data)
		if now := m.disabledSince(role); now != since {
			t.Errorf("%v makes %s of %s", data, now, since)
		}
	}
	m.start() // and by the next process
	if text := m.forbidden(logical.ReadOperation, "creds/developer-access"); !strings.Contains(text, since) {
		t.Error(text)
	}
	m.write(role, map[string]any{"disabled": nil})
	m.write(role, map[string]any{"disabled": true})
	if now := m.disabledSince(role); now == since || now == "" {
		t.Errorf("switched off again, since %s", now)
	}
	for name, reason := range map[string]string{
		"long": strings.Repeat("x", 501), "of two lines": "a\nb", "of two lines to Unicode": "a\u2028b", "of two paragraphs": "a\u2029b",
		"turned around": "a\u202eb", "isolated": "a\u2066b", "marked": "a\u200fb",
	} {
		if text := m.refused(logical.UpdateOperation, role, map[string]any{"disabled_reason": reason}); !strings.HasPrefix(text, "disabled_reason: ") {
			t.Errorf("a reason that is %s: refused with %s", name, text)
		}
	}
	m.write(role, map[string]any{"disabled_reason": "gesperrt – مغلق, ש, 已停用 👩\u200d💻"})
}

// Leases are renewed, unless that is switched off too.
func TestRenewalsOfADisabledRole(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	const role = "roles/developer-access"
	creds := m.creds("developer-access")
	m.write(role, map[string]any{"disabled_renewals": true})
	m.renew(creds) // the role is not switched off
	m.write(role, map[string]any{"disabled": true, "disabled_reason": "leaked"})
	want := fmt.Sprintf("%s was disabled at %s, and its leases are not renewed: leaked", role, m.disabledSince(role))
	if text := m.forbade(m.lease(logical.RenewOperation, creds)); text != want {
		t.Errorf("refused with %s", text)
	}
	m.write(role, map[string]any{"disabled_renewals": false})
	m.renew(creds)
	m.revoke(creds)
	m.noUsers()
}

// With the role goes what it says of renewals, and who deletes it is told.
func TestADeletedRoleForgetsItsRenewals(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	const role = "roles/developer-access"
	creds := m.creds("developer-access")
	m.write(role, map[string]any{"disabled": true, "disabled_renewals": true})
	m.forbade(m.lease(logical.RenewOperation, creds))
	m.warns(m.do(logical.DeleteOperation, role, nil), "disabled_renewals: ")
	m.renew(creds)
	m.write(role, map[string]any{"policy_arns": readOnly, "disabled": true})
	if resp := m.do(logical.DeleteOperation, role, nil); resp != nil {
		t.Errorf("a role whose leases were renewed all along: %v", resp)
	}
	m.revoke(creds)
}

// What is under way when the role is switched off is not handed out.
func TestARequestUnderWayWhenItsRoleIsDisabled(t *testing.T) {
	t.Parallel()
	t.Run("for an IAM user", func(t *testing.T) {
		t.Parallel()
		m := newWaitingMount(t)
		m.aws.SetLag(0, time.Hour)
		answer := m.under(m.ctx, "ci", 1)
		m.write("roles/ci", map[string]any{"disabled": true})
		m.pass(time.Minute)
		m.forbade(answer())
		m.noUsers()
		m.recorded(0)
		m.registered(0)
	})
	t.Run("for a session", func(t *testing.T) {
		t.Parallel()
		m := newConfiguredMount(t)
		m.aws.AddRole("deploy")
		m.write("roles/deploy", map[string]any{"credential_type": roles.AssumedRole, "role_arns": deployARN})
		gate := m.aws.Barrier(2, "AssumeRole")
		done := make(chan struct{})
		var resp *logical.Response
		var err error
		go func() {
			defer close(done)
			resp, err = m.b.HandleRequest(context.WithoutCancel(m.ctx), m.request(logical.ReadOperation, "creds/deploy", nil))
		}()
		m.waitUntil("AWS is asked", func() bool { return m.aws.InFlight() > 0 })
		m.write("roles/deploy", map[string]any{"disabled": true})
		gate.Release()
		<-done
		m.forbade(resp, err)
	})
}

// A role that was deleted while a request was under way had allowed it.
func TestARequestUnderWayWhenItsRoleIsDeleted(t *testing.T) {
	t.Parallel()
	m := newWaitingMount(t)
	m.aws.SetLag(0, time.Hour)
	answer := m.under(m.ctx, "ci", 1)
	m.do(logical.DeleteOperation, "roles/ci", nil)
	m.pass(time.Minute)
	creds, err := answer()
	if err != nil || creds.IsError() {
		t.Fatalf("%v %v", err, creds)
	}
	m.revoke(creds)
	m.noUsers()
}

// A standby hears that the active server's role was switched off.
func TestAStandbyHearsOfADisabledRole(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.aws.AddRole("deploy")
	m.write("roles/deploy", map[string]any{"credential_type": roles.AssumedRole, "role_arns": deployARN})
	standby := &mount{t: t, ctx: m.ctx, storage: m.storage, aws: m.aws, system: m.system}
	standby.start()
	standby.creds("deploy")
	m.write("roles/deploy", map[string]any{"disabled": true})
	standby.b.InvalidateKey(m.ctx, "role/deploy")
	standby.forbidden(logical.ReadOperation, "creds/deploy")
}

// A static role hands out nothing, and its key is rotated as ever.
func TestADisabledStaticRole(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	before := m.served("app")
	resp := m.write("static-roles/app", map[string]any{"disabled": true, "disabled_reason": "leaked"})
	want := fmt.Sprintf("static-roles/app was disabled at %s: leaked", resp.Data["disabled_since"])
	if text := m.forbidden(logical.ReadOperation, "static-creds/app"); text != want {
		t.Errorf("refused with %s, want %s", text, want)
	}
	for range 2 {
		m.write("static-roles/app/rotate", nil)
	}
	if ids := m.keys("app"); len(ids) != 2 || ids[0] == before || ids[1] == before {
		t.Errorf("after two rotations of %s there are %v", before, ids)
	}
	if since := m.disabledSince("static-roles/app"); since != resp.Data["disabled_since"] {
		t.Errorf("since %s", since)
	}
	m.write("static-roles/app", map[string]any{"disabled": false})
	m.served("app")
	if text := m.refused(logical.UpdateOperation, "static-roles/app", map[string]any{"disabled_reason": "a\nb"}); !strings.HasPrefix(text, "disabled_reason: ") {
		t.Errorf("refused with %s", text)
	}
}
