// SPDX-License-Identifier: MPL-2.0

package backend

// When config/root changes while requests are under way, and what many requests at
// once share.

import (
	"sync"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// A write to config/root takes effect at once, waits for nobody, and leaves calls
// under way alone.
func TestConfigWriteDoesNotWaitForAWS(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	held := m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.Hang, Times: 1})
	first := make(chan *logical.Response)
	go func() {
		resp, _ := m.ask(logical.ReadOperation, "creds/developer-access", nil)
		first <- resp
	}()
	<-held.Reached()

	other := fakeaws.New(t)
	key := other.RootKey()
	m.write("config/root", map[string]any{
		"access_key": key.AccessKeyID, "secret_key": key.SecretAccessKey,
		"iam_endpoint": other.URL(), "sts_endpoint": other.URL(),
	})
	second := m.creds("developer-access")
	if _, ok := other.User(m.user(second)); !ok {
		t.Error("the new configuration was not used at once")
	}
	held.Release()
	creds := <-first
	if creds == nil || creds.IsError() {
		t.Fatalf("the request under way failed: %v", creds)
	}
	if _, ok := m.aws.User(m.user(creds)); !ok {
		t.Error("the request under way went elsewhere")
	}
	m.revoke(second)
	m.configure()
	m.revoke(creds)
}

func TestManyRequestsAtOnce(t *testing.T) {
	t.Parallel()
	m := newWideMount(t)
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			creds, err := m.ask(logical.ReadOperation, "creds/wide", nil)
			if err != nil || creds.IsError() {
				t.Errorf("issue: %v %v", err, creds)
				return
			}
			if _, err := m.lease(logical.RevokeOperation, creds); err != nil {
				t.Errorf("revoke: %v", err)
			}
		})
		group.Go(func() { _, _ = m.ask(logical.UpdateOperation, "config/root", map[string]any{"region": "eu-west-1"}) })
	}
	group.Wait()
	m.noUsers()
	m.recorded(0)
}

// Storage that fails once does not leave the mount without a client for good.
func TestClientIsMadeAgainAfterAFailure(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.storage.breaks("get", engine.KeyRootConfig)
	m.fails(logical.ReadOperation, "creds/developer-access", nil)
	m.storage.mend()
	m.revoke(m.creds("developer-access"))
}

// A standby hears from the active server that config/root has changed.
func TestInvalidateReadsTheConfigurationAnew(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.revoke(m.creds("developer-access"))
	entry, err := m.storage.Get(m.ctx, engine.KeyRootConfig)
	if err != nil {
		t.Fatal(err)
	}
	entry.Value = []byte(`{"access_key":"AKIAIOSFODNN7EXAMPLE","secret_key":"wrong","iam_endpoint":"` + m.aws.URL() + `"}`)
	if err := m.storage.Put(m.ctx, entry); err != nil {
		t.Fatal(err)
	}
	m.revoke(m.creds("developer-access")) // nobody has said so yet
	m.b.InvalidateKey(m.ctx, engine.KeyRootConfig)
	m.refused(logical.ReadOperation, "creds/developer-access", nil)
	m.configure()
}
