// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"maps"
	"strings"
	"testing"
	"time"
)

const serial = "arn:aws:iam::123456789012:mfa/phone"

func TestFederationToken(t *testing.T) {
	s := newServer(t)
	body := do(t, root(s), "GetFederationToken", "Name", "bob@x", "Policy", allowAll, "PolicyArns.member.1.arn", managed(1),
		"Tags.member.1.Key", "Team", "Tags.member.1.Value", "ops", "DurationSeconds", "129600")
	if !strings.HasPrefix(body, `<GetFederationTokenResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetFederationTokenResult><Credentials><AccessKeyId>ASIA`) {
		t.Errorf("shape: %s", body)
	}
	if arn, id := field(t, body, "Arn"), field(t, body, "FederatedUserId"); arn != "arn:aws:sts::123456789012:federated-user/bob@x" || id != "123456789012:bob@x" {
		t.Errorf("federated user %s %s", arn, id)
	}
	expires, err := time.Parse(time.RFC3339, field(t, body, "Expiration"))
	if left := time.Until(expires); err != nil || left < 35*time.Hour || left > 36*time.Hour {
		t.Errorf("expires in %v, %v", left, err)
	}
	c := fromAnswer(t, s, body)
	who := do(t, c, "GetCallerIdentity")
	if arn, id := field(t, who, "Arn"), field(t, who, "UserId"); arn != field(t, body, "Arn") || id != field(t, body, "FederatedUserId") {
		t.Errorf("caller %s %s", arn, id)
	}
	s.AddRole("deploy")
	refused(t, c, 403, "InvalidClientTokenId", "", "ListUsers")
	refused(t, c, 403, "AccessDenied", "not authorized to perform: sts:AssumeRole", "AssumeRole", "RoleArn", roleARN+"deploy", "RoleSessionName", "test")
	body = do(t, root(s), "GetFederationToken", "Name", "nobody")
	if got := field(t, body, "PackedPolicySize"); got != "0" {
		t.Errorf("packed size %s", got)
	}
	handed := s.Sessions()
	if len(handed) != 2 || handed[0].Kind != "GetFederationToken" || handed[0].SessionName != "bob@x" || handed[0].Policy != allowAll ||
		!maps.Equal(handed[0].Tags, map[string]string{"Team": "ops"}) || handed[1].Duration != 12*time.Hour {
		t.Errorf("got %+v", handed)
	}
	s.ExpireSessions()
	refused(t, c, 403, "ExpiredToken", "expired", "GetCallerIdentity")
}

func TestFederationTokenRefusals(t *testing.T) {
	s := newServer(t)
	for _, tc := range []struct {
		name, code, words string
		pairs             []string
	}{
		{"no name", "ValidationError", "Value null at 'name'", nil},
		{"one letter", "ValidationError", "greater than or equal to 2", []string{"Name", "b"}},
		{"long name", "ValidationError", "less than or equal to 32", []string{"Name", strings.Repeat("b", 33)}},
		{"odd name", "ValidationError", `pattern: [\w+=,.@-]*`, []string{"Name", "bob/x"}},
		{"short", "ValidationError", "greater than or equal to 900", []string{"Name", "bob", "DurationSeconds", "899"}},
		{"long", "ValidationError", "less than or equal to 129600", []string{"Name", "bob", "DurationSeconds", "129601"}},
		{"no JSON", "MalformedPolicyDocument", "The policy is not in the valid JSON format.", []string{"Name", "bob", "Policy", "{"}},
		{"odd policy", "ValidationError", "pattern", []string{"Name", "bob", "Policy", "{\"\u2603\":1}"}},
		{"long policy", "ValidationError", "'policy' failed to satisfy constraint: Member must have length less than or equal to 2048", []string{"Name", "bob", "Policy", padded(2049)}},
		{"long ARNs", "PackedPolicyTooLarge", "Packed policy consumes 101% of allotted space", []string{"Name", "bob", "Policy", padded(2019), "PolicyArns.member.1.arn", managed(1)}},
		{"eleven policies", "ValidationError", "limit of 10", append([]string{"Name", "bob"}, elevenPolicies()...)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			refused(t, root(s), 400, tc.code, tc.words, "GetFederationToken", tc.pairs...)
		})
	}
	if len(s.Sessions()) != 0 {
		t.Errorf("refused sessions are noted: %+v", s.Sessions())
	}
}

