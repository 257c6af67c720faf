// SPDX-License-Identifier: MPL-2.0

package backend

// The record of a user that several leases have is what knows them all.

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"
)

// One of several leases of a user ends while its record cannot be read. The lease says that there may be
// others, so their key has to work on, until the record can be read or an operator ends the user for all.
func TestUnreadableRecordOfASharedUser(t *testing.T) {
	t.Parallel()
	for name, mend := range map[string]func(m *mount, user string, record any){
		"readable again": func(m *mount, user string, record any) { m.put(recordKey(user), record) },
		"deleted":        func(m *mount, user string, _ any) { m.do(logical.DeleteOperation, "issued/"+user, nil) },
		"disabled":       func(m *mount, _ string, _ any) { m.b.(*backend).Vault = disabling{m.system} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newSharingMount(t)
			first, second := m.two()
			key := recordKey(m.user(first))
			record := readAs[userRecord](m, key)
			m.put(key, "no record")
			m.start()
			_, err := m.lease(logical.RevokeOperation, first)
			if err == nil || !strings.Contains(err.Error(), "delete issued/"+m.user(first)+" to end the user for all") {
				t.Errorf("the revocation says %v", err)
			}
			if err := m.accepted(second); err != nil {
				t.Errorf("the other lease's key is refused: %v", err)
			}
			mend(m, m.user(first), record)
			m.revoke(first)
			if name == "readable again" {
				if err := m.accepted(second); err != nil {
					t.Error(err)
				}
			}
			m.revoke(second)
			m.noUsers()
		})
	}
}

// A lease that was revoked is not renewed: its ID would stand in the record again, which nobody takes out.
func TestRenewalAfterTheRevocationOfASharedLease(t *testing.T) {
	t.Parallel()
	m := newSharingMount(t)
	first, second := m.two()
	m.revoke(first)
	if text := m.refusedRenewal(first); !strings.Contains(text, "this lease of the IAM user "+m.user(first)+" was revoked") {
		t.Error(text)
	}
	m.renew(second)
	m.revoke(second)
	m.noUsers()
}

// A caller that asks for many different things takes the places of nobody else: places are shared out by caller.
func TestOneCallerTakesAllPlaces(t *testing.T) {
	t.Parallel()
	m := newSharingMount(t)
	m.write("roles/deploy", map[string]any{"share_for": "24h"})
	for i := range 1000 {
		m.asked("creds/deploy", map[string]any{"role_session_name": fmt.Sprint("name-", i)})
	}
	anna := m.entityID
	victim := func() *logical.Response {
		m.entityID, m.accessor = "", "victim"
		defer func() { m.entityID = anna }()
		return m.creds("user")
	}
	first := victim()
	m.asked("creds/deploy", map[string]any{"role_session_name": "one-more"})
	second := victim()
	m.shares(first, second, true)
	m.revoke(first)
	m.revoke(second)
}
