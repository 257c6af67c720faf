// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"context"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// disabling is what a mount sees of a Vault that disables it.
type disabling struct{ logical.SystemView }

func (disabling) Tainted() bool { return true }

// A create that is under way when Vault lets go of the mount gives up, and Vault waits
// until it has cleaned up.
func TestLeavingWaitsForRequestsUnderWay(t *testing.T) {
	t.Parallel()
	for _, action := range createCalls {
		for _, kind := range []fakeaws.Kind{fakeaws.Hang, fakeaws.HangAfter} {
			t.Run(action+" "+kind.String(), func(t *testing.T) {
				t.Parallel()
				m := newWideMount(t)
				met := m.aws.Inject(fakeaws.Fault{Action: action, Kind: kind, Times: 1})
				failed := make(chan error, 1)
				go func() {
					_, err := m.b.HandleRequest(m.ctx, m.request(logical.ReadOperation, "creds/wide", nil))
					failed <- err
				}()
				<-met.Reached()
				m.b.Cleanup(m.ctx)
				select {
				case err := <-failed:
					if err == nil {
						t.Error("the request went well in a mount that is gone")
					}
				default:
					t.Error("the mount is gone, and the request is still under way")
				}
				m.start() // a seal, say: AWS may have done late what was asked of it last
				m.pass(DefaultLateWindow)
				m.mustTick()
				m.noUsers()
				m.recorded(0)
			})
		}
	}
}

// What Vault did not know when the disable began ends with the mount; after anything
// else, such as a seal, all leases live on.
func TestDisablingDeletesWhatIsLeft(t *testing.T) {
	t.Parallel()
	for name, disabled := range map[string]bool{"disabled": true, "sealed": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newWideMount(t)
			if disabled {
				m.system = disabling{m.system}
			}
			m.dieAt("CreateUser")
			live := []*logical.Response{m.creds("wide"), m.creds("wide")}
			m.b.Cleanup(m.ctx)
			if disabled {
				m.noUsers()
				m.recorded(0)
				return
			}
			for _, creds := range live {
				if _, ok := m.aws.User(m.user(creds)); !ok {
					t.Errorf("%s has a lease and is gone", m.user(creds))
				}
			}
			m.start()
			m.mustTick()
			for _, creds := range live {
				m.revoke(creds)
			}
			m.noUsers()
		})
	}
}

// At registration Vault gives a plugin no storage and no view of itself.
func TestLeavingWithoutAMount(t *testing.T) {
	t.Parallel()
	b, err := New(Options{})(t.Context(), &logical.BackendConfig{})
	if err != nil {
		t.Fatal(err)
	}
	b.Cleanup(context.Background())
}
