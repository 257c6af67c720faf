// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// staticSession names a session in the account of a static role, where the role does
// not name it.
const staticSession = "vault-static-role"

// staticRole is an existing IAM user whose key the engine makes and rotates. JSON
// names and units are the built-in engine's; what it does not know comes last.
type staticRole struct {
	Name     string `json:"name"`
	ID       string `json:"id"` // AWS's own of the user, never used again
	Username string `json:"username"`
	engine.Schedule
	account

	// PreviousKeyTTL is how long the key before the last rotation stays; zero is until
	// the next rotation.
	PreviousKeyTTL time.Duration `json:"previous_key_ttl,omitempty"`
}

// account says where an IAM user is: nothing for the account of config/root.
type account struct {
	AssumeRoleARN         string `json:"assume_role_arn"`
	AssumeRoleSessionName string `json:"assume_role_session_name"`
	ExternalID            string `json:"external_id"`
}

// staticCreds is the key of a static role, and when it was made. The first three
// fields are those that the built-in engine reads.
type staticCreds struct {
	AccessKey  string    `json:"access_key"`
	SecretKey  string    `json:"secret_key"`
	Expiration time.Time `json:"expiration,omitzero"`

	LastRotated time.Time `json:"last_rotated,omitzero"`
	// PreviousKey is the key before this one, which may still work.
	PreviousKey string `json:"previous_access_key,omitempty"`
	// OtherKeys are the keys of the user that were somebody else's at the last rotation.
	OtherKeys []string `json:"other_access_keys,omitempty"`
	// Ending says that the key may be gone already, to make room for the next one.
	Ending bool `json:"ending,omitempty"`
}

func newStaticRole(name string) *staticRole { return &staticRole{Name: name} }

// loadStaticRole reads a static role; nil when there is none.
func loadStaticRole(ctx context.Context, s logical.Storage, name string) (*staticRole, error) {
	r, err := engine.Load[staticRole](ctx, s, engine.PrefixStaticRole+name)
	if err != nil || r == nil {
		return nil, err
	}
	r.Name = name // whatever the value says: the key is what others find it by
	if err := r.FromStorage(); err != nil {
		return nil, fmt.Errorf("reading the schedule of static role %s: %w", name, err)
	}
	return r, nil
}

// saveStaticRole stores a static role.
func saveStaticRole(ctx context.Context, s logical.Storage, r *staticRole, now time.Time) error {
	stored := *r
	stored.Schedule = r.ForBuiltIn(now)
	return engine.Save(ctx, s, engine.PrefixStaticRole+r.Name, &stored)
}

// update takes what the request names.
func (r *staticRole) update(d *framework.FieldData) error {
	user := r.Username
	engine.Set(d, "username", &r.Username)
	if user != "" && r.Username != user {
		return engine.UserErrorf("username: the role is for the IAM user %q and stays so; delete the role, or write another one for %q", user, r.Username)
	}
	r.Schedule.Update(d)
	engine.Set(d, "assume_role_arn", &r.AssumeRoleARN)
	engine.Set(d, "assume_role_session_name", &r.AssumeRoleSessionName)
	engine.Set(d, "external_id", &r.ExternalID)
	engine.SetSeconds(d, "previous_key_ttl", &r.PreviousKeyTTL)
	return nil
}

// validate tells every mistake at once.
func (r *staticRole) validate() error {
	var m engine.Mistakes
	switch {
	case r.Username == "":
		m.Add("username", "is missing; give the name of an existing IAM user")
	case !awsrules.IsUserName(r.Username):
		m.Add("username", "%q is not the name of an IAM user: up to 64 letters, digits and _ + = , . @ - (the name, not the ARN)", r.Username)
	}
	r.Schedule.Validate(&m)
	r.account.validate(&m)
	if r.PreviousKeyTTL < 0 {
		m.Add("previous_key_ttl", "%s is less than nothing", r.PreviousKeyTTL)
	}
	return m.Err()
}

func (a account) validate(m *engine.Mistakes) {
	if a.AssumeRoleARN != "" {
		if err := awsrules.CheckARN(a.AssumeRoleARN, "role"); err != nil {
			m.Add("assume_role_arn", "%v", err)
		}
	}
	check := func(field, value, rule string, fits bool) {
		switch {
		case value == "":
		case a.AssumeRoleARN == "":
			m.Add(field, "goes with assume_role_arn only")
		case !fits:
			m.Add(field, "%q is not what STS takes: %s", value, rule)
		}
	}
	check("assume_role_session_name", a.AssumeRoleSessionName, "2 to 64 letters, digits and _ + = , . @ -",
		awsrules.IsSessionName(a.AssumeRoleSessionName))
	check("external_id", a.ExternalID, "2 to 1224 letters, digits and _ + = , . @ : / -",
		awsrules.IsExternalID(a.ExternalID))
}

// session is how the account is reached.
func (a account) session() awscreds.RoleSession {
	name := a.AssumeRoleSessionName
	if name == "" {
		name = staticSession
	}
	return awscreds.RoleSession{RoleARN: a.AssumeRoleARN, Name: name, ExternalID: a.ExternalID}
}

// rotated is when the key was made. The built-in engine tells it by its end alone.
func (c *staticCreds) rotated(r *staticRole) time.Time {
	if c.LastRotated.IsZero() && !c.Expiration.IsZero() {
		return c.Expiration.Add(-r.RotationPeriod)
	}
	return c.LastRotated
}

// due is when the key has to be rotated.
func (c *staticCreds) due(r *staticRole, now time.Time) time.Time { return r.Next(c.rotated(r), now) }

// previousEnds is when the previous key has to go before the next rotation; zero when
// it has not.
func (c *staticCreds) previousEnds(r *staticRole) time.Time {
	if c.PreviousKey == "" || r.PreviousKeyTTL == 0 {
		return time.Time{}
	}
	return c.rotated(r).Add(r.PreviousKeyTTL)
}

// keys are the IDs of the role's own keys, the one that is handed out last.
func (c *staticCreds) keys() []string {
	if c == nil {
		return nil
	}
	return slices.DeleteFunc([]string{c.PreviousKey, c.AccessKey}, func(id string) bool { return id == "" })
}

// response is what a read shows of the role itself.
func (r *staticRole) response() map[string]any {
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
	}
}

// response is what static-creds/<name> answers. Vault Agent waits by rotation_period
// and ttl, the Vault Secrets Operator by last_vault_rotation as well.
func (c *staticCreds) response(r *staticRole, next, now time.Time) map[string]any {
	data := map[string]any{
		"access_key":          c.AccessKey,
		"secret_key":          c.SecretKey,
		"expiration":          timestamp(c.due(r, now)),
		"last_vault_rotation": timestamp(c.rotated(r)),
		"rotation_period":     engine.Seconds(r.RotationPeriod),
		"ttl":                 max(0, engine.Seconds(next.Sub(now))),
	}
	if r.RotationSchedule != "" {
		data["rotation_schedule"] = r.RotationSchedule
	}
	return data
}

// warnings tell what the user should know about keys that are not the role's.
func (c *staticCreds) warnings(r *staticRole) []string {
	if len(c.OtherKeys) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("the IAM user %s has an access key that is not this role's, %s, and AWS allows a user %d: with no room for a third, "+
		"each rotation ends the role's key just before it makes the next one. When nothing uses the other key any more, write replace_access_key=%s",
		r.Username, strings.Join(c.OtherKeys, ", "), awscreds.MostKeys, c.OtherKeys[0])}
}

// timestamp is how times stand in an answer.
func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
