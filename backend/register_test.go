// SPDX-License-Identifier: MPL-2.0

package backend

// Who holds what, and how many may.

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
	"golang.org/x/sync/errgroup"

	"vault-plugin-secrets-aws-dyn/backend/roles"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

func TestIssuedUserStandsInTheRegister(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	req := m.request(logical.ReadOperation, "creds/developer-access", map[string]any{"ttl": "1h"})
	req.EntityID = "the-entity"
	creds, err := m.b.HandleRequest(m.ctx, req)
	if err != nil || creds.IsError() {
		t.Fatal(creds, err)
	}
	user := m.user(creds)
	got := m.read("issued/" + user)
	issued, ends := moment(t, got["issued"]), moment(t, got["ends"])
	if life := ends.Sub(issued); life < time.Hour || life > time.Hour+time.Minute {
		t.Errorf("issued %s, ends %s", issued, ends)
	}
	for key, want := range map[string]any{
		"username": user, "role": "developer-access", "display_name": "token-test", "entity_id": "the-entity",
		"access_key_id": creds.Data["access_key"], "ending_since": nil,
	} {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
	secret := creds.Data["secret_key"].(string)
	for key, value := range m.storage.dump(t) {
		if strings.Contains(value, secret) {
			t.Errorf("the secret is stored under %s", key)
		}
	}
	m.revoke(creds)
	if got := m.read("issued/" + user); got != nil {
		t.Errorf("revoked, and still there: %v", got)
	}
}

func moment(t *testing.T, v any) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, fmt.Sprint(v))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestIssuedUsersAreListedByRole(t *testing.T) {
	t.Parallel()
	m := newWideMount(t)
	one, two, wide := m.creds("developer-access"), m.creds("developer-access"), m.creds("wide")
	for _, process := range []string{"that issued them", "after a restart"} {
		for path, want := range map[string]int{"issued/": 3, "issued/role/developer-access": 2, "issued/role/wide": 1, "issued/role/none": 0} {
			resp := m.do(logical.ListOperation, path, nil)
			names, _ := resp.Data["keys"].([]string)
			if len(names) != want {
				t.Errorf("%s lists %v in the process %s", path, names, process)
			}
			details, _ := resp.Data["key_info"].(map[string]any)
			for _, name := range names {
				if info, _ := details[name].(map[string]any); info["username"] != name {
					t.Errorf("%s tells %v of %s", path, info, name)
				}
			}
		}
		m.start()
	}
	for _, creds := range []*logical.Response{one, two, wide} {
		m.revoke(creds)
	}
	m.registered(0)
}

// Two dots in a row, which Vault's storage refuses in a key.
func TestRegisterTakesEveryNameThatAWSTakes(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.write("config/root", map[string]any{"username_template": `a..b+=,.@_-{{random 10}}`})
	creds := m.creds("developer-access")
	for key := range m.storage.dump(t) {
		if strings.Contains(key, "..") {
			t.Errorf("stored under %s", key)
		}
	}
	if got := m.read("issued/" + m.user(creds)); got["username"] != m.user(creds) {
		t.Errorf("read %v", got)
	}
	m.start()
	if keys := m.do(logical.ListOperation, "issued/", nil).Data["keys"].([]string); len(keys) != 1 || keys[0] != m.user(creds) {
		t.Errorf("listed %v", keys)
	}
	m.revoke(creds)
}

// Requests that come at once do not get past a cap, in a process that has not read
// the register yet.
func TestCapOnUsers(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]func(m *mount, most int){
		"of the role":  func(m *mount, most int) { m.write("roles/developer-access", map[string]any{"max_users": most}) },
		"of the mount": func(m *mount, most int) { m.write("config/users", map[string]any{"max_users": most}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t)
			held := []*logical.Response{m.creds("developer-access"), m.creds("developer-access")}
			limit(m, 5)
			m.start()
			var issued atomic.Int32
			var mu sync.Mutex
			var group errgroup.Group
			for range 12 {
				group.Go(func() error {
					resp, err := m.ask(logical.ReadOperation, "creds/developer-access", nil)
					text, status := outcome(resp, err)
					switch {
					case status == 200:
						issued.Add(1)
						mu.Lock()
						held = append(held, resp)
						mu.Unlock()
					case status != 400 || !strings.Contains(text, "max_users"):
						return fmt.Errorf("answered %d %s", status, text)
					}
					return nil
				})
			}
			if err := group.Wait(); err != nil {
				t.Error(err)
			}
			if issued.Load() != 3 || len(m.aws.Users()) != 5 {
				t.Errorf("%d issued beside two, %d users in AWS", issued.Load(), len(m.aws.Users()))
			}
			m.revoke(held[0])
			held[0] = m.creds("developer-access") // there is room again
			m.refused(logical.ReadOperation, "creds/developer-access", nil)
			limit(m, 0)
			held = append(held, m.creds("developer-access"))
			for _, creds := range held {
				m.revoke(creds)
			}
		})
	}
}

