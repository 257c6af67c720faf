// SPDX-License-Identifier: MPL-2.0

package backend

// The register: who holds what. One record for each IAM user that was handed out, in
// storage, and of each what caps and the sweep need in memory, so that neither reads
// thousands of records. The memory is filled from storage once in the life of a
// process, when it is first needed, and never at the start.

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"golang.org/x/sync/errgroup"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

const (
	// readsAtOnce is how many records are read at the same time when the register is
	// filled.
	readsAtOnce = 16
)

// register is what is kept in memory. The lock guards the fields and is never held
// while anything else happens.
type register struct {
	mu      sync.Mutex
	filled  bool
	filling bool
	changed map[string]bool // while it is being filled: users of whom more is known than storage said
	users   map[string]holding
	ofRole  map[string]int // how many of users
}

// holding is what is kept of one user.
type holding struct {
	role   string
	making bool      // a request is making it, and its record is not written yet
	look   time.Time // when the sweep is to look at it
}

// admit counts a user that is about to be made, unless a cap is reached. Zero is no
// cap.
func (g *register) admit(user, role string, ofRole, ofMount int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, known := g.users[user]; known {
		return nil // a template that makes a name twice: AWS will refuse the second user
	}
	if n := len(g.users); ofMount > 0 && n >= ofMount {
		return engine.UserErrorf("max_users: this mount has %d IAM users, and config/users allows %d; revoke leases that nobody needs, or raise max_users at config/users", n, ofMount)
	}
	if n := g.ofRole[role]; ofRole > 0 && n >= ofRole {
		return engine.UserErrorf("max_users: the role %q has %d IAM users, and allows %d; revoke leases that nobody needs, or raise max_users at roles/%s", role, n, ofRole, role)
	}
	g.set(user, holding{role: role, making: true})
	return nil
}

// release forgets a user that was admitted and never entered.
func (g *register) release(user string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.users[user].making {
		g.remove(user)
	}
}

func (g *register) put(user, role string, look time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.set(user, holding{role: role, look: look})
}

func (g *register) drop(user string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.remove(user)
}

func (g *register) set(user string, h holding) {
	g.remove(user)
	if g.users == nil {
		g.users, g.ofRole = map[string]holding{}, map[string]int{}
	}
	g.users[user] = h
	g.ofRole[h.role]++
}

func (g *register) remove(user string) {
	if g.filling {
		g.changed[user] = true
	}
	h, known := g.users[user]
	if !known {
		return
	}
	delete(g.users, user)
	if g.ofRole[h.role]--; g.ofRole[h.role] == 0 {
		delete(g.ofRole, h.role)
	}
}

// forget makes the next use read storage again.
func (g *register) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.filled = false
}

// due lists the users that the sweep is to look at, those that wait longest first.
func (g *register) due(now time.Time) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var names []string
	for name, h := range g.users {
		if !h.making && !h.look.After(now) {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, c string) int { return g.users[a].look.Compare(g.users[c].look) })
	return names
}

// holders returns the users that have a record, of one role or of all, with their
// roles.
func (g *register) holders(role string) map[string]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	holders := map[string]string{}
	for name, h := range g.users {
		if !h.making && (role == "" || role == h.role) {
			holders[name] = h.role
		}
	}
	return holders
}

// has reports whether a user has a record, or is about to.
func (g *register) has(user string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, has := g.users[user]
	return has
}

// anybody reports whether any user has a record.
func (g *register) anybody() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, h := range g.users {
		if !h.making {
			return true
		}
	}
	return false
}

// begin opens the register for being filled; it reports whether that is needed.
func (g *register) begin() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.filled {
		return false
	}
	g.filled, g.filling, g.changed = true, true, map[string]bool{} // filled first: who says "forget" meanwhile shall be heard
	maps.DeleteFunc(g.users, func(_ string, h holding) bool {
		if !h.making {
			g.ofRole[h.role]--
		}
		return !h.making
	})
	return true
}

// found takes what storage says of a user, unless more is known by now.
func (g *register) found(user, role string, look time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.changed[user] && !g.users[user].making {
		g.set(user, holding{role: role, look: look})
	}
}

func (g *register) end(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.filling, g.changed = false, nil
	g.filled = g.filled && err == nil
}

// known has the register filled.
func (b *backend) known(ctx context.Context, s logical.Storage) error {
	ctx, unlock, err := b.Locks.Lock(ctx, engine.LockRecords)
	if err != nil {
		return err
	}
	defer unlock()
	if !b.register.begin() {
		return nil
	}
	err = b.fillRegister(ctx, s)
	b.register.end(err)
	return err
}

func (b *backend) fillRegister(ctx context.Context, s logical.Storage) error {
	keys, err := s.List(ctx, engine.PrefixIssued)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readsAtOnce)
	for _, key := range keys {
		group.Go(func() error {
			r, err := engine.Load[issued](ctx, s, engine.PrefixIssued+key)
			var garbled *engine.UnreadableError
			switch {
			case errors.As(err, &garbled):
				b.register.found(userOf(key), "", time.Time{}) // one for the sweep to complain of
			case err != nil:
				return err
			case r != nil:
				b.register.found(userOf(key), r.Role, b.dueBy(r))
			}
			return nil
		})
	}
	return group.Wait()
}

// enter writes the record of a user.
func (b *backend) enter(ctx context.Context, s logical.Storage, user string, r *issued) error {
	if err := engine.Save(ctx, s, issuedKey(user), r); err != nil {
		return err
	}
	b.register.put(user, r.Role, b.dueBy(r))
	return nil
}

// strike ends the record of a user, which AWS has no more.
func (b *backend) strike(ctx context.Context, s logical.Storage, user string) error {
	if err := s.Delete(ctx, issuedKey(user)); err != nil {
		return fmt.Errorf("striking IAM user %s, which is gone, off the register: %w", user, err)
	}
	b.register.drop(user)
	return nil
}

// issuedKey is where the record of a user stands. Vault's storage takes no two dots
// in a row, which the name of a user may have.
func issuedKey(user string) string { return engine.PrefixIssued + strings.ReplaceAll(user, ".", "%2E") }

// userOf is the user of a key below prefixIssued.
func userOf(key string) string { return strings.ReplaceAll(key, "%2E", ".") }
