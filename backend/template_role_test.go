// SPDX-License-Identifier: MPL-2.0

package backend

// Templates in the other texts of a role: tags, path, and the names of sessions.

import (
	"maps"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/roles"
)

// A user is made with the values, and revoked without asking who it was.
func TestUserOfATemplate(t *testing.T) {
	t.Parallel()
	m := newTemplateMount(t)
	m.write("roles/user", map[string]any{
		"templates": true, "policy_document": statementOf(`"Resource":"arn:aws:s3:::b/` + ofTeam + `/*"`),
		"iam_tags": map[string]string{"team": ofTeam, "who": "v-{{identity.entity.name}}", "fixed": "x"}, "user_path": "/vault/" + ofTeam + "/",
	})
	creds := m.creds("user")
	user, _ := m.aws.User(m.user(creds))
	if got := user.InlinePolicies["user"]; got != statementOf(`"Resource":"arn:aws:s3:::b/payments/*"`) {
		t.Errorf("policy %s", got)
	}
	if user.Path != "/vault/payments/" || user.Tags["team"] != "payments" || user.Tags["who"] != "v-anna" || user.Tags["fixed"] != "x" {
		t.Errorf("path %s, tags %v", user.Path, user.Tags)
	}
	m.asks(func(e *logical.Entity) { e.Metadata = nil })
	if got := through(t, m.read("roles/user"))["user_path"]; got != "/vault/"+ofTeam+"/" {
		t.Errorf("the role reads %v: is it the caller's?", got)
	}
	if told := m.refused(logical.ReadOperation, "creds/user", nil); !strings.Contains(told, `entity "anna" has no metadata "team"`) {
		t.Errorf("without metadata: %s", told)
	}
	m.entityID = ""
	m.revoke(creds)
	m.noUsers()
	m.recorded(0)
}

// What is missing is named, with whose it is, for all fields at once.
func TestMissingValues(t *testing.T) {
	t.Parallel()
	m := newTemplateMount(t)
	for template, want := range map[string]string{
		"{{identity.entity.metadata.floor}}":                               `entity "anna" has no metadata "floor"`,
		"{{identity.entity.metadata.empty}}":                               `the metadata "empty" of entity "anna" is empty`,
		"{{identity.entity.aliases.auth_ldap_1.name}}":                     `entity "anna" has no alias at an auth mount with the accessor "auth_ldap_1"`,
		"{{identity.entity.aliases.auth_userpass_6671d643.metadata.desk}}": `the alias of entity "anna" at the auth mount auth_userpass_6671d643 has no metadata "desk"`,
		"{{identity.groups.ids.group-9.name}}":                             `entity "anna" is not in the group "group-9"`,
		"{{identity.groups.names.admins.id}}":                              `entity "anna" is not in the group "admins"`,
		"{{identity.groups.names.developers.metadata.x}}":                  `group "developers" has no metadata "x"`,
		"{{identity.groups.names.strangers.metadata.env}}":                 `entity "anna" is in two groups "strangers"`,
	} {
		m.write("roles/deploy", map[string]any{
			"templates": true, "session_name": "v-" + template, "source_identity": template, "session_tags": map[string]string{"a": template},
			"policy_document": statementOf(`"Condition":{"StringEquals":{"a:b":"` + template + `"}}`),
		})
		told := m.refused(logical.ReadOperation, "sts/deploy", nil)
		for _, field := range []string{"policy_document: statement 1: Condition: StringEquals: a:b: ", "session_name: ", `session_tags: the value of "a": `, "source_identity: "} {
			if !strings.Contains(told, field+template+": "+want) {
				t.Errorf("%s: %q is not in %s", template, field+want, told)
			}
		}
	}
	if n := len(m.aws.Sessions()); n > 0 {
		t.Errorf("AWS gave %d sessions", n)
	}
}

