// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"strings"
	"testing"
	"time"
)

func TestUpdateUser(t *testing.T) {
	s := newServer(t)
	c := root(s)
	ann := newUser(t, s, "ann")
	do(t, c, "CreateUser", "UserName", "bob")
	before, _ := s.User("ann")

	do(t, ann, "UpdateUser", "UserName", "ann", "NewUserName", "Carl", "NewPath", "/x/")
	after, ok := s.User("carl")
	if !ok || after.ID != before.ID || after.Name != "Carl" || after.ARN != "arn:aws:iam::123456789012:user/x/Carl" {
		t.Errorf("was %+v and is %+v", before, after)
	}
	refused(t, c, 404, "NoSuchEntity", "ann", "GetUser", "UserName", "ann")
	if name := field(t, do(t, c, "GetAccessKeyLastUsed", "AccessKeyId", ann.Key.AccessKeyID), "UserName"); name != "Carl" {
		t.Errorf("the key is %s's", name)
	}
	if body := do(t, ann, "GetUser"); field(t, body, "UserId") != before.ID || !strings.Contains(body, "/x/Carl") {
		t.Errorf("of its own: %s", body)
	}
	do(t, c, "UpdateUser", "UserName", "carl", "NewUserName", "CARL")
	do(t, c, "UpdateUser", "UserName", "carl")
	refused(t, c, 409, "EntityAlreadyExists", "BOB", "UpdateUser", "UserName", "carl", "NewUserName", "BOB")
	refused(t, c, 400, "ValidationError", "newUserName", "UpdateUser", "UserName", "carl", "NewUserName", "a b")
	refused(t, c, 400, "ValidationError", "newPath", "UpdateUser", "UserName", "carl", "NewPath", "x")
	refused(t, c, 404, "NoSuchEntity", "", "UpdateUser", "UserName", "ann", "NewUserName", "dora")
}

// What is reported lags behind, and stays that of before meanwhile.
func TestLastUseIsReportedLate(t *testing.T) {
	s := newServer(t)
	ann := newUser(t, s, "ann")
	service := func() string {
		t.Helper()
		return field(t, do(t, root(s), "GetAccessKeyLastUsed", "AccessKeyId", ann.Key.AccessKeyID), "ServiceName")
	}
	s.SetLastUsedDelay(time.Hour)
	do(t, ann, "GetCallerIdentity")
	if got := service(); got != "N/A" {
		t.Errorf("reported at once: %s", got)
	}
	s.Age(time.Hour)
	do(t, ann, "GetUser")
	if got := service(); got != "sts" {
		t.Errorf("after an hour: %s", got)
	}
	s.Age(time.Hour)
	if got := service(); got != "iam" {
		t.Errorf("after two hours: %s", got)
	}
}

// A key that the account does not have.
func TestLastUseOfNoKey(t *testing.T) {
	s := newServer(t)
	refused(t, root(s), 403, "AccessDenied", "AKIAIOSFODNN7EXAMPLE", "GetAccessKeyLastUsed", "AccessKeyId", "AKIAIOSFODNN7EXAMPLE")
}
