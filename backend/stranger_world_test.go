// SPDX-License-Identifier: MPL-2.0

package backend

// The account in which strangers live beside this mount's users, and how they are looked after.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// world is one run: three accounts, this mount, and others.
type world struct {
	t         *testing.T
	rng       *rand.Rand
	m         *mount          // ours
	elsewhere *fakeaws.Server // the other account
	far       *fakeaws.Server // an account that a role of this mount leads to
	away      bool            // config/root leads there
	others    []*mount        // another mount, another cluster's, and perhaps a copy of ours
	held      map[*mount][]*logical.Response
	late      lateCalls
	lateFor   time.Duration // how long ago a call that is held back was made, at most

	strangers []*stranger
	leases    []*logical.Response // as Vault has them
	ended     []*logical.Response // those that it has revoked
	saved     *snapshot
	restored  bool            // storage was set back
	copied    bool            // a copy has been made
	jumped    bool            // this mount's clock was wrong for a while
	reused    map[string]bool // names that have been taken over by strangers
	names     []string        // what a template without a random part makes
	skew      time.Duration   // how far this mount's clock is wrong
	retries   int

	log    []string
	faults int
	leaves map[string]int
}

// stranger is a user that nobody may change, as it was when it was last seen to be well.
type stranger struct {
	who  string
	aws  *fakeaws.Server
	user fakeaws.User
	keys []fakeaws.Key
	// rotates says that the engine may make keys of this user and end those: others stay.
	rotates bool
}

// lateCalls holds CreateUser back, for AWS to perform when nobody waits for it any more.
type lateCalls struct {
	mu   sync.Mutex
	next chan struct{} // the next CreateUser waits for it
	hit  chan struct{} // closed when it waits
}

// step is a [fakeaws.Step].
func (l *lateCalls) step(c fakeaws.Call, done bool) bool {
	if done || c.Action != "CreateUser" {
		return true
	}
	l.mu.Lock()
	wait, hit := l.next, l.hit
	l.hit = nil
	l.mu.Unlock()
	if hit == nil {
		return true
	}
	close(hit)
	<-wait
	return true
}

// newWorld furnishes the accounts.
func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, rng: newRand(seed), held: map[*mount][]*logical.Response{}, reused: map[string]bool{}, leaves: map[string]int{},
		log: []string{"begin"}}
	w.retries = one(w, 0, 0, 1)
	aws := fakeaws.New(t, fakeaws.WithPageSize(7), fakeaws.WithSteps(w.late.step))
	w.elsewhere = fakeaws.New(t, fakeaws.WithPageSize(7), fakeaws.WithAccount("210987654321"))
	w.m = w.mount(aws, "")
	w.far = aws.Account("333333333333")
	w.far.SetTrust("hub", home)
	w.far.AddGroup("developers")
	for _, aws := range []*fakeaws.Server{aws, w.elsewhere} {
		aws.AddGroup("developers")
		w.newcomer(aws, "app", "the user of a static role").rotates = true
		aws.Adopt("app")
		w.newcomer(aws, "vault-root", "the engine's own user").rotates = true
		aws.Adopt("vault-root")
	}
	if w.rng.IntN(4) == 0 { // else rotate-root has room
		aws.AddKey("vault-root")
		w.restate("vault-root")
	}
	w.configureAll(w.m, aws.RootKey())
	w.m.revoke(w.m.creds("dev")) // from whose answer the mount knows its home account
	w.m.mustTick()
	w.m.start()
	for i, id := range []string{"0d4f6c1e-0000-4f3e-9d55-2a41c0e7b913", "7e2b1111-0b7a-4f3e-9d55-2a41c0e7b913"} {
		other := w.mount(aws, id)
		key := aws.AddUser(fmt.Sprintf("other-root-%d", i))
		w.configureAll(other, key)
		w.others = append(w.others, other)
	}
	w.names = []string{"vault-token-test-dev", "vault-token-test-ops", "v-dev", "v-ops", "vault-token-test-far", "v-far", "vault-token-test-shared", "v-shared"}
	w.settlers(seed)
	w.unchanged()
	return w
}

// mount is one of the engine, whose clock begins with ours.
func (w *world) mount(aws *fakeaws.Server, id string) *mount {
	m := &mount{t: w.t, ctx: w.t.Context(), storage: newStorage(), aws: aws, id: id, system: &logical.StaticSystemView{
		DefaultLeaseTTLVal: 2 * time.Hour, MaxLeaseTTLVal: longestLease,
	}}
	m.start()
	return m
}

