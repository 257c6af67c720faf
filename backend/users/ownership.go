// SPDX-License-Identifier: MPL-2.0

package users

// The tags that say whose an IAM user is. They go with CreateUser, so they are there from the
// first moment. Whoever may tag users can write any of them but one: the proof, which only
// this mount can make.

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// ownershipKey is the secret of the proofs of a mount. It proves nothing elsewhere.
type ownershipKey struct {
	Key []byte `json:"key"`
}

// ownership knows which IAM users are this mount's.
type ownership struct {
	*engine.Mount
	key atomic.Pointer[[]byte] // of the proofs, once it was read
}

// proofKey returns the key of the proofs; it is made when a user is first to have one.
func (o *ownership) proofKey(ctx context.Context, s logical.Storage, make bool) ([]byte, error) {
	if key := o.key.Load(); key != nil {
		return *key, nil
	}
	ctx, unlock, err := o.Locks.Lock(ctx, engine.LockOwnership)
	if err != nil {
		return nil, err
	}
	defer unlock()
	stored, err := engine.Load[ownershipKey](ctx, s, engine.KeyOwnership)
	if err != nil {
		return nil, err
	}
	if stored == nil || len(stored.Key) == 0 {
		if !make {
			return nil, nil
		}
		stored = &ownershipKey{Key: []byte(rand.Text() + rand.Text())}
		if err := engine.Save(ctx, s, engine.KeyOwnership, stored); err != nil {
			return nil, err
		}
	}
	o.key.Store(&stored.Key)
	return stored.Key, nil
}

// prove is the value of the proof: over the name of the user, when it was made and in which
// term, so that it fits no other.
func prove(key []byte, user, created, term string) string {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s\n%s\n%s", strings.ToLower(user), created, term)
	return term + "/" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Tags mark the user as this mount's. There are none where Vault gives the mount no identity, or where the role's own
// tags leave no room.
func (m *Making) Tags(ctx context.Context, mountPoint string, user awscreds.User) (map[string]string, error) {
	o, l := &m.u.own, m.lease
	if o.ID == "" || len(user.Tags)+len(engine.OwnTags) > awsrules.MostTags {
		return nil, nil
	}
	for key := range user.Tags {
		if engine.IsOwnTag(key) {
			return nil, nil
		}
	}
	key, err := o.proofKey(ctx, m.storage, true)
	if err != nil {
		return nil, err
	}
	created := l.Created.Format(time.RFC3339)
	return map[string]string{
		engine.TagMount:   awsrules.InTag(mountPoint, awsrules.MostTagValue-1-len(o.ID)) + "/" + o.ID,
		engine.TagRole:    awsrules.InTag(l.Role, awsrules.MostTagValue),
		engine.TagCreated: created,
		engine.TagProof:   prove(key, l.Username, created, o.Term()),
	}, nil
}

// tagged reports whether the tags of a user say that it is this mount's. Anybody may have
// written them.
func (o *ownership) tagged(tags map[string]string) bool {
	return o.ID != "" && strings.HasSuffix(tags[engine.TagMount], "/"+o.ID)
}

// taggedByAnother reports whether the tags of a user say that another mount made it, or a copy
// of this one: the first edition and the built-in engine wrote no proof.
func (o *ownership) taggedByAnother(tags map[string]string) bool {
	return tags[engine.TagProof] != "" || tags[engine.TagMount] != "" && !o.tagged(tags)
}

// proven reports whether the tags of a user prove that it is this mount's.
func (o *ownership) proven(ctx context.Context, s logical.Storage, user string, tags map[string]string) (bool, error) {
	term, _, proved := strings.Cut(tags[engine.TagProof], "/")
	if !proved || !o.tagged(tags) {
		return false, nil
	}
	key, err := o.proofKey(ctx, s, false)
	if err != nil || key == nil {
		return false, err
	}
	return hmac.Equal([]byte(tags[engine.TagProof]), []byte(prove(key, user, tags[engine.TagCreated], term))), nil
}

// wrote reports whether tags that prove a user are of the record's own request. A copy of the
// storage proves its users with the same key, and makes the same names, perhaps in the same second,
// where a template has no random part.
func (r *Record) wrote(tags map[string]string) bool {
	term, _, _ := strings.Cut(tags[engine.TagProof], "/")
	return tags[engine.TagCreated] == r.Issued.UTC().Format(time.RFC3339) && (r.MadeIn == "" || r.MadeIn == term)
}

// keyIsOf reports whether a user has an access key. Where AWS does not tell, it takes the key away.
func keyIsOf(ctx context.Context, c *awscreds.Client, user, id string) (bool, error) {
	name, _, _, err := c.KeyUser(ctx, id)
	switch {
	case err == nil:
		return strings.EqualFold(name, user), nil
	case !awscreds.IsUnanswerable(err):
		return false, err
	}
	return c.EndKey(ctx, user, id)
}
