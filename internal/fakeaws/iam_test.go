// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestUserOverTheWire(t *testing.T) {
	s := newServer(t)
	c := root(s)
	body := do(t, c, "CreateUser", "UserName", "ann", "Path", "/vault/", "PermissionsBoundary", managed(1),
		"Tags.member.1.Key", "Team", "Tags.member.1.Value", "blé")
	if got := field(t, body, "Arn"); got != "arn:aws:iam::123456789012:user/vault/ann" {
		t.Errorf("ARN %s", got)
	}
	if !strings.Contains(body, `<CreateUserResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><CreateUserResult><User>`) {
		t.Errorf("shape: %s", body)
	}
	ann, ok := s.User("ann")
	if !ok || ann.Path != "/vault/" || ann.PermissionsBoundary != managed(1) || ann.Tags["Team"] != "blé" {
		t.Errorf("got %+v", ann)
	}
	do(t, c, "TagUser", "UserName", "ann", "Tags.member.1.Key", "team", "Tags.member.1.Value", "rye", "Tags.member.2.Key", "b", "Tags.member.2.Value", "")
	do(t, c, "UntagUser", "UserName", "ann", "TagKeys.member.1", "B")
	if ann, _ = s.User("ann"); len(ann.Tags) != 1 || ann.Tags["Team"] != "rye" {
		t.Errorf("tags %v", ann.Tags)
	}
	do(t, c, "DeleteUserPermissionsBoundary", "UserName", "ann")
	refused(t, c, 404, "NoSuchEntity", "", "DeleteUserPermissionsBoundary", "UserName", "ann")
	do(t, c, "PutUserPermissionsBoundary", "UserName", "ann", "PermissionsBoundary", managed(2))
	do(t, c, "DeleteUser", "UserName", "ann")
	refused(t, c, 404, "NoSuchEntity", "The user with name ann cannot be found.", "GetUser", "UserName", "ann")
}

func TestCallerIsMeantWithoutUserName(t *testing.T) {
	s := newServer(t)
	s.AddRole("deploy")
	bob := as(s, s.AddUser("bob"))
	if got := field(t, do(t, bob, "GetUser"), "UserName"); got != "bob" {
		t.Errorf("GetUser says %s", got)
	}
	key := field(t, do(t, bob, "CreateAccessKey"), "AccessKeyId")
	if calls := s.Calls(); calls[1].User != "bob" {
		t.Errorf("transcript says %q", calls[1].User)
	}
	do(t, bob, "DeleteAccessKey", "AccessKeyId", key)
	refused(t, assumed(t, s, bob, "deploy"), 400, "ValidationError", "Must specify userName", "GetUser")
	refused(t, bob, 400, "ValidationError", "Value null at 'userName'", "DeleteUser")
}

