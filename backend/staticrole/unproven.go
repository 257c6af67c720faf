// SPDX-License-Identifier: MPL-2.0

package staticrole

// A key that was made a moment ago, and that AWS may not accept everywhere yet. Until it does,
// the one before is handed out, if there is one: it works until the next rotation, or for
// previous_key_ttl.

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

const (
	// askedPatience is how long a request that asked for a new key waits for AWS to accept it,
	// and lookPatience how long one look of the timer does. What they do not see is left to
	// the looks to come.
	askedPatience = 20 * time.Second
	lookPatience  = 3 * time.Second

	// proofPause lies between two looks at a key that AWS does not accept so far.
	proofPause = 2 * time.Second
)

// unproven is what is kept of a key that AWS may not accept yet: the key before, in the form
// in which it was handed out.
type unproven struct {
	Unproven         bool      `json:"unproven,omitempty"`
	PreviousSecret   string    `json:"previous_secret_key,omitempty"`
	PreviousRotation time.Time `json:"previous_rotation,omitzero"`
}

// working is a stored key as long as AWS may accept it; nil where AWS shows that it is gone or
// inactive. AWS may not show a key that is young.
func (c *creds) working(r *role, keys []awscreds.KeyInfo, now time.Time, lag time.Duration) *creds {
	if c == nil {
		return nil
	}
	at := slices.IndexFunc(keys, func(key awscreds.KeyInfo) bool { return key.ID == c.AccessKey })
	switch {
	case at < 0 && now.Sub(c.rotated(r)) >= lag, at >= 0 && !keys[at].Active:
		return nil
	}
	return c
}

// await marks a new key as one that AWS may not accept yet. before is what was stored, if anything was.
func (c *creds) await(r *role, before *creds) {
	c.unproven = unproven{Unproven: true}
	if before != nil && before.SecretKey != "" && before.AccessKey == c.PreviousKey {
		c.PreviousSecret, c.PreviousRotation = before.SecretKey, before.rotated(r)
	}
}

// served is the key that is handed out: the one before, as long as AWS may not accept the last.
func (c *creds) served(r *role) (id, secret string, rotated time.Time) {
	if c.Unproven && c.PreviousSecret != "" {
		return c.PreviousKey, c.PreviousSecret, c.PreviousRotation
	}
	return c.AccessKey, c.SecretKey, c.rotated(r)
}

// prover sees whether AWS accepts a new key.
type prover struct {
	*engine.Mount
	accounts *accounts
	queue    *queue
}

// prove waits, for some time at most, until AWS accepts the last key of a role, and hands that
// one out from then on. The caller holds the role's lock.
func (p *prover) prove(ctx context.Context, s logical.Storage, r *role, c *creds, patience time.Duration) {
	if !c.Unproven {
		return
	}
	defer func() { p.queue.set(r.Name, c.look(r, p.Now()), true) }()
	client, err := p.accounts.clientOf(ctx, s, r.AssumeRole)
	if err == nil {
		err = p.AwaitKey(ctx, patience, client.Probe(awscreds.Key{ID: c.AccessKey, Secret: c.SecretKey}))
	}
	switch {
	case err == nil, awscreds.IsUnsupported(err): // or nobody can tell
	case p.Now().Sub(c.rotated(r)) < p.LagWindow:
		return // at the next look
	default:
		p.Log.Warn("AWS has not accepted the new key of a static role for longer than it ever takes; it is handed out anyway",
			"static_role", r.Name, "iam_user", r.Username, "access_key", c.AccessKey, "error", err)
	}
	proven := *c
	proven.unproven = unproven{}
	if err := engine.Save(ctx, s, engine.PrefixStaticCreds+r.Name, &proven); err != nil {
		p.Log.Warn("writing down that AWS accepts the new key of a static role; it is tried again", "static_role", r.Name, "error", err)
		return
	}
	*c = proven
}

// youngWarnings tell of a key that is handed out although AWS may not accept it everywhere yet.
func (c *creds) youngWarnings(r *role, now time.Time) []string {
	if !c.Unproven || c.PreviousSecret != "" {
		return nil
	}
	text := fmt.Sprintf("access_key: was made %s ago, and AWS may not accept it everywhere yet", age(now.Sub(c.rotated(r))))
	if len(c.OtherKeys) > 0 {
		text += "; the one before had to be deleted to make room for it"
	}
	return []string{text}
}
