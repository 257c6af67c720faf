// SPDX-License-Identifier: MPL-2.0

package backend

// What happens beside strangers: the operations of a run.

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// strangerStep is one operation; the heavier it is, the more often it happens.
type strangerStep struct {
	name   string
	weight int
	do     func(*world)
}

var strangerSteps = []strangerStep{
	{"create", 16, (*world).create},
	{"share", 5, func(w *world) {
		for range 2 {
			w.createOf("shared", "1h")
		}
	}},
	{"renew", 4, (*world).renewOne},
	{"revoke", 9, (*world).revokeOne},
	{"revoke again", 5, (*world).revokeAgain},
	{"drop a lease", 2, (*world).dropLease},
	{"delete issued", 4, (*world).deleteIssued},
	{"tidy", 4, (*world).askTidy},
	{"auto-tidy", 2, (*world).autoTidy},
	{"rotate-root", 4, (*world).rotateRoot},
	{"static role", 5, (*world).staticRole},
	{"tick", 8, (*world).tickOne},
	{"pass", 6, func(w *world) {
		w.pass(one(w, 30*time.Second, 6*time.Minute, 20*time.Minute, time.Hour, 3*time.Hour, 26*time.Hour))
	}},
	{"clock jumps", 2, (*world).jump},
	{"restart", 3, (*world).restart},
	{"config", 4, (*world).configureAnew},
	{"another account", 3, (*world).switchAccount},
	{"snapshot", 2, (*world).snap},
	{"restore", 1, (*world).restore},
	{"earlier edition", 5, (*world).earlier},
	{"a stranger comes", 3, (*world).strangerComes},
	{"made anew", 4, (*world).madeAnew},
	{"another mount", 5, func(w *world) {
		if other := one(w, w.others...); w.rng.IntN(3) == 0 {
			w.endAt(other)
		} else {
			w.issueAt(other)
		}
	}},
	{"copy", 1, (*world).copyStorage},
}

func (w *world) create() {
	w.createOf(one(w, "dev", "ops", "far", "shared"), one(w, "15m", "1h", "2h"))
}

func (w *world) createOf(role, ttl string) {
	resp, err := w.ask(w.m.request(logical.UpdateOperation, "creds/"+role, map[string]any{"ttl": ttl}))
	if well(resp, err) {
		resp.Secret.IssueTime = w.m.now()
		w.leases = append(w.leases, resp)
	}
}

func (w *world) renewOne() {
	if len(w.leases) > 0 {
		_, _ = w.ask(w.leaseRequest(logical.RenewOperation, one(w, w.leases...)))
	}
}

func (w *world) revokeOne() {
	if len(w.leases) == 0 {
		return
	}
	i := w.rng.IntN(len(w.leases))
	creds := w.leases[i]
	if resp, err := w.ask(w.leaseRequest(logical.RevokeOperation, creds)); well(resp, err) {
		w.leases = slices.Delete(slices.Clone(w.leases), i, i+1)
		w.ended = append(slices.Clone(w.ended), creds)
	}
}

// revokeAgain is Vault, which did not hear that a revocation went well.
func (w *world) revokeAgain() {
	if len(w.ended) > 0 {
		_, _ = w.ask(w.leaseRequest(logical.RevokeOperation, one(w, w.ended...)))
	}
}

// dropLease is "vault lease revoke -force" while nothing works. The built-in's leases stay: nothing else knows of
// their users.
func (w *world) dropLease() {
	for i, creds := range w.leases {
		if creds.Secret.InternalData["registered"] == true {
			w.leases = slices.Delete(slices.Clone(w.leases), i, i+1)
			w.ended = append(slices.Clone(w.ended), creds)
			return
		}
	}
}

func (w *world) deleteIssued() {
	if users := w.recorded(); len(users) > 0 {
		user := one(w, users...)
		w.note("%s", user)
		_, _ = w.ask(w.m.request(logical.DeleteOperation, "issued/"+user, nil))
	}
}

