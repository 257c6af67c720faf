// SPDX-License-Identifier: MPL-2.0

package backend

// What a process may find in storage: halves, what nobody can read, and what others
// left; and requests that wait for each other.

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/staticrole"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// The built-in engine stores a role before its key, and may die in between.
func TestStaticRoleWithoutAKeyGetsOne(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	first := m.served("app")
	if err := m.storage.Delete(m.ctx, "static-creds/app"); err != nil {
		t.Fatal(err)
	}
	m.deleteKey("app", first)
	m.start()
	if m.read("static-creds/app") != nil || m.read("static-roles/app")["last_vault_rotation"] != "" {
		t.Error("there is a key that there is not")
	}
	m.mustTick()
	m.hasKeys("app", m.served("app"))

	second := m.served("app")
	if err := m.storage.Delete(m.ctx, "static-creds/app"); err != nil {
		t.Fatal(err)
	}
	m.deleteKey("app", second)
	m.write("static-roles/app", map[string]any{"rotation_period": "2h"})
	m.hasKeys("app", m.served("app"))
}

// A role that cannot be read, or whose key cannot, stays until somebody says by force that its keys may be left: else it
// would stay for good, and tidy would not run.
func TestStaticUnreadableRoleIsDeletedByForce(t *testing.T) {
	t.Parallel()
	for key, value := range map[string]string{
		"static-roles/app": `{`, "static-creds/app": `{"access_key":7}`, "static-roles/app ": `{"rotation_schedule":"when I say so"}`,
	} {
		m := newRotatingMount(t)
		m.leave(strings.TrimSpace(key), value)
		m.start()
		if text := m.fails(logical.DeleteOperation, "static-roles/app", nil); !strings.Contains(text, "force=true") || !strings.Contains(text, strings.TrimSpace(key)) {
			t.Errorf("%s: answered %s", key, text)
		}
		m.warns(m.do(logical.DeleteOperation, "static-roles/app", map[string]any{"force": true}), "may be left in AWS")
		if left := m.storage.dump(t); left["static-roles/app"] != "" || left["static-creds/app"] != "" {
			t.Errorf("%s: it is there", key)
		}
		m.told(m.tidy(nil), map[string]any{"state": "finished"})
		m.aws.Forgive()
	}
}

// A role that cannot be read is told and holds up no other; a list that cannot be read
// fails the tick, and the next one tries again.
func TestStaticBrokenStorageHoldsUpNoOtherRole(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	first := m.served("app")
	m.put("static-roles/broken", map[string]any{"rotation_schedule": "when I say so"})
	m.put("static-roles/nonsense", []string{"nonsense"})
	m.start()
	var log bytes.Buffer // one of hclog's writes at a time
	m.b.(*backend).Log = hclog.New(&hclog.LoggerOptions{Output: &log})
	m.pass(25 * time.Hour)
	m.storage.breaks("list", engine.PrefixStaticRole)
	if err := m.tick(); err == nil || !strings.Contains(err.Error(), "listing the static roles") {
		t.Errorf("the tick said %v", err)
	}
	m.storage.mend()
	m.mustTick()
	if m.served("app") == first {
		t.Error("not rotated")
	}
	if told := log.String(); !strings.Contains(told, "schedule of static role broken") {
		t.Errorf("told %q", told)
	}
}

// A stray key may stand in the WAL under the name of a role that never came to be.
func TestStaticStrayKeyUnderAnotherName(t *testing.T) {
	t.Parallel()
	m := newStaticMount(t, noRetries)
	m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.LostAnswer, Times: 1})
	m.fails(logical.UpdateOperation, "static-roles/first", daily)
	m.recorded(1)
	m.write("static-roles/second", daily)
	m.served("second")
	m.untilUseIsTold()
	m.hasKeys("app", m.served("second"))
	m.recorded(0)
}

func TestStaticUnreadableRecordIsToldAndStays(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	m.put(framework.WALPrefix+"0001", map[string]any{"type": staticrole.WALKind, "data": map[string]any{}, "created_at": 1})
	if err := m.tick(); err == nil || !strings.Contains(err.Error(), "names no key of a static role") {
		t.Errorf("the tick said %v", err)
	}
	m.write("static-roles/app/rotate", nil)
	m.recorded(1)
}

// A user that is gone takes its keys along, and with them what is written down.
func TestStaticRecordOfAUserThatIsGone(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t, noRetries)
	m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.Cut, Times: 1})
	m.fails(logical.UpdateOperation, "static-roles/app/rotate", nil)
	m.recorded(1)
	m.aws.RemoveUser("app")
	m.mustTick()
	m.recorded(0)
}

// Another way to the user has to lead to the same user.
func TestStaticAccountIsCheckedWhenItChanges(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	m.aws.AddRole("rotator")
	way := map[string]any{"assume_role_arn": "arn:aws:iam::123456789012:role/rotator"}
	m.write("static-roles/app", way)
	m.write("static-roles/app", map[string]any{"assume_role_arn": ""})
	m.aws.RemoveUser("app")
	m.aws.AddUser("app")
	if text := m.refused(logical.UpdateOperation, "static-roles/app", way); !strings.Contains(text, "recreated it") {
		t.Errorf("told %q", text)
	}
	if arn := m.read("static-roles/app")["assume_role_arn"]; arn != "" {
		t.Errorf("stored %v", arn)
	}
}

// A previous key that cannot be deleted in time is tried again, and told.
func TestStaticPreviousKeyThatStays(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t, noRetries)
	m.write("static-roles/app", map[string]any{"previous_key_ttl": "5m"})
	first := m.served("app")
	m.write("static-roles/app/rotate", nil)
	m.aws.Inject(fakeaws.Fault{Action: "DeleteAccessKey", Kind: fakeaws.Refuse, Times: 1})
	m.pass(6 * time.Minute)
	m.mustTick()
	m.hasKeys("app", first, m.served("app"))
	if role := m.read("static-roles/app"); !strings.Contains(role["last_rotation_error"].(string), "AccessDenied") {
		t.Errorf("the role tells %q", role["last_rotation_error"])
	}
	m.pass(time.Minute)
	m.mustTick()
	m.hasKeys("app", m.served("app"))
}

// A request waits for its turn as long as its client does; other roles do not wait.
func TestStaticRequestsTakeTurns(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	m.addBareUser("other")
	held := m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", User: "app", Kind: fakeaws.Hang, Times: 1})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = m.ask(logical.UpdateOperation, "static-roles/app/rotate", nil)
	}()
	<-held.Reached()
	ctx, leave := context.WithCancel(m.ctx)
	leave()
	for op, path := range map[logical.Operation]string{logical.UpdateOperation: "static-roles/app/rotate", logical.DeleteOperation: "static-roles/app"} {
		if _, err := m.b.HandleRequest(ctx, m.request(op, path, nil)); err == nil {
			t.Errorf("%s of %s did not wait", op, path)
		}
	}
	m.write("static-roles/other", map[string]any{"username": "other", "rotation_period": "1h"})
	m.served("other")
	held.Release()
	<-ended
	m.do(logical.DeleteOperation, "static-roles/app", nil)
	m.hasKeys("app")
}
