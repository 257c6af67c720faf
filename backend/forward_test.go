// SPDX-License-Identifier: MPL-2.0

package backend

// What a standby must not do itself: a credential that it made would be lost when it
// cannot write the lease.

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
)

func TestStandbyPassesOnWhatWritesOrCallsAWS(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.system = &logical.StaticSystemView{ReplicationStateVal: consts.ReplicationPerformanceStandby}
	m.start()
	m.aws.ResetCalls()
	local := map[string]bool{ // reads of storage, which a standby has too
		"config/root": true, "config/lease": true, "roles/x": true, "static-roles/x": true, "static-creds/x": true,
		"config/users": true, "config/auto-tidy": true, "issued/x": true, "issued/": true, "issued/role/x": true,
		"sdk/creds/developer-access": true, "sdk/static-creds/x": true,
	}
	before := m.storage.dump(t)
	for _, path := range []string{
		"config/root", "config/lease", "config/rotate-root", "roles/x", "creds/developer-access", "sts/developer-access",
		"static-roles/x", "static-roles/x/rotate", "static-creds/x",
		"config/users", "config/iam-policy", "issued/", "issued/role/x", "issued/x",
		"config/auto-tidy", "config/gap", "config/check", "roles/x/check", "status", "tidy", "tidy/status", "tidy/cancel",
		"sdk/creds/developer-access", "sdk/static-creds/x",
	} {
		for op := range m.b.(*backend).Route(path).Operations {
			_, err := m.b.HandleRequest(m.ctx, m.request(op, path, nil))
			if passed := err == logical.ErrReadOnly; passed != (op != logical.ReadOperation && op != logical.ListOperation || !local[path]) { //nolint:errorlint // Vault compares it like this
				t.Errorf("%s of %s: passed on %v (%v)", op, path, passed, err)
			}
		}
	}
	if after := m.storage.dump(t); len(after) != len(before) || len(m.aws.Calls()) != 0 {
		t.Error("something was done")
	}
}

// askedView counts what Vault is asked. To a plugin each question is a call to another process.
type askedView struct {
	*logical.StaticSystemView
	states, locals, defaults, maxima atomic.Int64
}

func (v *askedView) ReplicationState() consts.ReplicationState {
	v.states.Add(1)
	return v.StaticSystemView.ReplicationState()
}

func (v *askedView) LocalMount() bool {
	v.locals.Add(1)
	return v.StaticSystemView.LocalMount()
}

func (v *askedView) DefaultLeaseTTL() time.Duration {
	v.defaults.Add(1)
	return v.StaticSystemView.DefaultLeaseTTL()
}

func (v *askedView) MaxLeaseTTL() time.Duration {
	v.maxima.Add(1)
	return v.StaticSystemView.MaxLeaseTTL()
}

// A creation asks once whether this server may write, and once for each bound that it needs.
func TestCreationAsksVaultOnce(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	v := &askedView{StaticSystemView: m.system.(*logical.StaticSystemView)}
	m.system = v
	m.start()
	m.revoke(m.creds("developer-access")) // of a process, the first one
	for _, c := range []struct {
		ttl      string
		defaults int64
	}{{"", 1}, {"1h", 0}} {
		v.states.Store(0)
		v.locals.Store(0)
		v.defaults.Store(0)
		v.maxima.Store(0)
		creds := m.do(logical.ReadOperation, "creds/developer-access", map[string]any{"ttl": c.ttl})
		if got, want := []int64{v.states.Load(), v.locals.Load(), v.defaults.Load(), v.maxima.Load()}, []int64{1, 0, c.defaults, 1}; !slices.Equal(got, want) {
			t.Errorf("ttl %q: asked for state, kind of mount, default and maximum so often: %d, want %d", c.ttl, got, want)
		}
		m.revoke(creds)
	}
}
