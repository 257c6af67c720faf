// SPDX-License-Identifier: MPL-2.0

package backend

// What else happens while the root key is rotated: a second rotation, and writes to
// config/root.

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// While one request rotates, another is refused, and a tick does nothing.
func TestOneRotationAtATime(t *testing.T) {
	t.Parallel()
	m := newScheduledMount(t)
	held := m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.HangAfter, Times: 1})
	answer := make(chan *logical.Response)
	go func() {
		resp, _ := m.ask(logical.UpdateOperation, "config/rotate-root", nil)
		answer <- resp
	}()
	<-held.Reached()
	if text := m.refused(logical.UpdateOperation, "config/rotate-root", nil); !strings.Contains(text, "at this moment") {
		t.Errorf("the second request heard: %s", text)
	}
	m.mustTick()
	if keys := m.rootKeys(); len(keys) != 2 {
		t.Errorf("a tick during the rotation left the keys %v", keys)
	}
	held.Release()
	if resp := <-answer; resp == nil || resp.IsError() {
		t.Fatalf("the rotation failed: %v", resp)
	}
	m.oneRootKey()
}

// askingStorage asks something while an entry is read from it for the first time.
type askingStorage struct {
	logical.Storage
	key string
	ask func()
}

func (s *askingStorage) Get(ctx context.Context, key string) (*logical.StorageEntry, error) {
	if ask := s.ask; key == s.key && ask != nil {
		s.ask = nil
		ask()
	}
	return s.Storage.Get(ctx, key)
}

// A tick that finds nothing to do does not keep a request to rotate away, however long it takes.
func TestRotationBesideATickThatLooks(t *testing.T) {
	t.Parallel()
	m := newScheduledMount(t)
	text := "the tick did not look"
	tick := m.request(logical.RollbackOperation, "", nil)
	tick.Storage = &askingStorage{Storage: m.storage, key: engine.KeyRootRotation, ask: func() {
		text, _ = outcome(m.ask(logical.UpdateOperation, "config/rotate-root", nil))
	}}
	if _, err := m.b.HandleRequest(m.ctx, tick); err != nil {
		t.Fatal(err)
	}
	if text != "" {
		t.Errorf("answered: %s", text)
	}
	m.oneRootKey()
}

// A tick that has something to do takes a moment as a rule: a request to rotate that comes meanwhile waits for it.
func TestRotationWaitsForATick(t *testing.T) {
	t.Parallel()
	m := newScheduledMount(t)
	_, unlock, ok := m.b.(*backend).Locks.TryLock(m.ctx, engine.LockRootKey)
	if !ok {
		t.Fatal("somebody has the key")
	}
	answer := make(chan string)
	go func() {
		text, _ := outcome(m.ask(logical.UpdateOperation, "config/rotate-root", nil))
		answer <- text
	}()
	select {
	case text := <-answer:
		t.Fatalf("answered at once: %s", text)
	case <-time.After(50 * time.Millisecond): // the longer, the surer that a request which does not wait is seen
	}
	unlock()
	if text := <-answer; text != "" {
		t.Errorf("answered: %s", text)
	}
	m.oneRootKey()
}

// Somebody configures another key while a rotation is under way: that one stays, and
// the new one goes.
func TestConfigurationDuringARotationWins(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"CreateAccessKey", "GetUser", "GetCallerIdentity"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			m := newScheduledMount(t)
			other := m.aws.AddUser("another-root")
			after := 0
			if at == "GetUser" {
				after = 1 // the first asks who the old key belongs to
			}
			held := m.aws.Inject(fakeaws.Fault{Action: at, Kind: fakeaws.HangAfter, After: after, Times: 1})
			heard := make(chan string)
			go func() {
				text, _ := outcome(m.ask(logical.UpdateOperation, "config/rotate-root", nil))
				heard <- text
			}()
			<-held.Reached()
			m.write("config/root", map[string]any{"access_key": other.AccessKeyID, "secret_key": other.SecretAccessKey})
			held.Release()
			if text := <-heard; !strings.Contains(text, "another access_key") {
				t.Errorf("the rotation heard: %s", text)
			}
			if id := m.read("config/root")["access_key"]; id != other.AccessKeyID {
				t.Errorf("config/root has %v", id)
			}
			if keys := m.rootKeys(); !slices.Equal(keys, []string{m.aws.RootKey().AccessKeyID}) {
				t.Errorf("AWS has the keys %v", keys)
			}
			m.pass(DefaultWALMinAge)
			m.mustTick()
			m.recorded(0)
		})
	}
}

// Other fields that are written during a rotation stay, and do not stop it.
func TestFieldsWrittenDuringARotationStay(t *testing.T) {
	t.Parallel()
	m := newScheduledMount(t)
	held := m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.HangAfter, Times: 1})
	answer := make(chan *logical.Response)
	go func() {
		resp, _ := m.ask(logical.UpdateOperation, "config/rotate-root", nil)
		answer <- resp
	}()
	<-held.Reached()
	m.write("config/root", map[string]any{"region": "eu-west-1"})
	held.Release()
	<-answer
	m.oneRootKey()
	if region := m.read("config/root")["region"]; region != "eu-west-1" {
		t.Errorf("region is %v", region)
	}
}

// A credential that is being made when the key changes is made, and one that was made
// before is revoked.
func TestRequestsUnderWayOutliveTheOldRootKey(t *testing.T) {
	t.Parallel()
	m := newScheduledMount(t)
	before := m.creds("developer-access")
	held := m.aws.Inject(fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.HangAfter, Times: 1})
	made := make(chan *logical.Response)
	go func() {
		resp, err := m.ask(logical.ReadOperation, "creds/developer-access", nil)
		if err != nil {
			t.Error(err)
		}
		made <- resp
	}()
	<-held.Reached()
	m.rotateRoot()
	held.Release()
	creds := <-made
	if creds == nil || creds.IsError() {
		t.Fatalf("the request failed: %v", creds)
	}
	m.revoke(creds)
	m.revoke(before)
	m.oneRootKey()
}
