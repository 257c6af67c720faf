// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/staticrole"
	"vault-plugin-secrets-aws-dyn/backend/status"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// users are the IAM users of a mount that leases have, had or are about to have: their
// records, what memory keeps of those, and how they end. The paths and the leases stand on it.
type users struct {
	*engine.Mount
	sweepGrace  time.Duration
	lateWindow  time.Duration
	settingsNow engine.Memo[struct{}, *settings]
	index       userIndex          // what memory keeps of the records
	shared      *sharedStore       // the secrets of credentials that several leases have
	ghosts      atomic.Int64       // where the look for records without a user goes on; a tick may overlap the next
	own         ownership          // which IAM users are this mount's
	staticRoles *staticrole.Keeper // whose keys the WAL has, too
	memory      *status.Memory     // what status tells of
}

// userRecord is the record of an IAM user, at issued/<name>: from before AWS hears of the
// name until AWS is known to have no such user any more. It holds no secret. The zero value
// of what the first edition did not write means what a record of the first edition does.
type userRecord struct {
	// State is empty once a lease has the user.
	State recordState `json:"state,omitempty"`

	Role        string    `json:"role"`
	AccessKeyID string    `json:"access_key_id"`
	DisplayName string    `json:"display_name"` // who asked, as Vault calls them
	EntityID    string    `json:"entity_id"`
	Issued      time.Time `json:"issued"` // when the request began

	// Ends is the latest moment that the lease could live to without another
	// renewal, and Written when that was said.
	Ends    time.Time `json:"ends"`
	Written time.Time `json:"written"`

	// Handouts are the leases that have the user, where several may; Ends is the latest end of
	// theirs. None: one lease has it.
	Handouts []handout `json:"handouts,omitempty"`

	// Ending is since when the user is to go: somebody asked for its end, and AWS
	// did not do it, or did not show the user.
	Ending time.Time `json:"ending,omitzero"`

	// Edition is 0 for what the built-in engine or the first edition began: they knew the name
	// and the time alone.
	Edition int `json:"edition,omitempty"`

	// Account is where the user was made, as far as that is known.
	Account awscreds.Account `json:"account,omitzero"`
	// AssumeRole is how that account is reached, where it is not the one of config/root.
	AssumeRole engine.AssumeRole `json:"assume_role,omitzero"`
	// UserID is AWS's own of the user, which no other user will ever have.
	UserID string `json:"user_id,omitempty"`
	// Random is how many random characters of ours the name has.
	Random int `json:"random,omitempty"`
	// Unanswered says that an attempt of CreateUser was left without an answer: AWS may
	// perform it late.
	Unanswered bool `json:"unanswered,omitempty"`
	// Term is the life of the engine in which the credential was last said to live.
	Term string `json:"term,omitempty"`
	// MadeIn is the life of the engine in which the user was made, which its proof names.
	MadeIn string `json:"made_in,omitempty"`

	// Waited is how long the engine itself may have used the key, to see whether AWS accepts it.
	Waited time.Duration `json:"waited,omitempty"`

	// Confirmed says that somebody has renewed the lease, hence got it.
	Confirmed bool `json:"confirmed,omitempty"`

	// What the user was given.
	PolicyARNs   []string `json:"policy_arns,omitempty"`
	InlinePolicy string   `json:"inline_policy,omitempty"`
	Groups       []string `json:"iam_groups,omitempty"`
}

// recordState is how far the life of a user is. That it is to end stands in Ending.
type recordState string

const (
	stateIssued   recordState = ""         // a lease has it
	stateCreating recordState = "creating" // it may exist, and no lease has it yet
)

// enoughRandom is how many random characters prove that a user of a name is ours: nobody
// else has thought of the same.
const enoughRandom = 10

// pending reports whether the user is to go as far as its record knows: no lease that may
// live has it.
func (r *userRecord) pending() bool { return r.State == stateCreating || !r.Ending.IsZero() }

// provenByName reports whether a user of the name can only be the record's.
func (r *userRecord) provenByName() bool { return r.Random >= enoughRandom }

// secondEdition is that of records and leases of this engine.
const secondEdition = 2

// firstEdition reports whether the user was made by the first edition or the built-in engine.
func (r *userRecord) firstEdition() bool { return r.Edition < secondEdition }

// prolong says that the lease may live until a moment.
func (r *userRecord) prolong(ends, now time.Time, term string) {
	r.Ends, r.Written, r.Term = ends, now, term
}

// life is how long the user may exist at most.
func (r *userRecord) life() time.Duration { return r.Ends.Sub(r.Issued) }

// owned is what the user was given.
func (r *userRecord) owned() awscreds.Owned {
	return awscreds.Owned{AccessKeyID: r.AccessKeyID, PolicyARNs: r.PolicyARNs, InlinePolicy: r.InlinePolicy, Groups: r.Groups}
}

// stateName is what a read calls the state.
func (r *userRecord) stateName() string {
	switch {
	case !r.Ending.IsZero():
		return "ending"
	case r.State == stateCreating:
		return "creating"
	}
	return "issued"
}

// recordKey is where the record of a user stands.
func recordKey(user string) string { return engine.PrefixIssued + keyOf(user) }

// keyOf is the name of a user in a key. Vault's storage takes no two dots in a row, which the
// name may have.
func keyOf(user string) string { return strings.ReplaceAll(user, ".", "%2E") }