// A token without an entity gets nothing from a template, and Vault is asked only where one needs it.
func TestNoEntity(t *testing.T) {
	t.Parallel()
	m := newTemplateMount(t)
	asked := &countingView{SystemView: m.system}
	m.system = asked
	m.start()
	m.write("roles/deploy", map[string]any{"templates": true, "session_name": "fixed"})
	m.do(logical.ReadOperation, "sts/deploy", nil)
	if asked.entities+asked.groups > 0 {
		t.Errorf("Vault was asked for an identity that no template names: %+v", asked)
	}
	m.write("roles/deploy", map[string]any{"session_name": "{{identity.entity.name}}"})
	m.do(logical.ReadOperation, "sts/deploy", nil)
	if asked.entities != 1 || asked.groups > 0 {
		t.Errorf("Vault was asked for groups that no template names: %+v", asked)
	}
	m.entityID = ""
	if told := m.refused(logical.ReadOperation, "sts/deploy", nil); !strings.Contains(told, `role "deploy" has templates that name the caller's entity, and the token of this request has none`) {
		t.Errorf("told %s", told)
	}
	m.write("roles/deploy", map[string]any{"templates": false, "session_name": "", "require_entity": true})
	if told := m.refused(logical.ReadOperation, "sts/deploy", nil); !strings.Contains(told, "require_entity: ") || !strings.Contains(told, "root tokens") {
		t.Errorf("told %s", told)
	}
	m.write("roles/deploy", map[string]any{"credential_type": roles.IAMUser, "role_arns": nil, "policy_arns": readOnly})
	m.refused(logical.ReadOperation, "creds/deploy", nil)
	// A write in the deprecated form replaces what is given, and not who may ask.
	m.write("roles/deploy", map[string]any{"arn": readOnly})
	m.refused(logical.ReadOperation, "creds/deploy", nil)
	m.entityID = "7d2e3179-f69b-450c-7179-ac8ee8bd8ca9"
	m.revoke(m.creds("deploy"))
}

// A disabled entity, or one that Vault does not have any more, is none.
func TestEntityThatIsGone(t *testing.T) {
	t.Parallel()
	m := newTemplateMount(t)
	m.write("roles/deploy", map[string]any{"templates": true, "session_name": "{{identity.entity.name}}"})
	m.asks(func(e *logical.Entity) { e.Disabled = true })
	m.refused(logical.ReadOperation, "sts/deploy", nil)
	m.system.(*logical.StaticSystemView).EntityVal = nil
	m.refused(logical.ReadOperation, "sts/deploy", nil)
}

// An entity that was merged into another is none any more to a plugin, while Vault's policies go on with its token: the
// refusal says what helps, which is to log in again.
func TestMergedEntity(t *testing.T) {
	t.Parallel()
	m := newTemplateMount(t)
	m.write("roles/deploy", map[string]any{"templates": true, "session_name": "{{identity.entity.name}}"})
	m.system.(*logical.StaticSystemView).EntityVal = nil
	if told := m.refused(logical.ReadOperation, "sts/deploy", nil); !strings.Contains(told, "log in") {
		t.Errorf("told %s", told)
	}
}

// A role with templates=true whose templates another edition stored in places where they cannot stand is refused:
// its policy never goes to AWS with the braces in it.
func TestStoredTemplatesThatCannotStand(t *testing.T) {
	t.Parallel()
	m := newTemplateMount(t)
	m.leave("role/old", `{"credential_types":["assumed_role"],"role_arns":["`+deployARN+`"],"templates":true,"version":2,`+
		`"policy_document":"{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"NotResource\":\"arn:aws:s3:::b/{{identity.entity.team}}/*\"}}"}`)
	resp, err := m.ask(logical.ReadOperation, "sts/old", nil)
	if text, status := outcome(resp, err); status == 200 {
		t.Errorf("AWS got %s", m.session().Policy)
	} else if !strings.Contains(text, "policy_document: ") {
		t.Errorf("refused with %s", text)
	}
}

