// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

func TestGroupOverTheWire(t *testing.T) {
	s := newServer(t)
	c := root(s)
	group := []string{"GroupName", "ops"}
	do(t, c, "CreateGroup", "GroupName", "ops", "Path", "/vault/")
	do(t, c, "AttachGroupPolicy", append(group, "PolicyArn", managed(1))...)
	do(t, c, "PutGroupPolicy", append(group, "PolicyName", "p", "PolicyDocument", allowAll)...)
	s.AddUser("ann")
	do(t, c, "AddUserToGroup", "GroupName", "OPS", "UserName", "ann")
	body := do(t, c, "GetGroup", group...)
	if !strings.Contains(body, "<GetGroupResult><Group><Path>/vault/</Path><GroupName>ops</GroupName><GroupId>AGPA") ||
		!strings.Contains(body, "<Users><member><Path>/</Path><UserName>ann</UserName>") {
		t.Errorf("shape: %s", body)
	}
	for _, tc := range []struct {
		must string
		call []string
	}{
		{"must remove users from group first.", []string{"RemoveUserFromGroup", "UserName", "ann"}},
		{"must detach all policies first.", []string{"DetachGroupPolicy", "PolicyArn", managed(1)}},
		{"must delete policies first.", []string{"DeleteGroupPolicy", "PolicyName", "p"}},
	} {
		refused(t, c, 409, "DeleteConflict", "Cannot delete entity, "+tc.must, "DeleteGroup", group...)
		pairs := append(tc.call[1:], group...)
		do(t, c, tc.call[0], pairs...)
		refused(t, c, 404, "NoSuchEntity", "", tc.call[0], pairs...)
	}
	do(t, c, "DeleteGroup", group...)
	refused(t, c, 404, "NoSuchEntity", "The group with name ops cannot be found.", "GetGroup", group...)
}

// TestSeededGroup reads what Go wrote, page by page and word by word.
func TestSeededGroup(t *testing.T) {
	s := newServer(t)
	c := root(s)
	for n := range 5 {
		s.AddGroupPolicy("ops", fmt.Sprint("p", n), strings.Replace(allowAll, `"*"`, fmt.Sprintf(`"s3:%d"`, n), 1))
		s.AttachGroupPolicy("ops", fmt.Sprintf("arn:aws:iam::123456789012:policy/mine%d", n))
		name := fmt.Sprint("u", n)
		s.AddUser(name)
		do(t, c, "AddUserToGroup", "GroupName", "ops", "UserName", name)
	}
	for action, element := range map[string]string{
		"GetGroup": "UserName", "ListGroupPolicies": "member", "ListAttachedGroupPolicies": "PolicyArn",
	} {
		t.Run(action, func(t *testing.T) {
			got, pages := 0, 0
			q := []string{"GroupName", "ops"}
			for {
				body := do(t, c, action, q...)
				got, pages = got+strings.Count(body, "<"+element+">"), pages+1
				if field(t, body, "IsTruncated") == "false" {
					break
				}
				q = append(q, "Marker", field(t, body, "Marker"))
			}
			if got != 5 || pages != 3 {
				t.Errorf("got %d in %d pages", got, pages)
			}
		})
	}
	body := do(t, c, "GetGroupPolicy", "GroupName", "ops", "PolicyName", "p3")
	document, err := url.PathUnescape(field(t, body, "PolicyDocument"))
	if err != nil || !strings.Contains(document, `"Action":"s3:3"`) || strings.Contains(body, "{") || field(t, body, "GroupName") != "ops" {
		t.Errorf("got %s", body)
	}
	// What is attached to a group exists for everybody.
	do(t, c, "AttachUserPolicy", "UserName", "u0", "PolicyArn", "arn:aws:iam::123456789012:policy/mine0")
}

func TestGroupRefusals(t *testing.T) {
	s := newServer(t)
	c := root(s)
	s.AddGroup("ops")
	big := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::` + strings.Repeat("x", 2447) + `"}]}`
	for n := range 10 {
		s.AttachGroupPolicy("ops", managed(n))
	}
	for _, name := range []string{"one", "two"} {
		do(t, c, "PutGroupPolicy", "GroupName", "ops", "PolicyName", name, "PolicyDocument", big)
	}
	for _, tc := range []struct {
		status      int
		code, words string
		call        []string
	}{
		{409, "LimitExceeded", "Maximum policy size of 5120 bytes exceeded for group ops", []string{"PutGroupPolicy", "PolicyName", "three", "PolicyDocument", big}},
		{409, "LimitExceeded", "PoliciesPerGroup: 10", []string{"AttachGroupPolicy", "PolicyArn", managed(10)}},
		{404, "NoSuchEntity", "does not exist or is not attachable", []string{"AttachGroupPolicy", "PolicyArn", "arn:aws:iam::123456789012:policy/other"}},
		{404, "NoSuchEntity", "was not found", []string{"DetachGroupPolicy", "PolicyArn", managed(10)}},
		{404, "NoSuchEntity", "The group policy with name none cannot be found.", []string{"GetGroupPolicy", "PolicyName", "none"}},
		{404, "NoSuchEntity", "", []string{"DeleteGroupPolicy", "PolicyName", "none"}},
		{400, "MalformedPolicyDocument", "", []string{"PutGroupPolicy", "PolicyName", "p", "PolicyDocument", "{"}},
		{400, "ValidationError", "Value null at 'policyName'", []string{"GetGroupPolicy"}},
		{400, "ValidationError", "Marker", []string{"ListAttachedGroupPolicies", "Marker", "!"}},
	} {
		t.Run(tc.call[0]+" "+tc.code, func(t *testing.T) {
			refused(t, c, tc.status, tc.code, tc.words, tc.call[0], append(tc.call[1:], "GroupName", "ops")...)
			if tc.code != "ValidationError" { // which comes before anything is looked up
				refused(t, c, 404, "NoSuchEntity", "The group with name dev cannot be found.", tc.call[0], append(tc.call[1:], "GroupName", "dev")...)
			}
		})
	}
}

func TestAccountSummary(t *testing.T) {
	s := newServer(t)
	s.AddUser("ann")
	s.AddGroup("ops")
	body := do(t, root(s), "GetAccountSummary")
	for _, want := range []string{"<SummaryMap><entry><key>Users</key><value>2</value></entry>", "<key>Groups</key><value>1</value>", "<key>AccessKeysPerUserQuota</key><value>2</value>"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
}
