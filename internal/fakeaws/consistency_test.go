// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"strings"
	"testing"
	"time"
)

// For a while after everything was taken from a user, reads show all of it, and DeleteUser sees it.
func TestDeletionLag(t *testing.T) {
	s := newServer(t, WithPageSize(100))
	c := root(s)
	do(t, c, "CreateUser", "UserName", "ann")
	s.Dirty("ann")
	user, _ := s.User("ann")
	s.SetDeletionLag(time.Hour)

	serial := user.MFADevices[0]
	group := user.Groups[0]
	policy := user.AttachedPolicies[0]
	removals := [][]string{
		{"DeleteAccessKey", "AccessKeyId", user.AccessKeys[0]},
		{"DetachUserPolicy", "PolicyArn", policy},
		{"RemoveUserFromGroup", "GroupName", group},
		{"DeleteLoginProfile"},
		{"DeactivateMFADevice", "SerialNumber", serial},
		{"DeleteSSHPublicKey", "SSHPublicKeyId", user.SSHKeys[0]},
		{"DeleteSigningCertificate", "CertificateId", user.Certificates[0]},
		{"DeleteServiceSpecificCredential", "ServiceSpecificCredentialId", user.ServiceCredentials[0]},
	}
	for name := range user.InlinePolicies {
		removals = append(removals, []string{"DeleteUserPolicy", "PolicyName", name})
	}
	for _, r := range removals {
		do(t, c, r[0], append([]string{"UserName", "ann"}, r[1:]...)...)
		refused(t, c, 404, "NoSuchEntity", "", r[0], append([]string{"UserName", "ann"}, r[1:]...)...)
	}
	for list, shows := range map[string]string{
		"ListAccessKeys": user.AccessKeys[0], "ListAttachedUserPolicies": policy, "ListUserPolicies": "dirty-", "ListGroupsForUser": group,
		"GetLoginProfile": "ann", "ListMFADevices": serial, "ListSSHPublicKeys": user.SSHKeys[0],
		"ListSigningCertificates": user.Certificates[0], "ListServiceSpecificCredentials": user.ServiceCredentials[0],
	} {
		if body := do(t, c, list, "UserName", "ann"); !strings.Contains(body, shows) {
			t.Errorf("%s shows no more of %s: %s", list, shows, body)
		}
	}
	refused(t, c, 409, "DeleteConflict", "access keys", "DeleteUser", "UserName", "ann")

	s.Age(time.Hour)
	if body := do(t, c, "ListUserPolicies", "UserName", "ann"); strings.Contains(body, "dirty-") {
		t.Errorf("after the lag: %s", body)
	}
	do(t, c, "DeleteUser", "UserName", "ann")
	if left := s.Leftovers(); len(left) != 1 || !strings.Contains(left[0], serial) {
		t.Errorf("left: %v", left)
	}
	do(t, c, "DeleteVirtualMFADevice", "SerialNumber", serial)
	if left := s.Leftovers(); len(left) > 0 {
		t.Error(left)
	}
}
