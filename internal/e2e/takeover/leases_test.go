// SPDX-License-Identifier: MPL-2.0

package takeover

import (
	"net/http"
	"regexp"
	"strings"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
)

// This file holds leases of every class through the takeover.

// leaseClass is a way to come by a credential.
type leaseClass struct {
	name string
	path string
	body map[string]any // of a POST; nil is a GET
	user bool           // an IAM user: its lease is renewed, and when it is revoked the user goes
}

var leaseClasses = []leaseClass{
	{"iam_user with everything", "creds/everything", nil, true},
	{"iam_user of a legacy policy ARN", "creds/legacy-arn", nil, true},
	{"iam_user of a legacy policy text", "creds/legacy-policy", nil, true},
	{"federation_token of a legacy policy text", "sts/legacy-policy", nil, false},
	{"assumed_role of a legacy role ARN", "sts/legacy-role", nil, false},
	{"assumed_role", "creds/assumed", map[string]any{"role_arn": "arn:aws:iam::123456789012:role/partner", "ttl": "15m"}, false},
	{"assumed_role through sts/", "sts/assumed", map[string]any{"role_arn": "arn:aws:iam::123456789012:role/deploy"}, false},
	{"federation_token", "creds/federated", nil, false},
	{"session_token", "creds/session", map[string]any{"mfa_code": "123456"}, false},
}

// heldLease is a credential and its lease.
type heldLease struct {
	class  leaseClass
	issued server.Answer
	when   phase
	ends   phase          // when it is renewed and revoked
	seen   map[string]any // what Vault said of the lease when it was new
	holder string         // whom AWS takes the holder for
}

// issueLeases issues of every class, one for each phase from now on.
func (h *handover) issueLeases(when phase) {
	h.t.Helper()
	for _, class := range leaseClasses {
		for ends := max(when, during); ends <= after; ends++ {
			method := http.MethodGet
			if class.body != nil {
				method = http.MethodPost
			}
			issued := h.v.Call(method, "aws/"+class.path, class.body)
			held := &heldLease{class: class, issued: issued, when: when, ends: ends, seen: h.lookUp(issued.Lease())}
			held.holder = server.CallerOf(h.t, h.account, held.issued)
			h.leases = append(h.leases, held)
		}
	}
	if when == during {
		h.useLeases(during, during)
	}
}

// lookUp is what Vault knows of a lease, but for the time that passes.
func (h *handover) lookUp(lease string) map[string]any {
	h.t.Helper()
	data, _ := h.v.Call(http.MethodPut, "sys/leases/lookup", map[string]any{"lease_id": lease}).Body["data"].(map[string]any)
	delete(data, "ttl")
	return data
}

// useLeases looks at the leases from one phase in a later one, and renews and revokes those whose time has come.
func (h *handover) useLeases(from, now phase) {
	h.t.Helper()
	for _, class := range leaseClasses {
		count, lost := 0, h.lost
		for _, l := range h.leases {
			if l.class.name == class.name && l.when == from && l.ends >= now {
				h.use(l, now)
				count++
			}
		}
		switch {
		case count == 0:
			h.lose("there is no lease of %s from %s to look at %s", class.name, from, now)
		case h.lost > lost || now != after:
		case from == before:
			h.t.Logf("%-60s same before, during, after", "leases of "+class.name)
		case from == during:
			h.t.Logf("%-60s same during, after", "leases of "+class.name+", of ours")
		}
	}
}

// use looks at a lease and at its holder.
func (h *handover) use(l *heldLease, now phase) {
	h.t.Helper()
	if who := server.CallerOf(h.t, h.account, l.issued); who == "" || who != l.holder {
		h.lose("the credential of %s from %s: it was %s's, and %s it is %q's", l.class.name, l.when, l.holder, now, who)
	}
	if seen := h.lookUp(l.issued.Lease()); server.AsJSON(seen) != server.AsJSON(l.seen) {
		h.lose("the lease of %s from %s: it was %s, and %s it is %s", l.class.name, l.when, server.AsJSON(l.seen), now, server.AsJSON(seen))
	}
	if l.ends == now {
		h.end(l)
	}
}

// end renews a lease, where that can be, and revokes it.
func (h *handover) end(l *heldLease) {
	h.t.Helper()
	lease := l.issued.Lease()
	if !l.class.user {
		// Vault itself refuses to renew what is not renewable.
		h.v.Call(http.MethodPut, "sys/leases/renew", map[string]any{"lease_id": lease, "increment": 3600}, http.StatusBadRequest)
		h.v.Revoke(lease)
		return
	}
	h.v.Renew(lease)
	if who := server.CallerOf(h.t, h.account, l.issued); who != l.holder {
		h.lose("the credential of %s after its renewal: it is %q's", l.class.name, who)
	}
	h.v.Revoke(lease)
	name := l.holder[strings.LastIndexByte(l.holder, '/')+1:]
	if _, there := h.account.User(name); there || server.CallerOf(h.t, h.account, l.issued) != "" {
		h.lose("the user %s of %s is there after its lease was revoked", name, l.class.name)
	}
}

// shareOne has two leases of one user, and counts it among those that docs/migration.md has counted before the way back.
func (h *handover) shareOne() (pair [2]server.Answer) {
	h.t.Helper()
	h.v.Call(http.MethodPost, "aws/roles/shared", map[string]any{"policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess", "share_for": "1h"})
	for i := range pair {
		pair[i] = h.v.Call(http.MethodGet, "aws/creds/shared", nil)
	}
	if pair[0].Key() != pair[1].Key() || pair[0].Lease() == pair[1].Lease() {
		h.t.Fatalf("two requests have the keys %s and %s", pair[0].Key().ID, pair[1].Key().ID)
	}
	shown := h.v.CLI("list", "-detailed", "-format=json", "aws/issued")
	if shared := regexp.MustCompile(`"leases": ([2-9]|\d{2})`).FindAllString(shown, -1); len(shared) != 1 {
		h.t.Errorf("%d users have several leases: %s", len(shared), shown)
	}
	return pair
}

// endShared ends the first of two leases under the built-in engine, which takes the user from both. The other is dropped
// by force then: that engine fails where the user of a young lease is gone.
func (h *handover) endShared(pair [2]server.Answer) {
	h.t.Helper()
	user := server.MustWork(h.t, h.account, pair[1].Key())
	h.v.Revoke(pair[0].Lease())
	server.WaitFor(h.t, server.Soon, "the shared user to be gone", func() bool { return !server.HasUser(h.account, user) })
	h.v.Call(http.MethodPut, "sys/leases/revoke-force/aws/creds/shared", nil)
	h.t.Logf("%-60s ended with its first lease after", "a user that two leases had during")
}
