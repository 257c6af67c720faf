// SPDX-License-Identifier: MPL-2.0

package engine

// Whether this server may write, and what it costs to know: each question to the system view of a plugin is a call to
// Vault.

import (
	"sync/atomic"

	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
)

// Writable reports whether this server may write the mount's storage. Where it may not,
// the work is another server's or another cluster's.
func (m *Mount) Writable() bool { return m.mayWrite(m.Vault.ReplicationState()) }

// WritableNow is Writable for a handler of an operation: the framework has asked Vault for the state at the beginning
// of the request.
func (m *Mount) WritableNow() bool {
	state, asked := m.replication.Load().(consts.ReplicationState)
	if !asked {
		return m.Writable()
	}
	return m.mayWrite(state)
}

func (m *Mount) mayWrite(state consts.ReplicationState) bool {
	if state.HasState(consts.ReplicationDRSecondary | consts.ReplicationPerformanceStandby) {
		return false
	}
	return !state.HasState(consts.ReplicationPerformanceSecondary) || m.Vault.LocalMount()
}

// View is Vault's system view for the framework, which asks it for the state of replication at the beginning of each
// request for a path. The mount remembers the answer.
func (m *Mount) View() logical.SystemView { return view{m.Vault, &m.replication} }

type view struct {
	logical.SystemView
	last *atomic.Value
}

// ReplicationState implements [logical.SystemView].
func (v view) ReplicationState() consts.ReplicationState {
	state := v.SystemView.ReplicationState()
	v.last.Store(state)
	return state
}
