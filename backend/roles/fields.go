// SPDX-License-Identifier: MPL-2.0

package roles

// The fields of a role. Each is declared here once: what a request may send, where it stands in
// the role, which credential types have it, and whether it goes with the deprecated fields.
// Schema, update, answer, checks and the tests of the documents read it from here.

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/framework"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// attribute is one field of a role.
type attribute struct {
	name   string
	schema framework.FieldSchema
	// types are the credential types that have the field; none for what is not of a type.
	types []string
	// inert says that the built-in engine keeps the field for the other types too, where it
	// does nothing: so it earns a warning there and no refusal. Terraform's provider insists
	// on one of policy_document, policy_arns, role_arns and iam_groups for every type.
	inert bool
	// in is where it stands: a *string, *[]string, *map[string]string, *int, *bool, *optOut or *time.Duration.
	// nil for what update handles by itself.
	in func(*Role) any
	// besideLegacy is what becomes of it beside the deprecated fields arn and policy.
	besideLegacy besideLegacy
}

// table is all of them, in the order of the documents.
var table = slices.Concat(commonFields(), userFields(), accountFields(), sessionFields(), identityFields(), disablingFields(), deprecatedFields())

// Fields is the schema of a role.
func Fields() map[string]*framework.FieldSchema {
	fields := map[string]*framework.FieldSchema{}
	for _, f := range table {
		schema := f.schema
		fields[f.name] = &schema
	}
	return fields
}

// TypesOf are the credential types that have a field; none for what is not of a type.
func TypesOf(name string) []string {
	i := slices.IndexFunc(table, func(f attribute) bool { return f.name == name })
	if i < 0 {
		return nil
	}
	return table[i].types
}

// take takes the field from a request that names it.
func (f attribute) take(d *framework.FieldData, r *Role) {
	switch dst := f.in(r).(type) {
	case *string:
		engine.Set(d, f.name, dst)
	case *[]string:
		engine.Set(d, f.name, dst)
		*dst = unique(*dst)
	case *map[string]string:
		engine.Set(d, f.name, dst)
	case *int:
		engine.Set(d, f.name, dst)
	case *bool:
		engine.Set(d, f.name, dst)
	case *optOut:
		if on := !bool(*dst); engine.Set(d, f.name, &on) {
			*dst = optOut(!on)
		}
	case *time.Duration:
		engine.SetSeconds(d, f.name, dst)
	}
}

// shown is the field in an answer.
func (f attribute) shown(r *Role) any {
	value := reflect.ValueOf(f.in(r)).Elem().Interface()
	switch v := value.(type) {
	case time.Duration:
		return engine.Seconds(v)
	case optOut:
		return !bool(v)
	}
	return value
}

// isSet reports whether the role holds more of the field than its default.
func (f attribute) isSet(r *Role) bool {
	value := reflect.ValueOf(f.in(r)).Elem()
	if value.Kind() == reflect.Map || value.Kind() == reflect.Slice {
		return value.Len() > 0
	}
	return !value.IsZero() && value.Interface() != f.schema.Default
}

// Idle reports whether the field does nothing in a role: none of its credential types has it.
func (f attribute) idle(r *Role) bool {
	known := slices.ContainsFunc(Types, r.Issues)
	return known && f.types != nil && !slices.ContainsFunc(f.types, r.Issues)
}

// validateFields refuses fields that are set and that no credential type of the role has, or
// warns of them where the built-in engine keeps them.
func (r *Role) validateFields(m *engine.Mistakes) (warnings []string) {
	for _, f := range table {
		if !f.idle(r) || !f.isSet(r) {
			continue
		}
		kind, kinds := strings.Join(r.CredentialTypes, ","), strings.Join(f.types, " or ")
		if f.inert {
			warnings = append(warnings, fmt.Sprintf("%s: is not used by credential_type %s, but by %s only", f.name, kind, kinds))
			continue
		}
		m.Add(f.name, "is not supported by credential_type %s; only %s has it", kind, kinds)
	}
	return warnings
}

