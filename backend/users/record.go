// SPDX-License-Identifier: MPL-2.0

package users

import (
	"context"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// Record is the record of an IAM user, at issued/<name>: from before AWS hears of the
// name until AWS is known to have no such user any more. It holds no secret. The zero value
// of what the first edition did not write means what a record of the first edition does.
type Record struct {
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
func (r *Record) pending() bool { return r.State == stateCreating || !r.Ending.IsZero() }

// provenByName reports whether a user of the name can only be the record's.
func (r *Record) provenByName() bool { return r.Random >= enoughRandom }

// secondEdition is that of records and leases of this engine.
const secondEdition = 2

// firstEdition reports whether the user was made by the first edition or the built-in engine.
func (r *Record) firstEdition() bool { return r.Edition < secondEdition }

// prolong says that the lease may live until a moment.
func (r *Record) prolong(ends, now time.Time, term string) {
	r.Ends, r.Written, r.Term = ends, now, term
}

// life is how long the user may exist at most.
func (r *Record) life() time.Duration { return r.Ends.Sub(r.Issued) }

// owned is what the user was given.
func (r *Record) owned() awscreds.Owned {
	return awscreds.Owned{AccessKeyID: r.AccessKeyID, PolicyARNs: r.PolicyARNs, InlinePolicy: r.InlinePolicy, Groups: r.Groups}
}

// stateName is what a read calls the state.
func (r *Record) stateName() string {
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

// load reads the record of a user; nil when there is none. No user's name has a
// percent sign, so what comes with one is no other spelling of a name.
func load(ctx context.Context, s logical.Storage, user string) (*Record, error) {
	if strings.Contains(user, "%") {
		return nil, nil
	}
	r, err := engine.Load[Record](ctx, s, recordKey(user))
	if r != nil && r.firstEdition() {
		r.Random = awsrules.RandomIn(user)
	}
	return r, err
}

// moment begins a moment of the user of a record.
func (r *Record) moment(ctx context.Context, m *engine.Mount, user string, by engine.Asked) (context.Context, *engine.Moment) {
	ctx, o := m.CredsMoment(ctx, by, r.Role, "iam_user")
	o.User, o.AccessKey, o.Entity, o.Account = user, r.AccessKeyID, r.EntityID, r.Account.Number
	return ctx, o
}
