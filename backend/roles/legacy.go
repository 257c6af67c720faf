// SPDX-License-Identifier: MPL-2.0

package roles

// The deprecated forms of a role: one ARN or one policy text, in the fields arn
// and policy, and what very old servers stored of them.

import (
	"strings"

	"github.com/hashicorp/vault/sdk/framework"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// besideLegacy is what a write with arn or policy does about another field.
type besideLegacy int

const (
	refused besideLegacy = iota
	taken
	dropped // with a warning, since the built-in engine takes it and drops it
)

// deprecatedFields are the forms of the oldest servers.
func deprecatedFields() []attribute {
	return []attribute{
		{name: "arn", besideLegacy: taken, schema: framework.FieldSchema{
			Type:        framework.TypeString,
			Deprecated:  true,
			Description: "Use policy_arns.",
		}},
		{name: "policy", besideLegacy: taken, schema: framework.FieldSchema{
			Type:        framework.TypeString,
			Deprecated:  true,
			Description: "Use policy_document.",
		}},
	}
}

// legacyField returns what the request says in a deprecated field, or "".
func legacyField(d *framework.FieldData) (string, error) {
	var arn, policy string
	engine.Set(d, "arn", &arn)
	engine.Set(d, "policy", &policy)
	if arn != "" && policy != "" {
		return "", engine.UserErrorf("arn and policy: only one of these deprecated fields can be given; use policy_arns and policy_document, which go together")
	}
	return arn + policy, nil
}

// updateLegacy replaces the whole role, as a write in the deprecated form always did, but
// for who may ask and whether it is switched off.
func (r *Role) updateLegacy(d *framework.FieldData, text string) (warnings []string, err error) {
	var m engine.Mistakes
	for _, f := range table {
		switch {
		case d.Raw[f.name] == nil:
		case f.besideLegacy == refused:
			m.Add(f.name, "cannot be given together with the deprecated fields arn and policy; use policy_arns or policy_document instead of those")
		case f.besideLegacy == dropped:
			warnings = append(warnings, f.name+": is dropped with the deprecated fields arn and policy; use policy_arns or policy_document instead of those")
		}
	}
	if err := m.Err(); err != nil {
		return nil, err
	}
	if err := awsrules.CheckPolicyText(text); err != nil {
		return nil, engine.UserErrorf("arn or policy: %v", err)
	}
	entity, disabling := r.RequireEntity, r.Disabling
	*r = *fromLegacy(text)
	r.RequireEntity = entity // who may ask has nothing to do with what is given
	r.Disabling = disabling  // whoever switched the role off has not changed their mind
	if r.InvalidData != "" {
		_, err := awsrules.ParsePolicy(text)
		return nil, engine.UserErrorf("arn or policy: %q is neither the ARN of a managed policy or of a role, nor the JSON text of a policy: it %w", r.InvalidData, err)
	}
	return append(warnings, "arn and policy are deprecated; use policy_arns and policy_document"), nil
}

// fromLegacy reads a deprecated form.
func fromLegacy(text string) *Role {
	r := &Role{ProhibitFlexibleCredPath: true, Version: 1}
	compact, err := awsrules.CompactJSON(text)
	switch {
	case awsrules.IsForeignARN(text, "policy"): // validate says whether it can be one
		r.CredentialTypes = []string{IAMUser}
		r.PolicyARNs = []string{text}
	case awsrules.IsForeignARN(text, "role"):
		r.CredentialTypes = []string{AssumedRole}
		r.RoleARNs = []string{text}
	case !strings.HasPrefix(text, "arn:") && err == nil:
		// The old form did not say which: creds/ made a user of it, sts/ a token.
		r.CredentialTypes = []string{IAMUser, FederationToken}
		r.PolicyDocument = compact
	default:
		r.InvalidData = text
	}
	return r
}
