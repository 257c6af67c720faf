// SPDX-License-Identifier: MPL-2.0

package takeover

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file takes a mount of the built-in engine over in place and gives it back, by the commands of
// docs/migration.md. What the mount holds is in objects_test.go, its leases are in leases_test.go.

// handover is a mount at aws/ that changes hands.
type handover struct {
	t       *testing.T
	v       *server.Server
	account *fakeaws.Server
	peer    server.PeerProgram
	objects []*object
	leases  []*heldLease
	lost    int
}

// TestTakeoverAndBack: the built-in engine's mount with all that it can hold goes to ours and back again.
// Whatever was there before is there during and after, and what came during is there after.
func TestTakeoverAndBack(t *testing.T) {
	t.Parallel()
	h := newHandover(t)
	h.writeObjects()
	h.read(before)
	h.issueLeases(before)
	orphan := h.leavePending()

	// Registering changes nothing for a mount that runs.
	h.v.Register("aws")
	if got := h.running(); got != h.peer.Version {
		t.Fatalf("after registering, the mount runs version %s", got)
	}
	h.switchTo(programs.Built.Version)
	h.read(during)
	h.useLeases(before, during)
	h.issueLeases(during)
	pair := h.shareOne()
	h.writeMore()
	h.rotateRoot()
	server.WaitFor(t, server.RollbackTime, "the user "+orphan+", which the built-in engine left behind, to be rolled back", func() bool {
		return !server.HasUser(h.account, orphan)
	})
	t.Logf("%-60s rolled back during", "the built-in engine's pending WAL entry")
	h.waitForRotation()

	h.switchTo(h.peer.Version)
	h.read(after)
	h.useLeases(before, after)
	h.useLeases(during, after)
	h.endShared(pair)
	h.issueLeases(after)
	h.useLeases(after, after)
	server.WaitForUsers(t, h.account, 0)
	h.endStatic()
	h.report()
}

func newHandover(t *testing.T) *handover {
	t.Helper()
	// The built-in engine does not read on where AWS pages.
	account := fakeaws.New(t, fakeaws.WithPageSize(100))
	account.AddPolicy("arn:aws:iam::123456789012:policy/boundary")
	account.AddGroup("developers")
	account.AttachGroupPolicy("auditors", "arn:aws:iam::aws:policy/SecurityAudit")
	account.AddGroupPolicy("auditors", "look", server.PolicyText)
	account.AddRole("deploy")
	account.AddRole("operate")
	account.AddRoleExternalID("partner", "external-1")
	account.SetMFACode("arn:aws:iam::123456789012:mfa/vault", "123456")
	account.AddUser("nightly")
	account.AddUser("hasty")
	// Their last keys stay: the built-in engine deletes but the newest key of a static role, and the root key goes on.
	account.Adopt("hasty")
	account.Adopt("vault-root")
	v := server.StartRaft(t)
	h := &handover{t: t, v: v, account: account, peer: v.RegisterPeer("aws")}
	v.CLI("secrets", "enable", "-path=aws", "-plugin-version="+h.peer.Version, "aws")
	if got := h.running(); got != h.peer.Version {
		t.Fatalf("the mount begins with version %s", got)
	}
	return h
}

// running is the version that serves the mount.
func (h *handover) running() string {
	h.t.Helper()
	return strings.TrimSpace(h.v.CLI("read", "-field=running_plugin_version", "sys/mounts/aws"))
}

// switchTo gives the mount to another version from the catalog, as docs/migration.md says.
func (h *handover) switchTo(version string) {
	h.t.Helper()
	h.v.CLI("secrets", "tune", "-plugin-version="+version, "aws/")
	h.v.CLI("write", "sys/plugins/reload/backend", "mounts=aws/")
	server.WaitFor(h.t, server.Soon, "the mount to run version "+version, func() bool { return h.running() == version })
}

// leavePending has the built-in engine fail in the middle of a create, which leaves a user and a WAL entry.
func (h *handover) leavePending() (orphan string) {
	h.t.Helper()
	had := h.account.Users()
	refusal := h.account.Inject(fakeaws.Fault{Action: "AttachUserPolicy", Kind: fakeaws.Refuse})
	refused, err := h.v.Request(http.MethodGet, "aws/creds/everything", nil)
	refusal.Remove()
	if err != nil {
		h.t.Fatal(err)
	}
	left := slices.DeleteFunc(h.account.Users(), func(user string) bool { return slices.Contains(had, user) })
	if refused.Status < 400 || len(left) != 1 {
		h.t.Fatalf("the built-in engine should fail and leave one user: status %d, users %q", refused.Status, left)
	}
	return left[0]
}

// report fails the test if anything was lost, and says how much there was to lose.
func (h *handover) report() {
	h.t.Helper()
	h.t.Logf("%d objects, %d leases, %d lost", len(h.objects), len(h.leases), h.lost)
	if h.lost > 0 {
		h.t.Errorf("%d lost", h.lost)
	}
}

// lose notes a loss and goes on: one run tells them all.
func (h *handover) lose(format string, args ...any) {
	h.t.Helper()
	h.lost++
	h.t.Errorf("lost: %s", fmt.Sprintf(format, args...))
}
