// SPDX-License-Identifier: MPL-2.0

package backend

// How runs of tidy begin and end, and what is remembered of them.

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// hanging begins a run that AWS keeps waiting.
func (m *mount) hanging(data map[string]any) *fakeaws.Injected {
	m.t.Helper()
	held := m.aws.Inject(fakeaws.Fault{Action: "GetUser", Kind: fakeaws.Hang, Times: 1})
	m.write("tidy", data)
	select {
	case <-held.Reached():
	case <-time.After(time.Minute):
		m.t.Fatalf("tidy reads nobody: %v", m.read("tidy/status"))
	}
	return held
}

// Not in parallel with other tests: it looks for goroutines of tidy.
func TestCleanupEndsTidy(t *testing.T) {
	m := newConfiguredMount(t)
	user := m.orphan()
	m.hanging(deleting)
	m.b.(*backend).Cleanup(m.ctx)
	stacks := make([]byte, 1<<20)
	if stacks = stacks[:runtime.Stack(stacks, true)]; strings.Contains(string(stacks), ".carryOut(") {
		t.Errorf("tidy goes on after Cleanup:\n%s", stacks)
	}
	if _, err := m.ask(logical.UpdateOperation, "tidy", nil); err == nil {
		t.Error("begun after Cleanup")
	}
	m.start()
	status := m.read("tidy/status")
	if status["state"] != "error" || !strings.Contains(fmt.Sprint(status["error"]), "interrupted") || status["time_finished"] == nil {
		t.Errorf("after a restart the status is %v", status)
	}
	m.has(user, true)
	m.aws.ClearFaults()
	m.told(m.tidy(deleting), map[string]any{"state": "finished", "deleted_count": 1})
}

// The process dies: nobody writes a last word.
func TestTidyThatDiedWithItsProcessSaysSo(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.orphan()
	held := m.hanging(nil)
	m.told(m.read("tidy/status"), map[string]any{"state": "running", "error": "", "time_finished": nil, "users_seen": 2})
	dead := m.b.(*backend)
	m.start()
	status := m.read("tidy/status")
	if status["state"] != "error" || !strings.Contains(fmt.Sprint(status["error"]), "interrupted") {
		t.Errorf("the status is %v", status)
	}
	held.Release()
	dead.tidy.Wait()
	m.told(m.tidy(deleting), map[string]any{"state": "finished", "deleted_count": 1})
}

func TestTidyStatusSurvivesARestart(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.orphan()
	before := m.tidy(deleting)
	m.start()
	after := m.read("tidy/status")
	if fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("it was\n%v, and is\n%v", before, after)
	}
}

func TestTidyRunsOnceAtATime(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.age(2 * time.Hour)
	held := m.aws.Inject(fakeaws.Fault{Action: "ListUsers", Kind: fakeaws.Hang, Times: 1})
	var mu sync.Mutex
	begun, refused := 0, 0
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			resp, err := m.ask(logical.UpdateOperation, "tidy", nil)
			text, status := outcome(resp, err)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case status == 200:
				begun++
			case status == 400 && strings.Contains(text, "running already"):
				refused++
			default:
				t.Errorf("answered %d %s", status, text)
			}
		})
	}
	group.Wait()
	if begun != 1 || refused != 7 {
		t.Errorf("%d begun, %d refused", begun, refused)
	}
	held.Release()
	m.tidied()
	m.told(m.tidy(nil), map[string]any{"state": "finished"})
}

// cancelled begins a run and ends it, and returns what is answered.
func (m *mount) cancelled() map[string]any {
	m.t.Helper()
	held := m.hanging(deleting)
	answered := m.write("tidy/cancel", nil).Data
	held.Remove()
	return answered
}

func TestTidyCancel(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	user := m.orphan()
	if text := m.refused(logical.UpdateOperation, "tidy/cancel", nil); !strings.Contains(text, "not running") {
		t.Errorf("refused with %s", text)
	}
	m.told(m.cancelled(), map[string]any{"state": "cancelled", "error": "", "users_seen": 2, "deleted_count": 0})
	m.told(m.read("tidy/status"), map[string]any{"state": "cancelled"})
	m.refused(logical.UpdateOperation, "tidy/cancel", nil)
	m.start()
	m.told(m.read("tidy/status"), map[string]any{"state": "cancelled"})
	m.has(user, true)
	m.aws.ClearFaults()
	m.told(m.tidy(deleting), map[string]any{"deleted_count": 1})
}

// The configuration goes while a run is under way; storage fails.
func TestTidyWithStorageThatFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ verb, key, state string }{
		{"list", "issued/", "error"}, {"get", "issued/", "finished"}, {"list", "static-roles/", "error"},
		{"get", "config/root", "error"}, {"list", "wal/", "finished"},
	} {
		t.Run(c.verb+" "+c.key, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t)
			user := m.orphan()
			m.start() // with nothing in memory
			m.storage.breaks(c.verb, c.key)
			status := m.tidy(deleting)
			if text := fmt.Sprint(status["error"], status["errors"]); status["state"] != c.state || !strings.Contains(text, errStorage.Error()) {
				t.Errorf("the status is %v", status)
			}
			m.has(user, true)
			m.storage.mend()
			m.told(m.tidy(deleting), map[string]any{"deleted_count": 1})
		})
	}
}

func TestPanicEndsARunOfTidyAlone(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	user := m.orphan()
	req := m.request(logical.UpdateOperation, "tidy", deleting)
	req.Storage = panicking{m.storage, "list", "wal/"}
	if resp, err := m.b.HandleRequest(m.ctx, req); err != nil || resp.IsError() {
		t.Fatal(resp, err)
	}
	status := m.tidied()
	if text := fmt.Sprint(status["error"]); status["state"] != "error" || !strings.Contains(text, "internal error") {
		t.Errorf("the status is %v", status)
	}
	m.has(user, true)
	m.told(m.tidy(deleting), map[string]any{"deleted_count": 1})
}
