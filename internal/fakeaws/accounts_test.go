// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"slices"
	"testing"
)

const (
	first  = "123456789012"
	second = "210987654321"
)

// A session of a role works in the role's account, whoever's identity assumed it.
func TestAccountsAreApart(t *testing.T) {
	t.Parallel()
	s := New(t)
	there := s.Account(second)
	there.SetTrust("hub", first)
	there.AddRole("app")
	here, hub := root(s), inRole(t, s, root(s), "arn:aws:iam::"+second+":role/hub")
	if arn, err := hub.CallerARN(t.Context()); err != nil || arn != "arn:aws:sts::"+second+":assumed-role/hub/test" {
		t.Fatalf("the session is %q (%v)", arn, err)
	}
	for _, c := range []Client{here, hub} {
		do(t, c, "CreateUser", "UserName", "same")
	}
	if !slices.Equal(s.Users(), []string{"same"}) || !slices.Equal(there.Users(), []string{"same"}) {
		t.Errorf("users: %v and %v", s.Users(), there.Users())
	}
	one, _ := s.User("same")
	another, _ := there.User("same")
	if one.ID == another.ID || another.ARN != "arn:aws:iam::"+second+":user/same" {
		t.Errorf("%+v and %+v", one, another)
	}
	do(t, hub, "DeleteUser", "UserName", "same")
	if len(s.Users()) != 1 || len(there.Users()) != 0 || len(s.Leftovers()) != 1 {
		t.Errorf("users: %v and %v; left: %v", s.Users(), there.Users(), s.Leftovers())
	}
	inRole(t, s, hub, "arn:aws:iam::"+second+":role/app") // a chain
	last := s.Calls()[len(s.Calls())-1]
	if last.Account != second || last.Action != "AssumeRole" {
		t.Errorf("the last call: %+v", last)
	}
	s.RemoveUser("same")
}

// inRole is a client with the session of a role.
func inRole(t *testing.T, s *Server, c Client, arn string) Client {
	t.Helper()
	body := do(t, c, "AssumeRole", "RoleArn", arn, "RoleSessionName", "test")
	return fromAnswer(t, s, body)
}

func TestTrustOfAnotherAccount(t *testing.T) {
	t.Parallel()
	s := New(t)
	there := s.Account(second)
	arn := "arn:aws:iam::" + second + ":role/hub"
	denied := func() {
		t.Helper()
		refused(t, root(s), 403, "AccessDenied", "sts:AssumeRole on resource: "+arn, "AssumeRole", "RoleArn", arn, "RoleSessionName", "test")
	}
	denied() // there is no such role
	there.SetTrust("hub", second)
	denied()
	there.SetTrust("hub", first)
	hub := inRole(t, s, root(s), arn)
	there.SetTrust("hub")
	denied()
	do(t, hub, "GetCallerIdentity") // a session from before
	there.RemoveRole("hub")
	refused(t, hub, 403, "InvalidClientTokenId", "", "GetCallerIdentity")
}

func TestFaultOfOneAccount(t *testing.T) {
	t.Parallel()
	s := New(t)
	s.Account(second).AddRole("hub")
	fault := s.Inject(Fault{Action: "ListUsers", Kind: Refuse, Account: second})
	do(t, root(s), "ListUsers")
	refused(t, inRole(t, s, root(s), "arn:aws:iam::"+second+":role/hub"), 403, "AccessDenied", "", "ListUsers")
	if fault.Hits() != 1 {
		t.Errorf("%d hits", fault.Hits())
	}
}
