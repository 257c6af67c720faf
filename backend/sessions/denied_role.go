// SPDX-License-Identifier: MPL-2.0

package sessions

// What storage keeps of an AWS role whose sessions were denied: from before AWS hears of a denial until AWS has no policy
// of this mount's any more. So a crash leaves neither a policy that nobody removes nor a denial that is not there.

import (
	"context"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// Role is an AWS role of which sessions are given, and how its account is reached.
type Role struct {
	Name       string            `json:"role"`
	Account    awscreds.Account  `json:"account"`
	AssumeRole engine.AssumeRole `json:"assume_role,omitzero"`
}

// RoleOfSession is the name of the role in the ARN of a session; empty in any other text.
func RoleOfSession(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	if path := strings.Split(parts[5], "/"); len(path) == 3 && path[0] == "assumed-role" {
		return path[1]
	}
	return ""
}

// deniedRole is the record of a role, at denied-sessions/<account>/<role>.
type deniedRole struct {
	Role
	denials
}

// key is where the record of the role stands. Storage takes no two dots in a row, and IAM tells roles apart without regard to
// case.
func (r Role) key() string {
	return engine.PrefixDenied + r.Account.Number + "/" + strings.ReplaceAll(strings.ToLower(r.Name), ".", "%2E")
}

// margin is how long after its end a denial still stands: for clocks, AWS's and ours. AWS refuses requests that
// are off by more.
const margin = 15 * time.Minute

// over is the moment whose denials are over now, by our clock and by AWS's: what ours alone calls over may live on.
func (s *Sessions) over(p *opened) time.Time { return s.Now().Add(min(p.ahead, 0) - margin) }

// saveDenied writes the record of a role, or deletes it where nothing is denied.
func (s *Sessions) saveDenied(ctx context.Context, st logical.Storage, r *deniedRole) error {
	if r.empty() {
		if err := st.Delete(ctx, r.key()); err != nil {
			return err
		}
		s.roles.forget(r.key())
		s.states.counted(r.Role, s.Now(), r.denials)
		return nil
	}
	s.states.counted(r.Role, s.Now(), r.denials)
	s.roles.unsure(r.key(), r.ends().Add(margin))
	return engine.Save(ctx, st, r.key(), r)
}

// loadDenied reads the record of a role, or begins one; so it does where nobody can read it, since AWS has what was denied,
// and an emergency does not wait.
func (s *Sessions) loadDenied(ctx context.Context, st logical.Storage, of Role) (*deniedRole, error) {
	r, err := engine.LoadOr(ctx, st, of.key(), func() *deniedRole { return new(deniedRole) })
	if engine.IsUnreadable(err) {
		s.Log.Error("the record of sessions that were denied cannot be read; it is written anew from the policy in AWS", "aws_role", of.Name, "account", of.Account.String(), "error", err)
		r, err = new(deniedRole), nil
	}
	if err == nil {
		r.Role = of // as it is reached now
	}
	return r, err
}
