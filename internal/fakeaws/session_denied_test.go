// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// assume returns a client with a session of the role deploy.
func assume(t *testing.T, s *Server, name string) Client {
	t.Helper()
	body := do(t, root(s), "AssumeRole", "RoleArn", roleARN+"deploy", "RoleSessionName", name)
	return Client{Endpoint: s.URL(), Key: Key{field(t, body, "AccessKeyId"), field(t, body, "SecretAccessKey"), field(t, body, "SessionToken")}}
}

func denial(condition string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":` + condition + `}]}`
}

func TestDeniedSessions(t *testing.T) {
	s := newServer(t)
	s.AddRole("deploy")
	body := do(t, root(s), "AssumeRole", "RoleArn", roleARN+"deploy", "RoleSessionName", "two")
	id, _, _ := strings.Cut(field(t, body, "AssumedRoleId"), ":")
	one, two := assume(t, s, "one"), assume(t, s, "two")
	policy := func(condition string) []string {
		return []string{"RoleName", "Deploy", "PolicyName", "denied", "PolicyDocument", denial(condition)}
	}
	for _, tc := range []struct {
		condition string
		one, two  bool // denied
	}{
		{fmt.Sprintf(`{"StringEquals":{"aws:userid":"%s:one"}}`, id), true, false},
		{fmt.Sprintf(`{"StringEquals":{"AWS:userId":["x:y","%s:two"]}}`, id), false, true},
		{fmt.Sprintf(`{"StringEquals":{"aws:userid":"%s:ONE"}}`, id), false, false},
		{fmt.Sprintf(`{"StringEquals":{"aws:userid":"%s:one"},"StringLike":{"aws:x":"y"}}`, id), false, false},
		{fmt.Sprintf(`{"DateLessThan":{"aws:TokenIssueTime":"%s"}}`, time.Now().Add(2*time.Second).UTC().Format(time.RFC3339)), true, true},
		{fmt.Sprintf(`{"DateLessThan":{"aws:TokenIssueTime":"%s"}}`, time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)), false, false},
	} {
		do(t, root(s), "PutRolePolicy", policy(tc.condition)...)
		for client, denied := range map[*Client]bool{&one: tc.one, &two: tc.two} {
			if denied {
				refused(t, *client, 403, "AccessDenied", "with an explicit deny in an identity-based policy", "ListUsers")
			} else {
				do(t, *client, "ListUsers")
			}
			do(t, *client, "GetCallerIdentity")
		}
		do(t, root(s), "ListUsers")
	}
	do(t, root(s), "DeleteRolePolicy", policy("")[:4]...)
	do(t, one, "ListUsers")
	do(t, two, "ListUsers")
}

func TestRolePoliciesOverTheWire(t *testing.T) {
	s := newServer(t)
	s.AddRole("deploy")
	c, role := root(s), []string{"RoleName", "deploy"}
	refused(t, c, 404, "NoSuchEntity", "The role with name nobody cannot be found.", "GetRolePolicy", "RoleName", "nobody", "PolicyName", "p")
	refused(t, c, 404, "NoSuchEntity", "The role policy with name p cannot be found.", "GetRolePolicy", append(role, "PolicyName", "p")...)
	s.SetRolePolicy("deploy", "own", strings.Replace(allowAll, `"*"`, `"`+strings.Repeat("s3:", 2000)+`*"`, 1))
	long := func(n int) string {
		return strings.Replace(allowAll, `"*"`, `"s3:`+strings.Repeat("a", n-len(allowAll)-len("s3:")+1)+`"`, 1)
	}
	left := maxRoleText - inlineSize(s.RolePolicies("deploy"))
	refused(t, c, 409, "LimitExceeded", "Maximum policy size of 10240 bytes exceeded for role deploy", "PutRolePolicy", append(role, "PolicyName", "p", "PolicyDocument", long(left+1))...)
	do(t, c, "PutRolePolicy", append(role, "PolicyName", "p", "PolicyDocument", long(left))...)
	if body := do(t, c, "GetRolePolicy", append(role, "PolicyName", "p")...); !strings.Contains(body, "<RoleName>deploy</RoleName><PolicyName>p</PolicyName><PolicyDocument>%7B%22Version") {
		t.Error(body)
	}
	if body := do(t, c, "ListRolePolicies", role...); !strings.Contains(body, "<member>own</member><member>p</member>") {
		t.Error(body)
	}
	if left := s.Leftovers(); len(left) != 1 || left[0] != "inline policy p of role deploy" {
		t.Errorf("%q", left)
	}
	do(t, c, "DeleteRolePolicy", append(role, "PolicyName", "p")...)
	refused(t, c, 404, "NoSuchEntity", "", "DeleteRolePolicy", append(role, "PolicyName", "p")...)
}