// configureAll gives a mount its key and roles.
func (w *world) configureAll(m *mount, key fakeaws.Key) {
	m.write("config/root", map[string]any{
		"access_key": key.AccessKeyID, "secret_key": key.SecretAccessKey,
		"iam_endpoint": m.aws.URL(), "sts_endpoint": m.aws.URL(),
		"max_retries": w.retries, "username_template": w.template(),
	})
	m.write("roles/dev", map[string]any{"policy_arns": readOnly})
	m.write("roles/ops", map[string]any{"policy_arns": readOnly, "iam_groups": "developers", "iam_tags": map[string]any{"team": "payments"},
		"policy_document": `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`})
	if m == w.m {
		m.entityID = "7d2e3179-f69b-450c-7179-ac8ee8bd8ca9" // who shares
		m.write("roles/shared", map[string]any{"policy_arns": readOnly, "iam_groups": "developers", "share_for": "1h"})
		m.write("roles/far", map[string]any{"policy_arns": readOnly, "iam_groups": "developers", "assume_role_arn": "arn:aws:iam::333333333333:role/hub"})
	}
	m.mustTick()
}

// template is one of every sort.
func (w *world) template() string {
	return one(w, "", "",
		`vault-{{.DisplayName}}-{{.PolicyName}}-{{random 4}}`,
		`vault-{{.DisplayName}}-{{.PolicyName}}`,
		`v-{{.PolicyName}}`,
		`{{printf "vault-%s-%s" .PolicyName (random 20) | lowercase}}`,
		`{{printf "vault-%s-%s" .PolicyName (random 20) | truncate 14}}`,
		`v-{{uuid}}`,
	)
}

// settlers are the strangers who are there from the beginning.
func (w *world) settlers(seed uint64) {
	aws := w.m.aws
	for _, name := range []string{
		"alice", fmt.Sprintf("vault-token-test-dev-%d-AbCdEf%dGhIj", w.m.now().Unix(), seed%90+10),
		"vault-dev-" + fmt.Sprint(seed), strings.ToUpper(one(w, w.names...)), fmt.Sprintf("V-%08x-0b7a-4f3e-9d55-2a41c0e7b913", seed),
	} {
		w.newcomer(aws, name, "a name like ours")
	}
	w.newcomer(w.elsewhere, one(w, w.names...), "a name like ours, elsewhere")
	w.newcomer(w.far, one(w, w.names...), "a name like ours, far")
	for i, mount := range []string{"aws-dyn/" + mountID, "other/0d4f6c1e-0000-4f3e-9d55-2a41c0e7b913"} {
		name := fmt.Sprintf("vault-forged-%d", i)
		s := w.newcomer(aws, name, "forged tags")
		w.tags(name, map[string]string{tagMount: mount, tagRole: "dev", tagCreated: w.m.now().UTC().Format(time.RFC3339), tagProof: "ABCDEFGHIJ/x"})
		s.look()
	}
	for _, other := range w.others {
		w.issueAt(other)
	}
}

func (w *world) tags(user string, tags map[string]string) {
	params := url.Values{"UserName": {user}}
	i := 0
	for key, value := range tags {
		i++
		params.Set(fmt.Sprintf("Tags.member.%d.Key", i), key)
		params.Set(fmt.Sprintf("Tags.member.%d.Value", i), value)
	}
	w.call(w.m.aws, "TagUser", params)
}

// call makes a call as an administrator.
func (w *world) call(aws *fakeaws.Server, action string, params url.Values) {
	client := fakeaws.Client{Endpoint: aws.URL(), Key: aws.AddUser("admin")}
	if _, err := client.Do(w.t.Context(), "iam", action, params); err != nil {
		w.t.Fatal(err)
	}
}

// newcomer makes a user that is nobody's here, with one of everything, unless the name is taken.
func (w *world) newcomer(aws *fakeaws.Server, name, who string) *stranger {
	if _, taken := aws.User(name); !taken {
		aws.AddUser(name)
		aws.Dirty(name)
		if keys := aws.Keys(name); len(keys) > 1 && (name == "app" || name == "vault-root") {
			w.removeKey(aws, name, keys[1].AccessKeyID) // there has to be room for a key
		}
	} else if name != "vault-root" {
		return nil
	}
	return w.meet(aws, name, who)
}

func (w *world) removeKey(aws *fakeaws.Server, user, id string) {
	w.call(aws, "DeleteAccessKey", url.Values{"UserName": {user}, "AccessKeyId": {id}})
}

