// SPDX-License-Identifier: MPL-2.0

package backend

// A new root key that AWS never accepts.

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// A new root key that AWS never accepts, since somebody has deleted it, is given up when it is old enough. With the pauses that there are in
// earnest, the looks at the key take all the time that a tick has for the root key; what is left to do needs time, too.
func TestRootKeyThatAWSNeverAcceptsIsGivenUp(t *testing.T) {
	t.Parallel()
	m := newWatchfulMount(t)
	old := m.rootKey()
	m.age(24 * time.Hour)
	unknown := m.aws.Inject(fakeaws.Fault{Action: "GetUser", After: 1, Kind: fakeaws.Refuse, Code: "InvalidClientTokenId"}) // the first asks whose key the old one is
	if err := m.tick(); err == nil || !strings.Contains(err.Error(), "does not accept the new access key") {
		t.Fatalf("the tick said %v", err)
	}
	unknown.Remove()
	for _, id := range m.rootKeys() {
		if id != old {
			m.deleteKey(rootUser, id) // as a scanner of the account's does
		}
	}
	m.aws.Inject(fakeaws.Fault{Action: "GetUser", Kind: fakeaws.Delay, Latency: 10 * time.Millisecond})
	m.pause, m.gives = engine.DefaultProofPause/20, DefaultRequestTime/20 // all a twentieth of what it is in earnest: pauses, answers, and the time that there is
	m.start()
	given := func(op logical.Operation, path string) string {
		ctx, cancel := context.WithTimeout(m.ctx, tickTime/20)
		defer cancel()
		text, _ := outcome(m.b.HandleRequest(ctx, m.request(op, path, nil)))
		if _, left := m.storage.dump(t)[engine.KeyRootNext]; !left {
			return ""
		}
		return text
	}
	said := ""
	for range 4 { // with no gap in the heartbeat
		m.pass(2 * time.Minute)
		said = given(logical.RollbackOperation, "")
	}
	if said != "" {
		t.Errorf("no tick gives the key up: %s", said)
	}
	m.hurry(0)
	if text, _ := outcome(m.ask(logical.UpdateOperation, "config/rotate-root", nil)); strings.Contains(text, "deadline exceeded") {
		t.Errorf("nor does an operator: %s", text)
	}
	m.aws.Forgive()
}
