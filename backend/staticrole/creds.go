// SPDX-License-Identifier: MPL-2.0

package staticrole

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// creds is the key of a static role, and when it was made. The first three
// fields are those that the built-in engine reads.
type creds struct {
	AccessKey  string    `json:"access_key"`
	SecretKey  string    `json:"secret_key"`
	Expiration time.Time `json:"expiration,omitzero"`

	LastRotated time.Time `json:"last_rotated,omitzero"`
	// PreviousKey is the key before this one, which may still work.
	PreviousKey string `json:"previous_access_key,omitempty"`
	// OtherKeys are the keys of the user that were somebody else's at the last rotation.
	OtherKeys []string `json:"other_access_keys,omitempty"`
	// Ending says that the key may be gone already, to make room for the next one.
	Ending bool `json:"ending,omitempty"`
	// EndingSince is when that was written down.
	EndingSince time.Time `json:"ending_since,omitzero"`
	// Settled says which gaps in the heartbeat do not matter any more: those that were
	// noticed before.
	Settled time.Time `json:"gap_settled,omitzero"`
	unproven
}

// load reads a static role and its key; nil where there is none.
func load(ctx context.Context, s logical.Storage, name string) (*role, *creds, error) {
	r, err := loadRole(ctx, s, name)
	if err != nil || r == nil {
		return nil, nil, err
	}
	c, err := engine.Load[creds](ctx, s, engine.PrefixStaticCreds+name)
	return r, c, err
}

// rotated is when the key was made. The built-in engine tells it by its end alone.
func (c *creds) rotated(r *role) time.Time {
	if c.LastRotated.IsZero() && !c.Expiration.IsZero() {
		return c.Expiration.Add(-r.RotationPeriod)
	}
	return c.LastRotated
}

// due is when the key has to be rotated.
func (c *creds) due(r *role, now time.Time) time.Time { return r.Next(c.rotated(r), now) }

// previousEnds is when the previous key has to go before the next rotation; zero when
// it has not.
func (c *creds) previousEnds(r *role) time.Time {
	if c.PreviousKey == "" || r.PreviousKeyTTL == 0 {
		return time.Time{}
	}
	return c.rotated(r).Add(r.PreviousKeyTTL)
}

// keys are the IDs of the role's own keys, the one that is handed out last.
func (c *creds) keys() []string {
	if c == nil {
		return nil
	}
	return slices.DeleteFunc([]string{c.PreviousKey, c.AccessKey}, func(id string) bool { return id == "" })
}

// look is when a role is to be looked at next.
func (c *creds) look(r *role, now time.Time) time.Time {
	due := c.due(r, now)
	if soon := now.Add(proofPause); c.Unproven && soon.Before(due) {
		return soon
	}
	if ends := c.previousEnds(r); !ends.IsZero() && ends.Before(due) {
		return ends
	}
	return due
}

// response is what static-creds/<name> answers. Vault Agent waits by rotation_period
// and ttl, the Vault Secrets Operator by last_vault_rotation as well.
func (c *creds) response(r *role, next, now time.Time) map[string]any {
	id, secret, rotated := c.served(r)
	data := map[string]any{
		"access_key":          id,
		"secret_key":          secret,
		"expiration":          timestamp(c.due(r, now)),
		"last_vault_rotation": timestamp(rotated),
		"rotation_period":     engine.Seconds(r.RotationPeriod),
		"ttl":                 seconds(next.Sub(now)),
	}
	if r.RotationSchedule != "" {
		data["rotation_schedule"] = r.RotationSchedule
	}
	return data
}

// seconds are whole ones, rounded up, so that whoever waits for as long does not come too
// early; and one at least: clients take 0 for "at once".
func seconds(d time.Duration) int64 {
	return max(1, engine.Seconds(d+time.Second-1))
}

// warnings tell what the user should know about keys that are not the role's.
func (c *creds) warnings(r *role) []string {
	if len(c.OtherKeys) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("the IAM user %s has an access key that is not this role's, %s, and AWS allows a user %d keys: with no room for a third, "+
		"each rotation deletes the role's key just before it makes the next one. When nothing uses the other key any more, write replace_access_key=%s",
		r.Username, strings.Join(c.OtherKeys, ", "), awscreds.MostKeys, c.OtherKeys[0])}
}

// timestamp is how times stand in an answer.
func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
