// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"crypto/rand"
	"encoding/base64"
	"slices"
	"strings"
	"time"
)

// This file is what an AWS account is made of. Nothing here locks: a server hands its account to one call at a
// time.

// account is the state behind the wire.
type account struct {
	id, partition string
	among         *accounts // of the same server
	region        string    // that signatures are scoped to; "" is any
	installation  Installation
	pageSize      int

	users     map[string]*user      // by folded name
	keys      map[string]*accessKey // by id, those of sessions included
	groups    map[string]*group     // by folded name
	policies  map[string]bool       // ARNs of customer managed policies
	roles     map[string]*role      // by name
	devices   map[string]*mfaDevice // by serial number
	codes     map[string]string     // what an MFA device shows now, by serial number
	forbidden []string              // actions of STS that nobody's policies allow
	webToken  string                // what AssumeRoleWithWebIdentity accepts
	handed    []Session             // by STS, in order
	// sessionLife is the longest that a session lasts; zero is what AWS allows.
	sessionLife time.Duration

	lag      lag
	gone     map[string]*gone      // users that were deleted and may still show, by folded name
	oldKeys  map[string]*accessKey // keys that were deleted and may still sign, by id
	guarded  bool                  // overlapping changes of a user conflict
	changing map[string]bool       // users that a change holds, by folded name
	instance instance
	root     Key
	owner    *user // the root user; nil while it has no key
}

// user is an IAM user with all that it can own, except its MFA devices, which know whose they are.
type user struct {
	name, id, path string
	created        time.Time
	boundary       string
	tags           []tag
	keys           []*accessKey
	grants
	permissions
	groups       map[string]bool // folded names
	login        *time.Time      // when the login profile was made
	sshKeys      []*credentialOf
	certificates []*credentialOf
	services     []*credentialOf
	devices      []*mfaDevice // of a user as it was; else the devices know whose they are

	seeded   bool       // not made over the wire
	forgiven bool       // no leftover
	adopted  bool       // its new keys are no leftovers
	hidden   time.Time  // until when other calls do not see it
	hideFor  int        // how many other calls still do not see it
	removals []*removal // what was taken from it and may still show
}

// tag keeps the case of its key, which is nevertheless the same as any other case.
type tag struct {
	Key   string
	Value string
}

// credentialOf is an SSH key, a signing certificate or a service-specific credential of a user.
type credentialOf struct {
	id, body, name, service, status string
	created                         time.Time
}

// accessKey is a long-term key of a user, or the key of a session.
type accessKey struct {
	id, secret, token string
	owner             *user    // nil for a session
	session           *session // nil for a user
	created           time.Time
	expires           time.Time // zero for a user's key
	inactive          bool
	expected          bool     // no leftover: seeded or forgiven
	usable            *arrival // of a new key: until then it does not sign
	listed            *arrival // of a new key in lists
	ended             *arrival // of its end, where it was deleted or made inactive: until then it signs
	shows             *arrival // of its end, where it was deleted: until then GetAccessKeyLastUsed knows it

	uses []use // oldest first: the last one that is reported, and those since
}

// session is who a temporary key speaks as: an assumed role, a federated user, or the IAM user that asked for it.
type session struct {
	arn, id    string // "" if it speaks as an IAM user
	role       *role  // nil if it is no role's
	user       *user  // nil if it speaks as no IAM user
	mfa        bool
	chained    bool // asked for with another session
	timed      bool // with DurationSeconds
	transitive []tag
	source     string // source identity
}

// role is an IAM role, of which the fake knows that it exists, whom it trusts, whether it wants an external ID and how long
// its sessions may last.
type role struct {
	name, id, externalID string
	trusted              map[string]bool // accounts; nil is everybody
	maxSession           time.Duration
	allowed              []string // actions in the trust policy; nil is all
	policies             grants
	seeded               map[string]bool // names of inline policies that are no leftovers
	permissions
}

// group is an IAM group.
type group struct {
	name, id, path string
	created        time.Time
	grants
}

// mfaDevice is a virtual MFA device of the account, enabled for a user or not.
type mfaDevice struct {
	serial      string
	owner       *user
	enabled     time.Time
	deactivated bool
}

