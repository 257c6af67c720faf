// SPDX-License-Identifier: MPL-2.0

package backend

// A lease may hold anything: what we wrote, what the built-in engine wrote, what an
// older or newer version did. It is renewed and revoked, and only the user that it
// names may go.

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

func FuzzLease(f *testing.F) {
	for i, seed := range []string{
		// Ours.
		`{"username":"held","is_sts":false,"role":"r","access_key_id":"AKIAIOSFODNN7EXAMPLE","policy_arns":["` + readOnly + `"],` +
			`"inline_policy":"r","iam_groups":["g"],"created":"2026-01-02T03:04:05Z","request_ttl":60000000000,"max_ttl":3600000000000}`,
		`{"username":"vault-1-abc","is_sts":true,"role":"r"}`,
		`{"is_sts":true}`,
		// The built-in engine's, of several ages.
		`{"username":"held","policy":{"credential_types":["iam_user"],"policy_arns":["` + readOnly + `"],"policy_document":"","version":1},"is_sts":false}`,
		`{"username":"held","policy":"arn:aws:iam::aws:policy/ReadOnlyAccess","is_sts":false}`,
		`{"username":"held","policy":null}`,
		`{"username":"held"}`,
		`{"username":"vault-token-1-2","policy":{"credential_types":["federation_token"]},"is_sts":true}`,
		// Nobody's.
		`{}`, `{"username":""}`, `{"username":null}`, `{"username":["held"]}`, `{"username":{"a":1}}`, `{"username":7}`, `{"username":"held","is_sts":"true"}`,
		`{"username":"held","created":"yesterday"}`, `{"username":"held","created":"9999-12-31T23:59:59+14:00"}`, `{"username":"held","max_ttl":1e30}`,
		`{"username":"held","max_ttl":-5,"default_ttl":-1,"request_ttl":9223372036854775807}`,
		`{"username":"held","role":"broken"}`, `{"username":"held","role":"../../config/root"}`, `{"username":"held","role":"gone"}`,
		`{"username":"no such user"}`, `{"username":"../bystander"}`, `{"username":"held\u0000"}`, `{"username":"held&Action=DeleteUser"}`, `{"USERNAME":"held"}`,
		`{"username":"HELD"}`, `{"username":"held","iam_groups":["","` + strings.Repeat("g", 200) + `"],"policy_arns":["","x"],"access_key_id":"` + goodAccessKey + `"}`,
		`{"username":"bystander","access_key_id":"?"}`, `{"username":"*"}`, `{"secret_type":7,"username":"held"}`, `{"secret_type":"other"}`,
	} {
		f.Add([]byte(seed), int64(i%2*61-1)) // a minute old, or nobody knows
	}
	m := newFuzzMount(f, func(m *mount) {
		m.configure(noRetries)
		m.aws.AddGroup("g")
		m.write("roles/r", map[string]any{"policy_arns": readOnly, "default_ttl": "30m", "max_ttl": "5h"})
		if err := m.storage.Put(m.ctx, &logical.StorageEntry{Key: "role/broken", Value: []byte(`{"max_ttl":"text"}`)}); err != nil {
			f.Fatal(err)
		}
		for _, user := range []string{"bystander", "Held", "held-2"} {
			m.aws.AddUser(user)
			m.aws.Dirty(user)
		}
	})
	f.Fuzz(func(t *testing.T, internal []byte, age int64) {
		var data map[string]any
		if json.Unmarshal(internal, &data) != nil || data == nil {
			return
		}
		m.fresh(t)
		if _, named := data["secret_type"]; !named {
			data["secret_type"] = secretType
		}
		named := namedBy(data)
		before := m.others(named)
		m.renewAndRevoke(data, age, named)
		m.pass(2 * DefaultWALMinAge)
		m.recordsName(named)
		_ = m.tick() // what it cannot do it says; what it does is looked at
		m.noPanic("tick", "")
		if after := m.others(named); !reflect.DeepEqual(before, after) {
			t.Errorf("the lease names %q, and others changed from %v to %v", named, before, after)
		}
	})
}

// namedBy are the users that a lease names. JSON's names of fields are read without
// regard to case, so there may be several.
func namedBy(data map[string]any) (users names) {
	for key, value := range data {
		if user, ok := value.(string); ok && strings.EqualFold(key, "username") {
			users = append(users, user)
		}
	}
	return users
}

type names []string

// has tells users apart as IAM does, which is not by case.
func (n names) has(user string) bool {
	return slices.ContainsFunc(n, func(other string) bool { return strings.EqualFold(user, other) })
}

// others are the users that a lease does not name.
func (fm *fuzzMount) others(named names) map[string]fakeaws.User {
	users := fm.users()
	maps.DeleteFunc(users, func(name string, _ fakeaws.User) bool { return named.has(name) })
	return users
}

// renewAndRevoke is the life of a lease.
func (fm *fuzzMount) renewAndRevoke(data map[string]any, age int64, named names) {
	fm.t.Helper()
	for _, op := range []logical.Operation{logical.RenewOperation, logical.RevokeOperation} {
		req := fm.request(op, "", nil)
		req.Secret = &logical.Secret{InternalData: through(fm.t, data)}
		if age >= 0 {
			req.Secret.IssueTime = time.Now().Add(-time.Duration(age) * time.Second)
		}
		resp, err := fm.asVault(req)
		status, text := fm.answered(string(op), resp, err)
		fm.secretless(string(op), text)
		if status >= 400 && !clearLeaseError(text) {
			fm.t.Errorf("%s: answered %d %s", op, status, text)
		}
		if status == 200 && resp != nil && resp.Secret != nil && (resp.Secret.TTL < 0 || resp.Secret.MaxTTL < 0) {
			fm.t.Errorf("%s: for %v, at most %v", op, resp.Secret.TTL, resp.Secret.MaxTTL)
		}
		if status == 200 && op == logical.RevokeOperation && len(named) == 1 && data["is_sts"] != true {
			if _, there := fm.aws.User(named[0]); there {
				fm.t.Errorf("was revoked, and %q is still there", named)
			}
		}
	}
}

// clearLeaseError reports whether a refusal says what it is about: the lease, the
// user, what is stored under a key, or what AWS says.
func clearLeaseError(text string) bool {
	return slices.ContainsFunc([]string{"lease", "IAM user", "from storage", "request ID", "secret is unsupported", " of "}, func(word string) bool {
		return strings.Contains(text, word)
	})
}

// recordsName checks that only the user of the lease is written down.
func (fm *fuzzMount) recordsName(named names) {
	fm.t.Helper()
	ids, err := framework.ListWAL(fm.ctx, fm.storage)
	if err != nil {
		fm.t.Fatal(err)
	}
	for _, id := range ids {
		entry, err := framework.GetWAL(fm.ctx, fm.storage, id)
		if err != nil {
			fm.t.Fatal(err)
		}
		data, _ := entry.Data.(map[string]any)
		if user, _ := data["UserName"].(string); entry.Kind != walKindUser || !named.has(user) {
			fm.t.Errorf("the lease names %q, and this is written down: %s", named, jsonOf(entry))
		}
	}
}
