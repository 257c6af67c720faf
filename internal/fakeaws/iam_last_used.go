// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"slices"
	"time"
)

// This file answers when a key was last used, for what, and whose it is.

// use is a call that a key signed, whether or not AWS did what it asked for.
type use struct {
	at              time.Time
	service, region string
}

// use notes a call, and forgets those that nobody can ask for any more.
func (k *accessKey) use(u use, delay time.Duration) {
	reported := max(k.reported(u.at, delay), 0)
	k.uses = append(slices.Clone(k.uses[reported:]), u)
}

// reported is which use is reported, or -1 for none.
func (k *accessKey) reported(now time.Time, delay time.Duration) int {
	last := -1
	for i, u := range k.uses {
		if !u.at.After(now.Add(-delay)) {
			last = i
		}
	}
	return last
}

type lastUsedXML struct {
	LastUsedDate string `xml:",omitempty"`
	ServiceName  string
	Region       string
}

// getAccessKeyLastUsed has no LastUsedDate, and N/A for the rest, while a key was never used (IAM API Reference,
// AccessKeyLastUsed). Its page names no error for a key that the account does not have: AccessDenied is a guess, as
// AWS denies what is another account's and does not tell whether that exists. Older models of the API had NoSuchEntity.
func getAccessKeyLastUsed(a *account, q request) (any, *Refusal) {
	id := q.params.Get("AccessKeyId")
	key, ok := a.keys[id]
	if old := a.oldKeys[id]; !ok && old != nil && old.shows.late(q.action(), q.at) {
		key, ok = old, true
	}
	if !ok || key.owner == nil {
		return nil, accessDenied("User: %s is not authorized to perform: iam:GetAccessKeyLastUsed on resource: access key %s", q.caller.arn, id)
	}
	used := lastUsedXML{ServiceName: "N/A", Region: "N/A"}
	if i := key.reported(q.at, a.lag.use); i >= 0 {
		used = lastUsedXML{stamp(key.uses[i].at), key.uses[i].service, key.uses[i].region}
	}
	return struct {
		UserName          string
		AccessKeyLastUsed lastUsedXML
	}{key.owner.name, used}, nil
}

// SetLastUsedDelay sets how long a use of a key takes until GetAccessKeyLastUsed reports it: none, unless set. AWS names
// no bound (a guess: minutes), only that IAM is eventually consistent.
func (s *Server) SetLastUsedDelay(d time.Duration) {
	s.withAll(func(a *account) { a.lag.use = d })
}