// commonFields say what is issued, and what it may do.
func commonFields() []attribute {
	return []attribute{
		{name: "name", besideLegacy: taken, schema: framework.FieldSchema{
			Type:         framework.TypeString,
			Description:  "Name of the role.",
			DisplayAttrs: &framework.DisplayAttributes{Name: "Role Name"},
		}},
		{name: "credential_type", schema: framework.FieldSchema{
			Type:          framework.TypeString,
			Default:       IAMUser,
			AllowedValues: []any{IAMUser, AssumedRole, FederationToken, SessionToken},
			Description:   "What the role issues: iam_user, assumed_role, federation_token or session_token. Default of a new role: iam_user.",
		}},
		{name: "policy_arns", types: []string{IAMUser, AssumedRole, FederationToken},
			in: func(r *Role) any { return &r.PolicyARNs }, schema: framework.FieldSchema{
				Type:         framework.TypeCommaStringSlice,
				Description:  "ARNs of managed policies: attached to the IAM user, or narrowing a session down.",
				DisplayAttrs: &framework.DisplayAttributes{Name: "Policy ARNs"},
			}},
		{name: "policy_document", types: []string{IAMUser, AssumedRole, FederationToken},
			in: func(r *Role) any { return &r.PolicyDocument }, schema: framework.FieldSchema{
				Type:        framework.TypeString,
				Description: "JSON text of an inline policy for the IAM user, or of a policy that narrows a session down; 2048 characters at most without white space.",
			}},
		{name: "iam_groups", types: []string{IAMUser, AssumedRole, FederationToken}, inert: true, besideLegacy: dropped,
			in: func(r *Role) any { return &r.IAMGroups }, schema: framework.FieldSchema{
				Type:         framework.TypeCommaStringSlice,
				Description:  "Names of IAM groups: the IAM user joins them, 10 at most; a session is narrowed down by their policies.",
				DisplayAttrs: &framework.DisplayAttributes{Name: "IAM Groups", Value: "group1,group2"},
			}},
	}
}

// userFields are those of IAM users alone.
func userFields() []attribute {
	return []attribute{
		{name: "iam_tags", types: []string{IAMUser}, inert: true, besideLegacy: dropped,
			in: func(r *Role) any { return &r.IAMTags }, schema: framework.FieldSchema{
				Type:         framework.TypeKVPairs,
				Description:  "Tags that the IAM user is created with, as a map or as key=value pairs, 50 at most.",
				DisplayAttrs: &framework.DisplayAttributes{Name: "IAM Tags", Value: "[key1=value1, key2=value2]"},
			}},
		{name: "user_path", types: []string{IAMUser},
			in: func(r *Role) any { return &r.UserPath }, schema: framework.FieldSchema{
				Type:         framework.TypeString,
				Default:      "/",
				Description:  "Path of the IAM user, such as /vault/.",
				DisplayAttrs: &framework.DisplayAttributes{Name: "User Path", Value: "/"},
			}},
		{name: "permissions_boundary_arn", types: []string{IAMUser},
			in: func(r *Role) any { return &r.PermissionsBoundaryARN }, schema: framework.FieldSchema{
				Type:         framework.TypeString,
				Description:  "ARN of a managed policy that is the IAM user's permissions boundary.",
				DisplayAttrs: &framework.DisplayAttributes{Name: "Permissions Boundary ARN"},
			}},
		{name: "default_ttl", types: []string{IAMUser},
			in: func(r *Role) any { return &r.DefaultTTL }, schema: framework.FieldSchema{
				Type:         framework.TypeDurationSecond,
				Description:  "TTL of an IAM user's lease when the request names none. 0: the default of config/lease, else of the mount.",
				DisplayAttrs: &framework.DisplayAttributes{Name: "Default TTL"},
			}},
		{name: "max_ttl", types: []string{IAMUser},
			in: func(r *Role) any { return &r.MaxTTL }, schema: framework.FieldSchema{
				Type:         framework.TypeDurationSecond,
				Description:  "Longest lease of an IAM user, renewals included. 0: the maximum of config/lease, else of the mount.",
				DisplayAttrs: &framework.DisplayAttributes{Name: "Max TTL"},
			}},
		{name: "max_users", types: []string{IAMUser},
			in: func(r *Role) any { return &r.MaxUsers }, schema: framework.FieldSchema{
				Type:         framework.TypeInt,
				Description:  "Maximum number of IAM users of this role at a time; requests above it are refused. 0: no limit but that of config/users.",
				DisplayAttrs: &framework.DisplayAttributes{Name: "Max Users"},
			}},
		{name: "wait_until_usable", types: []string{IAMUser},
			in: func(r *Role) any { return &r.WaitUntilUsable }, schema: framework.FieldSchema{
				Type:         framework.TypeBool,
				Description:  "Whether a request waits until AWS accepts the new key of the IAM user, so that the key works at once.",
				DisplayAttrs: &framework.DisplayAttributes{Name: "Wait Until Usable"},
			}},
		{name: "wait_timeout", types: []string{IAMUser},
			in: func(r *Role) any { return &r.WaitTimeout }, schema: framework.FieldSchema{
				Type:         framework.TypeDurationSecond,
				Description:  "How long wait_until_usable waits, 30s at most; then the key is returned with a warning. 0: 20s.",
				DisplayAttrs: &framework.DisplayAttributes{Name: "Wait Timeout"},
			}},
	}
}

// disablingFields switch a role of any type off.
func disablingFields() []attribute {
	schema := engine.DisablingFields()
	return []attribute{
		{name: "disabled", types: Types, in: func(r *Role) any { return &r.Disabled }, schema: *schema["disabled"]},
		{name: "disabled_reason", types: Types, in: func(r *Role) any { return &r.DisabledReason }, schema: *schema["disabled_reason"]},
		{name: "disabled_renewals", types: Types, in: func(r *Role) any { return &r.DisabledRenewals }, schema: *schema["disabled_renewals"]},
	}
}

