// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
)

// accountsAtOnce is how many accounts are worked on at the same time.
const accountsAtOnce = 8

// Left is what was not done in an account.
type Left struct {
	Account string // as [AssumeRole.Account] has it
	Items   int
	Errs    []error // at least one
}

// EachByAccount is [Each] for items of several accounts, each of which has workers of its own:
// one that is slow or out of reach holds up no other. Where the role of an account is not
// assumed, the rest of its items wait for the next time, at which the account comes last.
func EachByAccount[T any](ctx context.Context, m *Mount, atOnce int, items []T, account func(T) string, more func() bool, do func(context.Context, T) error) []Left {
	var groups []*accountItems[T]
	by := map[string]*accountItems[T]{}
	for _, item := range items {
		name := account(item)
		if by[name] == nil {
			_, troubled := m.troubled.Load(name)
			by[name] = &accountItems[T]{account: name, troubled: troubled}
			groups = append(groups, by[name])
		}
		by[name].items = append(by[name].items, item)
	}
	slices.SortStableFunc(groups, func(a, b *accountItems[T]) int { return a.rank() - b.rank() })
	for _, g := range groups {
		g.left = len(g.items)
	}
	left := make([]Left, 0, len(groups))
	ended := Each(ctx, m, accountsAtOnce, groups, more, func(ctx context.Context, g *accountItems[T]) (none error) {
		g.work(ctx, m, atOnce, more, do)
		return none
	})
	for _, g := range groups {
		if len(g.errs) == 0 && g.left > 0 && ended != nil {
			g.errs = []error{ended}
		}
		if len(g.errs) > 0 {
			left = append(left, Left{Account: g.account, Items: g.left, Errs: g.errs})
		}
	}
	return left
}

// accountItems are the items of one account, and what became of them.
type accountItems[T any] struct {
	account  string
	troubled bool // its role was not assumed the last time
	items    []T
	left     int
	errs     []error
}

// rank puts the account of config/root first, and those in trouble last.
func (g *accountItems[T]) rank() int {
	switch {
	case g.account == "":
		return 0
	case g.troubled:
		return 2
	}
	return 1
}

func (g *accountItems[T]) work(ctx context.Context, m *Mount, atOnce int, more func() bool, do func(context.Context, T) error) {
	var away atomic.Bool
	var done atomic.Int64
	err := Each(ctx, m, atOnce, g.items, func() bool { return !away.Load() && (more == nil || more()) }, func(ctx context.Context, item T) error {
		err := do(ctx, item)
		var not *NotAssumedError
		if errors.As(err, &not) {
			away.Store(true)
		}
		if err == nil {
			done.Add(1)
		}
		return err
	})
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		g.errs = joined.Unwrap()
	}
	g.left -= int(done.Load())
	if away.Load() {
		m.troubled.Store(g.account, true)
	} else {
		m.troubled.Delete(g.account)
	}
}
