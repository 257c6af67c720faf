// SPDX-License-Identifier: MPL-2.0

package roles

// What a role makes of who asks: templates in its texts, and how AWS is told whose a session is.

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/vault/sdk/framework"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// identityFields are about who asks.
func identityFields() []attribute {
	return []attribute{
		{name: "templates", types: []string{IAMUser, AssumedRole, FederationToken},
			in: func(r *Role) any { return &r.Templates }, schema: framework.FieldSchema{
				Type:         framework.TypeBool,
				Description:  "Replace {{identity.…}} in policy_document, iam_tags, session_tags, user_path, session_name and source_identity with what Vault knows about the caller, as in its own policies. false: it is plain text.",
				DisplayAttrs: &framework.DisplayAttributes{Name: "Templates"},
			}},
		{name: "require_entity", types: Types,
			in: func(r *Role) any { return &r.RequireEntity }, schema: framework.FieldSchema{
				Type:         framework.TypeBool,
				Description:  "Refuse requests whose token has no entity: root tokens, and tokens created with them.",
				DisplayAttrs: &framework.DisplayAttributes{Name: "Require Entity"},
			}},
		{name: "session_name", types: []string{AssumedRole, FederationToken},
			in: func(r *Role) any { return &r.SessionName }, schema: framework.FieldSchema{
				Type:         framework.TypeString,
				Description:  "Name of the sessions, as in CloudTrail: 2 to 64 characters, for federation_token 2 to 32. Not set: made from username_template.",
				DisplayAttrs: &framework.DisplayAttributes{Name: "Session Name"},
			}},
		{name: "allow_session_name", types: []string{AssumedRole},
			in: func(r *Role) any { return &r.RefuseSessionName }, schema: framework.FieldSchema{
				Type:         framework.TypeBool,
				Default:      true,
				Description:  "Whether a request may choose the name of its session with role_session_name.",
				DisplayAttrs: &framework.DisplayAttributes{Name: "Allow Session Name"},
			}},
		{name: "source_identity", types: []string{AssumedRole},
			in: func(r *Role) any { return &r.SourceIdentity }, schema: framework.FieldSchema{
				Type:         framework.TypeString,
				Description:  "Source identity of the sessions, which CloudTrail shows, also when a session assumes further roles: 2 to 64 characters. Needs sts:SetSourceIdentity.",
				DisplayAttrs: &framework.DisplayAttributes{Name: "Source Identity"},
			}},
		{name: "transitive_tag_keys", types: []string{AssumedRole},
			in: func(r *Role) any { return &r.TransitiveTagKeys }, schema: framework.FieldSchema{
				Type:         framework.TypeCommaStringSlice,
				Description:  "Keys of the session tags that are passed on when the session assumes further roles.",
				DisplayAttrs: &framework.DisplayAttributes{Name: "Transitive Tag Keys"},
			}},
		{name: "allowed_request_tags", types: []string{AssumedRole, FederationToken},
			in: func(r *Role) any { return &r.AllowedRequestTags }, schema: framework.FieldSchema{
				Type:         framework.TypeCommaStringSlice,
				Description:  "Keys of tags that a request may add to those of the role, with session_tags.",
				DisplayAttrs: &framework.DisplayAttributes{Name: "Allowed Request Tags"},
			}},
		{name: "share_for", types: Types,
			in: func(r *Role) any { return &r.ShareFor }, schema: framework.FieldSchema{
				Type:         framework.TypeDurationSecond,
				Description:  "How long after its creation a credential is returned again to a caller who repeats the request, 24h at most. 0: each request makes a new one.",
				DisplayAttrs: &framework.DisplayAttributes{Name: "Share For"},
			}},
	}
}

// templated is a text of a role that may hold templates.
type templated struct {
	field, where string // where it stands within the field
	text         string
	values       awsrules.Values
}

// eachText puts what f makes of them in the place of all texts that may hold templates and are used, but
// for the policy. Keys of tags are none of them: a condition in a policy may ask for any key.
func (r *Role) eachText(f func(templated) string) {
	for _, t := range []struct {
		field  string
		text   *string
		values awsrules.Values
	}{
		{"user_path", &r.UserPath, awsrules.PathValues}, {"session_name", &r.SessionName, awsrules.NameValues},
		{"source_identity", &r.SourceIdentity, awsrules.NameValues},
	} {
		if !r.Idle(t.field) {
			*t.text = f(templated{t.field, "", *t.text, t.values})
		}
	}
	for field, tags := range map[string]map[string]string{"iam_tags": r.IAMTags, "session_tags": r.SessionTags} {
		if r.Idle(field) {
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(tags)) {
			tags[key] = f(templated{field, fmt.Sprintf("the value of %q: ", awsrules.Abridged(key)), tags[key], awsrules.TagValues})
		}
	}
}

// copied is a copy whose texts can be changed.
func (r *Role) copied() *Role {
	own := *r
	own.IAMTags, own.SessionTags = maps.Clone(r.IAMTags), maps.Clone(r.SessionTags)
	return &own
}

// shown is a text of the role for a message. Of one that was rendered it is the template: who asks may not know the values,
// such as the metadata of a group.
func (r *Role) shown(field, text string) quotedText {
	if template := r.rendered[field]; template != "" {
		return quotedText(fmt.Sprintf("%q, with the values of the caller,", awsrules.Abridged(template)))
	}
	return quotedText(fmt.Sprintf("%q", awsrules.Abridged(text)))
}

// quotedText is a text for a message, abridged already.
type quotedText string

