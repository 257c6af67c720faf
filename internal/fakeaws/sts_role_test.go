// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAssumedRoleIsNoted(t *testing.T) {
	s := newServer(t)
	s.AddRole("deploy")
	body := do(t, root(s), "AssumeRole", "RoleArn", roleARN+"deploy", "RoleSessionName", "me@x", "DurationSeconds", "900",
		"Policy", allowAll, "PolicyArns.member.1.arn", managed(1), "PolicyArns.member.2.arn", managed(2), "ExternalId", "x:/y",
		"Tags.member.1.Key", "Team", "Tags.member.1.Value", "blé", "Tags.member.2.Key", "b", "Tags.member.2.Value", "",
		"TransitiveTagKeys.member.1", "team", "SourceIdentity", "ann")
	if got := field(t, body, "SourceIdentity"); got != "ann" {
		t.Errorf("source identity %s", got)
	}
	want := []Session{{
		Kind: "AssumeRole", ARN: "arn:aws:sts::123456789012:assumed-role/deploy/me@x", AccessKeyID: field(t, body, "AccessKeyId"),
		Policy: allowAll, PolicyARNs: []string{managed(1), managed(2)}, Tags: map[string]string{"Team": "blé", "b": ""},
		TransitiveTagKeys: []string{"Team"}, ExternalID: "x:/y", SessionName: "me@x", Duration: 15 * time.Minute, SourceIdentity: "ann",
	}}
	if got := s.Sessions(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestExternalID(t *testing.T) {
	s := newServer(t)
	s.AddRoleExternalID("deploy", "sesame")
	pairs := []string{"RoleArn", roleARN + "deploy", "RoleSessionName", "test"}
	refused(t, root(s), 403, "AccessDenied", "is not authorized to perform: sts:AssumeRole", "AssumeRole", pairs...)
	refused(t, root(s), 403, "AccessDenied", "", "AssumeRole", append(pairs, "ExternalId", "Sesame")...)
	refused(t, root(s), 400, "ValidationError", "greater than or equal to 2", "AssumeRole", append(pairs, "ExternalId", "s")...)
	refused(t, root(s), 400, "ValidationError", "pattern", "AssumeRole", append(pairs, "ExternalId", "open sesame")...)
	do(t, root(s), "AssumeRole", append(pairs, "ExternalId", "sesame")...)
	s.AddRoleExternalID("deploy", "")
	do(t, root(s), "AssumeRole", pairs...)
	if len(s.Sessions()) != 2 {
		t.Errorf("refused sessions are noted: %+v", s.Sessions())
	}
}

func TestSessionTagRefusals(t *testing.T) {
	s := newServer(t)
	s.AddRole("deploy")
	tags := func(keysAndValues ...string) []string {
		var pairs []string
		for i := 0; i < len(keysAndValues); i += 2 {
			n := i/2 + 1
			pairs = append(pairs, fmt.Sprintf("Tags.member.%d.Key", n), keysAndValues[i], fmt.Sprintf("Tags.member.%d.Value", n), keysAndValues[i+1])
		}
		return pairs
	}
	var many []string
	for n := range 51 {
		many = append(many, fmt.Sprint("k", n), "v")
	}
	for _, tc := range []struct {
		name, code, words string
		pairs             []string
	}{
		{"same key", "InvalidParameterValue", "Duplicate tag keys found. Please note that Tag keys are case insensitive.", tags("k", "", "K", "")},
		{"reserved", "InvalidParameterValue", "aws:", tags("aws:k", "")},
		{"fifty-one", "ValidationError", "less than or equal to 50", tags(many...)},
		{"long key", "ValidationError", "'tags.1.member.key'", tags(strings.Repeat("k", 129), "")},
		{"no key", "ValidationError", "greater than or equal to 1", tags("", "v")},
		{"long value", "ValidationError", "less than or equal to 256", tags("k", strings.Repeat("v", 257))},
		{"odd value", "ValidationError", "pattern", tags("k", "v!")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			refused(t, root(s), 400, tc.code, tc.words, "AssumeRole", append([]string{"RoleArn", roleARN + "deploy", "RoleSessionName", "test"}, tc.pairs...)...)
			refused(t, root(s), 400, tc.code, tc.words, "GetFederationToken", append([]string{"Name", "bob"}, tc.pairs...)...)
		})
	}
	assume := []string{"RoleArn", roleARN + "deploy", "RoleSessionName", "test"}
	refused(t, root(s), 400, "InvalidParameterValue", "must be included in the requested tags", "AssumeRole", append(assume, "TransitiveTagKeys.member.1", "k")...)
	refused(t, root(s), 400, "ValidationError", "pattern", "AssumeRole", append(assume, "TransitiveTagKeys.member.1", "k!")...)
	refused(t, root(s), 400, "ValidationError", "pattern", "AssumeRole", append(assume, "SourceIdentity", "a b")...)
	refused(t, root(s), 400, "ValidationError", "pattern", "AssumeRole", append(assume, "SourceIdentity", "aws:ann")...)
	do(t, root(s), "AssumeRole", append(assume, tags(many[:100]...)...)...)
}

func TestRoleChaining(t *testing.T) {
	s := newServer(t)
	s.AddRole("deploy")
	pairs := []string{"RoleArn", roleARN + "deploy", "RoleSessionName", "test"}
	first := fromAnswer(t, s, do(t, root(s), "AssumeRole", append(pairs, "SourceIdentity", "ann", "TransitiveTagKeys.member.1", "team",
		"Tags.member.1.Key", "Team", "Tags.member.1.Value", "ops", "Tags.member.2.Key", "own", "Tags.member.2.Value", "v")...))
	refused(t, first, 400, "InvalidParameterValue", "conflicts with a transitive tag key from the calling session", "AssumeRole",
		append(pairs, "Tags.member.1.Key", "TEAM", "Tags.member.1.Value", "dev")...)
	refused(t, first, 403, "AccessDenied", "", "AssumeRole", append(pairs, "SourceIdentity", "bob")...)
	second := fromAnswer(t, s, do(t, first, "AssumeRole", append(pairs, "DurationSeconds", "3600", "Tags.member.1.Key", "k", "Tags.member.1.Value", "v")...))
	do(t, second, "AssumeRole", append(pairs, "SourceIdentity", "ann")...)
	handed := s.Sessions()
	for i, want := range []map[string]string{{"Team": "ops", "own": "v"}, {"Team": "ops", "k": "v"}, {"Team": "ops"}} {
		got := handed[i]
		if !maps.Equal(got.Tags, want) || !slices.Equal(got.TransitiveTagKeys, []string{"Team"}) || got.SourceIdentity != "ann" {
			t.Errorf("session %d: %+v", i, got)
		}
	}
}
