// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// wide is a role with everything: 3 managed policies, an inline one, 2 groups, 2 tags.
var wide = map[string]any{
	"policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess,arn:aws:iam::aws:policy/IAMUserChangePassword," +
		"arn:aws:iam::aws:policy/AWSSupportAccess",
	"policy_document":          `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}`,
	"iam_groups":               "developers,readers",
	"iam_tags":                 map[string]any{"team": "payments", "cost-center": "42"},
	"user_path":                "/vault/",
	"permissions_boundary_arn": "arn:aws:iam::aws:policy/PowerUserAccess",
}

func newWideMount(t testing.TB, more ...map[string]any) *mount {
	t.Helper()
	m := newConfiguredMount(t, more...)
	m.aws.AddGroup("developers")
	m.aws.AddGroup("readers")
	m.write("roles/wide", wide)
	m.aws.ResetCalls()
	return m
}

func TestCredentialIsMadeAsTheRoleSays(t *testing.T) {
	m := newWideMount(t)
	creds := m.creds("wide")
	defer m.revoke(creds)

	user, ok := m.aws.User(m.user(creds))
	if !ok {
		t.Fatalf("no user %s in AWS", m.user(creds))
	}
	if want := []string{"developers", "readers"}; !slices.Equal(slices.Sorted(slices.Values(user.Groups)), want) {
		t.Errorf("groups: %v", user.Groups)
	}
	if len(user.AttachedPolicies) != 3 || len(user.InlinePolicies) != 1 || user.InlinePolicies["wide"] == "" {
		t.Errorf("policies: %v %v", user.AttachedPolicies, user.InlinePolicies)
	}
	if user.Tags["team"] != "payments" || user.Tags["cost-center"] != "42" {
		t.Errorf("tags: %v", user.Tags)
	}
	if user.Path != "/vault/" || user.PermissionsBoundary == "" {
		t.Errorf("path %q, boundary %q", user.Path, user.PermissionsBoundary)
	}
	if len(user.AccessKeys) != 1 || user.AccessKeys[0] != creds.Data["access_key"] {
		t.Errorf("keys: %v, handed out: %v", user.AccessKeys, creds.Data["access_key"])
	}
	if got := slices.Sorted(maps.Keys(creds.Data)); !slices.Equal(got, []string{"access_key", "secret_key", "security_token", "session_token"}) {
		t.Errorf("answer has %v", got)
	}
	m.recorded(0)
}

// Two round trips to create and two to delete, whatever the role holds, and no
// list. The barriers let nothing through until all calls of a wave are under
// way, so they prove that the calls are made at once without any clock.
func TestCreateAndRevokeTakeTwoRoundTrips(t *testing.T) {
	m := newWideMount(t, noRetries)
	m.instantly()
	m.knowAccount()
	second := []string{"AttachUserPolicy", "PutUserPolicy", "AddUserToGroup", "CreateAccessKey"}
	made := m.aws.Barrier(7, second...)
	creds := m.creds("wide")
	if made.Most() != 7 {
		t.Errorf("%d calls at once in the second wave of creation, want 7", made.Most())
	}
	checkWaves(t, m.aws.Calls(), 1, 7)

	m.aws.ClearFaults()
	m.aws.ResetCalls()
	first := []string{"DetachUserPolicy", "DeleteUserPolicy", "RemoveUserFromGroup", "DeleteAccessKey"}
	gone := m.aws.Barrier(7, first...)
	m.revoke(creds)
	if gone.Most() != 7 {
		t.Errorf("%d calls at once in the first wave of deletion, want 7", gone.Most())
	}
	checkWaves(t, m.aws.Calls(), 7, 1)
}

func checkWaves(t *testing.T, calls []fakeaws.Call, sizes ...int) {
	t.Helper()
	var got []int
	for _, wave := range fakeaws.Waves(calls) {
		got = append(got, len(wave))
	}
	if !slices.Equal(got, sizes) {
		t.Errorf("waves of %v calls, want %v", got, sizes)
	}
	for _, call := range calls {
		if len(call.Action) > 4 && call.Action[:4] == "List" {
			t.Errorf("%s was called", call.Action)
		}
	}
}