// principal is who signed a call.
type principal struct {
	arn, id string
	user    *user     // nil for a role or a federated user
	session *session  // nil for a long-term key
	since   time.Time // when the key was made
}

func newAccount() *account {
	return &account{
		id: "123456789012", partition: "aws",
		pageSize: 2,
		users:    map[string]*user{},
		keys:     map[string]*accessKey{},
		groups:   map[string]*group{},
		policies: map[string]bool{},
		roles:    map[string]*role{},
		devices:  map[string]*mfaDevice{},
		codes:    map[string]string{},
		changing: map[string]bool{},
		gone:     map[string]*gone{},
		oldKeys:  map[string]*accessKey{},
	}
}

// fold is a name as AWS compares it: "User names are not distinguished by case" (IAM API Reference, CreateUser).
func fold(name string) string { return strings.ToLower(name) }

// arn is the name of something in the account's IAM.
func (a *account) arn(kind, path, name string) string {
	return "arn:" + a.partition + ":iam::" + a.id + ":" + kind + path + name
}

func (a *account) userARN(u *user) string {
	if u == a.owner {
		return a.arn("root", "", "")
	}
	return a.arn("user", u.path, u.name)
}

// principalOf is who a key belongs to.
func (a *account) principalOf(key *accessKey) principal {
	u, s := key.owner, key.session
	if s != nil {
		u = s.user
	}
	if u == nil {
		return principal{arn: s.arn, id: s.id, session: s}
	}
	return principal{arn: a.userARN(u), id: u.id, user: u, session: s}
}

// addUser makes a user that owns nothing.
func (a *account) addUser(name, path string, now time.Time) *user {
	u := &user{
		name: name, id: newID("AIDA"), path: path, created: now.UTC().Truncate(time.Second),
		grants: newGrants(), groups: map[string]bool{},
	}
	a.users[fold(name)] = u
	return u
}

// addGroup makes a group with nobody in it.
func (a *account) addGroup(name, path string, now time.Time) *group {
	g := &group{name: name, id: newID("AGPA"), path: path, created: now, grants: newGrants()}
	a.groups[fold(name)] = g
	return g
}

// addKey gives a user a key.
func (a *account) addKey(u *user, now time.Time) *accessKey {
	key := &accessKey{id: a.newKeyID("AKIA"), secret: newSecret(30), owner: u, created: now.UTC().Truncate(time.Second)}
	u.keys = append(u.keys, key)
	a.keys[key.id] = key
	return key
}

// removeKey takes a key from its user.
func (a *account) removeKey(key *accessKey) {
	delete(a.keys, key.id)
	key.owner.keys = slices.DeleteFunc(key.owner.keys, func(k *accessKey) bool { return k == key })
}

// assumed is a role's session. IAM User Guide, "IAM JSON policy elements: Principal".
func (a *account) assumed(r *role, name string) *session {
	return &session{arn: a.sessionARN("assumed-role/" + r.name + "/" + name), id: r.id + ":" + name, role: r}
}

// sessionARN is the name of whom a session speaks as.
func (a *account) sessionARN(of string) string {
	return "arn:" + a.partition + ":sts::" + a.id + ":" + of
}

// addSession makes a temporary key.
func (a *account) addSession(s *session, now time.Time, ttl time.Duration) *accessKey {
	key := &accessKey{
		id: a.newKeyID("ASIA"), secret: newSecret(30), token: "FwoGZXIvYXdz" + newSecret(201),
		session: s, created: now, expires: now.Add(ttl),
	}
	a.keys[key.id] = key
	return key
}

// key is what the owner of an access key is given.
func (k *accessKey) key() Key { return Key{k.id, k.secret, k.token} }

// newID is a unique id: four letters that say of what (IAM User Guide, "IAM identifiers") and 16 of A-Z2-7.
func newID(prefix string) string { return prefix + rand.Text()[:16] }

// newSecret is n random bytes in base64: 30 make the 40 characters of a secret access key.
func newSecret(n int) string {
	b := make([]byte, n)
	rand.Read(b) // it never fails: crypto/rand
	return base64.StdEncoding.EncodeToString(b)
}
