// SPDX-License-Identifier: MPL-2.0

package differential

import (
	"maps"
	"slices"
	"strings"
)

// This file has the requests of the comparison that write and read roles.

const (
	deployRole  = "arn:aws:iam::123456789012:role/deploy"
	auditRole   = "arn:aws:iam::123456789012:role/audit"
	partnerRole = "arn:aws:iam::123456789012:role/partner"
	boundary    = "arn:aws:iam::aws:policy/PowerUserAccess"
	device      = "arn:aws:iam::123456789012:mfa/vault"
)

// written writes a role and reads it back.
func written(name string, body fields) []request {
	return []request{write("roles/"+name, body), get("roles/" + name)}
}

// with is a body with a credential_type.
func with(kind string, more fields) fields {
	body := fields{"credential_type": kind}
	for name, value := range more {
		body[name] = value
	}
	return body
}

func userRoles() []request {
	again := func(what string) request { return get("roles/user").noted("after " + what) }
	return slices.Concat(
		written("user", with("iam_user", fields{
			"policy_arns":     []string{readOnly, billing},
			"policy_document": " { \"Version\" : \"2012-10-17\",\n\"Statement\": [{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\"}] }",
			"iam_groups":      "ops,empty", "iam_tags": fields{"team": "a", "cost": "b"}, "user_path": "/vault/",
			"permissions_boundary_arn": boundary,
		})),
		[]request{write("roles/user", fields{"policy_arns": readOnly}), again("one field"),
			write("roles/user", fields{"iam_groups": ""}), again("no groups")},
		[]request{write("roles/user", fields{"iam_tags": []string{"team=x", "more=y"}}), again("tags as pairs"),
			write("roles/user", fields{"user_path": "/"}), again("no path")},
		[]request{write("roles/user", fields{"policy_document": ""}), again("no document"),
			write("roles/user", fields{"policy_document": nil, "iam_tags": nil, "policy_arns": nil, "iam_groups": nil}),
			again("null")},
		[]request{write("roles/user", fields{
			"iam_groups": []string{"ops"}, "iam_tags": fields{"team": "a"}, "user_path": "/vault/",
			"policy_document": allowS3, "policy_arns": readOnly,
		}), again("all again")},
		written("bare", with("iam_user", nil)),
		putRight(remove("roles/untyped"), write("roles/untyped", fields{"policy_arns": readOnly})),
		written("leaving", with("iam_user", fields{"policy_arns": readOnly})),
		written("unknown-field", with("iam_user", fields{"policy_arns": readOnly, "polcy_arns": readOnly})),
		written("twice", with("iam_user", fields{"policy_arns": []string{readOnly, readOnly, ""}, "iam_groups": "ops,ops"})),
		written("no-policy", with("iam_user", fields{"policy_arns": "arn:aws:iam::aws:policy/DoesNotExist"})),
		written("no-group", with("iam_user", fields{"iam_groups": "nobody"})),
	)
}

func sessionRoles() []request {
	return slices.Concat(
		written("role", with("assumed_role", fields{"role_arns": deployRole})),
		written("roles", with("assumed_role", fields{
			"role_arns": []string{deployRole, auditRole}, "session_tags": fields{"team": "a"},
			"policy_arns": readOnly, "policy_document": allowS3, "iam_groups": "ops",
			"default_sts_ttl": "30m", "max_sts_ttl": 7200,
		})),
		written("partner", with("assumed_role", fields{"role_arns": partnerRole, "external_id": "their-secret-word"})),
		written("stranger", with("assumed_role", fields{"role_arns": partnerRole})),
		written("nowhere", with("assumed_role", fields{"role_arns": "arn:aws:iam::123456789012:role/none"})),
		written("empty-role", with("assumed_role", nil)),
		written("federation", with("federation_token",
			fields{"policy_document": allowS3, "policy_arns": readOnly, "iam_groups": "ops"})),
		written("federation-of-nothing", with("federation_token", nil)),
		written("federation-of-empty", with("federation_token", fields{"iam_groups": "empty"})),
		written("session", with("session_token", fields{"default_sts_ttl": 1800})),
		written("mfa", with("session_token", fields{"mfa_serial_number": device, "max_sts_ttl": "1h"})),
		[]request{write("roles/role", fields{"credential_type": "federation_token"}),
			get("roles/role").noted("after a change of type that does not fit")},
		[]request{write("roles/roles", fields{"session_tags": ""}), write("roles/roles", fields{"session_tags": fields{}}),
			get("roles/roles").noted("after no tags"),
			write("roles/roles", fields{"session_tags": []string{"team=a"}})},
		[]request{list("roles").noted("after writing roles"), get("roles?list=true").noted("after writing roles")},
	)
}

func legacyRoles() []request {
	return slices.Concat(
		written("old-policy", fields{"arn": readOnly}), written("old-role", fields{"arn": deployRole}),
		written("old-text", fields{"policy": allowS3}),
		written("old-bad-arn", fields{"arn": "arn:aws:iam::aws:group/x"}),
		written("old-bad-text", fields{"policy": "no JSON"}),
		putRight(remove("roles/old-both"), writeAll("roles/old-both", fields{"arn": readOnly, "policy": allowS3},
			with("iam_user", fields{"arn": readOnly}), fields{"arn": readOnly, "policy_arns": readOnly},
			fields{"policy": allowS3, "default_sts_ttl": 3600}, fields{"arn": readOnly, "iam_groups": "ops"},
			fields{"arn": "", "policy": ""})...),
		[]request{write("roles/upgraded", fields{"arn": readOnly}),
			write("roles/upgraded", with("iam_user", fields{"policy_arns": billing})), get("roles/upgraded")},
	)
}

