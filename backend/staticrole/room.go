// SPDX-License-Identifier: MPL-2.0

package staticrole

// Which keys of a user have to go before a new one can be made, and which stay: AWS allows two.

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// withBuiltIn finds the previous key of a role that the built-in engine rotated, which
// stores no more than the last one: it is older than that by the period, to the
// minute in which the built-in engine came by. Any other key is a customer's.
func (c *creds) withBuiltIn(r *role, keys []awscreds.KeyInfo) *creds {
	const early, late = 5 * time.Second, 2 * time.Minute
	if c == nil || !c.LastRotated.IsZero() || len(keys) != awscreds.MostKeys {
		return c
	}
	last, other := keys[0], keys[1]
	if other.ID == c.AccessKey {
		last, other = other, last
	}
	off := other.Age - last.Age - r.RotationPeriod
	if last.ID != c.AccessKey || r.RotationPeriod < engine.LeastPeriod || off < -early || off > late {
		return c
	}
	with := *c
	with.PreviousKey = other.ID
	return &with
}

// room says which keys have to go before a new one can be made, and which stay though
// they are not the role's.
func (ch keyChange) room(keys []awscreds.KeyInfo) (goes, others []string, err error) {
	ours := ch.old.keys()
	for _, key := range keys {
		switch {
		case slices.Contains(ours, key.ID):
		case key.ID == ch.replace:
			goes = append(goes, key.ID)
		default:
			others = append(others, key.ID)
		}
	}
	if slices.Contains(ours, ch.replace) {
		return nil, nil, ownKey(ch.role, ch.replace)
	}
	listed := idsOf(keys)
	there := min(len(keys), awscreds.MostKeys) // AWS may go on listing more, which are gone
	for _, id := range ours {                  // the previous one first
		if there-len(goes) >= awscreds.MostKeys && slices.Contains(listed, id) {
			goes = append(goes, id)
		}
	}
	if there-len(goes) >= awscreds.MostKeys {
		return nil, nil, ch.full(keys)
	}
	return goes, others, nil
}

// full is the refusal where every key of the user is somebody else's.
func (ch keyChange) full(keys []awscreds.KeyInfo) error {
	field, which := "username", "write again with replace_access_key=<ID> to have that one deleted"
	if ch.replace != "" {
		field, which = "replace_access_key", "name one of them"
	}
	var text []string
	for _, key := range keys {
		state := "active"
		if !key.Active {
			state = "inactive"
		}
		text = append(text, fmt.Sprintf("%s (%s, made %s ago)", key.ID, state, age(key.Age)))
	}
	return engine.UserErrorf(field+": the IAM user %s has %d access keys, and AWS allows no more: %s. Neither was touched. Delete the one that nothing uses, or %s",
		ch.role.Username, len(keys), strings.Join(text, " and "), which)
}

// age is a length of time for people.
func age(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= 2*day {
		return fmt.Sprintf("%d days", d/day)
	}
	return max(0, d).Truncate(time.Second).String()
}

func idsOf(keys []awscreds.KeyInfo) []string {
	var ids []string
	for _, key := range keys {
		ids = append(ids, key.ID)
	}
	return ids
}
