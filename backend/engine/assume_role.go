// SPDX-License-Identifier: MPL-2.0

package engine

// How an AWS account other than that of config/root is reached: by a role there.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unique"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// AssumeRole is a role that is assumed first: all calls are made as that. The zero value is the
// account of config/root. JSON names are those of the built-in engine's static roles.
type AssumeRole struct {
	AssumeRoleARN         string `json:"assume_role_arn"`
	AssumeRoleSessionName string `json:"assume_role_session_name"`
	ExternalID            string `json:"external_id"`
}

// IsSet reports whether there is such a role at all.
func (a AssumeRole) IsSet() bool { return a.AssumeRoleARN != "" }

// Named is a with a name for the session, where it has none.
func (a AssumeRole) Named(session string) AssumeRole {
	if a.IsSet() && a.AssumeRoleSessionName == "" {
		a.AssumeRoleSessionName = session
	}
	return a
}

// Account tells accounts from each other: partition and number, or the whole ARN where that has
// no number. It is empty for the account of config/root.
func (a AssumeRole) Account() string {
	parts := strings.SplitN(a.AssumeRoleARN, ":", 6)
	switch {
	case len(parts) < 6 || parts[4] == "":
		return a.AssumeRoleARN
	case parts[1] == "aws":
		return parts[4]
	}
	return parts[1] + ":" + parts[4]
}

// Check adds what STS would refuse. externalID is the field that holds the external ID.
func (a AssumeRole) Check(m *Mistakes, forms *Forms, externalID string) {
	if !a.IsSet() {
		return
	}
	forms.CheckARN(forms.STS, "assume_role_arn", a.AssumeRoleARN, "role")
	check := func(field, value, rule string, fits bool) {
		if value != "" && !fits {
			m.Add(field, "%q is not what STS takes: %s", awsrules.Abridged(value), rule)
		}
	}
	check("assume_role_session_name", a.AssumeRoleSessionName, "2 to 64 letters, digits and _ + = , . @ -",
		awsrules.IsSessionName(a.AssumeRoleSessionName))
	CheckExternalID(m, externalID, a.ExternalID)
}

// CheckExternalID adds what STS would refuse of an external ID. Whoever trusts the engine by one may
// keep it to themselves, so the mistake does not repeat it.
func CheckExternalID(m *Mistakes, field, id string) {
	if id != "" && !awsrules.IsExternalID(id) {
		m.Add(field, "is not an external ID: 2 to %d letters, digits and _ + = , . @ : / -", awsrules.MostExternalID)
	}
}

// Idle are warnings of what does nothing, as in the built-in engine.
func (a AssumeRole) Idle(externalID string) (warnings []string) {
	const text = ": is not used without assume_role_arn"
	if !a.IsSet() && a.AssumeRoleSessionName != "" {
		warnings = append(warnings, "assume_role_session_name"+text)
	}
	if !a.IsSet() && a.ExternalID != "" {
		warnings = append(warnings, externalID+text)
	}
	return warnings
}

// Interned is an AssumeRole of which memory keeps one copy, however many users have it.
type Interned struct{ handle unique.Handle[AssumeRole] }

// Interned is a in little room.
func (a AssumeRole) Interned() Interned {
	if !a.IsSet() {
		return Interned{}
	}
	return Interned{unique.Make(a)}
}

// Value is the AssumeRole.
func (i Interned) Value() AssumeRole {
	if i == (Interned{}) {
		return AssumeRole{}
	}
	return i.handle.Value()
}

// AWSAs returns the client for the account that a leads to. Its session is kept for all who need
// it, and has been made when AWSAs returns: what AWS says to a later call, it says of that
// account. config/root's client is everybody's, and is never replaced by it.
func (m *Mount) AWSAs(ctx context.Context, s logical.Storage, a AssumeRole) (*awscreds.Client, error) {
	c, err := m.AWS(ctx, s)
	switch {
	case err != nil:
		return nil, err
	case !a.IsSet():
		return c, c.SignIn(ctx)
	}
	c = c.As(awscreds.RoleSession{RoleARN: a.AssumeRoleARN, Name: a.AssumeRoleSessionName, ExternalID: a.ExternalID})
	if err := c.SignIn(ctx); err != nil {
		return nil, &NotAssumedError{err}
	}
	return c, nil
}

// mostWays is how many ways into an account are tried at most.
const mostWays = 5

// Reach is AWSAs by the own way of a user into its account or, where AWS refuses that, by another
// way into the same account, and says by which: the role there may have been replaced, or ask for
// another external ID. Each of others is asked only when the ones before it did not lead there.
func (m *Mount) Reach(ctx context.Context, s logical.Storage, own AssumeRole, others ...func() ([]AssumeRole, error)) (c *awscreds.Client, by AssumeRole, err error) {
	tried := map[AssumeRole]bool{}
	var refused []error
	for _, ways := range append([]func() ([]AssumeRole, error){func() ([]AssumeRole, error) { return []AssumeRole{own}, nil }}, others...) {
		list, err := ways()
		if err != nil {
			return nil, own, errors.Join(append(refused, err)...)
		}
		for _, way := range list {
			key := AssumeRole{AssumeRoleARN: way.AssumeRoleARN, ExternalID: way.ExternalID} // AWS does not ask for the name
			if tried[key] || len(tried) == mostWays {
				continue
			}
			tried[key] = true
			if c, err = m.AWSAs(ctx, s, way); err == nil || !IsNotAllowed(err) {
				return c, way, err
			}
			refused = append(refused, err)
		}
	}
	return nil, own, errors.Join(refused...)
}

// IsNotAllowed reports whether AWS refused to let a role be assumed.
func IsNotAllowed(err error) bool {
	var not *NotAssumedError
	return errors.As(err, &not) && awscreds.IsRefused(err)
}

// NotAssumedError says that an account is out of reach, because its role was not assumed.
type NotAssumedError struct{ Err error }

func (e *NotAssumedError) Error() string {
	text := fmt.Sprintf("assume_role_arn: %v", e.Err)
	if awscreds.IsRefused(e.Err) {
		text += "; check that the role exists, that its trust policy allows the identity of config/root and asks for no other external ID, " +
			"and that this identity may call sts:AssumeRole on it"
	}
	return text
}

// Unwrap returns what AWS said.
func (e *NotAssumedError) Unwrap() error { return e.Err }
