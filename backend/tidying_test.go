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

	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/awscreds"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

func newFound(i int) *awscreds.FoundUser {
	return &awscreds.FoundUser{Name: fmt.Sprintf("vault-token-developer-access-%d-%s", i, strings.Repeat("x", 20)), Created: time.Now(), Tags: map[string]string{tagRole: "developer-access"}}
}

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
	if stacks = stacks[:runtime.Stack(stacks, true)]; strings.Contains(string(stacks), ".runTidy(") {
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
	dead.tidying.runs.Wait()
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

// runsAt ticks after some time and reports whether tidy ran by itself.
func (m *mount) runsAt(pass time.Duration) bool {
	m.t.Helper()
	before := m.read("tidy/status")["time_started"]
	m.pass(pass)
	m.mustTick()
	status := m.tidied()
	return status["time_started"] != before && status["scheduled"] == true
}

func TestTidyOnASchedule(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	user := m.orphan()
	if m.runsAt(24 * time.Hour) {
		t.Error("ran without being asked")
	}
	m.told(m.read("config/auto-tidy"), map[string]any{"enabled": false, "interval_duration": int64(43200), "delete": false, "safety_buffer": int64(3600)})
	m.write("config/auto-tidy", map[string]any{"enabled": true})
	for i, step := range []struct {
		pass time.Duration
		runs bool
	}{{time.Minute, true}, {time.Minute, false}, {11 * time.Hour, false}, {time.Hour, true}, {11 * time.Hour, false}} {
		if ran := m.runsAt(step.pass); ran != step.runs {
			t.Errorf("step %d: ran %v", i, ran)
		}
		m.start()
	}
	m.has(user, true)
	m.tidy(nil) // what somebody asks for does not put the schedule off
	m.write("config/auto-tidy", map[string]any{"delete": true, "interval_duration": "2h"})
	if !m.runsAt(time.Minute) {
		t.Error("a shorter interval does not count at once")
	}
	m.has(user, false)
	m.write("config/auto-tidy", map[string]any{"enabled": false})
	if m.runsAt(48 * time.Hour) {
		t.Error("ran after it was switched off")
	}
}

// A run that its process did not live to end is begun again, and not after half a day.
func TestInterruptedTidyIsMadeUpFor(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	user := m.orphan()
	m.write("config/auto-tidy", map[string]any{"enabled": true, "delete": true})
	held := m.aws.Inject(fakeaws.Fault{Action: "GetUser", Kind: fakeaws.Hang, Times: 1})
	m.mustTick() // does not wait for the run
	<-held.Reached()
	m.b.(*backend).Cleanup(m.ctx)
	m.has(user, true)
	m.start()
	if !m.runsAt(time.Minute) {
		t.Error("not begun again")
	}
	m.has(user, false)
	if m.runsAt(time.Minute) {
		t.Error("begun once more")
	}
}

// A clock that was in the future for a while does not put tidy off until then.
func TestTidyAfterAClockThatWasWrong(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.write("config/auto-tidy", map[string]any{"enabled": true})
	if !m.runsAt(10*365*24*time.Hour) || m.runsAt(time.Minute) || !m.runsAt(-10*365*24*time.Hour) || m.runsAt(time.Minute) {
		t.Error("the schedule follows a clock that was wrong")
	}
}

func TestStandbyDoesNotTidy(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.write("config/auto-tidy", map[string]any{"enabled": true})
	system := m.b.(*backend).System().(*logical.StaticSystemView)
	for _, state := range []consts.ReplicationState{consts.ReplicationPerformanceStandby, consts.ReplicationPerformanceSecondary, consts.ReplicationDRSecondary} {
		system.ReplicationStateVal = state
		m.mustTick()
		m.b.(*backend).tidying.runs.Wait()
		m.mustNotCall()
	}
	system.ReplicationStateVal = consts.ReplicationUnknown
	if !m.runsAt(time.Minute) {
		t.Error("did not run")
	}
}
