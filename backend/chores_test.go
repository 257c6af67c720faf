// SPDX-License-Identifier: MPL-2.0

package backend

// No chore of a tick stops another.

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// A panic or an error in one chore is told under its name, and the others are done.
func TestTickGoesOnAfterAChoreThatPanics(t *testing.T) {
	t.Parallel()
	for chore, key := range map[string]string{"rollback": "wal/", "root key": "config/root-next", "static roles": "static-roles/", "records": "issued/"} {
		t.Run(chore, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t)
			m.write("config/auto-tidy", map[string]any{"enabled": true})
			m.start()
			verb := "list"
			if chore == "root key" {
				verb = "get"
			}
			err := m.panics(verb, key, m.request(logical.RollbackOperation, "", nil))
			if err == nil || !strings.Contains(err.Error(), chore+": internal error") {
				t.Errorf("the tick said %v", err)
			}
			if status := m.tidied(); status["scheduled"] != true {
				t.Errorf("tidy, which comes last, was not begun: %v", status)
			}
		})
	}
}

// Each chore leaves time for those after it, also where a tick has less time.
func TestChoresShareTheTimeOfATick(t *testing.T) {
	t.Parallel()
	b := newConfiguredMount(t).b.(*backend)
	began := time.Now()
	for _, whole := range []time.Duration{tickTime, 9 * time.Second} {
		before := began
		for _, c := range b.chores() {
			end := c.end(began, whole)
			if !end.After(before) || end.After(began.Add(whole)) {
				t.Errorf("of %s, %s ends after %s", whole, c.name, end.Sub(began))
			}
			if c.name == "heartbeat" && end.Sub(began) < whole/10 {
				t.Errorf("of %s, the heartbeat has %s: on a slow storage there would be none, and a gap", whole, end.Sub(began))
			}
			before = end
		}
		if !before.Equal(began.Add(whole)) {
			t.Errorf("the last chore leaves %s", began.Add(whole).Sub(before))
		}
	}
}

// AWS does not answer the rollback; a static role is rotated all the same.
func TestTickGoesOnAfterAChoreThatHangs(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t, noRetries)
	before := m.keys("app")
	if _, err := framework.PutWAL(m.ctx, m.storage, walKindUser, walUser{UserName: "ghost"}); err != nil {
		t.Fatal(err)
	}
	hung := m.aws.Inject(fakeaws.Fault{Action: "GetUser", User: "ghost", Kind: fakeaws.Hang})
	whole := m.ctx
	for gives := 3 * time.Second; gives < tickTime && (hung.Hits() == 0 || slices.Equal(m.keys("app"), before)); gives *= 2 { // on a busy machine the rotation, too, takes its time
		m.pass(25 * time.Hour)
		ctx, cancel := context.WithTimeout(whole, gives)
		m.ctx = ctx
		if err := m.tick(); err == nil || !strings.Contains(err.Error(), "rollback: ") {
			t.Errorf("the tick said %v", err)
		}
		m.ctx = whole
		cancel()
	}
	if after := m.keys("app"); hung.Hits() == 0 || slices.Equal(after, before) {
		t.Errorf("AWS kept the rollback waiting %d times; the static role has the keys %v", hung.Hits(), after)
	}
	m.aws.ClearFaults()
	m.mustTick()
	m.recorded(0)
}