// sessionFields are those of sessions alone.
func sessionFields() []attribute {
	return []attribute{
		{name: "role_arns", types: []string{AssumedRole},
			in: func(r *Role) any { return &r.RoleARNs }, schema: framework.FieldSchema{
				Type:         framework.TypeCommaStringSlice,
				Description:  "ARNs of the AWS roles that may be assumed. A name may contain *, as in arn:aws:iam::123456789012:role/team-*; the request then names the role.",
				DisplayAttrs: &framework.DisplayAttributes{Name: "Role ARNs"},
			}},
		{name: "session_tags", types: []string{AssumedRole, FederationToken}, besideLegacy: dropped,
			in: func(r *Role) any { return &r.SessionTags }, schema: framework.FieldSchema{
				Type:         framework.TypeKVPairs,
				Description:  "Tags of the sessions, as a map or as key=value pairs, 50 at most. Needs sts:TagSession.",
				DisplayAttrs: &framework.DisplayAttributes{Name: "Session Tags", Value: "[key1=value1, key2=value2]"},
			}},
		{name: "external_id", types: []string{IAMUser, AssumedRole}, besideLegacy: dropped,
			in: func(r *Role) any { return &r.ExternalID }, schema: framework.FieldSchema{
				Type:         framework.TypeString,
				Description:  "External ID that the trust policy of the assumed AWS role asks for: of role_arns, or of assume_role_arn for an IAM user.",
				DisplayAttrs: &framework.DisplayAttributes{Name: "External ID"},
			}},
		{name: "mfa_serial_number", types: []string{SessionToken}, inert: true, besideLegacy: dropped,
			in: func(r *Role) any { return &r.SerialNumber }, schema: framework.FieldSchema{
				Type:         framework.TypeString,
				Description:  "Serial number or ARN of the MFA device of the engine's own IAM user, for session tokens with MFA.",
				DisplayAttrs: &framework.DisplayAttributes{Name: "MFA Device Serial Number"},
			}},
		{name: "default_sts_ttl", types: []string{AssumedRole, FederationToken, SessionToken},
			in: func(r *Role) any { return &r.DefaultSTSTTL }, schema: framework.FieldSchema{
				Type:         framework.TypeDurationSecond,
				Description:  "Lifetime of a session when the request names none. 0: 1h.",
				DisplayAttrs: &framework.DisplayAttributes{Name: "Default STS TTL"},
			}},
		{name: "max_sts_ttl", types: []string{AssumedRole, FederationToken, SessionToken},
			in: func(r *Role) any { return &r.MaxSTSTTL }, schema: framework.FieldSchema{
				Type:         framework.TypeDurationSecond,
				Description:  "Longest lifetime of a session; a request for more is shortened to it. 0: the mount's longest lease.",
				DisplayAttrs: &framework.DisplayAttributes{Name: "Max STS TTL"},
			}},
		{name: "revoke_sessions", types: []string{AssumedRole},
			in: func(r *Role) any { return &r.RevokeSessions }, schema: framework.FieldSchema{
				Type:         framework.TypeBool,
				Description:  "Whether revoking a lease ends its session, within minutes, by a policy of the AWS role that denies it. Needs iam:GetRolePolicy, iam:PutRolePolicy and iam:DeleteRolePolicy on that role. false: a session runs to its end.",
				DisplayAttrs: &framework.DisplayAttributes{Name: "Revoke Sessions"},
			}},
	}
}

// accountFields say in which account the credentials are made.
func accountFields() []attribute {
	types := []string{IAMUser, AssumedRole}
	return []attribute{
		{name: "assume_role_arn", types: types,
			in: func(r *Role) any { return &r.AssumeRoleARN }, schema: framework.FieldSchema{
				Type:         framework.TypeString,
				Description:  "ARN of an AWS role to assume for all calls for this role. Use it for other accounts. Empty: the account of config/root.",
				DisplayAttrs: &framework.DisplayAttributes{Name: "Assume Role ARN"},
			}},
		{name: "assume_role_session_name", types: types,
			in: func(r *Role) any { return &r.AssumeRoleSessionName }, schema: framework.FieldSchema{
				Type:         framework.TypeString,
				Description:  "Name of the session of assume_role_arn. Empty: " + defaultAssumeSession + ".",
				DisplayAttrs: &framework.DisplayAttributes{Name: "Assume Role Session Name"},
			}},
		{name: "assume_role_external_id", types: types,
			in: func(r *Role) any { return &r.AssumeRoleExternalID }, schema: framework.FieldSchema{
				Type:         framework.TypeString,
				Description:  "External ID that the trust policy of assume_role_arn asks for.",
				DisplayAttrs: &framework.DisplayAttributes{Name: "Assume Role External ID"},
			}},
	}
}
