// SPDX-License-Identifier: MPL-2.0

package backend

// The end of a run: all goes well from here on, all times pass, and what is left is looked at.

import (
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/roles"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// longestLease is the mount's maximum, and furthestClock how far ahead a clock may have been when a lease began.
const longestLease, furthestClock = 48 * time.Hour, 27 * time.Hour

// end lets everything come to its end, and says what is wrong with it.
func (w *world) end() {
	w.t.Helper()
	w.log = append(w.log, "the end")
	w.letLateOnesIn()
	w.m.pass(-w.skew)
	w.restart()
	w.revokeAll()
	for range 2 {
		for _, d := range []time.Duration{time.Minute, 20 * time.Minute, 3 * time.Hour, longestLease + roles.LongestShare + furthestClock, time.Hour} {
			w.pass(d)
			w.quietTick()
		}
		w.switchAccount() // what was made in the other one
		w.revokeAll()
	}
	if w.away {
		w.switchAccount()
	}
	w.pass(time.Hour)
	w.quietTick()
	_, _ = w.send(w.m.request(logical.DeleteOperation, "static-roles/app", nil))
	w.askQuietly("tidy", map[string]any{"delete": true})
	w.quietTick()
	w.unchanged()
	w.nothingLeft(w.m.aws)
	w.nothingLeft(w.elsewhere)
	w.nothingLeft(w.far)
	w.noRecords()
	w.othersGoOn()
	if w.t.Failed() {
		w.t.Logf("what was done: \n\t%s", strings.Join(w.log, "\n\t"))
	}
}

// quietTick is one with nothing wrong; of roles that cannot be rotated, and strangers in the way, it may complain.
func (w *world) quietTick() { _, _ = w.send(w.m.request(logical.RollbackOperation, "", nil)) }

func (w *world) askQuietly(path string, data map[string]any) {
	_, _ = w.send(w.m.request(logical.UpdateOperation, path, data))
}

// revokeAll is Vault, which revokes what it has.
func (w *world) revokeAll() {
	for _, creds := range slices.Clone(w.leases) {
		if resp, err := w.send(w.leaseRequest(logical.RevokeOperation, creds)); well(resp, err) {
			i := slices.Index(w.leases, creds)
			w.leases = slices.Delete(slices.Clone(w.leases), i, i+1)
		}
	}
}

// nothingLeft looks at all users that are no strangers.
func (w *world) nothingLeft(aws *fakeaws.Server) {
	w.t.Helper()
	for _, user := range aws.Users() {
		if w.isStranger(aws, user) {
			continue
		}
		if why := w.excuse(aws, user); why != "" {
			w.leaves[why]++
			w.note("left %s: %s", user, why)
		} else {
			w.t.Errorf("left in AWS: %s, whose record is %+v", user, w.record(user))
		}
		aws.RemoveUser(user)
	}
}

// excuse is why a user of ours may be left; empty where nothing is.
func (w *world) excuse(aws *fakeaws.Server, user string) string {
	r := w.record(user)
	switch {
	case r == nil && w.restored:
		return "made after the snapshot that was restored, and so perhaps by a copy"
	case r == nil && w.jumped && strings.HasPrefix(user, "first-"):
		return "an entry of the WAL that was looked at by a clock that was wrong"
	case r != nil && !provenByName(r) && r.UserID == "":
		return "nothing proves whose it is"
	case r != nil && !pending(r) && r.Issued.After(w.m.now()):
		return "its lease was lost, and began by a clock in the future"
	}
	return ""
}

// noRecords looks at what storage still knows, and forgets what only an operator can.
func (w *world) noRecords() {
	w.t.Helper()
	for _, user := range w.recorded() {
		r := w.record(user)
		if !pending(r) && r.Issued.After(w.m.now()) {
			w.m.write("issued/"+user+"/forget", nil)
			continue
		}
		if w.isStranger(w.m.aws, user) || w.isStranger(w.elsewhere, user) || w.isStranger(w.far, user) || w.leaves["nothing proves whose it is"] > 0 {
			if !provenByName(r) && r.UserID == "" {
				w.leaves["a record whose user is somebody's"]++
				w.m.write("issued/"+user+"/forget", nil)
				continue
			}
		}
		w.t.Errorf("left in storage: the record of %s: %+v", user, r)
	}
	if !w.jumped { // entries about keys that a clock in the future wrote wait for that future
		w.m.recorded(0)
	}
}

// othersGoOn has the other mounts end what they hold, which nobody has touched.
func (w *world) othersGoOn() {
	w.t.Helper()
	for _, other := range w.others {
		for len(w.held[other]) > 0 {
			w.endAt(other)
		}
	}
	w.unchanged()
}