func TestRefusedInput(t *testing.T) {
	s := newServer(t)
	c := root(s)
	s.AddUser("ann")
	s.AddGroup("ops")
	long := func(n int) string { return strings.Repeat("x", n) }
	policy := func(document string) []string {
		return []string{"PutUserPolicy", "UserName", "ann", "PolicyName", "p", "PolicyDocument", document}
	}
	for _, tc := range []struct {
		status      int
		code, words string
		call        []string
	}{
		{409, "EntityAlreadyExists", "User with name ann already exists.", []string{"CreateUser", "UserName", "ann"}},
		{409, "EntityAlreadyExists", "", []string{"CreateUser", "UserName", "ANN"}},
		{400, "ValidationError", "less than or equal to 64", []string{"CreateUser", "UserName", long(65)}},
		{400, "ValidationError", "alphanumeric", []string{"CreateUser", "UserName", "a b"}},
		{400, "ValidationError", "must begin and end with /", []string{"CreateUser", "UserName", "a", "Path", "x/"}},
		{400, "ValidationError", "Value null at 'userName'", []string{"CreateUser"}},
		{400, "InvalidInput", "Duplicate tag keys", []string{"CreateUser", "UserName", "a", "Tags.member.1.Key", "k", "Tags.member.1.Value", "", "Tags.member.2.Key", "K", "Tags.member.2.Value", ""}},
		{400, "ValidationError", "'tags.1.member.key'", []string{"CreateUser", "UserName", "a", "Tags.member.1.Key", long(129), "Tags.member.1.Value", ""}},
		{400, "ValidationError", "less than or equal to 256", []string{"CreateUser", "UserName", "a", "Tags.member.1.Key", "k", "Tags.member.1.Value", long(257)}},
		{400, "ValidationError", "pattern", []string{"CreateUser", "UserName", "a", "Tags.member.1.Key", "k!", "Tags.member.1.Value", ""}},
		{404, "NoSuchEntity", "Scope ARN", []string{"CreateUser", "UserName", "a", "PermissionsBoundary", "arn:aws:iam::aws:policy/DoesNotExist"}},
		{404, "NoSuchEntity", "does not exist or is not attachable", []string{"AttachUserPolicy", "UserName", "ann", "PolicyArn", "arn:aws:iam::123456789012:policy/mine"}},
		{400, "InvalidInput", "is not valid", []string{"AttachUserPolicy", "UserName", "ann", "PolicyArn", "arn:aws:iam::aws:role/NotAPolicy"}},
		{400, "ValidationError", "greater than or equal to 20", []string{"AttachUserPolicy", "UserName", "ann", "PolicyArn", "short"}},
		{404, "NoSuchEntity", "was not found", []string{"DetachUserPolicy", "UserName", "ann", "PolicyArn", managed(1)}},
		{404, "NoSuchEntity", "The group with name dev cannot be found.", []string{"AddUserToGroup", "UserName", "ann", "GroupName", "dev"}},
		{404, "NoSuchEntity", "", []string{"RemoveUserFromGroup", "UserName", "ann", "GroupName", "ops"}},
		{404, "NoSuchEntity", "The Access Key with id", []string{"DeleteAccessKey", "UserName", "ann", "AccessKeyId", c.Key.AccessKeyID}},
		{404, "NoSuchEntity", "Login Profile", []string{"DeleteLoginProfile", "UserName", "ann"}},
		{404, "NoSuchEntity", "user policy", []string{"DeleteUserPolicy", "UserName", "ann", "PolicyName", "p"}},
		{400, "MalformedPolicyDocument", "Syntax errors in policy.", policy("{")},
		{400, "MalformedPolicyDocument", "Syntax", policy("{}")},
		{400, "MalformedPolicyDocument", "Syntax", policy(strings.Replace(allowAll, "2012", "2013", 1))},
		{400, "MalformedPolicyDocument", "Syntax", policy(strings.Replace(allowAll, "Allow", "Permit", 1))},
		{400, "MalformedPolicyDocument", "actions", policy(strings.Replace(allowAll, `"Action":"*",`, "", 1))},
		{400, "MalformedPolicyDocument", "resources", policy(strings.Replace(allowAll, `,"Resource":"*"`, "", 1))},
		{400, "MalformedPolicyDocument", "principal", policy(strings.Replace(allowAll, `"Action"`, `"Principal":"*","Action"`, 1))},
		{400, "ValidationError", "", policy("")},
	} {
		t.Run(tc.call[0]+" "+tc.code, func(t *testing.T) {
			refused(t, c, tc.status, tc.code, tc.words, tc.call[0], tc.call[1:]...)
		})
	}
}

