// SPDX-License-Identifier: MPL-2.0

package backend

// Whose a session is: what AWS is told of it, and what callers may choose.

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/roles"
)

// The role decides on names, source identity and tags, and passes on the tags that it says.
func TestSessionSaysWhoseItIs(t *testing.T) {
	t.Parallel()
	m := newTemplateMount(t)
	m.write("roles/deploy", map[string]any{
		"templates": true, "session_name": "{{identity.entity.name}}", "allow_session_name": false, "source_identity": "v-{{identity.entity.name}}",
		"session_tags": map[string]string{"Team": ofTeam, "stage": "prod"}, "transitive_tag_keys": "team,ticket", "allowed_request_tags": "ticket,reason",
	})
	m.do(logical.ReadOperation, "sts/deploy", nil)
	s := m.session()
	if s.SessionName != "anna" || s.SourceIdentity != "v-anna" || !maps.Equal(s.Tags, map[string]string{"Team": "payments", "stage": "prod"}) || !slices.Equal(s.TransitiveTagKeys, []string{"Team"}) {
		t.Errorf("AWS got %+v", s)
	}
	for _, tags := range []any{"ticket=OPS-1", []any{"ticket=OPS-1"}, map[string]any{"ticket": "OPS-1"}} {
		m.write("sts/deploy", map[string]any{"session_tags": tags})
		s = m.session()
		slices.Sort(s.TransitiveTagKeys)
		if !maps.Equal(s.Tags, map[string]string{"Team": "payments", "stage": "prod", "ticket": "OPS-1"}) || !slices.Equal(s.TransitiveTagKeys, []string{"Team", "ticket"}) {
			t.Errorf("AWS got %+v", s)
		}
	}
	if told := m.refused(logical.UpdateOperation, "sts/deploy", map[string]any{"role_session_name": "root"}); !strings.HasPrefix(told, `role_session_name: the role "deploy" names its sessions itself`) {
		t.Errorf("told %s", told)
	}
	m.write("roles/deploy", map[string]any{"allow_session_name": true})
	m.write("sts/deploy", map[string]any{"role_session_name": "mine"})
	if got := m.session().SessionName; got != "mine" {
		t.Errorf("the session is called %s", got)
	}
}

func TestFederationTokenSaysWhoseItIs(t *testing.T) {
	t.Parallel()
	m := newTemplateMount(t)
	m.write("roles/fed", map[string]any{"templates": true, "session_name": "v-{{identity.entity.name}}", "session_tags": "team=" + ofTeam, "allowed_request_tags": "ticket"})
	m.write("sts/fed", map[string]any{"session_tags": "ticket=OPS-1"})
	if s := m.session(); s.SessionName != "v-anna" || !maps.Equal(s.Tags, map[string]string{"team": "payments", "ticket": "OPS-1"}) {
		t.Errorf("AWS got %+v", s)
	}
	m.asks(func(e *logical.Entity) { e.Name = strings.Repeat("a", 31) })
	if told := m.refused(logical.ReadOperation, "sts/fed", nil); !strings.HasPrefix(told, "session_name: ") || !strings.Contains(told, "2 to 32") {
		t.Errorf("told %s", told)
	}
	m.refused(logical.UpdateOperation, "roles/fed", map[string]any{"session_name": strings.Repeat("a", 33)})
}

// A request brings only tags that the role lets it bring.
func TestTagsOfARequest(t *testing.T) {
	t.Parallel()
	m := newTemplateMount(t)
	m.warns(m.write("roles/deploy", map[string]any{"session_tags": "team=payments", "allowed_request_tags": "Ticket,TEAM"}), `allowed_request_tags: "TEAM" is in session_tags`)
	many := map[string]string{"ticket": "1"}
	for i := range 49 {
		many[fmt.Sprintf("k%d", i)] = "v"
	}
	for _, c := range []struct {
		tags any
		want string
	}{
		{"team=x", `sets the tag "team" itself`}, {"Team=x", `sets the tag "Team" itself`}, {"tickets=1", `does not let requests bring the tag "tickets"`},
		{"ticket", "form key=value"}, {map[string]any{"ticket": "a", "TICKET": "b"}, "differ only in case"}, {"ticket=R&D", "is not that of a tag"},
		{"ticket=" + strings.Repeat("x", 257), "is not that of a tag"}, {map[string]any{"ticket": 1}, "must be text"}, {"aws:x=1", "does not let"},
	} {
		if told := m.refused(logical.UpdateOperation, "sts/deploy", map[string]any{"session_tags": c.tags}); !strings.HasPrefix(told, "session_tags: ") || !strings.Contains(told, c.want) {
			t.Errorf("%v: %s", c.tags, told)
		}
	}
	m.write("sts/deploy", map[string]any{"session_tags": "TICKET=" + strings.Repeat("x", 256)})
	own := tags(50)
	m.write("roles/deploy", map[string]any{"session_tags": own, "allowed_request_tags": "ticket"})
	if told := m.refused(logical.UpdateOperation, "sts/deploy", map[string]any{"session_tags": "ticket=1"}); !strings.Contains(told, "session_tags: has 51 tags") {
		t.Errorf("51 tags: %s", told)
	}
	m.warns(m.write("sts/own", map[string]any{"session_tags": "ticket=1"}), "session_tags: is not used by roles of credential_type session_token")
	m.revoke(m.write("creds/developer-access", map[string]any{"session_tags": "ticket=1"}))
}

