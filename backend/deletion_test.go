// SPDX-License-Identifier: MPL-2.0

package backend

// What a deletion takes away beside the user, and what it does where an installation that is not
// AWS lacks the means.

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/framework"

	"vault-plugin-secrets-aws-dyn/backend/users"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// nothingLeft checks that AWS has nothing of a user that was made, and storage neither.
func (m *mount) nothingLeft() {
	m.t.Helper()
	m.noUsers()
	if left := m.aws.Leftovers(); len(left) > 0 {
		m.t.Errorf("left in AWS: %v", left)
	}
	m.recorded(0)
	m.registered(0)
}

// removalCalls are those that take away what the holder of a key can add to a user.
var removalCalls = []string{
	"DeleteAccessKey", "DetachUserPolicy", "DeleteUserPolicy", "RemoveUserFromGroup", "DeleteLoginProfile", "DeactivateMFADevice",
	"DeleteVirtualMFADevice", "DeleteSSHPublicKey", "DeleteSigningCertificate", "DeleteServiceSpecificCredential", "DeleteUser",
}

// Whatever goes wrong once with a removal, nothing stays.
func TestFailedRemovalLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, retries := range map[string]map[string]any{"one attempt": noRetries, "several": {"max_retries": 2}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachFault(t, removalCalls, append([]fakeaws.Kind{fakeaws.ForeignAfter, fakeaws.Conflict}, everyFault...), func(t *testing.T, fault fakeaws.Fault) {
				m := newWideMount(t, retries)
				creds := m.creds("wide")
				m.aws.Dirty(m.user(creds))
				met := m.aws.Inject(fault)
				for range 3 { // as Vault does
					if resp, err := m.lease("revoke", creds); err == nil && !resp.IsError() {
						break
					}
				}
				m.pass(users.DefaultLateWindow)
				m.mustTick()
				if met.Hits() == 0 {
					t.Error("the fault was not met")
				}
				m.nothingLeft()
			})
		})
	}
}

// A virtual MFA device whose user is gone is written down until AWS deletes it.
func TestVirtualMFADeviceThatAWSKeepsIsDeletedLater(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	creds := m.creds("developer-access")
	m.aws.Dirty(m.user(creds))
	user, _ := m.aws.User(m.user(creds))
	refused := m.aws.Inject(fakeaws.Fault{Action: "DeleteVirtualMFADevice", Kind: fakeaws.Refuse})
	m.revoke(creds)
	m.noUsers()
	m.recorded(1)
	if err := m.tick(); err == nil || !strings.Contains(err.Error(), user.MFADevices[0]) || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("the tick says %v", err)
	}
	refused.Remove()
	m.mustTick()
	m.nothingLeft()
}

// In another account there is no such device, which proves nothing.
func TestVirtualMFADeviceIsDeletedInItsAccount(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	serial := "arn:aws:iam::999999999999:mfa/somebody"
	if _, err := framework.PutWAL(m.ctx, m.storage, walKindDevice, walDevice{Serial: serial}); err != nil {
		t.Fatal(err)
	}
	m.aws.ResetCalls()
	m.mustTick()
	m.recorded(1)
	if slices.Contains(m.aws.Actions(), "DeleteVirtualMFADevice") {
		t.Error("it was deleted in another account")
	}
}

// The serial number of a virtual MFA device is its name, which somebody else may use again: the one that a user has now is
// theirs, and no tick complains of it for ever.
func TestVirtualMFADeviceOfSomebodyElseStays(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	const serial = "arn:aws:iam::" + homeNumber + ":mfa/phone"
	entry := &framework.WALEntry{Kind: walKindDevice, Data: walDevice{Serial: serial}, CreatedAt: m.now().Unix()}
	m.put(framework.WALPrefix+"device", entry)
	m.aws.AddUser("alice")
	m.call("CreateVirtualMFADevice", url.Values{"VirtualMFADeviceName": {"phone"}})
	m.call("EnableMFADevice", url.Values{"UserName": {"alice"}, "SerialNumber": {serial}, "AuthenticationCode1": {"123456"}, "AuthenticationCode2": {"654321"}})
	if err := m.tick(); err == nil || !strings.Contains(err.Error(), "DeleteConflict") {
		t.Errorf("the tick says %v", err) // AWS may show late that a user of ours has it no more
	}
	m.recorded(1)
	m.age(6 * time.Minute)
	m.mustTick()
	m.recorded(0)
	if user, _ := m.aws.User("alice"); len(user.MFADevices) != 1 {
		t.Error("her device is gone")
	}
	m.aws.Forgive()
}

// What an installation lacks it cannot hold, and it is not asked twice.
func TestDeletionWhereAnInstallationLacksActions(t *testing.T) {
	t.Parallel()
	missing := []string{"GetLoginProfile", "ListMFADevices", "ListSSHPublicKeys", "ListSigningCertificates", "ListServiceSpecificCredentials", "ListUserPolicies", "DetachUserPolicy"}
	for name, lack := range map[string]fakeaws.Fault{
		"NotImplemented":   {Kind: fakeaws.Refuse, Code: "NotImplemented", Status: http.StatusNotImplemented},
		"MethodNotAllowed": {Kind: fakeaws.Refuse, Code: "MethodNotAllowed", Status: http.StatusMethodNotAllowed},
		"InvalidAction":    {Kind: fakeaws.Refuse, Code: "InvalidAction", Status: http.StatusBadRequest},
		"405":              {Kind: fakeaws.Foreign, Status: http.StatusMethodNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t)
			m.write("roles/bare", map[string]any{"policy_document": s3Only})
			for round := range 2 {
				creds := m.creds("bare")
				m.aws.AddKey(m.user(creds))
				var met []*fakeaws.Injected
				for _, action := range missing {
					lack.Action = action
					met = append(met, m.aws.Inject(lack))
				}
				m.revoke(creds)
				for i, one := range met {
					if hits := one.Hits(); missing[i] != "DetachUserPolicy" && hits != 1-round {
						t.Errorf("%s was called %d times for user %d", missing[i], hits, round)
					}
				}
				m.aws.ClearFaults()
			}
			m.nothingLeft()
		})
	}
}

// What is remembered may be wrong: where a user cannot be deleted, all is asked anew.
func TestWhatAnInstallationLacksIsForgotten(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	lack := m.aws.Inject(fakeaws.Fault{Action: "ListSSHPublicKeys", Kind: fakeaws.Foreign, Status: http.StatusMethodNotAllowed, Times: 1}) // a proxy's
	creds := m.creds("developer-access")
	m.aws.Dirty(m.user(creds))
	m.aws.Inject(fakeaws.Fault{Action: "DeleteSigningCertificate", Kind: fakeaws.Refuse, Times: 1})
	if resp, err := m.lease("revoke", creds); err == nil && !resp.IsError() {
		t.Fatal("the user cannot be gone")
	}
	if lack.Hits() != 1 {
		t.Errorf("the fault was met %d times", lack.Hits())
	}
	m.pass(time.Minute)
	m.revoke(creds)
	m.nothingLeft()
}