// A creation that failed takes nobody's place.
func TestFailedCreateDoesNotCount(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	m.write("roles/developer-access", map[string]any{"max_users": 1})
	for _, action := range []string{"AttachUserPolicy", "CreateUser", "AttachUserPolicy"} {
		refusal := m.aws.Inject(fakeaws.Fault{Action: action, Kind: fakeaws.Refuse})
		if text := m.refused(logical.ReadOperation, "creds/developer-access", nil); !strings.Contains(text, "AccessDenied") {
			t.Errorf("refused with %s", text)
		}
		refusal.Remove()
	}
	m.revoke(m.creds("developer-access"))
}

// A request that failed before anything was written down takes no place either, not for a minute.
func TestUnknownAccountDoesNotCount(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	m.write("roles/developer-access", map[string]any{"max_users": 1})
	m.write("config/users", map[string]any{"max_users": 1})
	m.start() // which has yet to hear which account this is
	for _, action := range []string{"GetCallerIdentity", "GetUser"} {
		m.aws.Inject(fakeaws.Fault{Action: action, Kind: fakeaws.Unavailable})
	}
	m.fails(logical.ReadOperation, "creds/developer-access", nil)
	m.aws.ClearFaults()
	m.revoke(m.creds("developer-access"))
}

// A template that makes one name only: the second user is refused by AWS, and the
// first one keeps its record.
func TestRepeatedNameLeavesTheFirstRecordAlone(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, map[string]any{"username_template": "always-the-same"})
	creds := m.creds("developer-access")
	m.refused(logical.ReadOperation, "creds/developer-access", nil)
	m.registered(1)
	if got := m.read("issued/always-the-same"); got["access_key_id"] != creds.Data["access_key"] {
		t.Errorf("the record is now %v", got)
	}
	m.mustTick()
	m.registered(1)
	m.renew(creds)
	m.revoke(creds)
	m.registered(0)
}

// A rollback of that name is about a later user, which AWS never made.
func TestRollbackOfARepeatedNameLeavesTheRecordAlone(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, map[string]any{"username_template": "always-the-same"})
	creds := m.creds("developer-access")
	m.age(time.Hour)
	m.put(framework.WALPrefix+"0001", &framework.WALEntry{Kind: walKindUser, Data: walUser{UserName: "always-the-same"}, CreatedAt: m.b.(*backend).Now().Unix()})
	m.age(DefaultWALMinAge)
	m.mustTick()
	m.recorded(0)
	m.registered(1)
	m.has("always-the-same", true)
	m.renew(creds)
	m.revoke(creds)
}

// As many users as an account may have: the register is read once, at most 16
// records at a time, and keeps little of each.
func TestRegisterOfAFullAccount(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	for i := range roles.AccountUsers {
		m.put(recordKey(fmt.Sprintf("user-%d", i)), &userRecord{Role: fmt.Sprintf("role-%d", i%10), Issued: time.Now(), Ends: time.Now().Add(time.Hour), Written: time.Now()})
	}
	counting := &countingStorage{Storage: m.storage}
	b := m.b.(*backend)
	for range 2 {
		if err := b.users.Fill(m.ctx, counting); err != nil {
			t.Fatal(err)
		}
	}
	if reads, most := counting.reads.Load(), counting.most.Load(); reads != roles.AccountUsers || most > 16 {
		t.Errorf("%d reads, up to %d at once", reads, most)
	}
	all, err := b.users.All(m.ctx, counting)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, u := range all {
		if u.Role == "role-3" {
			n++
		}
	}
	if n != roles.AccountUsers/10 {
		t.Errorf("%d users of one of ten roles", n)
	}
}

// countingStorage counts reads, and how many are under way at once.
type countingStorage struct {
	logical.Storage
	reads, now, most atomic.Int64
}

func (s *countingStorage) Get(ctx context.Context, key string) (*logical.StorageEntry, error) {
	s.reads.Add(1)
	now := s.now.Add(1)
	for most := s.most.Load(); now > most && !s.most.CompareAndSwap(most, now); most = s.most.Load() {
	}
	defer s.now.Add(-1)
	return s.Storage.Get(ctx, key)
}
