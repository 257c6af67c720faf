// SPDX-License-Identifier: MPL-2.0

package engine

// Which AWS account something of the mount's is in. That AWS knows no such user or key counts
// only from there: config/root may lead elsewhere by mistake, for ten minutes or for good.

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// HomeAccount is the account of what does not say its own; zero where nobody knows it.
func HomeAccount(ctx context.Context, s logical.Storage) (awscreds.Account, error) {
	home, err := LoadOr(ctx, s, KeyHome, func() *awscreds.Account { return new(awscreds.Account) })
	if err != nil {
		return awscreds.Account{}, fmt.Errorf("reading the mount's home account: %w", err)
	}
	return *home, nil
}

// LostAfter is how long the engine tries to reach an account that lets it in no more, for the sake of something that no
// lease stands for: the account may be closed.
const LostAfter = 30 * 24 * time.Hour

// OtherAccountError says that nothing is known of a user or key, because AWS was asked about
// another account than its own.
type OtherAccountError struct {
	What       string // such as "IAM user vault-x"
	Made, Here awscreds.Account
	Otherwise  string // what else can be done
}

func (e *OtherAccountError) Error() string {
	return fmt.Sprintf("%s was made in AWS account %s, and config/root leads to %s now, which cannot tell whether it is gone; "+
		"write credentials of %s to config/root, or %s", e.What, e.Made, e.Here, e.Made, e.Otherwise)
}

// CheckAccount refuses to believe a client about something that was made in an account, where
// that is another than the client's, or one that AWS refuses to name. Where nobody can tell, it is believed.
func (m *Mount) CheckAccount(ctx context.Context, c *awscreds.Client, made awscreds.Account, what, otherwise string) error {
	if !made.Known() {
		return nil
	}
	here, err := c.AskAccount(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("asking which account this is, before it is believed about %s: %w", what, err)
	case !here.Known():
		m.Log.Warn("AWS does not say which account it answers for; its answer counts", "about", what)
	case !here.Same(made):
		return &OtherAccountError{What: what, Made: made, Here: here, Otherwise: otherwise}
	}
	return nil
}

// AccountText is how an account stands in an answer: its number, after its partition where
// that is not aws.
func AccountText(a awscreds.Account) string {
	if a.Partition == "" || a.Partition == "aws" {
		return a.Number
	}
	return a.Partition + ":" + a.Number
}

// ParseAccount reads what AccountText writes; it is checked elsewhere.
func ParseAccount(text string) awscreds.Account {
	partition, number, both := strings.Cut(text, ":")
	if !both {
		return awscreds.Account{Partition: "aws", Number: text}
	}
	return awscreds.Account{Partition: partition, Number: number}
}

// AccountLook bounds the question which account config/root leads to, where it is asked beside a write or a read.
const AccountLook = 2 * time.Second
