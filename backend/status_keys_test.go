// SPDX-License-Identifier: MPL-2.0

package backend

// What status says of keys and users whose end or beginning failed.

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// The lease of a user was dropped by force, and AWS does not delete the user (DeleteConflict, of whatever it still has). Status says so, as it
// does of users whose revocation failed.
func TestStatusOfAUserThatOutlivesItsLease(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	stays := m.aws.Inject(fakeaws.Fault{Action: "DeleteUser", Kind: fakeaws.Refuse, Code: "DeleteConflict", Status: 409})
	user := m.lost("1h")
	m.age(2 * time.Hour)
	err := m.tick()
	if err == nil || !strings.Contains(err.Error(), "1 IAM user could not be deleted") {
		t.Fatalf("the tick says %v", err)
	}
	if status := m.read("status"); status["healthy"] != false || !strings.Contains(fmt.Sprint(status["problems"]), user) {
		t.Errorf("%s outlives its lease, the tick says %q, and status says: healthy: %v, problems: %v, records_ending: %v", user, err, status["healthy"], status["problems"], status["records_ending"])
	}
	stays.Remove()
	m.mustTick()
}

// The key of a static role is gone, since another key left no room, and the next one cannot be made: status does not say that it works.
func TestStatusOfAStaticRoleWithoutAKey(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	m.instantly()
	m.aws.AddUser("app") // with a key of its own
	m.aws.Adopt("app")
	m.write("static-roles/app", map[string]any{"username": "app", "rotation_period": "1h"})
	m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.Refuse})
	m.age(2 * time.Hour)
	_ = m.tick()
	read := m.fails(logical.ReadOperation, "static-creds/app", nil)
	if !strings.Contains(read, "was deleted to make room") {
		t.Fatalf("a read says %s", read)
	}
	if problems := fmt.Sprint(m.read("status")["problems"]); strings.Contains(problems, "still works") || !strings.Contains(problems, "the role has no key until then") {
		t.Errorf("a read says %q, and status says %q", read, problems)
	}
	m.aws.ClearFaults()
	m.age(20 * time.Minute)
	m.mustTick()
}

// Somebody has deleted the root key, so that its rotation fails: status does not say that it works.
func TestStatusOfARootKeyThatIsGone(t *testing.T) {
	t.Parallel()
	m := newWatchfulMount(t)
	m.deleteKey(rootUser, m.rootKey())
	m.age(24 * time.Hour)
	_ = m.tick()
	if problems := fmt.Sprint(m.read("status")["problems"]); strings.Contains(problems, "still works") || !strings.Contains(problems, "The root key is not rotated") {
		t.Errorf("status says %s", problems)
	}
}

// A request failed, and AWS does not delete the user that it had begun: status says why.
func TestStatusOfAUserThatWasBegun(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	m.aws.Inject(fakeaws.Fault{Action: "AttachUserPolicy", Kind: fakeaws.Refuse})
	stays := m.aws.Inject(fakeaws.Fault{Action: "DeleteUser", Kind: fakeaws.Refuse, Code: "AccessDenied", Message: "not by you", Status: 403})
	m.fails(logical.ReadOperation, "creds/developer-access", nil)
	m.age(time.Hour)
	if err := m.tick(); err == nil {
		t.Error("the tick says nothing")
	}
	_, said, told := strings.Cut(m.problems(), "1 IAM user may exist, of requests that were cut off")
	if !told || !strings.Contains(said, "not by you") {
		t.Errorf("status: %s", said)
	}
	stays.Remove()
	m.aws.ClearFaults()
	m.age(20 * time.Minute)
	m.mustTick()
	m.recorded(0)
}
