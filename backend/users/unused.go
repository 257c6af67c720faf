// SPDX-License-Identifier: MPL-2.0

package users

// Whether anybody uses the key of an IAM user, as AWS tells who asks (IAM API Reference,
// GetAccessKeyLastUsed): some minutes late, by its own clock.

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/sessions"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// unused reports whether a user is to go because perhaps nobody got it, and AWS says that
// its key was never used. Where AWS does not let us ask, the key counts as used.
func (u *Users) unused(ctx context.Context, s logical.Storage, r *Record) (bool, error) {
	ttl := u.o.Unconfirmed(ctx, s)
	if ttl == 0 || !u.unconfirmed(r) || u.Age(r.Issued) < ttl {
		return false, nil
	}
	client, _, err := u.reach(ctx, s, r.AssumeRole, r.Role)
	if err != nil {
		return false, err
	}
	use, err := client.KeyUse(ctx, r.AccessKeyID)
	switch {
	case awscreds.IsUnanswerable(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("asking AWS whether %s was ever used: %w", r.AccessKeyID, err)
	}
	return !use.Used || r.usedByUs(use, u.Age(r.Written)), nil
}

// usedByUs reports whether the last use of a key was the engine's own, as it waited for AWS to
// accept it. written is how long ago the wait began.
func (r *Record) usedByUs(use awscreds.KeyUse, written time.Duration) bool {
	const slack = 5 * time.Second // the last look, and AWS's clock
	return r.Waited > 0 && use.Service == "sts" && written-use.Ago <= r.Waited+slack
}

// unusedField asks for users whose key nobody uses.
func unusedField() *framework.FieldSchema {
	return &framework.FieldSchema{
		Type:        framework.TypeDurationSecond,
		Query:       true,
		Description: "List only IAM users that have existed for this long, such as 30d, and whose key was not used in that time, with the last use. Takes one call to AWS for each. 0: all.",
	}
}

const (
	// usesAtOnce is how many keys of an account are asked about at the same time, and usesTime how long
	// questions begin: a list is answered in the time of a request.
	usesAtOnce = 8
	usesTime   = 20 * time.Second
)

// unusedFor is what a list of users leaves of them where it asks for those that are not used, with
// their last uses and warnings.
func (u *Users) unusedFor(ctx context.Context, s logical.Storage, d *framework.FieldData, names []string) (left []string, uses map[string]map[string]any, warnings []string, err error) {
	var since time.Duration
	if engine.SetSeconds(d, "unused_for", &since); since == 0 {
		return names, nil, nil, nil
	}
	if since < 0 {
		return nil, nil, nil, engine.UserErrorf("unused_for: %s is negative; use a time such as 30d, or omit it", since)
	}
	var mu sync.Mutex // guards uses
	uses = map[string]map[string]any{}
	began := u.Now()
	var asked atomic.Int64
	failed := engine.EachByAccount(ctx, u.Mount, usesAtOnce, names, u.accountOf, func() bool { return u.Age(began) < usesTime }, func(ctx context.Context, user string) error {
		asked.Add(1)
		r, err := load(ctx, s, user)
		if err != nil || r == nil || r.pending() || r.AccessKeyID == "" || u.Age(r.Issued) < since {
			return err
		}
		client, _, err := u.reach(ctx, s, r.AssumeRole, r.Role)
		if err != nil {
			return err
		}
		use, err := client.KeyUse(ctx, r.AccessKeyID)
		if err != nil || use.Used && use.Ago < since && !r.usedByUs(use, u.Age(r.Written)) {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		uses[user] = u.LastUse(use)
		return nil
	})
	for _, l := range failed {
		warnings = append(warnings, "unused_for: AWS did not answer for every IAM user: "+awscreds.Explain(l.Errs[0]))
	}
	if n := len(names) - int(asked.Load()); n > 0 {
		warnings = append(warnings, fmt.Sprintf("unused_for: AWS was not asked about %s, for lack of time or because the account is out of reach; issued/role/<role> asks about fewer", engine.Counted(n, "IAM user")))
	}
	return slices.Sorted(maps.Keys(uses)), uses, warnings, nil
}

// recordAnswer is what a read may hold.
func recordAnswer() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"username":        {Type: framework.TypeString, Description: "Name of the IAM user."},
		"state":           {Type: framework.TypeString, Description: "creating: a request is making it, or has failed and the user is being deleted. issued: a lease has it. ending: it is being deleted."},
		"leases":          {Type: framework.TypeInt, Description: "How many leases have it: more than one if the role has share_for. 0 unless it is issued."},
		"unconfirmed":     {Type: framework.TypeBool, Description: "Whether the server stopped right after it returned this credential, so that perhaps no client received it. See unconfirmed_ttl at config/users."},
		"account":         {Type: framework.TypeString, Description: "Number of the AWS account that it was made in; empty if not known."},
		"assume_role_arn": {Type: framework.TypeString, Description: "AWS role by which that account is reached; empty for the account of config/root."},
		"role":            {Type: framework.TypeString, Description: "Role that it was issued for. Empty for a lease that the built-in engine created."},
		"access_key_id":   {Type: framework.TypeString, Description: "ID of its access key. Empty until there is one."},
		"display_name":    {Type: framework.TypeString, Description: "Who asked for it, as in Vault's audit log."},
		"entity_id":       {Type: framework.TypeString, Description: "Vault entity that asked for it, if any."},
		"issued":          {Type: framework.TypeString, Description: "When it was issued (RFC 3339)."},
		"ends":            {Type: framework.TypeString, Description: "Latest moment that its lease can live to without another renewal (RFC 3339)."},
		"ending_since":    {Type: framework.TypeString, Description: "Since when it is being deleted (RFC 3339); null if it is not."},
	}
}

// issuedAnswer is what a read of a user or a session may hold.
func issuedAnswer() map[string]*framework.FieldSchema {
	fields := sessions.Fields()
	maps.Copy(fields, recordAnswer())
	maps.Copy(fields, engine.LastUseAnswer())
	return fields
}

// addUse adds to the answer about a user when its key was last used, where the request asks for it.
func (u *Users) addUse(ctx context.Context, s logical.Storage, d *framework.FieldData, r *Record, data map[string]any) error {
	var asked bool
	if engine.Set(d, "last_used", &asked); !asked || r.AccessKeyID == "" {
		return nil
	}
	client, _, err := u.reach(ctx, s, r.AssumeRole, r.Role)
	if err != nil {
		return err
	}
	use, err := client.KeyUse(ctx, r.AccessKeyID)
	if err != nil {
		return err
	}
	maps.Copy(data, u.LastUse(use))
	return nil
}