func TestQuotas(t *testing.T) {
	s := newServer(t)
	c := root(s)
	for n := range 11 {
		s.AddGroup(fmt.Sprint("g", n))
	}
	user := []string{"UserName", "ann"}
	do(t, c, "CreateUser", user...)
	big := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::` + strings.Repeat("x", 917) + `"}]}` + strings.Repeat(" ", 900)
	for _, tc := range []struct {
		action string
		fits   int
		words  string
		pairs  func(n int) []string
	}{
		{"CreateAccessKey", 2, "Cannot exceed quota for AccessKeysPerUser: 2", func(int) []string { return nil }},
		{"AttachUserPolicy", 10, "PoliciesPerUser: 10", func(n int) []string { return []string{"PolicyArn", managed(n)} }},
		{"PutUserPolicy", 2, "Maximum policy size of 2048 bytes", func(n int) []string { return []string{"PolicyName", fmt.Sprint("p", n), "PolicyDocument", big} }},
		{"AddUserToGroup", 10, "GroupsPerUser: 10", func(n int) []string { return []string{"GroupName", fmt.Sprint("g", n)} }},
		{"TagUser", 50, "TagsPerUser: 50", func(n int) []string {
			return []string{"Tags.member.1.Key", fmt.Sprint("k", n), "Tags.member.1.Value", "v"}
		}},
		{"UploadSSHPublicKey", 5, "SSHPublicKeysPerUser: 5", func(int) []string { return []string{"SSHPublicKeyBody", "ssh-rsa AAAA"} }},
		{"UploadSigningCertificate", 2, "CertificatesPerUser: 2", func(int) []string { return []string{"CertificateBody", pemText} }},
		{"CreateServiceSpecificCredential", 2, ": 2", func(int) []string { return []string{"ServiceName", "codecommit.amazonaws.com"} }},
	} {
		t.Run(tc.action, func(t *testing.T) {
			for n := range tc.fits {
				do(t, c, tc.action, append(tc.pairs(n), user...)...)
			}
			refused(t, c, 409, "LimitExceeded", tc.words, tc.action, append(tc.pairs(tc.fits), user...)...)
		})
	}
	// What is there already does not count twice.
	do(t, c, "AttachUserPolicy", append([]string{"PolicyArn", managed(3)}, user...)...)
	do(t, c, "AddUserToGroup", append([]string{"GroupName", "g3"}, user...)...)
	s.with(func(a *account) {
		for n := len(a.users); n < maxUsers; n++ {
			a.users[fmt.Sprint("filler", n)] = &filler
		}
	})
	refused(t, c, 409, "LimitExceeded", "UsersPerAccount: 5000", "CreateUser", "UserName", "one-more")
}

// filler stands for thousands that nobody asks about.
var filler = user{name: "filler", path: "/"}

const pemText = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"

// TestDeleteConflict gives a user everything, and takes it away kind by kind in the order in which DeleteUser
// complains.
func TestDeleteConflict(t *testing.T) {
	s := newServer(t)
	c := root(s)
	do(t, c, "CreateUser", "UserName", "ann")
	s.Dirty("ann")
	ann, _ := s.User("ann")
	for _, tc := range []struct {
		must, action, param string
		values              []string
	}{
		{"must delete access keys first.", "DeleteAccessKey", "AccessKeyId", ann.AccessKeys},
		{"must detach all policies first.", "DetachUserPolicy", "PolicyArn", ann.AttachedPolicies},
		{"must delete policies first.", "DeleteUserPolicy", "PolicyName", slices.Collect(maps.Keys(ann.InlinePolicies))},
		{"must remove users from group first.", "RemoveUserFromGroup", "GroupName", ann.Groups},
		{"must delete login profile first.", "DeleteLoginProfile", "", []string{""}},
		{"must delete MFA device first.", "DeactivateMFADevice", "SerialNumber", ann.MFADevices},
		{"must delete SSH public keys first.", "DeleteSSHPublicKey", "SSHPublicKeyId", ann.SSHKeys},
		{"must delete signing certificates first.", "DeleteSigningCertificate", "CertificateId", ann.Certificates},
		{"must delete service specific credentials first.", "DeleteServiceSpecificCredential", "ServiceSpecificCredentialId", ann.ServiceCredentials},
	} {
		t.Run(tc.action, func(t *testing.T) {
			refused(t, c, 409, "DeleteConflict", "Cannot delete entity, "+tc.must, "DeleteUser", "UserName", "ann")
			if len(tc.values) == 0 {
				t.Fatal("Dirty left this out")
			}
			for _, value := range tc.values {
				pairs := []string{"UserName", "ann"}
				if tc.param != "" {
					pairs = append(pairs, tc.param, value)
				}
				do(t, c, tc.action, pairs...)
				refused(t, c, 404, "NoSuchEntity", "", tc.action, pairs...)
			}
		})
	}
	do(t, c, "DeleteUser", "UserName", "ann")
}

