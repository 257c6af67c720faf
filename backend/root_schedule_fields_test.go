// SPDX-License-Identifier: MPL-2.0

package backend

// What config/root takes, refuses and shows of the schedule.

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

func TestRotationFieldsReadAsTheBuiltInHasThem(t *testing.T) {
	t.Parallel()
	m := newScheduledMount(t)
	m.write("config/root", map[string]any{ // what the Vault UI sends with every write
		"rotation_period": 0, "rotation_schedule": "", "rotation_window": 0, "disable_automated_rotation": false,
	})
	check := func(want map[string]any) {
		t.Helper()
		got := through(t, m.read("config/root"))
		for field, value := range want {
			if shown, ok := got[field]; !ok || shown != value {
				t.Errorf("%s reads %v, want %v", field, shown, value)
			}
		}
	}
	check(map[string]any{
		"rotation_period": 0.0, "rotation_schedule": "", "rotation_window": 0.0, "disable_automated_rotation": false,
		"rotation_policy": "", "last_vault_rotation": nil, "next_vault_rotation": nil,
	})
	m.write("config/root", map[string]any{"rotation_schedule": "0 3 * * 6", "rotation_window": "2h"})
	check(map[string]any{"rotation_schedule": "0 3 * * 6", "rotation_window": 7200.0, "rotation_period": 0.0})
	m.write("config/root", map[string]any{"rotation_schedule": "", "rotation_window": 0, "rotation_period": "30d"})
	check(map[string]any{"rotation_schedule": "", "rotation_window": 0.0, "rotation_period": 2592000.0})
}

func TestBadRotationFieldsAreRefused(t *testing.T) {
	t.Parallel()
	m := newScheduledMount(t)
	for name, test := range map[string]struct {
		fields map[string]any
		want   []string
	}{
		"both":            {map[string]any{"rotation_period": "24h", "rotation_schedule": "0 0 * * *"}, []string{"rotation_schedule: ", "rotation_period"}},
		"short period":    {map[string]any{"rotation_period": 9}, []string{"rotation_period: 9s is too short; the shortest is 10s"}},
		"window alone":    {map[string]any{"rotation_window": 7200}, []string{"rotation_window: "}},
		"window, period":  {map[string]any{"rotation_window": 7200, "rotation_period": "24h"}, []string{"rotation_window: "}},
		"short window":    {map[string]any{"rotation_window": 60, "rotation_schedule": "0 0 * * *"}, []string{"rotation_window: 1m0s is too short"}},
		"no schedule":     {map[string]any{"rotation_schedule": "every day"}, []string{`rotation_schedule: "every day"`}},
		"six fields":      {map[string]any{"rotation_schedule": "0 0 0 * * *"}, []string{"rotation_schedule: "}},
		"descriptor":      {map[string]any{"rotation_schedule": "@daily"}, []string{"rotation_schedule: "}},
		"never":           {map[string]any{"rotation_schedule": "0 0 30 2 *"}, []string{"rotation_schedule: ", "never comes"}},
		"time zone":       {map[string]any{"rotation_schedule": "CRON_TZ=Asia/Tokyo 0 0 * * *"}, []string{"rotation_schedule: ", "UTC"}},
		"time zone alone": {map[string]any{"rotation_schedule": "TZ=UTC"}, []string{"rotation_schedule: ", "UTC"}},
		"no key":          {map[string]any{"access_key": "", "rotation_period": "24h"}, []string{"rotation_period: ", "access_key"}},
		"several": {
			map[string]any{"rotation_period": 1, "rotation_window": 1, "region": "on Mars"},
			[]string{"rotation_period: ", "rotation_window: ", "region: "},
		},
	} {
		before := m.storage.dump(t)
		text := m.refused(logical.UpdateOperation, "config/root", test.fields)
		for _, want := range test.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: the answer does not say %q: %s", name, want, text)
			}
		}
		if after := m.storage.dump(t); after[engine.KeyRootConfig] != before[engine.KeyRootConfig] {
			t.Errorf("%s: config/root was changed", name)
		}
	}
}

// A schedule that this engine would refuse, stored by the built-in, harms nobody.
func TestUnreadableScheduleOfTheBuiltInEngine(t *testing.T) {
	t.Parallel()
	m := newScheduledMount(t)
	for stored, plans := range map[string]bool{"CRON_TZ=Asia/Tokyo 0 0 * * *": true, "TZ=": false, "nonsense": false} {
		key := m.aws.RootKey()
		m.put(engine.KeyRootConfig, map[string]any{
			"access_key": key.AccessKeyID, "secret_key": key.SecretAccessKey, "iam_endpoint": m.aws.URL(), "rotation_schedule": stored,
		})
		m.mustTick()
		if next := m.shown("next_vault_rotation"); next.IsZero() == plans {
			t.Errorf("%s: next is %v", stored, next)
		}
	}
}

// Deleting config/root ends the schedule and what is remembered of it.
func TestDeletedConfigurationRemembersNothing(t *testing.T) {
	t.Parallel()
	m := newScheduledMount(t, map[string]any{"rotation_period": "1h"})
	m.do(logical.DeleteOperation, "config/root", nil)
	m.pass(2 * time.Hour)
	m.mustTick()
	for key := range m.storage.dump(t) {
		if !strings.HasPrefix(key, engine.PrefixRole) && !strings.HasPrefix(key, framework.WALPrefix) && !slices.Contains(keptByTicks, key) {
			t.Errorf("%s is still stored", key)
		}
	}
}
