// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"regexp"
	"slices"
	"sync"
)

// This file is about several accounts behind one address, as all accounts of a partition are behind AWS's. The key that
// signs a call says in which one it works.

// accounts are all accounts of a server, the first one first.
type accounts struct {
	mu  sync.Mutex // of all that any account holds
	all []*account

	signinTokens map[string]*signin // by token
	logins       []Login            // in order
}

// Account returns the server as another account sees it, which exists from then on: users, keys, groups, roles and quotas
// are its own, while the address, the calls and the faults are the server's.
func (s *Server) Account(id string) *Server {
	s.accounts.mu.Lock()
	defer s.accounts.mu.Unlock()
	view := &Server{url: s.url, http: s.http, now: s.now, network: s.network, calls: s.calls, step: s.step, accounts: s.accounts}
	if view.account = s.accounts.of(id); view.account == nil {
		view.account = newAccount()
		view.account.id, view.account.partition, view.account.installation = id, s.account.partition, s.account.installation
		view.account.pageSize, view.account.region, view.account.lag = s.account.pageSize, s.account.region, s.account.lag
		view.account.among = s.accounts
		s.accounts.all = append(s.accounts.all, view.account)
	}
	return view
}

// of finds an account by its number; nil is none.
func (as *accounts) of(id string) *account {
	i := slices.IndexFunc(as.all, func(a *account) bool { return a.id == id })
	if i < 0 {
		return nil
	}
	return as.all[i]
}

// withSigner is with for the account of the key that signed a call, or for the first one where no account has the key.
func (s *Server) withSigner(keyID string, work func(a *account)) {
	s.accounts.mu.Lock()
	defer s.accounts.mu.Unlock()
	for _, a := range s.accounts.all {
		if a.keys[keyID] != nil || a.oldKeys[keyID] != nil {
			work(a)
			return
		}
	}
	work(s.accounts.all[0])
}

// accountOf is the number of the account whose key signed a call, or of the account of the role that is asked for.
func (s *Server) accountOf(call *Call) (id string) {
	s.withSigner(call.AccessKeyID, func(a *account) { id = a.accountIn(call.Params.Get("RoleArn")).id })
	return id
}

// withAll runs work on one account after another, while nobody else can.
func (s *Server) withAll(work func(a *account)) {
	s.accounts.mu.Lock()
	defer s.accounts.mu.Unlock()
	for _, a := range s.accounts.all {
		work(a)
	}
}

// SetTrust says which accounts' identities may assume a role, and makes the role if need be: the principals of its trust
// policy (IAM User Guide, "Cross account resource access in IAM"). No account is nobody. Sessions that exist go on.
func (s *Server) SetTrust(role string, accounts ...string) {
	s.with(func(a *account) {
		trusted := map[string]bool{}
		for _, id := range accounts {
			trusted[id] = true
		}
		a.seedRole(role).trusted = trusted
	})
}

// RemoveRole deletes a role behind everybody's back. Keys of its sessions are not known any more.
func (s *Server) RemoveRole(name string) {
	s.with(func(a *account) {
		for id, key := range a.keys {
			if key.session != nil && key.session.role != nil && key.session.role == a.roles[name] {
				delete(a.keys, id)
			}
		}
		delete(a.roles, name)
	})
}

// trusts reports whether a role may be assumed from an account, and by somebody who says an external ID.
func (r *role) trusts(from, externalID string) bool {
	return (r.trusted == nil || r.trusted[from]) && (r.externalID == "" || r.externalID == externalID)
}

// accountPattern finds the account in the ARN of a role.
var accountPattern = regexp.MustCompile(`^arn:[\w-]+:iam::(\d{12}):`)

// accountIn is the account that an ARN names; a itself where there is no such account here.
func (a *account) accountIn(arn string) *account {
	if id := accountPattern.FindStringSubmatch(arn); id != nil {
		if other := a.among.of(id[1]); other != nil {
			return other
		}
	}
	return a
}