func (w *world) askTidy() {
	_, _ = w.ask(w.m.request(logical.UpdateOperation, "tidy", map[string]any{"delete": true, "safety_buffer": one(w, "1h", "6h")}))
}

func (w *world) autoTidy() {
	_, _ = w.send(w.m.request(logical.UpdateOperation, "config/auto-tidy", map[string]any{"enabled": true, "delete": true, "interval_duration": "1h"}))
	w.pass(time.Hour)
	w.tickOne()
}

func (w *world) rotateRoot() {
	_, _ = w.ask(w.m.request(logical.UpdateOperation, "config/rotate-root", nil))
}

func (w *world) tickOne() { _, _ = w.ask(w.m.request(logical.RollbackOperation, "", nil)) }

// staticRole does something with the one static role, whose user has a customer's key already.
func (w *world) staticRole() {
	switch w.rng.IntN(4) {
	case 0, 1:
		_, _ = w.ask(w.m.request(logical.UpdateOperation, "static-roles/app", daily))
	case 2:
		_, _ = w.ask(w.m.request(logical.UpdateOperation, "static-roles/app/rotate", nil))
	case 3:
		_, _ = w.ask(w.m.request(logical.DeleteOperation, "static-roles/app", nil))
	}
}

// jump moves this mount's clock, or puts it right. To the engine that is time that passes, so that a request of before is not
// late any more.
func (w *world) jump() {
	w.letLateOnesIn()
	d := -w.skew
	if w.skew == 0 {
		d = one(w, 26*time.Hour, -5*time.Hour, 10*365*24*time.Hour)
	}
	w.note("by %s", d)
	w.m.pass(d)
	w.skew, w.jumped = w.skew+d, true
}

// configureAnew changes the configuration.
func (w *world) configureAnew() {
	switch w.rng.IntN(4) {
	case 0:
		_, _ = w.ask(w.m.request(logical.UpdateOperation, "config/users", map[string]any{"ownership_tags": w.rng.IntN(3) > 0}))
	case 1:
		_, _ = w.ask(w.m.request(logical.UpdateOperation, "config/users", map[string]any{"unconfirmed_ttl": one(w, "0", "24h")}))
	default:
		template := w.template()
		w.note("%s", template)
		_, _ = w.ask(w.m.request(logical.UpdateOperation, "config/root", map[string]any{"username_template": template}))
	}
}

// switchAccount has config/root lead to the other account, or back.
func (w *world) switchAccount() {
	w.away = !w.away
	w.lead()
}

// lead writes a key of the engine's own user to config/root that works: the oldest of its own, since of one that a
// rotation has just made nobody knows the secret.
func (w *world) lead() {
	aws := w.aws()
	keys := aws.Keys("vault-root")
	if len(keys) == 0 { // the engine has deleted the one that it had made, once config/root led elsewhere
		keys = append(keys, aws.AddKey("vault-root"))
	}
	key := keys[0]
	for _, s := range w.strangers {
		if s.aws != aws || s.user.Name != "vault-root" {
			continue
		}
		if slices.Contains(s.keys[1:], key) && len(keys) > 1 {
			key = keys[1] // the first is somebody else's
		}
	}
	_, _ = w.send(w.m.request(logical.UpdateOperation, "config/root", map[string]any{
		"access_key": key.AccessKeyID, "secret_key": key.SecretAccessKey, "iam_endpoint": aws.URL(), "sts_endpoint": aws.URL(),
	}))
}

// snapshot is what a backup of Vault's storage holds.
type snapshot struct {
	storage       map[string]string
	leases, ended []*logical.Response
	away          bool
}

func (w *world) snap() {
	w.saved = &snapshot{storage: w.m.storage.dump(w.t), leases: slices.Clone(w.leases), ended: slices.Clone(w.ended), away: w.away}
}

// restore sets storage back. What was made since has no record and no lease.
func (w *world) restore() {
	if w.saved == nil {
		return
	}
	w.restored = true
	fill(w.m, w.saved.storage)
	w.leases, w.ended, w.away = slices.Clone(w.saved.leases), slices.Clone(w.saved.ended), w.saved.away
	w.restart()
	w.lead()
}