// The first wave of deletion holds the access key: access stops there.
func TestRevokedKeyIsRefused(t *testing.T) {
	m := newConfiguredMount(t)
	creds := m.creds("developer-access")
	client := fakeaws.Client{Endpoint: m.aws.URL(), Key: fakeaws.Key{
		AccessKeyID: creds.Data["access_key"].(string), SecretAccessKey: creds.Data["secret_key"].(string),
	}}
	arn, err := client.CallerARN(m.ctx)
	if err != nil || arn != "arn:aws:iam::123456789012:user/"+m.user(creds) {
		t.Fatalf("the new key is of %s: %v", arn, err)
	}
	m.revoke(creds)
	if arn, err := client.CallerARN(m.ctx); err == nil {
		t.Errorf("the revoked key still is of %s", arn)
	}
	m.revoke(creds) // again is no error
}

func TestLeaseTTLs(t *testing.T) {
	for _, c := range []struct {
		name         string
		lease        map[string]any
		role         map[string]any
		request      map[string]any
		ttl, longest time.Duration
	}{
		{name: "nothing is set: the mount decides"},
		{name: "config/lease", lease: map[string]any{"lease": "1h", "lease_max": "2h"}, ttl: time.Hour, longest: 2 * time.Hour},
		{name: "the role before config/lease", lease: map[string]any{"lease": "1h", "lease_max": "10h"},
			role: map[string]any{"default_ttl": "3h", "max_ttl": "5h"}, ttl: 3 * time.Hour, longest: 5 * time.Hour},
		{name: "the request before the role", role: map[string]any{"default_ttl": "3h", "max_ttl": "5h"},
			request: map[string]any{"ttl": "20m"}, ttl: 20 * time.Minute, longest: 5 * time.Hour},
		{name: "the mount's maximum binds the role", lease: map[string]any{"lease_max": "2h"},
			role: map[string]any{"max_ttl": "5h"}, longest: 2 * time.Hour},
		{name: "the request alone", request: map[string]any{"ttl": 600}, ttl: 10 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newConfiguredMount(t)
			if c.lease != nil {
				m.write("config/lease", c.lease)
			}
			m.write("roles/developer-access", c.role)
			creds := m.do(logical.ReadOperation, "creds/developer-access", c.request)
			defer m.revoke(creds)
			for what, s := range map[string]*logical.Secret{"issue": creds.Secret, "renew": m.renew(creds)} {
				if s.TTL != c.ttl || s.MaxTTL != c.longest || !s.Renewable {
					t.Errorf("%s: ttl %s, max %s, renewable %v; want %s and %s", what, s.TTL, s.MaxTTL, s.Renewable, c.ttl, c.longest)
				}
			}
		})
	}
}

func TestRenewFollowsTheRoleOfToday(t *testing.T) {
	m := newConfiguredMount(t)
	m.write("roles/developer-access", map[string]any{"max_ttl": "5h"})
	creds := m.creds("developer-access")
	defer m.revoke(creds)
	m.write("roles/developer-access", map[string]any{"max_ttl": "1h", "default_ttl": "30m"})
	if s := m.renew(creds); s.MaxTTL != time.Hour || s.TTL != 30*time.Minute {
		t.Errorf("renewed for %s of %s", s.TTL, s.MaxTTL)
	}
}

func TestDeletedRoleChangesNothingForItsLeases(t *testing.T) {
	m := newConfiguredMount(t)
	m.write("roles/developer-access", map[string]any{"default_ttl": "30m", "max_ttl": "5h"})
	creds := m.creds("developer-access")
	m.do(logical.DeleteOperation, "roles/developer-access", nil)
	if s := m.renew(creds); s.MaxTTL != 5*time.Hour || s.TTL != 30*time.Minute {
		t.Errorf("renewed for %s of %s", s.TTL, s.MaxTTL)
	}
	m.revoke(creds)
	m.noUsers()
}

// The holder of the key made everything that a user can make.
func TestUserWithEverythingAUserCanOwnIsDeleted(t *testing.T) {
	m := newWideMount(t)
	creds := m.creds("wide")
	m.aws.Dirty(m.user(creds))
	m.revoke(creds)
	m.noUsers()
}

// A lease is small and holds what its end needs, however large the role is.
func TestLeaseHoldsNoPolicyDocument(t *testing.T) {
	t.Parallel()
	m := newWideMount(t)
	creds := m.creds("wide")
	defer m.revoke(creds)
	text, err := json.Marshal(creds.Secret.InternalData)
	if err != nil || strings.Contains(string(text), "Statement") || strings.Contains(string(text), creds.Data["secret_key"].(string)) {
		t.Errorf("the lease holds %s", text)
	}
}