// userOf is the user of a key below issued/.
func userOf(key string) string { return strings.ReplaceAll(key, "%2E", ".") }

// loadRecord reads the record of a user; nil when there is none. No user's name has a
// percent sign, so what comes with one is no other spelling of a name.
func loadRecord(ctx context.Context, s logical.Storage, user string) (*userRecord, error) {
	if strings.Contains(user, "%") {
		return nil, nil
	}
	r, err := engine.Load[userRecord](ctx, s, recordKey(user))
	if r != nil && r.firstEdition() {
		r.Random = awsrules.RandomIn(user)
	}
	return r, err
}

// recordFor reads the record of a user that no request is making; nil when there is none. One
// that a request is making, or was when the read began, is that request's alone.
func (u *users) recordFor(ctx context.Context, s logical.Storage, user string) (*userRecord, error) {
	before := u.notBeingMade(user) // first: the request may end while the record is read
	r, err := loadRecord(ctx, s, user)
	return r, cmp.Or(before, u.notBeingMade(user), err)
}

// saveRecord writes the record of a user, and lets memory know.
func (u *users) saveRecord(ctx context.Context, s logical.Storage, user string, r *userRecord) error {
	if err := u.storeRecord(ctx, s, user, r); err != nil {
		return err
	}
	u.index.put(user, u.entryOf(r))
	return nil
}

// storeRecord is saveRecord where memory knows more than the record says.
func (u *users) storeRecord(ctx context.Context, s logical.Storage, user string, r *userRecord) error {
	return u.Proving(func() error { return engine.Save(ctx, s, recordKey(user), r) })
}

// ignoreReadOnly takes records that this server may not write for no failure: they are the
// primary's, whose sweep ends them.
func ignoreReadOnly(err error) error {
	if errors.Is(err, logical.ErrReadOnly) {
		return nil
	}
	return err
}

// dropRecord ends the record of a user, which AWS has no more, and what stands for it in
// the WAL: that first, since nothing would remember it otherwise.
func (u *users) dropRecord(ctx context.Context, s logical.Storage, user string, mirrored bool) error {
	if mirrored {
		if err := dropMirror(ctx, s, user); err != nil {
			return err
		}
	}
	if err := u.Proving(func() error { return s.Delete(ctx, recordKey(user)) }); err != nil {
		return fmt.Errorf("forgetting IAM user %s, which is gone: %w", user, err)
	}
	u.index.drop(user)
	u.shared.EndUser(user)
	return nil
}

// dropNoted ends the record that the end of a lease without one may have noted down.
func (u *users) dropNoted(ctx context.Context, s logical.Storage, l *lease) error {
	r, err := loadRecord(ctx, s, l.Username)
	if err != nil || r == nil || l.AccessKeyID == "" || r.AccessKeyID != l.AccessKeyID {
		return nil //nolint:nilerr // what nobody can read is not what was noted
	}
	return ignoreReadOnly(u.dropRecord(ctx, s, l.Username, r.pending()))
}

// recordOf is the record of a user or, where there is none, what its lease tells.
func recordOf(l *lease, began time.Time) *userRecord {
	r := &userRecord{
		Role: l.Role, AccessKeyID: l.AccessKeyID, Issued: began, UserID: l.UserID, Random: l.Random, Account: l.Account, AssumeRole: l.AssumeRole,
		Edition: l.Edition, PolicyARNs: l.PolicyARNs, InlinePolicy: l.InlinePolicy, Groups: l.Groups,
	}
	if r.firstEdition() {
		r.Random = awsrules.RandomIn(l.Username)
	}
	return r
}

// readsAtOnce is how many records are read at the same time.
const readsAtOnce = 16

// known has the index filled.
func (u *users) known(ctx context.Context, s logical.Storage) error {
	ctx, unlock, err := u.Locks.Lock(ctx, engine.LockRecords)
	if err != nil {
		return err
	}
	defer unlock()
	all, stale := u.index.begin()
	if !all && len(stale) == 0 {
		return nil
	}
	left, err := u.fillIndex(ctx, s, all, stale)
	u.index.end(left, err)
	return err
}

// fillIndex reads records, all or those of some keys. left are the keys that it did not get to
// read; after an error, nil is all.
func (u *users) fillIndex(ctx context.Context, s logical.Storage, all bool, stale map[string]string) (left map[string]string, err error) {
	if all {
		keys, err := s.List(ctx, engine.PrefixIssued)
		if err != nil {
			return nil, err
		}
		stale = map[string]string{}
		for _, key := range keys {
			stale[engine.PrefixIssued+key] = userOf(key)
		}
	}
	left = maps.Clone(stale)
	var mu sync.Mutex // guards left
	err = engine.Each(ctx, u.Mount, readsAtOnce, slices.Collect(maps.Keys(stale)), nil, func(ctx context.Context, key string) error {
		r, err := engine.Load[userRecord](ctx, s, key)
		switch {
		case engine.IsUnreadable(err):
			u.index.found(stale[key], &indexEntry{}) // one for the sweep to complain of
		case err != nil:
			return err
		case r == nil:
			u.index.found(stale[key], nil)
		default:
			e := u.entryOf(r)
			u.index.found(stale[key], &e)
		}
		mu.Lock()
		defer mu.Unlock()
		delete(left, key)
		return nil
	})
	return left, err
}