func TestTagKeysOfARole(t *testing.T) {
	t.Parallel()
	m := newTemplateMount(t)
	for _, c := range []struct {
		field string
		value any
		want  string
	}{
		{"transitive_tag_keys", "team,x", `"x" is neither in session_tags`}, {"transitive_tag_keys", "team,TEAM", "there twice"},
		{"allowed_request_tags", "a,A", "differ only in case"}, {"allowed_request_tags", "aws:a", "keeps for itself"}, {"allowed_request_tags", "a*", "is not the key of a tag"},
		{"allowed_request_tags", slices.Sorted(maps.Keys(tags(51))), "has 51 tags"},
	} {
		if told := m.refused(logical.UpdateOperation, "roles/deploy", map[string]any{"session_tags": "team=x", c.field: c.value}); !strings.HasPrefix(told, c.field+": ") || !strings.Contains(told, c.want) {
			t.Errorf("%s=%v: %s", c.field, c.value, told)
		}
	}
}

// AWS does not tell which side lacks a permission, so both are told.
func TestDeniedTagsAndSourceIdentity(t *testing.T) {
	t.Parallel()
	m := newTemplateMount(t)
	m.write("roles/deploy", map[string]any{"session_tags": "team=x", "source_identity": "anna"})
	m.write("roles/fed", map[string]any{"session_tags": "team=x"})
	const both = "the session needs sts:TagSession for its tags and sts:SetSourceIdentity for its source identity, in the policy of the engine's own identity and in the trust policy of " + deployARN
	for _, lacks := range []func(){
		func() { m.aws.AllowInTrust("deploy", "sts:AssumeRole", "sts:TagSession") },
		func() { m.aws.AllowInTrust("deploy", "sts:AssumeRole", "sts:SetSourceIdentity") },
		func() {
			m.aws.AllowInTrust("deploy", "sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession")
			m.aws.Forbid("sts:TagSession")
		},
	} {
		lacks()
		if told := m.refused(logical.ReadOperation, "sts/deploy", nil); !strings.Contains(told, "AccessDenied") || !strings.Contains(told, both) {
			t.Errorf("told %s", told)
		}
	}
	if told := m.refused(logical.ReadOperation, "sts/fed", nil); !strings.Contains(told, "the session needs sts:TagSession for its tags, in the policy of the engine's own identity") || strings.Contains(told, "trust") {
		t.Errorf("told %s", told)
	}
	m.write("roles/deploy", map[string]any{"session_tags": nil, "source_identity": ""})
	m.aws.AllowInTrust("deploy")
	if told := m.refused(logical.ReadOperation, "sts/deploy", nil); strings.Contains(told, "the session needs") {
		t.Errorf("a session without either: %s", told)
	}
}

// To AWS the case of a key does not matter, so that one entry lets a request bring it in either.
func TestAllowedTagInAnotherCase(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	m.write("roles/deploy", map[string]any{"allowed_request_tags": "Cost", "transitive_tag_keys": "COST", "session_tags": "ticket=1"})
	m.write("sts/deploy", map[string]any{"session_tags": "cost=1"})
	if s := m.session(); !maps.Equal(s.Tags, map[string]string{"cost": "1", "ticket": "1"}) || !slices.Equal(s.TransitiveTagKeys, []string{"cost"}) {
		t.Errorf("AWS got %+v", s)
	}
	m.write("roles/deploy", map[string]any{"allowed_request_tags": "Cost,tic\u212aet"}) // the sign of Kelvin is a K
	m.refused(logical.UpdateOperation, "sts/deploy", map[string]any{"session_tags": map[string]any{"tic\u212aet": "2"}})
}

// allowed_request_tags lets a request bring a key and no look-alike of it: one entry is one tag.
func TestLookAlikeOfAnAllowedTag(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	m.write("roles/deploy", map[string]any{"allowed_request_tags": "cost"})
	resp, err := m.ask(logical.UpdateOperation, "sts/deploy", map[string]any{"session_tags": map[string]any{"cost": "1", "co\u017ft": "2"}})
	if _, status := outcome(resp, err); status != 400 {
		t.Errorf("AWS got %v", m.session().Tags)
	}
}

// Who is not allowed sts:TagSession is the hub, where there is one, and not the engine's own identity.
func TestDeniedByTheHub(t *testing.T) {
	t.Parallel()
	m, there := newAccounts(t, noRetries)
	there.AllowInTrust("app", "sts:AssumeRole")
	m.write("roles/app", map[string]any{
		"credential_type": roles.AssumedRole, "role_arns": "arn:aws:iam::" + other + ":role/app", "assume_role_arn": otherHub, "source_identity": "anna",
	})
	told := m.refused(logical.ReadOperation, "sts/app", nil)
	_, advice, _ := strings.Cut(told, "the session needs ")
	if !strings.Contains(advice, otherHub) || strings.Contains(advice, "engine's own identity") {
		t.Errorf("the advice names the wrong side: %s", advice)
	}
}

// With allow_session_name=false alone the session is called by username_template, whose display name whoever makes a token
// chooses (auth/token/create, display_name): the write says so, since the field promises that nobody makes names up.
func TestNamesThatCallersMakeUp(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	m.warns(m.write("roles/deploy", map[string]any{"allow_session_name": false}), "session_name: is not set")
	if resp := m.write("roles/deploy", map[string]any{"session_name": "{{identity.entity.name}}", "templates": true}); resp != nil {
		t.Errorf("answered %v", resp)
	}
	m.warns(m.write("roles/fed", map[string]any{"allow_session_name": nil, "session_name": "", "policy_document": s3Only, "unknown": 1}), "unknown") // whose name no request chooses
}