// sampled is the role with the shortest values in place of its templates. What AWS refuses
// then, it refuses for every caller.
func (r *Role) sampled() *Role {
	if !r.Templates {
		return r
	}
	own := r.copied()
	for _, tags := range []map[string]string{own.IAMTags, own.SessionTags} {
		maps.DeleteFunc(tags, func(key, _ string) bool { return awsrules.HasTemplate(key) })
	}
	own.PolicyDocument = awsrules.Sample(own.PolicyDocument)
	own.eachText(func(t templated) string {
		sample := awsrules.Sample(t.text)
		if sample != t.text && len(sample) == 1 { // a value may be longer
			sample += "x"
		}
		return sample
	})
	return own
}

// validateTemplates checks the templates themselves, but for those of the policy.
func (r *Role) validateTemplates(m *engine.Mistakes) (warnings []string) {
	const begins = "{{identity."
	asText := func(field string) {
		warnings = append(warnings, field+": has "+begins+"…}}, which is text here; set templates=true to have it replaced")
	}
	if !r.Templates && strings.Contains(r.PolicyDocument, begins) && !r.Idle("policy_document") {
		asText("policy_document")
	}
	r.copied().eachText(func(t templated) string {
		if !r.Templates && strings.Contains(t.text, begins) {
			asText(t.field)
		}
		return t.text
	})
	if r.Templates {
		r.readTemplates(m)
	}
	return slices.Compact(warnings)
}

// readTemplates says what the templates of the role ask Vault for, but for those of the policy, and which of them cannot be
// read.
func (r *Role) readTemplates(m *engine.Mistakes) (entity, groups bool) {
	for field, tags := range map[string]map[string]string{"iam_tags": r.IAMTags, "session_tags": r.SessionTags} {
		for _, key := range slices.Sorted(maps.Keys(tags)) {
			if !r.Idle(field) && awsrules.HasTemplate(key) {
				m.Add(field, "the key %q has a template, which can stand in values only", key)
			}
		}
	}
	r.copied().eachText(func(t templated) string {
		template, err := awsrules.ParseTemplate(t.text)
		if err != nil {
			m.Add(t.field, "%s%w", t.where, err)
		}
		e, g := template.Needs()
		entity, groups = entity || e, groups || g
		return t.text
	})
	return entity, groups
}

// validateNames checks what sessions are called.
func (r *Role) validateNames(m *engine.Mistakes) {
	if name := r.SessionName; name != "" && !r.Idle("session_name") {
		check := awsrules.CheckSessionName
		if r.Issues(FederationToken) {
			check = awsrules.CheckFederatedName
		}
		if err := check(name); err != nil {
			m.Add("session_name", "%s %v", r.shown("session_name", name), err)
		}
	}
	if r.SourceIdentity != "" && !r.Idle("source_identity") && !awsrules.IsSessionName(r.SourceIdentity) {
		m.Add("source_identity", "%s is not a source identity: 2 to %d letters, digits and _ + = , . @ -", r.shown("source_identity", r.SourceIdentity), awsrules.MostSessionName)
	}
}

// validateTagKeys checks the keys that pass on, and those that a request may bring.
func (r *Role) validateTagKeys(m *engine.Mistakes) (warnings []string) {
	if !r.Idle("allowed_request_tags") {
		keys := map[string]string{}
		for _, key := range r.AllowedRequestTags {
			keys[key] = ""
			if tagKey(r.SessionTags, key, strings.EqualFold) != "" {
				warnings = append(warnings, fmt.Sprintf("allowed_request_tags: %q is in session_tags, which a request cannot overwrite", key))
			}
		}
		m.AddAll("allowed_request_tags", awsrules.CheckTags(keys))
	}
	if r.Idle("transitive_tag_keys") {
		return warnings
	}
	for i, key := range r.TransitiveTagKeys {
		switch {
		case slices.ContainsFunc(r.TransitiveTagKeys[:i], func(other string) bool { return strings.EqualFold(key, other) }):
			m.Add("transitive_tag_keys", "%q is there twice; to AWS case does not matter", key)
		case tagKey(r.SessionTags, key, sameKey) == "" && !r.allowsTag(key):
			m.Add("transitive_tag_keys", "%q is neither in session_tags nor in allowed_request_tags; only tags of the session can pass on", key)
		}
	}
	return warnings
}

// allowsTag reports whether a request may bring a tag.
func (r *Role) allowsTag(key string) bool {
	return slices.ContainsFunc(r.AllowedRequestTags, func(allowed string) bool { return sameKey(allowed, key) })
}

// sameKey reports whether two keys of tags are surely one to AWS, to which case does not matter (STS API Reference, AssumeRole,
// Tags). The page does not say which letters beyond ASCII are one, such as s and the long ſ: to be refused, keys
// that strings.EqualFold takes for one are enough, and to be allowed they are not.
func sameKey(a, b string) bool { return lowerASCII(a) == lowerASCII(b) }

// lowerASCII is a text with the letters A to Z in lower case.
func lowerASCII(text string) string {
	return strings.Map(func(char rune) rune {
		if 'A' <= char && char <= 'Z' {
			char += 'a' - 'A'
		}
		return char
	}, text)
}

// tagKey is how a key is written in tags, "" where it is not there.
func tagKey(tags map[string]string, key string, same func(a, b string) bool) string {
	for _, own := range slices.Sorted(maps.Keys(tags)) {
		if same(own, key) {
			return own
		}
	}
	return ""
}
