// SPDX-License-Identifier: MPL-2.0

package backend

// Rotation by a cron line.

import (
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

func TestStaticSchedule(t *testing.T) {
	t.Parallel()
	m := newStaticMount(t)
	m.write("static-roles/app", map[string]any{"username": "app", "rotation_schedule": "0 * * * *", "rotation_window": "1h"})
	first := m.read("static-creds/app")
	if first["rotation_schedule"] != "0 * * * *" || first["rotation_period"] != int64(0) || first["ttl"].(int64) > 3600 {
		t.Errorf("answered %v", first)
	}
	if ends, err := time.Parse(time.RFC3339, first["expiration"].(string)); err != nil || ends.Minute() != 0 || ends.Second() != 0 {
		t.Errorf("expires %v: %v", first["expiration"], err)
	}
	m.pass(time.Duration(first["ttl"].(int64)+2) * time.Second)
	m.mustTick()
	if m.served("app") == first["access_key"] {
		t.Error("not rotated")
	}
	m.deleteKey("app", first["access_key"].(string))
}

// What the window has missed waits for the next time.
func TestStaticScheduleKeepsToItsWindow(t *testing.T) {
	t.Parallel()
	var s engine.Schedule
	s.RotationSchedule, s.RotationWindow = "0 3 * * *", 2*time.Hour
	if err := s.Read(); err != nil {
		t.Fatal(err)
	}
	made := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	for now, want := range map[string]string{
		"2030-01-01T13:00:00Z": "2030-01-02T03:00:00Z",
		"2030-01-02T04:59:00Z": "2030-01-02T03:00:00Z",
		"2030-01-02T05:01:00Z": "2030-01-03T03:00:00Z",
		"2030-01-09T06:00:00Z": "2030-01-10T03:00:00Z",
	} {
		at, err := time.Parse(time.RFC3339, now)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Next(made, at).Format(time.RFC3339); got != want {
			t.Errorf("at %s it is due at %s, want %s", now, got, want)
		}
	}
	s.RotationWindow = 0
	if got := s.Next(made, made.AddDate(0, 1, 0)); got.Day() != 2 {
		t.Errorf("without a window it is due at %s", got)
	}
	if stored := s.ForBuiltIn(made); stored.RotationPeriod != 24*time.Hour {
		t.Errorf("the built-in engine would rotate every %s", stored.RotationPeriod)
	}
}
