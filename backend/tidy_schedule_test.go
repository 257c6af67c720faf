// SPDX-License-Identifier: MPL-2.0

package backend

// When tidy runs by itself.

import (
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// runsAt ticks after some time and reports whether tidy ran by itself.
func (m *mount) runsAt(pass time.Duration) bool {
	m.t.Helper()
	before := m.read("tidy/status")["time_started"]
	if year := 365 * 24 * time.Hour; pass.Abs() < year {
		m.age(pass)
	} else { // a wrong clock
		m.pass(pass)
	}
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
		m.mustTick() // else the hours until the next one are a gap
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
	system := m.b.(*backend).Vault.(*logical.StaticSystemView)
	for _, state := range []consts.ReplicationState{consts.ReplicationPerformanceStandby, consts.ReplicationPerformanceSecondary, consts.ReplicationDRSecondary} {
		system.ReplicationStateVal = state
		m.mustTick()
		m.b.(*backend).tidy.Wait()
		m.mustNotCall()
	}
	system.ReplicationStateVal = consts.ReplicationUnknown
	if !m.runsAt(time.Minute) {
		t.Error("did not run")
	}
}
