// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"fmt"
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

// Counted, each action sees a removal at its second look: nobody has to wait, and the order of calls does not matter.
func TestDeletionLagCalls(t *testing.T) {
	s := newServer(t)
	c := root(s)
	ann := s.AddUser("ann")
	s.SetDeletionLagCalls(1)
	do(t, c, "DeleteAccessKey", "UserName", "ann", "AccessKeyId", ann.AccessKeyID)
	refused(t, c, 409, "DeleteConflict", "access keys", "DeleteUser", "UserName", "ann")
	for _, shows := range []bool{true, false} {
		if body := do(t, c, "ListAccessKeys", "UserName", "ann"); strings.Contains(body, ann.AccessKeyID) != shows {
			t.Errorf("the key shows: %v, want %v", !shows, shows)
		}
		refused(t, c, 404, "NoSuchEntity", "", "DeleteAccessKey", "UserName", "ann", "AccessKeyId", ann.AccessKeyID)
	}
	if got := field(t, do(t, c, "GetAccessKeyLastUsed", "AccessKeyId", ann.AccessKeyID), "UserName"); got != "ann" {
		t.Errorf("the key was of %s", got)
	}
	refused(t, c, 403, "AccessDenied", "", "GetAccessKeyLastUsed", "AccessKeyId", ann.AccessKeyID)
	do(t, c, "DeleteUser", "UserName", "ann")

	for _, action := range []string{"GetUser", "ListUserTags"} {
		do(t, c, action, "UserName", "ann")
		refused(t, c, 404, "NoSuchEntity", "", action, "UserName", "ann")
	}
	do(t, c, "ListUsers")
	if body := do(t, c, "ListUsers"); strings.Contains(body, "ann") {
		t.Errorf("listed twice: %s", body)
	}
	refused(t, c, 404, "NoSuchEntity", "", "DeleteUser", "UserName", "ann")
	do(t, c, "CreateUser", "UserName", "Ann")
	do(t, c, "DeleteUser", "UserName", "ann")
	s.Age(time.Second)
	refused(t, c, 404, "NoSuchEntity", "", "GetUser", "UserName", "ann")
}

// What was removed counts against the quotas for a while.
func TestQuotasLag(t *testing.T) {
	s := newServer(t, WithPageSize(100))
	c := root(s)
	s.AddUser("ann")
	first := s.AddUser("ann")
	s.SetDeletionLagCalls(1)
	var removed []string
	for n := range maxAttached {
		removed = append(removed, managed(n))
		do(t, c, "AttachUserPolicy", "UserName", "ann", "PolicyArn", removed[n])
		group := fmt.Sprintf("group-%d", n)
		s.AddGroup(group)
		do(t, c, "AddUserToGroup", "UserName", "ann", "GroupName", group)
	}
	s.AddGroup("more")
	do(t, c, "CreateLoginProfile", "UserName", "ann", "Password", "correct horse")

	do(t, c, "DeleteAccessKey", "UserName", "ann", "AccessKeyId", first.AccessKeyID)
	do(t, c, "DetachUserPolicy", "UserName", "ann", "PolicyArn", removed[0])
	do(t, c, "RemoveUserFromGroup", "UserName", "ann", "GroupName", "group-0")
	do(t, c, "DeleteLoginProfile", "UserName", "ann")
	for _, tc := range []struct {
		code string
		call []string
	}{
		{"LimitExceeded", []string{"CreateAccessKey"}},
		{"LimitExceeded", []string{"AttachUserPolicy", "PolicyArn", managed(maxAttached)}},
		{"LimitExceeded", []string{"AddUserToGroup", "GroupName", "more"}},
		{"EntityAlreadyExists", []string{"CreateLoginProfile", "Password", "correct horse"}},
	} {
		call := append([]string{"UserName", "ann"}, tc.call[1:]...)
		refused(t, c, 409, tc.code, "", tc.call[0], call...)
		do(t, c, tc.call[0], call...)
	}
	s.Forgive()
}

// A new key is not listed at once, and all else knows it.
func TestListingLag(t *testing.T) {
	s := newServer(t)
	c := root(s)
	do(t, c, "CreateUser", "UserName", "ann")
	s.SetListingLag(0, 2)
	id := field(t, do(t, c, "CreateAccessKey", "UserName", "ann"), "AccessKeyId")
	refused(t, c, 409, "DeleteConflict", "access keys", "DeleteUser", "UserName", "ann")
	for n := range 3 {
		if body := do(t, c, "ListAccessKeys", "UserName", "ann"); strings.Contains(body, id) != (n == 2) {
			t.Errorf("list %d: %s", n, body)
		}
	}
	s.SetListingLag(time.Hour, 0)
	second := field(t, do(t, c, "CreateAccessKey", "UserName", "ann"), "AccessKeyId")
	if body := do(t, c, "ListAccessKeys", "UserName", "ann"); strings.Contains(body, second) {
		t.Errorf("listed at once: %s", body)
	}
	s.Age(time.Hour)
	if body := do(t, c, "ListAccessKeys", "UserName", "ann"); !strings.Contains(body, second) {
		t.Errorf("not listed after an hour: %s", body)
	}
	s.RemoveUser("ann")
}

// A key that was deleted, or made inactive, signs for a while longer: for 3 to 4 s, as OFFENSAI measured.
func TestOldKeyLag(t *testing.T) {
	s := newServer(t)
	c := root(s)
	ann, bob := s.AddUser("ann"), s.AddUser("bob")
	s.SetOldKeyLag(0, 2)
	do(t, c, "DeleteAccessKey", "UserName", "ann", "AccessKeyId", ann.AccessKeyID)
	do(t, c, "DeleteUser", "UserName", "ann")
	do(t, c, "UpdateAccessKey", "UserName", "bob", "AccessKeyId", bob.AccessKeyID, "Status", "Inactive")
	for _, key := range []Key{ann, bob} {
		do(t, as(s, key), "GetCallerIdentity")
		do(t, as(s, key), "GetCallerIdentity")
		refused(t, as(s, key), 403, "InvalidClientTokenId", "", "GetCallerIdentity")
	}
	s.SetOldKeyLag(time.Hour, 0)
	cid := s.AddUser("cid")
	do(t, c, "DeleteAccessKey", "UserName", "cid", "AccessKeyId", cid.AccessKeyID)
	do(t, as(s, cid), "GetCallerIdentity")
	s.Age(time.Hour)
	refused(t, as(s, cid), 403, "InvalidClientTokenId", "", "GetCallerIdentity")
}