// The same in every other place: nothing of a template goes to AWS as text, nor is it said to be what it is not.
func TestStoredTemplatesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	m := newTemplateMount(t)
	for field, stored := range map[string]string{
		"policy_document":  `"policy_document":"{\"Statement\":[{{identity.entity.name}}]}"`,
		"policy_document:": `"policy_document":"{\"Version\":\"2012-10-17\",\"{{identity.entity.name}}\":[]}"`,
		"session_name":     `"session_name":"{{identity.entity.email}}"`,
		"source_identity":  `"source_identity":"a}}"`,
		"session_tags":     `"session_tags":{"a":"{{identity.entity.name"}`,
		"session_tags:":    `"session_tags":{"{{identity.entity.name}}":"a"}`,
	} {
		m.leave("role/old", `{"credential_types":["assumed_role"],"role_arns":["`+deployARN+`"],"templates":true,"version":2,`+stored+`}`)
		m.start()
		if told := m.refused(logical.ReadOperation, "sts/old", nil); !strings.HasPrefix(told, strings.TrimSuffix(field, ":")+": ") {
			t.Errorf("%s: %s", stored, told)
		}
	}
	if n := len(m.aws.Sessions()); n > 0 {
		t.Errorf("AWS gave %d sessions", n)
	}
}

// countingView counts what Vault is asked about identities.
type countingView struct {
	logical.SystemView
	entities, groups int
}

func (v *countingView) EntityInfo(id string) (*logical.Entity, error) {
	v.entities++
	return v.SystemView.EntityInfo(id)
}

func (v *countingView) GroupsForEntity(id string) ([]*logical.Group, error) {
	v.groups++
	return v.SystemView.GroupsForEntity(id)
}

// What a value may be in each text, and AWS's limits with it.
func TestValuesOfOtherTexts(t *testing.T) {
	t.Parallel()
	m := newTemplateMount(t)
	long := strings.Repeat("x", 300)
	for _, c := range []struct {
		role          map[string]any
		taken, broken []string
	}{
		{map[string]any{"session_name": ofTeam}, []string{"a=b,c.d@e-f_+", "xx", long[:64]}, []string{"x", long[:65], "a b", "a/b", "a:b", "é", "*"}},
		{map[string]any{"source_identity": ofTeam}, []string{"a@b", long[:64]}, []string{"x", long[:65], "aws:x", "a b"}},
		{map[string]any{"session_tags": map[string]string{"k": ofTeam}}, []string{"x", "a b/c:d", "é世", long[:256]}, []string{long[:257], "R&D", "*", "$", `"`, "\n", "{"}},
	} {
		role := map[string]any{"templates": true, "session_name": "", "source_identity": "", "session_tags": nil}
		maps.Copy(role, c.role)
		m.write("roles/deploy", role)
		for _, value := range c.taken {
			m.asks(func(e *logical.Entity) { e.Metadata["team"] = value })
			m.do(logical.ReadOperation, "sts/deploy", nil)
			if s := m.session(); s.SessionName != value && s.SourceIdentity != value && s.Tags["k"] != value {
				t.Errorf("%v with %q: AWS got %+v", c.role, value, s)
			}
		}
		for _, value := range c.broken {
			m.asks(func(e *logical.Entity) { e.Metadata["team"] = value })
			told := m.refused(logical.ReadOperation, "sts/deploy", nil)
			for field := range c.role {
				if !strings.HasPrefix(told, field+": ") {
					t.Errorf("%v with %q: %s", c.role, value, told)
				}
			}
		}
	}
	m.write("roles/user", map[string]any{"templates": true, "policy_arns": readOnly, "user_path": "/a/" + ofTeam + "/", "iam_tags": "k=" + ofTeam})
	for _, value := range []string{"a/b", "a:b", "a b", "*", "$", "é", long + long} {
		m.asks(func(e *logical.Entity) { e.Metadata["team"] = value })
		if told := m.refused(logical.ReadOperation, "creds/user", nil); !strings.Contains(told, "user_path: ") {
			t.Errorf("user_path with %q: %s", value, told)
		}
	}
	m.noUsers()
}