// typesAndFields gives each field to a role of each type. What the built-in engine takes, ours takes.
func typesAndFields() []request {
	least := map[string]fields{
		"iam_user": {"policy_arns": readOnly}, "assumed_role": {"role_arns": deployRole}, "federation_token": {"policy_arns": readOnly}, "session_token": {},
	}
	values := fields{
		"policy_arns": readOnly, "policy_document": allowS3, "iam_groups": "ops", "iam_tags": "team=a", "user_path": "/x/", "permissions_boundary_arn": boundary,
		"role_arns": deployRole, "session_tags": "team=a", "external_id": "their-secret-word", "mfa_serial_number": device, "default_sts_ttl": "1h", "max_sts_ttl": "2h",
	}
	var all []request
	for _, kind := range slices.Sorted(maps.Keys(least)) {
		for _, field := range slices.Sorted(maps.Keys(values)) {
			body := with(kind, least[kind])
			body[field] = values[field]
			all = append(all, putRight(remove("roles/"+kind), write("roles/"+kind, body).noted("with "+field))...)
		}
	}
	return slices.Concat(all, written("terraform", with("session_token", fields{"iam_groups": []string{"ops"}, "iam_tags": fields{"a;b": "c"}})),
		[]request{get("sts/terraform")})
}

// lossyRoles hold values that the built-in engine changes on their way.
func lossyRoles() []request {
	return putRight(remove("roles/bad"), writeAll("roles/bad",
		with("iam_user", fields{"policy_arns": readOnly, "iam_tags": fields{"mfa": true}}), with("iam_user", fields{"policy_arns": readOnly, "iam_tags": fields{"cost": 5}}),
		with("iam_user", fields{"policy_arns": readOnly, "iam_tags": []string{"a=1", "a=2"}}), with("iam_user", fields{"policy_arns": []any{readOnly, nil}}),
		with("assumed_role", fields{"role_arns": deployRole, "external_id": 123456789012}), with("assumed_role", fields{"role_arns": deployRole, "default_sts_ttl": 3600.7}),
	)...)
}

// badRoles are mistakes that the built-in refuses as well, and mistakes that AWS would refuse later.
func badRoles() []request {
	return putRight(remove("roles/bad"), writeAll("roles/bad",
		fields{}, with("nonsense", nil), with("", nil), fields{"credential_type": "iam_user,assumed_role"},
		with("iam_user", fields{"role_arns": deployRole}), with("iam_user", fields{"session_tags": "a=b"}),
		with("iam_user", fields{"external_id": "word"}),
		with("iam_user", fields{"default_sts_ttl": 3600}), with("iam_user", fields{"max_sts_ttl": 3600}),
		with("iam_user", fields{"user_path": "no-slashes"}),
		with("iam_user", fields{"user_path": "/with space/"}),
		with("iam_user", fields{"permissions_boundary_arn": "nonsense"}),
		with("iam_user", fields{"permissions_boundary_arn": "arn:aws:iam::123456789012:role/x"}),
		with("iam_user", fields{"policy_document": "{"}),
		with("iam_user", fields{"policy_arns": "nonsense"}), with("iam_user", fields{"policy_document": "[]"}),
		with("iam_user", fields{"iam_groups": "arn:aws:iam::123456789012:group/x"}),
		with("iam_user", fields{"iam_tags": "novalue"}),
		with("iam_user", fields{"iam_tags": fields{"aws:x": "y"}}), with("iam_user", fields{"mfa_serial_number": device}),
		with("iam_user", fields{"policy_document": strings.Replace(allowS3, "s3:Get*", strings.Repeat("x", 2100), 1)}),
		with("iam_user", fields{"policy_arns": 7}),
		with("assumed_role", fields{"role_arns": deployRole, "user_path": "/x/"}),
		with("assumed_role", fields{"role_arns": deployRole, "permissions_boundary_arn": boundary}),
		with("assumed_role", fields{"role_arns": "nonsense"}),
		with("assumed_role", fields{"role_arns": deployRole, "default_sts_ttl": 7200, "max_sts_ttl": 3600}),
		with("assumed_role", fields{"role_arns": deployRole, "default_sts_ttl": 30}),
		with("assumed_role", fields{"role_arns": deployRole, "default_sts_ttl": "soon"}),
		with("assumed_role", fields{"role_arns": deployRole, "default_sts_ttl": -5}),
		with("assumed_role", fields{"role_arns": deployRole, "iam_tags": "a=b"}),
		with("session_token", fields{"policy_arns": readOnly}),
		with("session_token", fields{"policy_document": allowS3}), with("session_token", fields{"role_arns": deployRole}),
		with("federation_token", fields{"policy_document": allowS3, "role_arns": deployRole}),
		with("federation_token", fields{"policy_document": allowS3, "external_id": "word"}),
	)...)
}
