// SPDX-License-Identifier: MPL-2.0

package differential

import (
	"fmt"
	"strings"
)

// This file has roles that the built-in engine takes and that are odd: AWS would refuse what they ask for, or a field
// does nothing, or ours would refuse them when they are written.

// oddRole is a role, a write of another field, and what keeps a credential from being made of it.
type oddRole struct {
	name  string
	body  fields
	other fields   // nil is what every role of the type can have
	why   []string // words of the refusal of a credential, any of them; none if it is made
	cut   string   // the bound of AWS's that the warning beside the credential names; "" if none is cut
}

// repeated is a text many times, with the number in place of %d.
func repeated(count int, format string) []string {
	list := make([]string, count)
	for i := range list {
		list[i] = strings.ReplaceAll(format, "%d", fmt.Sprint(i))
	}
	return list
}

// tagsOf are so many tags.
func tagsOf(count int) fields {
	all := fields{}
	for i := range count {
		all[fmt.Sprintf("key-%d", i)] = "value"
	}
	return all
}

const (
	twoStatements = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}],"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
	malformed     = "MalformedPolicy"
	invalid       = "ValidationError"
)

func oddUserRoles() []oddRole {
	user := func(name string, more fields, why ...string) oddRole {
		return oddRole{name: name, body: with("iam_user", more), why: why}
	}
	document := func(name, text string) oddRole {
		return user("document-"+name, fields{"policy_document": text}, malformed, invalid, "LimitExceeded")
	}
	boundary := user("boundary", fields{"policy_arns": readOnly, "permissions_boundary_arn": "arn:aws:iam::nobody:policy/x"}, "NoSuchEntity", invalid, "InvalidInput")
	boundary.other = fields{"user_path": "/other/"}
	path := user("path", fields{"policy_arns": readOnly, "user_path": "/a//b/"})
	path.other = fields{"iam_groups": "ops"}
	return []oddRole{
		user("arn", fields{"policy_arns": "nonsense"}, invalid, "InvalidInput", "NoSuchEntity"),
		user("empty-arn", fields{"policy_arns": []string{"", readOnly}}),
		user("same-arn", fields{"policy_arns": []string{readOnly, readOnly}}),
		user("number-for-an-arn", fields{"policy_arns": 7}, invalid, "InvalidInput", "NoSuchEntity"),
		user("arn-of-a-role", fields{"policy_arns": deployRole}, invalid, "InvalidInput", "NoSuchEntity"),
		user("21-arns", fields{"policy_arns": repeated(21, "arn:aws:iam::aws:policy/Policy%d")}, "LimitExceeded", "NoSuchEntity"),
		document("list", "[]"), document("number", "5"), document("text", `"text"`), document("null", "null"), document("empty", "{}"),
		document("no-statement", `{"Version":"2012-10-17"}`), document("empty-statement", `{"Version":"2012-10-17","Statement":{}}`),
		document("no-effect", `{"Version":"2012-10-17","Statement":[{"Action":"s3:*","Resource":"*"}]}`),
		document("old-version", `{"Version":"1999-01-01","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`),
		document("long", strings.Replace(allowS3, "s3:Get*", strings.Repeat("s", 2100)+":Get*", 1)),
		user("group", fields{"iam_groups": "a b"}, invalid, "NoSuchEntity"),
		user("arn-of-a-group", fields{"iam_groups": "arn:aws:iam::123456789012:group/ops"}, invalid, "NoSuchEntity"),
		user("empty-group", fields{"policy_arns": readOnly, "iam_groups": []string{"", "ops", "ops"}}),
		user("11-groups", fields{"iam_groups": repeated(11, "group-%d")}, "LimitExceeded", "NoSuchEntity"),
		user("tag-of-aws", fields{"policy_arns": readOnly, "iam_tags": fields{"aws:x": "y"}}, invalid, "InvalidInput"),
		user("51-tags", fields{"policy_arns": readOnly, "iam_tags": tagsOf(51)}, invalid, "InvalidInput", "LimitExceeded"),
		user("tag-without-a-key", fields{"policy_arns": readOnly, "iam_tags": fields{"": "x"}}, invalid, "InvalidInput"),
		user("tags-alike", fields{"policy_arns": readOnly, "iam_tags": fields{"Team": "a", "team": "b"}}, invalid, "InvalidInput"),
		user("long-tag", fields{"policy_arns": readOnly, "iam_tags": fields{"x": strings.Repeat("v", 257)}}, invalid, "InvalidInput"),
		user("tag-of-a-flag", fields{"policy_arns": readOnly, "iam_tags": fields{"mfa": true}}),
		user("device", fields{"policy_arns": readOnly, "mfa_serial_number": "x"}),
		user("nothing", nil),
		user(strings.Repeat("n", 200), fields{"policy_document": allowS3}, "policyName", invalid),
		boundary, path,
	}
}

