// SPDX-License-Identifier: MPL-2.0

package roles

import (
	"maps"
	"slices"
	"strings"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// A role as one request gets it.

// Request is what a request says that changes its role.
type Request struct {
	Role, EntityID, SessionName string
	Tags                        map[string]string // of the session, beside the role's
}

// For is the role as a request gets it: with what Vault knows of the caller in place of its
// templates, and with the tags that the request brings.
func (r *Role) For(mount *engine.Mount, q Request) (*Role, error) {
	var m engine.Mistakes
	if r.RequireEntity && q.EntityID == "" {
		m.Add("require_entity", "role %q issues to callers with an entity alone, and %s", q.Role, noEntity)
	}
	switch {
	case q.SessionName == "":
	case r.RevokeSessions && !r.Idle("revoke_sessions"):
		m.Add("role_session_name", "the role %q has revoke_sessions, which needs a name that no other session has, so the engine makes it; omit it", q.Role)
	case bool(r.RefuseSessionName) && !r.Idle("allow_session_name"):
		m.Add("role_session_name", "the role %q names its sessions itself (allow_session_name=false); omit it", q.Role)
	}
	own := r.copied()
	if r.Templates && len(m) == 0 {
		if err := own.render(mount, q, &m); err != nil {
			return nil, err
		}
	}
	own.addTags(q, &m)
	return own, m.Err()
}

// noEntity says what to do about a token that has none.
const noEntity = "the token of this request has none: log in with an auth method; root tokens, and tokens that were made from them, have no entity"

// render puts the values of the caller's identity in place of a role's templates, and checks what
// AWS then gets. A policy that the role's groups add comes later, as it is.
func (r *Role) render(mount *engine.Mount, q Request, m *engine.Mistakes) error {
	entity, groups := r.readTemplates(m)
	hasPolicy := r.PolicyDocument != "" && !r.Idle("policy_document")
	if hasPolicy {
		e, g, mistakes := awsrules.PolicyNeeds(r.PolicyDocument)
		m.AddAll("policy_document", mistakes)
		entity, groups = entity || e, groups || g
	}
	if !entity || len(*m) > 0 {
		return nil // another edition may have stored what cannot be read; it never goes to AWS as text
	}
	if q.EntityID == "" {
		m.Add("templates", "role %q has templates that name the caller's entity, and %s", q.Role, noEntity)
		return nil
	}
	id, err := mount.Identity(q.EntityID, groups)
	if err != nil {
		return err
	}
	r.rendered = map[string]string{}
	r.eachText(func(t templated) string {
		template, err := awsrules.ParseTemplate(t.text)
		text := ""
		if err == nil {
			text, err = template.Render(id, t.values)
		}
		switch {
		case err != nil:
			m.Add(t.field, "%s%w", t.where, err)
		case t.where == "" && text != t.text:
			r.rendered[t.field] = t.text
		}
		return text
	})
	if hasPolicy {
		text, mistakes := awsrules.RenderPolicy(r.PolicyDocument, id, awsrules.MostInline)
		m.AddAll("policy_document", mistakes)
		r.PolicyDocument = text
	}
	if len(*m) == 0 {
		r.checkRendered(m)
	}
	return nil
}

// checkRendered checks what could not be known when the role was written.
func (r *Role) checkRendered(m *engine.Mistakes) {
	r.validatePath(m)
	r.validateUserTags(m)
	r.validateSessionTags(m)
	r.validateNames(m)
	r.validateLimits(m)
}

// addTags adds the tags that a request brings to those of the role, as far as the role allows.
func (r *Role) addTags(q Request, m *engine.Mistakes) {
	if r.Idle("session_tags") {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(q.Tags)) {
		switch {
		case tagKey(r.SessionTags, key, strings.EqualFold) != "":
			m.Add("session_tags", "the role %q sets the tag %q itself; omit it", q.Role, awsrules.Abridged(key))
		case !r.allowsTag(key):
			m.Add("session_tags", "the role %q does not let requests bring the tag %q; those in its allowed_request_tags are %q", q.Role, awsrules.Abridged(key), r.AllowedRequestTags)
		}
	}
	if len(*m) > 0 || len(q.Tags) == 0 {
		return
	}
	tags := maps.Clone(q.Tags)
	maps.Copy(tags, r.SessionTags)
	m.AddAll("session_tags", awsrules.CheckTags(tags))
	r.SessionTags = tags
}
