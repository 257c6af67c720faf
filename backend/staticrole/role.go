// SPDX-License-Identifier: MPL-2.0

package staticrole

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// defaultSession names a session in the account of a static role, where the role does
// not name it.
const defaultSession = "vault-static-role"

// role is an existing IAM user whose key the engine makes and rotates. JSON
// names and units are the built-in engine's; what it does not know comes last.
type role struct {
	Name     string `json:"name"`
	ID       string `json:"id"` // AWS's own of the user, never used again
	Username string `json:"username"`
	engine.Schedule
	engine.AssumeRole

	// PreviousKeyTTL is how long the key before the last rotation stays; zero is until
	// the next rotation.
	PreviousKeyTTL time.Duration `json:"previous_key_ttl,omitempty"`

	// In is the AWS account of the user, once AWS has told it.
	In awscreds.Account `json:"aws_account,omitzero"`

	engine.Disabling // whose renewals are of no use here: there are no leases
}

func newRole(name string) *role { return &role{Name: name} }

// loadRole reads a static role; nil when there is none.
func loadRole(ctx context.Context, s logical.Storage, name string) (*role, error) {
	r, err := engine.Load[role](ctx, s, engine.PrefixStaticRole+name)
	if err != nil || r == nil {
		return nil, err
	}
	r.Name = name // whatever the value says: the key is what others find it by
	if err := r.FromStorage(); err != nil {
		return nil, engine.Unreadable(engine.PrefixStaticRole+name, fmt.Errorf("reading the schedule of static role %s: %w", name, err))
	}
	return r, nil
}

// saveRole stores a static role.
func saveRole(ctx context.Context, s logical.Storage, r *role, now time.Time) error {
	stored := *r
	stored.Schedule = r.ForBuiltIn(now)
	return engine.Save(ctx, s, engine.PrefixStaticRole+r.Name, &stored)
}

// update takes what the request names.
func (r *role) update(d *framework.FieldData) error {
	user := r.Username
	engine.Set(d, "username", &r.Username)
	if user != "" && r.Username != user {
		return engine.UserErrorf("username: the role is for the IAM user %q and stays so; delete the role, or write another one for %q", user, r.Username)
	}
	r.Update(d) // the schedule
	engine.Set(d, "assume_role_arn", &r.AssumeRoleARN)
	engine.Set(d, "assume_role_session_name", &r.AssumeRoleSessionName)
	engine.Set(d, "external_id", &r.ExternalID)
	engine.SetSeconds(d, "previous_key_ttl", &r.PreviousKeyTTL)
	engine.Set(d, "disabled", &r.Disabled)
	engine.Set(d, "disabled_reason", &r.DisabledReason)
	return nil
}

// validate returns warnings, or every mistake at once.
func (r *role) validate(at engine.Place) (warnings []string, err error) {
	var m engine.Mistakes
	forms := engine.NewForms(at, &m)
	switch {
	case r.Username == "":
		m.Add("username", "is missing; give the name of an existing IAM user")
	case !awsrules.IsUserName(r.Username):
		m.Add("username", "%q is not the name of an IAM user: up to %d letters, digits and _ + = , . @ - (the name, not the ARN)", r.Username, awsrules.MostUserName)
	}
	r.Validate(&m) // the schedule
	r.Check(&m, forms, "external_id")
	r.ValidateDisabling(&m)
	if r.PreviousKeyTTL < 0 {
		m.Add("previous_key_ttl", "%s is negative; use 0 or more", r.PreviousKeyTTL)
	}
	warnings = forms.Finish()
	return warnings, m.Err()
}

// response is what a read shows of the role itself.
func (r *role) response() map[string]any {
	return map[string]any{
		"name":                     r.Name,
		"id":                       r.ID,
		"username":                 r.Username,
		"rotation_period":          engine.Seconds(r.RotationPeriod),
		"rotation_schedule":        r.RotationSchedule,
		"rotation_window":          engine.Seconds(r.RotationWindow),
		"assume_role_arn":          r.AssumeRoleARN,
		"assume_role_session_name": r.AssumeRoleSessionName,
		"external_id":              r.ExternalID,
		"previous_key_ttl":         engine.Seconds(r.PreviousKeyTTL),
		"disabled":                 r.Disabled,
		"disabled_reason":          r.DisabledReason,
		"disabled_since":           engine.Stamp(r.DisabledSince),
	}
}
