// SPDX-License-Identifier: MPL-2.0

package backend

// A request has an end, whatever it waits for: AWS, its turn, another request. What is to be
// cleaned up then outlives it.

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/users"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// newHurriedMount gives a request little time.
func newHurriedMount(t *testing.T) *mount {
	t.Helper()
	m := newConfiguredMount(t)
	m.hurry(3 * time.Second) // enough for what goes well, on a busy machine too
	return m
}

// hurry gives requests another time from now on.
func (m *mount) hurry(gives time.Duration) {
	m.t.Helper()
	m.gives = gives
	m.start()
}

// untilInTime asks, and asks once more with more time where the request was given up: what should have ended it before, at four fifths
// of its time, had no processor. Where that lasts, it is not the machine. It returns when nothing is under way any more.
func (m *mount) untilInTime(ask func() (answer string)) {
	m.t.Helper()
	text := ask()
	for m.idle(); strings.HasPrefix(text, "the request was given up after ") && m.gives < 40*time.Second; m.idle() {
		m.hurry(2 * m.gives)
		text = ask()
	}
}

// idle waits until nothing is under way any more, as Vault does when it lets go of the mount.
func (m *mount) idle() {
	m.t.Helper()
	<-m.b.(*backend).requests.end()
	m.start()
}

func TestRequestEndsWhileAWSHangs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		action string
		ask    func(m *mount, creds *logical.Response) (*logical.Response, error)
	}{
		"create": {"CreateUser", func(m *mount, _ *logical.Response) (*logical.Response, error) {
			return m.ask(logical.ReadOperation, "creds/developer-access", nil)
		}},
		"second wave": {"AttachUserPolicy", func(m *mount, _ *logical.Response) (*logical.Response, error) {
			return m.ask(logical.ReadOperation, "creds/developer-access", nil)
		}},
		"revoke": {"DeleteUser", func(m *mount, creds *logical.Response) (*logical.Response, error) {
			return m.lease(logical.RevokeOperation, creds)
		}},
		"rotate root": {"ListAccessKeys", func(m *mount, _ *logical.Response) (*logical.Response, error) {
			return m.ask(logical.UpdateOperation, "config/rotate-root", nil)
		}},
		"session": {"GetSessionToken", func(m *mount, _ *logical.Response) (*logical.Response, error) {
			return m.ask(logical.ReadOperation, "creds/own", nil)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t)
			m.write("roles/own", map[string]any{"credential_type": "session_token"})
			creds := m.creds("developer-access")
			m.hurry(3 * time.Second)
			var status int
			var text string
			var err error
			m.untilInTime(func() string {
				hang := m.aws.Inject(fakeaws.Fault{Action: c.action, Kind: fakeaws.Hang})
				defer hang.Release()
				defer hang.Remove()
				var resp *logical.Response
				resp, err = c.ask(m, creds)
				text, status = outcome(resp, err)
				return text
			})
			if name == "revoke" { // whose error goes to Vault as it is
				text, status = err.Error(), 502
			}
			if status != 502 || !strings.HasPrefix(text, "AWS did not answer") {
				t.Errorf("the answer is %d: %s", status, text)
			}
			m.hurry(0)
			m.revoke(creds)
			m.pass(users.DefaultLateWindow)
			m.mustTick()
			m.noUsers()
			m.recorded(0)
		})
	}
}

// The answer does not wait for a cleanup that hangs, and the cleanup goes on.
func TestCleanUpOutlivesTheRequest(t *testing.T) {
	t.Parallel()
	m := newHurriedMount(t)
	m.aws.Inject(denial("AttachUserPolicy"))
	hang := m.aws.Inject(fakeaws.Fault{Action: "DeleteUser", Kind: fakeaws.Hang, Times: 1})
	text := m.refused(logical.ReadOperation, "creds/developer-access", nil)
	inOrder(t, text, "AccessDenied: ", "attaching "+readOnly, "may exist and will be deleted")
	if len(m.aws.Users()) != 1 {
		t.Error("the deletion does not hang")
	}
	hang.Release()
	<-m.b.(*backend).requests.end()
	m.noUsers()
	m.registered(0)
}

// A request that waits for another one does not wait for ever.
func TestRequestEndsWhileAnotherHasTheLock(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	creds := m.creds("developer-access")
	m.hurry(3 * time.Second)
	status, text := 0, ""
	m.untilInTime(func() string {
		_, unlock, err := m.b.(*backend).Locks.Lock(m.ctx, engine.LockRecord(m.user(creds)))
		if err != nil {
			t.Fatal(err)
		}
		defer unlock()
		text, status = outcome(m.lease(logical.RenewOperation, creds))
		return text
	})
	if status != 504 || !strings.Contains(text, "waiting for another request about "+strings.ToLower(m.user(creds))) {
		t.Errorf("the answer is %d: %s", status, text)
	}
	m.hurry(0)
	m.revoke(creds)
}

// Storage that hangs heeds no end: the request is answered all the same.
func TestRequestEndsWhileStorageHangs(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	creds := m.creds("developer-access")
	m.hurry(3 * time.Second)
	free := make(chan struct{})
	m.storage.Storage = hanging{m.storage.Storage, free}
	text, status := outcome(m.ask(logical.ReadOperation, "creds/developer-access", nil))
	if status != 504 || !strings.Contains(text, "was given up after "+m.gives.String()) {
		t.Errorf("the answer is %d: %s", status, text)
	}
	close(free)
	m.gives = 0
	m.idle()
	m.revoke(creds)
	m.pass(users.DefaultLateWindow)
	m.mustTick()
	m.noUsers()
}

// hanging is storage that writes no record until it is free.
type hanging struct {
	logical.Storage
	free chan struct{}
}

func (h hanging) Put(ctx context.Context, entry *logical.StorageEntry) error {
	if strings.HasPrefix(entry.Key, engine.PrefixIssued) {
		<-h.free
	}
	return h.Storage.Put(ctx, entry)
}