// TestPages makes five of each thing that can be five, and reads them two at a time.
func TestPages(t *testing.T) {
	s := newServer(t)
	c := root(s)
	do(t, c, "CreateUser", "UserName", "ann", "Path", "/vault/")
	for n := range 5 {
		s.Dirty("ann")
		do(t, c, "CreateUser", "UserName", fmt.Sprint("u", n), "Path", "/vault/")
		do(t, c, "TagUser", "UserName", "ann", "Tags.member.1.Key", fmt.Sprint("k", n), "Tags.member.1.Value", "v")
	}
	for action, want := range map[string]struct {
		members int
		pairs   []string
	}{
		"ListUsers":                      {6, []string{"PathPrefix", "/vault/"}},
		"ListUserTags":                   {5, nil},
		"ListAccessKeys":                 {2, []string{"MaxItems", "1"}},
		"ListAttachedUserPolicies":       {5, nil},
		"ListUserPolicies":               {5, nil},
		"ListGroupsForUser":              {5, nil},
		"ListMFADevices":                 {5, nil},
		"ListSSHPublicKeys":              {5, nil},
		"ListSigningCertificates":        {5, nil},
		"ListServiceSpecificCredentials": {5, []string{"MaxItems", "1000"}},
	} {
		t.Run(action, func(t *testing.T) {
			q := append([]string{"UserName", "ann"}, want.pairs...)
			got, pages := 0, 0
			for {
				body := do(t, c, action, q...)
				n := strings.Count(body, "<member>")
				if n > 2 || (slices.Contains(q, "1") && n > 1) {
					t.Fatalf("a page of %d", n)
				}
				got, pages = got+n, pages+1
				if field(t, body, "IsTruncated") == "false" {
					break
				}
				q = append(q, "Marker", field(t, body, "Marker"))
			}
			if got != want.members || pages < 2 {
				t.Errorf("got %d in %d pages, want %d", got, pages, want.members)
			}
		})
	}
	refused(t, c, 400, "ValidationError", "Marker", "ListUsers", "Marker", "!")
	refused(t, c, 400, "ValidationError", "less than or equal to 1000", "ListUsers", "MaxItems", "1001")
}

func TestGetUserPolicyIsURLEncoded(t *testing.T) {
	s := newServer(t)
	s.AddUser("ann")
	do(t, root(s), "PutUserPolicy", "UserName", "ann", "PolicyName", "p", "PolicyDocument", allowAll)
	document := field(t, do(t, root(s), "GetUserPolicy", "UserName", "ann", "PolicyName", "p"), "PolicyDocument")
	if got, err := url.PathUnescape(document); err != nil || got != allowAll || strings.Contains(document, "{") {
		t.Errorf("got %s", document)
	}
}

func TestMFADeviceOverTheWire(t *testing.T) {
	s := newServer(t)
	c := root(s)
	s.AddUser("ann")
	serial := field(t, do(t, c, "CreateVirtualMFADevice", "VirtualMFADeviceName", "phone"), "SerialNumber")
	enable := []string{"UserName", "ann", "SerialNumber", serial, "AuthenticationCode1", "123456", "AuthenticationCode2", "654321"}
	do(t, c, "EnableMFADevice", enable...)
	refused(t, c, 409, "EntityAlreadyExists", "in use", "EnableMFADevice", enable...)
	refused(t, c, 409, "DeleteConflict", "", "DeleteVirtualMFADevice", "SerialNumber", serial)
	do(t, c, "DeactivateMFADevice", "UserName", "ann", "SerialNumber", serial)
	do(t, c, "DeleteVirtualMFADevice", "SerialNumber", serial)
	refused(t, c, 404, "NoSuchEntity", "", "DeleteVirtualMFADevice", "SerialNumber", serial)
}

func TestLastUse(t *testing.T) {
	s := newServer(t)
	ann := newUser(t, s, "ann")
	id := ann.Key.AccessKeyID
	if got := field(t, do(t, root(s), "GetAccessKeyLastUsed", "AccessKeyId", id), "ServiceName"); got != "N/A" {
		t.Errorf("unused key was used at %s", got)
	}
	do(t, ann, "GetCallerIdentity")
	if got := field(t, do(t, root(s), "GetAccessKeyLastUsed", "AccessKeyId", id), "ServiceName"); got != "sts" {
		t.Errorf("used at %s", got)
	}
}