func TestSessionToken(t *testing.T) {
	s := newServer(t)
	s.AddRole("deploy")
	s.SetMFACode(serial, "123456")
	ann := as(s, s.AddUser("ann"))
	plain := fromAnswer(t, s, do(t, ann, "GetSessionToken"))
	if got := field(t, do(t, plain, "GetCallerIdentity"), "Arn"); got != "arn:aws:iam::123456789012:user/ann" {
		t.Errorf("caller %s", got)
	}
	refused(t, plain, 403, "InvalidClientTokenId", "", "GetUser")
	// A user's session is no role's: what it asks for is no chain.
	s.SetMaxSession("deploy", 12*time.Hour)
	do(t, plain, "AssumeRole", "RoleArn", roleARN+"deploy", "RoleSessionName", "test", "DurationSeconds", "43200")
	proven := fromAnswer(t, s, do(t, ann, "GetSessionToken", "SerialNumber", serial, "TokenCode", "123456", "DurationSeconds", "900"))
	if got := field(t, do(t, proven, "GetUser"), "UserName"); got != "ann" {
		t.Errorf("GetUser says %s", got)
	}
	handed := s.Sessions()
	if len(handed) != 3 || handed[0].Kind != "GetSessionToken" || handed[0].MFA || handed[0].Duration != 12*time.Hour || handed[0].ARN != "arn:aws:iam::123456789012:user/ann" ||
		!handed[2].MFA || handed[2].Duration != 15*time.Minute {
		t.Errorf("got %+v", handed)
	}
	if got := s.Calls()[4].Params.Get("TokenCode"); got != "(redacted)" {
		t.Errorf("the transcript remembers %q", got)
	}
	s.ExpireSessions()
	refused(t, plain, 403, "ExpiredToken", "", "GetCallerIdentity")
	orphan := fromAnswer(t, s, do(t, ann, "GetSessionToken"))
	s.RemoveUser("ann")
	refused(t, orphan, 403, "InvalidClientTokenId", "", "GetCallerIdentity")
}

func TestMFARefusals(t *testing.T) {
	s := newServer(t)
	s.AddRole("deploy")
	s.SetMFACode(serial, "123456")
	for _, tc := range []struct {
		name        string
		status      int
		code, words string
		pairs       []string
	}{
		{"wrong code", 403, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.", []string{"SerialNumber", serial, "TokenCode", "654321"}},
		{"other device", 403, "AccessDenied", "unable to validate MFA code", []string{"SerialNumber", serial + "2", "TokenCode", "123456"}},
		{"no code", 403, "AccessDenied", "must provide both", []string{"SerialNumber", serial}},
		{"no device", 403, "AccessDenied", "must provide both", []string{"TokenCode", "123456"}},
		{"letters", 400, "ValidationError", "pattern", []string{"SerialNumber", serial, "TokenCode", "12345x"}},
		{"five digits", 400, "ValidationError", "greater than or equal to 6", []string{"SerialNumber", serial, "TokenCode", "12345"}},
		{"short serial", 400, "ValidationError", "greater than or equal to 9", []string{"SerialNumber", "phone", "TokenCode", "123456"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			refused(t, root(s), tc.status, tc.code, tc.words, "GetSessionToken", tc.pairs...)
			refused(t, root(s), tc.status, tc.code, tc.words, "AssumeRole", append(tc.pairs, "RoleArn", roleARN+"deploy", "RoleSessionName", "test")...)
		})
	}
	s.SetMFACode(serial, "")
	refused(t, root(s), 403, "AccessDenied", "unable to validate", "GetSessionToken", "SerialNumber", serial, "TokenCode", "123456")
	refused(t, root(s), 400, "ValidationError", "129600", "GetSessionToken", "DurationSeconds", "129601")
}

func TestSessionsMakeNoTokens(t *testing.T) {
	s := newServer(t)
	s.AddRole("deploy")
	for name, c := range map[string]Client{
		"role":      assumed(t, s, root(s), "deploy"),
		"federated": fromAnswer(t, s, do(t, root(s), "GetFederationToken", "Name", "bob")),
		"user":      fromAnswer(t, s, do(t, root(s), "GetSessionToken")),
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, c, 403, "AccessDenied", "Cannot call GetFederationToken with session credentials", "GetFederationToken", "Name", "bob")
			refused(t, c, 403, "AccessDenied", "Cannot call GetSessionToken with session credentials", "GetSessionToken")
		})
	}
}