func oddSessionRoles() []oddRole {
	of := func(kind, name string, more fields, why ...string) oddRole {
		return oddRole{name: kind + "-" + name, body: with(kind, more), why: why}
	}
	assumed := func(name string, more fields, why ...string) oddRole {
		body := fields{"role_arns": deployRole}
		for field, value := range more {
			body[field] = value
		}
		return of("assumed_role", name, body, why...)
	}
	lasting := func(r oddRole) oddRole { // another field than those of how long it lasts
		r.other = fields{"iam_groups": "ops"}
		return r
	}
	cutTo := func(bound string, r oddRole) oddRole {
		r.cut = bound
		return lasting(r)
	}
	return []oddRole{
		of("assumed_role", "of-nothing", nil, "role_arn"), assumed("arn", fields{"role_arns": "nonsense"}, invalid), assumed("no-name", fields{"role_arns": "arn:aws:iam::123456789012:role/app/"}, invalid, "AccessDenied"),
		assumed("empty-arn", fields{"role_arns": []string{"", deployRole, deployRole}}),
		lasting(assumed("half-a-minute", fields{"default_sts_ttl": 30}, "ttl")), lasting(assumed("a-minute-at-most", fields{"max_sts_ttl": 60}, "ttl")),
		cutTo("12h", assumed("13-hours", fields{"default_sts_ttl": "13h"})), assumed("tag", fields{"session_tags": fields{"a;b": "c"}}, invalid),
		assumed("tags-alike", fields{"session_tags": fields{"A": "x", "a": "y"}}, invalid, "InvalidParameterValue", "Duplicate"),
		assumed("external-id", fields{"external_id": "x"}, invalid), assumed("users-tags", fields{"iam_tags": fields{"aws:x": "y"}}), assumed("device", fields{"mfa_serial_number": "x"}),
		assumed("11-arns", fields{"policy_arns": repeated(11, "arn:aws:iam::aws:policy/Policy%d")}, invalid, "PackedPolicyTooLarge"),
		assumed("document", fields{"policy_document": "[]"}, malformed, "policy_document"), assumed("group", fields{"iam_groups": "a b"}, invalid, "NoSuchEntity"),
		of("federation_token", "of-nothing", nil, "no permissions"), of("federation_token", "arn", fields{"policy_arns": "nonsense"}, invalid),
		cutTo("36h", of("federation_token", "40-hours", fields{"policy_arns": readOnly, "default_sts_ttl": "40h"})),
		of("federation_token", "users-tags", fields{"policy_arns": readOnly, "iam_tags": fields{"": "y"}}), of("federation_token", "device", fields{"policy_arns": readOnly, "mfa_serial_number": "x"}),
		of("session_token", "groups", fields{"iam_groups": "a b"}), of("session_token", "users-tags", fields{"iam_tags": tagsOf(60)}), of("session_token", "device", fields{"mfa_serial_number": "no"}, "mfa_code"),
		cutTo("36h", of("session_token", "40-hours", fields{"default_sts_ttl": "40h"})),
		{name: "old-arn", body: fields{"arn": readOnly, "iam_groups": "nobody"}, other: fields{"iam_groups": "ops"}},
		{name: "old-text", body: fields{"policy": `{"foo":1}`}, other: fields{"iam_groups": "ops"}, why: []string{malformed, "policy_document"}},
	}
}

// others is a write that names nothing of what is odd.
func (r oddRole) others() fields {
	switch {
	case r.other != nil:
		return r.other
	case r.body["credential_type"] == "iam_user":
		return fields{"permissions_boundary_arn": ""}
	}
	return fields{"max_sts_ttl": "50h"}
}
