// SPDX-License-Identifier: MPL-2.0

package roles

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/framework"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// The types of credentials that a role can issue.
const (
	IAMUser         = "iam_user"         // an IAM user with a key, deleted when its lease ends
	AssumedRole     = "assumed_role"     // a session of another role
	FederationToken = "federation_token" // a session of a name, narrowed down by policies
	SessionToken    = "session_token"    // a session of the engine's own identity
)

// Types are all of them.
var Types = []string{IAMUser, AssumedRole, FederationToken, SessionToken}

// Role says what a credential may do, and how long it lives. JSON names and units
// are the built-in engine's; what it does not know comes last.
type Role struct {
	// CredentialTypes holds one type, or iam_user and federation_token together
	// for a policy text that was written in the deprecated form.
	CredentialTypes []string `json:"credential_types"`

	// What a user is given, and what narrows a session down.
	PolicyARNs     []string `json:"policy_arns"`
	PolicyDocument string   `json:"policy_document"`
	IAMGroups      []string `json:"iam_groups"`

	// Of users.
	IAMTags                map[string]string `json:"iam_tags"`
	UserPath               string            `json:"user_path"`
	PermissionsBoundaryARN string            `json:"permissions_boundary_arn"`

	// Of sessions.
	RoleARNs      []string          `json:"role_arns"`
	SessionTags   map[string]string `json:"session_tags"`
	ExternalID    string            `json:"external_id"`
	DefaultSTSTTL time.Duration     `json:"default_sts_ttl"`
	MaxSTSTTL     time.Duration     `json:"max_sts_ttl"`
	SerialNumber  string            `json:"mfa_serial_number"`

	// InvalidData is a legacy entry that nobody could read.
	InvalidData string `json:"invalid_data,omitempty"`
	// ProhibitFlexibleCredPath marks a role that was written in the deprecated form.
	ProhibitFlexibleCredPath bool `json:"prohibit_flexible_cred_path,omitempty"`
	Version                  int  `json:"version"`

	// DefaultTTL and MaxTTL bound the leases of IAM users of this role.
	DefaultTTL time.Duration `json:"default_ttl,omitempty"`
	MaxTTL     time.Duration `json:"max_ttl,omitempty"`
	// MaxUsers is how many IAM users of the role there may be at a time; 0 is no cap.
	MaxUsers int `json:"max_users,omitempty"`

	// How the account is reached in which the role's credentials are made, where that is not
	// the one of config/root.
	AssumeRoleARN         string `json:"assume_role_arn,omitempty"`
	AssumeRoleSessionName string `json:"assume_role_session_name,omitempty"`
	AssumeRoleExternalID  string `json:"assume_role_external_id,omitempty"`
	// Patterns says that * in role_arns was written as a pattern. To the built-in engine it was
	// a character that no role's name has.
	Patterns bool `json:"role_arns_patterns,omitempty"`

	// WaitUntilUsable has a request wait until AWS accepts the new key of an IAM user, for
	// WaitTimeout at most; 0 is defaultWait.
	WaitUntilUsable bool          `json:"wait_until_usable,omitempty"`
	WaitTimeout     time.Duration `json:"wait_timeout,omitempty"`

	// RevokeSessions has a revocation deny the session, by a policy of the AWS role.
	RevokeSessions bool `json:"revoke_sessions,omitempty"`

	// Of who asks.
	Templates          bool     `json:"templates,omitempty"`
	RequireEntity      bool     `json:"require_entity,omitempty"`
	SessionName        string   `json:"session_name,omitempty"`
	RefuseSessionName  optOut   `json:"refuse_session_name,omitempty"` // of a request
	SourceIdentity     string   `json:"source_identity,omitempty"`
	TransitiveTagKeys  []string `json:"transitive_tag_keys,omitzero"`
	AllowedRequestTags []string `json:"allowed_request_tags,omitzero"`

	// ShareFor is how long a credential is given again to the caller who asks the same thing.
	ShareFor time.Duration `json:"share_for,omitempty"`

	engine.Disabling

	// rendered has the templates of the texts that were rendered for a request, by field.
	rendered map[string]string
}

// optOut is a field that is true by default. It is stored the other way round, so that roles which
// were stored without it have the default.
type optOut bool

// defaultAssumeSession names the session of assume_role_arn, where the role does not.
const defaultAssumeSession = "vault-role"

// Way is how the account of the role's credentials is reached. To an IAM user no role is
// assumed but this one, so both external IDs are of it.
func (r *Role) Way() engine.AssumeRole {
	if r.AssumeRoleARN == "" {
		return engine.AssumeRole{}
	}
	a := engine.AssumeRole{AssumeRoleARN: r.AssumeRoleARN, AssumeRoleSessionName: r.AssumeRoleSessionName, ExternalID: r.AssumeRoleExternalID}
	if r.Issues(IAMUser) {
		a.ExternalID = cmp.Or(a.ExternalID, r.ExternalID)
	}
	return a.Named(defaultAssumeSession)
}

func newRole() *Role { return &Role{CredentialTypes: []string{IAMUser}} }

// update takes what the request names, and returns warnings.
func (r *Role) update(d *framework.FieldData) (warnings []string, err error) {
	legacy, err := legacyField(d)
	if err != nil {
		return nil, err
	}
	if legacy != "" {
		return r.updateLegacy(d, legacy)
	}
	if r.InvalidData != "" {
		warnings = append(warnings, fmt.Sprintf("the stored role contained data that could not be read, %q; this write has dropped it", awsrules.Abridged(r.InvalidData)))
		r.InvalidData = ""
	}
	r.ProhibitFlexibleCredPath = false
	var credentialType string
	if engine.Set(d, "credential_type", &credentialType) {
		r.CredentialTypes = []string{credentialType}
	}
	for _, f := range table {
		if f.in != nil {
			f.take(d, r)
		}
	}
	if d.Raw["role_arns"] != nil {
		r.Patterns = slices.ContainsFunc(r.RoleARNs, awsrules.IsPattern)
	}
	return warnings, nil
}

// unique drops repetitions and empty entries: IAM would be asked for the same
// thing twice at once.
func unique(list []string) []string {
	seen := make(map[string]bool, len(list))
	return slices.DeleteFunc(list, func(s string) bool {
		again := seen[s] || s == ""
		seen[s] = true
		return again
	})
}

// Issues reports whether the role can issue credentials of a type.
func (r *Role) Issues(credentialType string) bool {
	return slices.Contains(r.CredentialTypes, credentialType)
}

// response is what a read shows.
func (r *Role) response() map[string]any {
	data := map[string]any{"credential_type": strings.Join(r.CredentialTypes, ",")}
	for _, f := range table {
		if f.in != nil {
			data[f.name] = f.shown(r)
		}
	}
	data["disabled_since"] = engine.Stamp(r.DisabledSince)
	if r.InvalidData != "" {
		data["invalid_data"] = r.InvalidData
	}
	return data
}

// Idle reports whether a field does nothing in the role: none of its credential types has it.
func (r *Role) Idle(field string) bool {
	return slices.ContainsFunc(table, func(f attribute) bool { return f.name == field && f.idle(r) })
}
