// SPDX-License-Identifier: MPL-2.0

package fakeaws

import "time"

// This file is about the root user of the account, who is no IAM user: IAM User Guide, "AWS account root user".

// longestOfOwner bounds a session of the root user: "If the duration is longer than one hour, the session for AWS account
// owners defaults to one hour" (AWS STS API Reference, GetSessionToken; GetFederationToken says the same).
const longestOfOwner = time.Hour

// AccountKey gives the root user of the account one more key and returns it. The key is zero if there is no room.
func (s *Server) AccountKey() (key Key) {
	s.with(func(a *account) {
		if a.owner == nil {
			a.owner = &user{id: a.id, created: time.Now().UTC().Truncate(time.Second), grants: newGrants(), groups: map[string]bool{}}
		}
		if len(a.owner.keys) < maxAccessKeys {
			key = a.addKey(a.owner, time.Now()).key()
		}
	})
	return key
}

// ofOwner cuts a session of the root user to the length that AWS allows it.
func (t *terms) ofOwner(a *account, q request) {
	if q.caller.user != nil && q.caller.user == a.owner {
		t.ttl = min(t.ttl, longestOfOwner)
	}
}

// mayAssume refuses the root user: "You cannot call AssumeRole by using AWS account root user credentials; access is denied"
// (AWS STS API Reference, AssumeRole).
func (a *account) mayAssume(p principal) *Refusal {
	if p.user != nil && p.user == a.owner {
		return accessDenied("Roles may not be assumed by root accounts.")
	}
	return nil
}
