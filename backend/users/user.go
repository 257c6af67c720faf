// SPDX-License-Identifier: MPL-2.0

package users

import (
	"context"
	"slices"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// User is what memory knows of a user.
type User struct {
	Name, Role string
	Account    awscreds.Account  // zero where it is not known
	Way        engine.AssumeRole // by which that is reached; zero for that of config/root
	Issued     time.Time
	State      State
	Ending     time.Time // since when it is to go
	Due        time.Time // when the sweep looks at it: one that a lease has, once that is over
}

// State is how far the life of a user is.
type State int

// The states of a user.
const (
	Issued    State = iota // a lease has it
	InRequest              // a request is making it
	Abandoned              // no lease has it, and nobody has asked for its end
	Ending                 // it is to go
)

// all are the users, the oldest first.
func (x *index) all() (all []User) {
	x.each(func(e entry) {
		all = append(all, User{Name: e.name, Role: e.role, Account: e.account, Way: e.by.Value(), Issued: e.issued, State: e.state(), Ending: e.ending, Due: e.look})
	})
	slices.SortFunc(all, func(one, other User) int { return one.Issued.Compare(other.Issued) })
	return all
}

// state is how far the life of a user is.
func (e entry) state() State {
	switch {
	case e.request:
		return InRequest
	case !e.pending:
		return Issued
	case e.ending.IsZero():
		return Abandoned
	}
	return Ending
}

// All are the users of the records, the oldest first.
func (reg *register) All(ctx context.Context, s logical.Storage) ([]User, error) {
	if err := reg.Fill(ctx, s); err != nil {
		return nil, err
	}
	return reg.index.all(), nil
}