// meet takes a user that exists for a stranger from now on.
func (w *world) meet(aws *fakeaws.Server, name, who string) *stranger {
	s := &stranger{who: who, aws: aws}
	s.user.Name = name
	s.look()
	w.strangers = append(w.strangers, s)
	return s
}

// look remembers how a stranger is.
func (s *stranger) look() {
	s.user, _ = s.aws.User(s.user.Name)
	s.keys = s.aws.Keys(s.user.Name)
}

// restate is look for somebody by name, in our account.
func (w *world) restate(name string) {
	for _, s := range w.strangers {
		if s.aws == w.m.aws && s.user.Name == name {
			s.look()
		}
	}
}

// forget takes a user for no stranger any more: who made it has deleted it.
func (w *world) forget(aws *fakeaws.Server, name string) {
	w.strangers = slices.DeleteFunc(w.strangers, func(s *stranger) bool { return s.aws == aws && strings.EqualFold(s.user.Name, name) })
}

// isStranger reports whether a user is one.
func (w *world) isStranger(aws *fakeaws.Server, name string) bool {
	return slices.ContainsFunc(w.strangers, func(s *stranger) bool { return s.aws == aws && strings.EqualFold(s.user.Name, name) })
}

// unchanged compares all strangers with what they were.
func (w *world) unchanged() {
	w.t.Helper()
	for _, s := range w.strangers {
		if what := s.harm(); what != "" {
			w.t.Errorf("%s, IAM user %s: %s", s.who, s.user.Name, what)
		}
	}
}

// harm says what was done to a stranger.
func (s *stranger) harm() string {
	now, there := s.aws.User(s.user.Name)
	if !there {
		return "is gone"
	}
	was := s.user
	keys := s.aws.Keys(s.user.Name)
	now.Created, was.Created = time.Time{}, time.Time{}
	if s.rotates {
		now.AccessKeys, was.AccessKeys = nil, nil
		for _, key := range s.keys {
			own := s.user.Name == "vault-root" && key == s.keys[0] // the engine's
			if !own && !slices.Contains(keys, key) {
				return "lost its key " + key.AccessKeyID
			}
		}
		keys = s.keys
	}
	if !reflect.DeepEqual(now, was) || !slices.Equal(keys, s.keys) {
		return fmt.Sprintf("is now %+v, and was %+v", now, was)
	}
	return ""
}

// issueAt has another mount issue a credential: its user is a stranger.
func (w *world) issueAt(other *mount) {
	resp, err := other.ask(logical.ReadOperation, "creds/"+one(w, "dev", "ops"), nil)
	if !well(resp, err) {
		return // the name is taken
	}
	w.held[other] = append(w.held[other], resp)
	w.meet(other.aws, other.user(resp), "another mount's")
}

// endAt has another mount revoke one.
func (w *world) endAt(other *mount) {
	held := w.held[other]
	if len(held) == 0 {
		return
	}
	i := w.rng.IntN(len(held))
	w.forget(other.aws, other.user(held[i]))
	other.revoke(held[i])
	if _, there := other.aws.User(other.user(held[i])); there {
		w.t.Errorf("another mount could not end its own user %s", other.user(held[i]))
	}
	w.held[other] = slices.Delete(held, i, i+1)
}

// pass moves all clocks.
func (w *world) pass(d time.Duration) {
	if w.lateFor += d; w.lateFor >= 14*time.Minute { // AWS refuses what was signed longer ago
		w.letLateOnesIn()
	}
	w.m.pass(d)
	for _, other := range w.others {
		other.pass(d)
	}
	w.m.aws.Age(d)
	w.elsewhere.Age(d)
}

// letLateOnesIn has AWS perform what was held back.
func (w *world) letLateOnesIn() {
	w.late.mu.Lock()
	if w.late.next != nil {
		close(w.late.next)
		w.late.next, w.late.hit = nil, nil
	}
	w.late.mu.Unlock()
	awaitCalls(w.m.aws)
}

// aws is the account that config/root leads to.
func (w *world) aws() *fakeaws.Server {
	if w.away {
		return w.elsewhere
	}
	return w.m.aws
}

// record reads the record of a user from storage.
func (w *world) record(user string) *userRecord {
	r, err := loadRecord(context.Background(), w.m.storage.Storage, user)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// recorded lists the users that have a record.
func (w *world) recorded() (users []string) {
	keys, err := w.m.storage.Storage.List(w.t.Context(), engine.PrefixIssued)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, key := range keys {
		users = append(users, userOf(key))
	}
	return users
}