// fill gives a mount another storage.
func fill(m *mount, all map[string]string) {
	m.storage = newStorage()
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if err := m.storage.Put(m.ctx, &logical.StorageEntry{Key: key, Value: []byte(all[key])}); err != nil {
			m.t.Fatal(err)
		}
	}
}

// copyStorage wakes a copy of this mount up, which has its own key and goes on issuing.
func (w *world) copyStorage() {
	if w.copied || w.away {
		return
	}
	w.copied = true
	all := w.m.storage.dump(w.t)
	for key := range all {
		for _, prefix := range []string{"static", "wal/", engine.PrefixIssued, engine.KeyRootNext} { // as the runbook says
			if len(key) >= len(prefix) && key[:len(prefix)] == prefix {
				delete(all, key)
			}
		}
	}
	other := &mount{t: w.t, ctx: w.m.ctx, storage: newStorage(), aws: w.m.aws, system: w.m.system}
	other.ahead.Store(w.m.ahead.Load() - int64(w.skew))
	fill(other, all)
	other.start()
	w.configureAll(other, w.m.aws.AddUser("copy-root"))
	w.others = append(w.others, other)
	w.issueAt(other)
}

// earlier is what the built-in engine and the first edition left.
func (w *world) earlier() {
	if w.away {
		return
	}
	now := w.m.now().Add(-w.skew) // these had a clock that was right
	name := one(w, fmt.Sprintf("vault-token-test-dev-%d-%s", now.Unix(), awsrulesText(w)), "first-"+awsrulesText(w))
	kind := w.rng.IntN(4)
	w.note("%s, kind %d", name, kind)
	key := w.byWire(name)
	creds := &logical.Response{
		Secret: &logical.Secret{
			InternalData: map[string]any{"secret_type": secretType, "username": name, "is_sts": false},
			LeaseOptions: logical.LeaseOptions{IssueTime: now},
		},
		Data: map[string]any{"access_key": key},
	}
	switch kind {
	case 0: // a lease of the built-in's
		w.leases = append(slices.Clone(w.leases), creds)
	case 1, 2: // a lease of the first edition's, or one that it failed to hand out
		w.m.put(recordKey(name), &userRecord{Role: "dev", AccessKeyID: key, Issued: now, Ends: now.Add(time.Hour), Written: now})
		creds.Secret.InternalData["registered"] = true
		creds.Secret.InternalData["access_key_id"] = key
		creds.Secret.InternalData["created"] = now.Format(time.RFC3339)
		if kind == 1 {
			w.leases = append(slices.Clone(w.leases), creds)
		}
		w.restart()
	case 3: // a request that failed
		w.m.put(framework.WALPrefix+name, &framework.WALEntry{Kind: walKindUser, Data: walUser{UserName: name}, CreatedAt: now.Unix()})
	}
}

// awsrulesText is a random text that a run repeats.
func awsrulesText(w *world) string { return fmt.Sprintf("%012x", w.rng.Uint64()>>16) }

// strangerComes has somebody make a user whose name a template of ours would make.
func (w *world) strangerComes() {
	w.newcomer(one(w, w.aws(), w.far), one(w, w.names...), "a newcomer")
}

// madeAnew deletes a user of ours and makes another one under its name. Where the name alone proves a user, nobody does.
func (w *world) madeAnew() {
	if w.away {
		return
	}
	for _, creds := range slices.Concat(w.leases, w.ended) {
		name := w.m.user(creds)
		random, _ := creds.Secret.InternalData["random"].(float64)
		if int(random) >= enoughRandom || awsrules.RandomIn(name) >= enoughRandom || w.isStranger(w.m.aws, name) || w.rng.IntN(2) == 0 {
			continue
		}
		w.note("%s", name)
		if creds.Secret.InternalData["edition"] == nil {
			w.pass(30 * time.Minute) // its age is all that tells it from the first edition's
		}
		w.m.aws.RemoveUser(name)
		w.newcomer(w.m.aws, name, "made anew under a name of ours")
		return
	}
}
