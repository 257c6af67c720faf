// SPDX-License-Identifier: MPL-2.0

package backend

// What this edition of the engine stores, as the first one reads it: a mount may be given back.

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/users"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// firstRecord, firstWatch, firstUsers and firstLease are what the first edition reads.
type (
	firstRecord struct {
		Role        string    `json:"role"`
		AccessKeyID string    `json:"access_key_id"`
		DisplayName string    `json:"display_name"`
		Issued      time.Time `json:"issued"`
		Ends        time.Time `json:"ends"`
		Written     time.Time `json:"written"`
		Ending      time.Time `json:"ending,omitzero"`
	}
	firstWatch struct {
		Since time.Time `json:"since"`
		Seen  time.Time `json:"seen"`
	}
	firstUsers struct {
		MaxUsers      int  `json:"max_users"`
		OwnershipTags bool `json:"ownership_tags"`
	}
	firstLease struct {
		Username    string        `json:"username"`
		IsSTS       bool          `json:"is_sts"`
		Role        string        `json:"role"`
		AccessKeyID string        `json:"access_key_id"`
		PolicyARNs  []string      `json:"policy_arns"`
		Created     time.Time     `json:"created"`
		Registered  bool          `json:"registered"`
		RequestTTL  time.Duration `json:"request_ttl"`
	}
)

// readAs reads a value of storage into a form of the first edition.
func readAs[T any](m *mount, key string) (v T) {
	m.t.Helper()
	entry, err := m.storage.Get(m.ctx, key)
	if err == nil && entry == nil {
		m.t.Fatalf("there is no %s", key)
	}
	if err == nil {
		err = entry.DecodeJSON(&v)
	}
	if err != nil {
		m.t.Fatalf("reading %s: %v", key, err)
	}
	return v
}

// due is when the first edition sweeps a user, with its flags at their defaults.
func (r firstRecord) due() time.Time {
	if !r.Ending.IsZero() {
		return r.Ending.Add(DefaultWALMinAge)
	}
	return r.Ends.Add(users.DefaultSweepGrace)
}

// What is written means to the first edition what it means to this one: it sweeps at once what
// nobody is making any more, soon what is to end, and nothing whose lease may live.
func TestFirstEditionReadsWhatIsWritten(t *testing.T) {
	t.Parallel()
	m := newWideMount(t, noRetries)
	m.write("config/users", map[string]any{"max_users": 9, "ownership_tags": true, "unconfirmed_ttl": "48h"})
	m.dieAt("CreateAccessKey")
	crashed := m.aws.Users()[0]
	live := m.do(logical.ReadOperation, "creds/wide", map[string]any{"ttl": "2h"})
	ending := m.creds("wide")
	away := m.aws.Inject(fakeaws.Fault{Kind: fakeaws.Cut})
	if _, err := m.lease(logical.RevokeOperation, ending); err == nil {
		t.Fatal("AWS was away, and the revocation went well")
	}
	away.Remove()
	m.b.Cleanup(m.ctx)

	now := time.Now()
	for user, is := range map[string]struct {
		from, to time.Duration // when the first edition sweeps it, from now
		entry    bool
	}{
		crashed:        {math.MinInt64, 0, true},
		m.user(ending): {0, DefaultWALMinAge, true},
		m.user(live):   {2 * time.Hour, 2*time.Hour + users.DefaultSweepGrace, false},
	} {
		r := readAs[firstRecord](m, recordKey(user))
		if in := r.due().Sub(now); in < is.from || in > is.to+time.Minute || r.Role != "wide" || r.DisplayName != "token-test" || r.Issued.IsZero() {
			t.Errorf("the first edition would sweep %s in %s, by the record %+v", user, in, r)
		}
		id := framework.WALPrefix + mirrorID(user)
		if m.keeps(id) != is.entry {
			t.Errorf("%s has an entry of the WAL: %v", user, !is.entry)
			continue
		}
		if !is.entry {
			continue
		}
		entry := readAs[framework.WALEntry](m, id)
		data, _ := entry.Data.(map[string]any)
		// It takes the record with the user, unless the record is older than the entry.
		if entry.Kind != "user" || data["UserName"] != user || r.Issued.Unix() < entry.CreatedAt {
			t.Errorf("the entry of %s is %+v, and its record began %s", user, entry, r.Issued)
		}
	}
	if r := readAs[firstRecord](m, recordKey(m.user(live))); r.AccessKeyID != live.Data["access_key"] || r.Written.IsZero() {
		t.Errorf("the record of a lease is %+v", r)
	}
	if c := readAs[firstUsers](m, engine.KeyUsersConfig); c != (firstUsers{9, true}) {
		t.Errorf("config/users is %+v", c)
	}
	raw, err := json.Marshal(live.Secret.InternalData)
	if err != nil {
		t.Fatal(err)
	}
	var l firstLease
	if err := json.Unmarshal(raw, &l); err != nil {
		t.Fatal(err)
	}
	if l.Username != m.user(live) || l.IsSTS || l.Role != "wide" || l.AccessKeyID != live.Data["access_key"] || len(l.PolicyARNs) == 0 || l.Created.IsZero() ||
		!l.Registered || l.RequestTTL != 2*time.Hour {
		t.Errorf("the lease is %+v", l)
	}

	m.start()
	m.mustTick() // else the minutes are a gap
	m.pass(users.DefaultLateWindow)
	m.mustTick()
	if w := readAs[firstWatch](m, engine.KeyHeartbeat); time.Since(w.Seen) > time.Minute || !w.Since.IsZero() {
		t.Errorf("the watch is %+v", w)
	}
	m.revoke(live)
	m.noUsers()
}
