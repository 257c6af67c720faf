// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const roleARN = "arn:aws:iam::123456789012:role/"

// assumed is a client with the session of a role.
func assumed(t *testing.T, s *Server, c Client, role string) Client {
	t.Helper()
	return fromAnswer(t, s, do(t, c, "AssumeRole", "RoleArn", roleARN+role, "RoleSessionName", "test"))
}

// fromAnswer takes the key out of an answer of STS.
func fromAnswer(t *testing.T, s *Server, body string) Client {
	t.Helper()
	return as(s, Key{field(t, body, "AccessKeyId"), field(t, body, "SecretAccessKey"), field(t, body, "SessionToken")})
}

func TestCallerIdentity(t *testing.T) {
	s := newServer(t, WithAccount("210987654321"))
	s.AddRole("deploy")
	body := do(t, root(s), "GetCallerIdentity")
	if got := field(t, body, "Arn"); got != "arn:aws:iam::210987654321:user/vault-root" {
		t.Errorf("ARN %s", got)
	}
	if !strings.HasPrefix(field(t, body, "UserId"), "AIDA") || !strings.Contains(body, namespaces["sts"]) {
		t.Errorf("got %s", body)
	}
	key := do(t, root(s), "AssumeRole", "RoleArn", "arn:aws:iam::210987654321:role/path/deploy", "RoleSessionName", "me@x")
	body = do(t, fromAnswer(t, s, key), "GetCallerIdentity")
	if got := field(t, body, "Arn"); got != "arn:aws:sts::210987654321:assumed-role/deploy/me@x" {
		t.Errorf("ARN %s", got)
	}
}

func TestAssumeRoleRefusals(t *testing.T) {
	s := newServer(t)
	s.AddRole("deploy")
	chained := assumed(t, s, root(s), "deploy")
	for _, tc := range []struct {
		name        string
		c           Client
		status      int
		code, words string
		pairs       []string
	}{
		{"unknown role", root(s), 403, "AccessDenied", "User: arn:aws:iam::123456789012:user/vault-root is not authorized to perform: sts:AssumeRole on resource: " + roleARN + "other", []string{"RoleArn", roleARN + "other"}},
		{"other account", root(s), 403, "AccessDenied", "", []string{"RoleArn", "arn:aws:iam::999999999999:role/deploy"}},
		{"no ARN", root(s), 400, "ValidationError", "is invalid", []string{"RoleArn", "arn:aws:iam::123456789012:user/deploy"}},
		{"short", root(s), 400, "ValidationError", "greater than or equal to 900", []string{"DurationSeconds", "899"}},
		{"long", root(s), 400, "ValidationError", "less than or equal to 43200", []string{"DurationSeconds", "43201"}},
		{"long chain", chained, 400, "ValidationError", "role chaining", []string{"DurationSeconds", "3601"}},
		{"session name", root(s), 400, "ValidationError", "pattern", []string{"RoleSessionName", "a b"}},
		{"one letter", root(s), 400, "ValidationError", "greater than or equal to 2", []string{"RoleSessionName", "a"}},
		{"policy", root(s), 400, "MalformedPolicyDocument", "", []string{"Policy", "{}"}},
		{"empty policy", root(s), 400, "ValidationError", "greater than or equal to 1", []string{"Policy", ""}},
		{"long policy", root(s), 400, "PackedPolicyTooLarge", "101%", []string{"Policy", padded(2049)}},
		{"long ARNs", root(s), 400, "PackedPolicyTooLarge", "101%", []string{"Policy", padded(2019), "PolicyArns.member.1.arn", managed(1)}},
		{"eleven policies", root(s), 400, "ValidationError", "limit of 10", elevenPolicies()},
		{"policy ARN", root(s), 400, "ValidationError", "does not exist", []string{"PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/DoesNotExist"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pairs := append([]string{"RoleArn", roleARN + "deploy", "RoleSessionName", "test"}, tc.pairs...)
			refused(t, tc.c, tc.status, tc.code, tc.words, "AssumeRole", pairs...)
		})
	}
	pairs := []string{"RoleArn", roleARN + "deploy", "RoleSessionName", "test", "DurationSeconds", "43200"}
	refused(t, root(s), 400, "ValidationError", "exceeds the MaxSessionDuration set for this role", "AssumeRole", pairs...)
	s.SetMaxSession("deploy", 12*time.Hour)
	if body := do(t, root(s), "AssumeRole", pairs...); strings.Contains(body, "PackedPolicySize") {
		t.Errorf("a size without policies: %s", body)
	}
	body := do(t, root(s), "AssumeRole", append(pairs, "Policy", padded(1000), "PolicyArns.member.1.arn", managed(1))...)
	if got := field(t, body, "PackedPolicySize"); got != "51" {
		t.Errorf("packed size %s", got)
	}
}

// padded is a policy of n characters.
func padded(n int) string { return allowAll + strings.Repeat(" ", n-len(allowAll)) }

// elevenPolicies are one more than a session may have.
func elevenPolicies() []string {
	var pairs []string
	for n := range 11 {
		pairs = append(pairs, fmt.Sprintf("PolicyArns.member.%d.arn", n+1), managed(n))
	}
	return pairs
}

func TestWebIdentity(t *testing.T) {
	s := newServer(t)
	s.AddRole("deploy")
	nobody := as(s, Key{})
	pairs := []string{"RoleArn", roleARN + "deploy", "RoleSessionName", "test", "WebIdentityToken", "open sesame"}
	refused(t, nobody, 400, "InvalidIdentityToken", "", "AssumeRoleWithWebIdentity", pairs...)
	s.SetWebIdentityToken("open sesame")
	c := fromAnswer(t, s, do(t, nobody, "AssumeRoleWithWebIdentity", pairs...))
	do(t, c, "GetCallerIdentity")
	if handed := s.Sessions(); len(handed) != 1 || handed[0].Kind != "AssumeRoleWithWebIdentity" || handed[0].SessionName != "test" {
		t.Errorf("sessions %+v", handed)
	}
	pairs[1] = "arn:aws:iam::999999999999:role/deploy"
	refused(t, nobody, 403, "AccessDenied", "", "AssumeRoleWithWebIdentity", pairs...)
	pairs[1] = roleARN + "deploy"
	refused(t, nobody, 400, "ValidationError", "2048", "AssumeRoleWithWebIdentity", append(pairs, "Policy", padded(2049))...)
	if got := s.Calls()[1].Params.Get("WebIdentityToken"); got != "(redacted)" {
		t.Errorf("the transcript remembers %q", got)
	}
}