// A refusal repeats nothing of a value, since who asks may not know the metadata of a group.
func TestRefusalsRepeatNoValue(t *testing.T) {
	t.Parallel()
	const env = "{{identity.groups.ids.group-1.metadata.env}}"
	m := newTemplateMount(t)
	m.system.(*logical.StaticSystemView).GroupsVal[0].Metadata["env"] = "hush" + strings.Repeat("-x", 300)
	for _, fields := range []map[string]any{
		{"session_name": env},
		{"source_identity": env},
		{"policy_document": statementOf(`"Condition":{"DateLessThan":{"aws:CurrentTime":"` + env + `"}}`)},
		{"credential_type": roles.IAMUser, "role_arns": nil, "policy_arns": readOnly, "user_path": "/" + env + "/", "policy_document": nil},
	} {
		fields["templates"] = true
		m.write("roles/deploy", fields)
		if told := m.refused(logical.ReadOperation, "creds/deploy", nil); strings.Contains(told, "hush") {
			t.Errorf("the caller is told %s", told)
		}
		m.write("roles/deploy", map[string]any{"session_name": nil, "source_identity": nil, "policy_document": nil})
	}
}

// A role of another type has no use for the tags of sessions, and says so, whatever templates they hold.
func TestTypeChangesWithTemplatesInTags(t *testing.T) {
	t.Parallel()
	m := newTemplateMount(t)
	m.write("roles/deploy", map[string]any{"templates": true, "session_tags": "team=" + ofTeam})
	told := m.refused(logical.UpdateOperation, "roles/deploy", map[string]any{"credential_type": roles.IAMUser, "role_arns": nil, "policy_arns": readOnly})
	if strings.Contains(told, "is not that of a tag") || !strings.Contains(told, "session_tags: is not supported by credential_type iam_user") {
		t.Errorf("told %s", told)
	}
}

// What no value could mend is refused when the role is written.
func TestTemplatesOfOtherTextsAreChecked(t *testing.T) {
	t.Parallel()
	m := newTemplateMount(t)
	long := strings.Repeat("x", 600)
	for _, c := range []struct {
		field string
		value any
	}{
		{"session_name", "{{identity.entity.email}}"}, {"session_name", "{{identity.entity.name"}, {"session_name", "a b-" + ofTeam}, {"session_name", ofTeam + long[:64]},
		{"source_identity", ofTeam + "/"}, {"source_identity", "{{entity.name}}"}, {"session_tags", map[string]string{ofTeam: "x"}},
		{"session_tags", map[string]string{"k": "{{x}}"}}, {"session_tags", map[string]string{"k": ofTeam + long[:256]}}, {"session_tags", map[string]string{"k": ofTeam + "*"}},
	} {
		if told := m.refused(logical.UpdateOperation, "roles/deploy", map[string]any{"templates": true, c.field: c.value}); !strings.HasPrefix(told, c.field+": ") {
			t.Errorf("%s=%v: %s", c.field, c.value, told)
		}
	}
	for _, path := range []string{ofTeam, "/" + ofTeam, "/a b/" + ofTeam + "/", "/" + ofTeam + long + "/", "/{{x}}/"} {
		if told := m.refused(logical.UpdateOperation, "roles/user", map[string]any{"templates": true, "policy_arns": readOnly, "user_path": path}); !strings.HasPrefix(told, "user_path: ") {
			t.Errorf("user_path=%s: %s", path, told)
		}
	}
	// Without the switch a template is a name with characters that no name has.
	m.refused(logical.UpdateOperation, "roles/deploy", map[string]any{"session_name": "{{identity.entity.name}}"})
	m.write("roles/deploy", map[string]any{"templates": true, "session_name": "{{identity.entity.name}}"})
	m.refused(logical.UpdateOperation, "roles/deploy", map[string]any{"templates": false})
}
