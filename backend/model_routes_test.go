// SPDX-License-Identifier: MPL-2.0

package backend

// Which field of the engine becomes which member of a request to AWS.

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"vault-plugin-secrets-aws-dyn/backend/roles"
	"vault-plugin-secrets-aws-dyn/internal/awsmodel"
)

// route leads from a field to a member.
type route struct {
	action, member string
	field          string               // of the write, or of the request for credentials
	path           string               // of the write; empty: the value is the name of the role
	more           map[string]any       // what the write has beside it
	ask            string               // the request that calls AWS; empty: the write does
	with           map[string]any       // what that has beside it
	asked          bool                 // the field is that request's
	exists         func(*mount, string) // makes what the value names
	form           func(awsmodel.Cell) string
	whole          func(value string) any // the field's value
	but            map[string]string      // the cases in which the engine differs, and why
}

// value is the text of a cell, in the form that the field has.
func (r route) value(c awsmodel.Cell) string {
	if r.form == nil || c.Case == "absent" {
		return c.Value
	}
	return r.form(c)
}

// in is the field's value.
func (r route) in(c awsmodel.Cell, value string) any {
	switch {
	case strings.HasSuffix(r.member, ".Key"):
		return map[string]any{value: "v"}
	case strings.HasSuffix(r.member, ".Value"):
		return map[string]any{"k": value}
	case c.Elements > 0:
		return tags(c.Elements)
	case r.whole != nil:
		return r.whole(value)
	}
	return value
}

// named is what a refusal has to name.
func (r route) named() string {
	if r.path == "" {
		return "" // where the path is none, Vault's framework answers
	}
	return r.field
}

// newModelMount has a role of each type.
func newModelMount(t *testing.T) *mount {
	m := newSessionMount(t)
	m.aws.AddGroup("a")
	m.aws.SetWebIdentityToken(someJWT)
	m.write("config/users", map[string]any{"ownership_tags": false})
	m.write("roles/user", map[string]any{"policy_arns": readOnly})
	m.write("roles/mfa", map[string]any{"credential_type": roles.SessionToken, "mfa_serial_number": mfaOfVault})
	return m
}

// group and policy make what the engine would ask for again and again, as AWS may not show it yet.
func group(m *mount, name string) { m.aws.AddGroup(name) }
func policy(m *mount, arn string) { m.aws.AddPolicy(arn) }

func inList(value string) any { return []string{value} }

// quoted is a template that makes a text for one Type, and something else for the other.
func literal(value string) any { return "{{" + strconv.Quote(value) + "}}" }

func literalSTS(value string) any {
	return `{{if eq .Type "STS"}}{{` + strconv.Quote(value) + `}}{{else}}{{random 20}}{{end}}`
}

// arnOf makes ARNs of the length that a cell has, with what is special about its value in the path.
func arnOf(resource string) func(awsmodel.Cell) string {
	prefix := "arn:aws:iam::123456789012:" + resource + "/"
	return func(c awsmodel.Cell) string {
		if n := len([]rune(c.Value)); c.Case != "inside" && c.Case != "outside" {
			return (prefix + strings.Repeat("a", max(0, n-len(prefix))))[:n]
		}
		return prefix + c.Value + "/a"
	}
}

// policyText makes a policy that has the text of a cell in it, or its length.
func policyText(c awsmodel.Cell) string {
	if c.Case == "inside" || c.Case == "outside" {
		return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*",`+
			`"Condition":{"StringEquals":{"aws:PrincipalTag/a":"%s"}}}]}`, strings.Trim(c.Value, "\t\n\r"))
	}
	if n := len(c.Value); n >= 200 {
		return policyOf(n)
	}
	return c.Value
}

const (
	emptyIsDefault = `"" means the default, and nothing is sent`
	arnsOfIAM      = "no role or policy has such an ARN: a path has 512 printable characters and a name 128 at most (IAM API Reference, CreateRole, CreatePolicy)"
	policyGrammar  = "no policy is so short (IAM User Guide, grammar of the policy language)"
	policyQuota    = "2,048 characters for the inline policies of a user (IAM User Guide, IAM and AWS STS quotas)"
	sessionNames   = "cut or replaced, as Vault's documentation of role_session_name says"
	cutWithWarning = "cut to what AWS gives, with a warning"
	roleNames      = "names of roles are Vault's, and narrower"
	blanksInLists  = "blanks around the entries of a list, and empty ones, are dropped"
)
