// SPDX-License-Identifier: MPL-2.0

package staticrole

// A key of which nobody can say yet whether a change has left it or a customer has made it, and what
// waits for it.

import (
	"context"
	"fmt"
	"slices"
	"time"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// stray is a key that a change may have left whose answer was lost. It may as well be one that a customer has made
// since: only once AWS can tell of a use is it judged.
type stray struct {
	id     string
	judged time.Time
}

// judge says whether a key ends that may be a stray. It stays where somebody uses it, who knows its
// secret, and until AWS can tell of that: then it is to be judged later.
func (l *leftovers) judge(ctx context.Context, client *awscreds.Client, w *walKey, key awscreds.KeyInfo) (ends bool, later []stray, err error) {
	used, err := engine.KeyIsUsed(ctx, client, key.ID)
	switch {
	case err != nil:
		return false, nil, err
	case used:
		l.Log.Warn("a key that a failed rotation seems to have left is in use, and stays", "static_role", w.Role, "iam_user", w.Username, "access_key", key.ID)
		return false, nil, nil
	case key.Age < engine.UseToldAfter:
		return false, []stray{{id: key.ID, judged: l.Now().Add(engine.UseToldAfter - key.Age)}}, nil
	}
	return true, nil, nil
}

// without leaves out the keys that may be strays.
func without(ids []string, strays []stray) []string {
	return slices.DeleteFunc(ids, func(id string) bool {
		return slices.ContainsFunc(strays, func(key stray) bool { return key.id == id })
	})
}

// spare refuses to delete a key of the role for want of room while one that may be a stray has the
// second place. Whoever names that one in replace_access_key has decided.
func (ch keyChange) spare(strays []stray, keys []awscreds.KeyInfo) error {
	if len(keys) < awscreds.MostKeys {
		return nil
	}
	for _, key := range strays {
		if key.id == ch.replace || !slices.Contains(idsOf(keys), key.id) {
			continue
		}
		const text = "the IAM user %s has two access keys, which is all that AWS allows, and %s may be one that the engine asked for without getting an answer. " +
			"It is deleted at %s unless AWS says by then that somebody uses it. To delete it now, write to static-roles/%s with replace_access_key=%s"
		about := []any{ch.role.Username, key.id, engine.Stamp(key.judged), ch.role.Name, key.id}
		if ch.scheduled {
			return &engine.WaitError{Text: fmt.Sprintf(text, about...), Until: key.judged}
		}
		return engine.UserErrorf("username: "+text, about...)
	}
	return nil
}
