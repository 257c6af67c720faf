// SPDX-License-Identifier: MPL-2.0

package differential

import (
	"slices"
	"strings"
)

// This file has the requests of the comparison that concern the configuration, and the whole list in its order.

const (
	readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess"
	billing  = "arn:aws:iam::aws:policy/job-function/Billing"
	allowS3  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}`
)

// allRequests are sent in this order, each to both mounts before the next one.
func allRequests() []request {
	return slices.Concat(
		nothingYet(), documents(), rootConfigs(), leaseConfigs(),
		userRoles(), sessionRoles(), typesAndFields(), legacyRoles(), badRoles(), lossyRoles(), oddNames(), wrongMethods(),
		userCredentials(), userLeases(), failingCredentials(), sessionCredentials(), legacyCredentials(), badCredentials(),
		staticRoles(), badStaticRoles(), otherRoots(), rotations(), endings(),
	)
}

// nothingYet asks for what nobody has written.
func nothingYet() []request {
	return []request{
		get("config/root"), get("config/lease"), list("roles"), get("roles?list=true"), list("roles/"), get("roles/none"),
		remove("roles/none"), get("static-roles/none"), get("static-creds/none"), list("static-roles"),
		write("config/rotate-root", nil), get("creds/none"), write("creds/none", nil), get("sts/none"),
		write("sts/none", fields{"ttl": "1h"}),
	}
}

// documents are what programs and people read about the API.
func documents() []request {
	all := []request{get("sys/internal/specs/openapi")}
	for _, path := range []string{
		"config/root", "config/lease", "config/rotate-root", "roles", "roles/x", "creds/x", "sts/x",
		"static-roles", "static-roles/x", "static-creds/x",
	} {
		all = append(all, get(path+"?help=1"))
	}
	return all
}

// goodRoot is a whole configuration that works.
var goodRoot = fields{
	"access_key": "{key}", "secret_key": "{secret}", "region": "us-east-1", "iam_endpoint": "{aws}",
	"sts_endpoint": "{aws}", "sts_region": "us-east-1",
}

// wholeRoot is the same, and takes everything else back.
var wholeRoot = fields{
	"access_key": "{key}", "secret_key": "{secret}", "region": "us-east-1", "iam_endpoint": "{aws}",
	"sts_endpoint": "{aws}", "sts_region": "us-east-1",
	"sts_fallback_endpoints": "", "sts_fallback_regions": "", "role_arn": "", "max_retries": -1, "username_template": "",
	"identity_token_audience": "", "identity_token_ttl": 0,
	"rotation_period": 0, "rotation_schedule": "", "rotation_window": 0, "disable_automated_rotation": false,
}

func rootConfigs() []request {
	after := func(what string) request { return get("config/root").noted("after " + what) }
	return slices.Concat(
		[]request{write("config/root", fields{}), after("an empty write"), write("config/root", goodRoot), after("the key")},
		[]request{write("config/root", fields{"max_retries": 2, "region": "eu-central-1"}), after("two fields")},
		[]request{write("config/root", fields{"max_retries": nil, "region": nil}), after("null")},
		[]request{write("config/root", fields{"max_retries": -1, "region": "us-east-1"})},
		[]request{write("config/root", fields{"username_template": `{{ printf "vault-%s" (random 10) }}`}),
			after("a template")},
		[]request{write("config/root", fields{"max_retries": -1}), after("a write without the template"),
			write("config/root", fields{"username_template": ""}), after("an empty template")},
		[]request{
			write("config/root", fields{"sts_fallback_endpoints": "{aws}", "sts_fallback_regions": "us-east-1"}),
			after("a fallback"),
			write("config/root", fields{"sts_fallback_endpoints": []string{}, "sts_fallback_regions": []string{}}),
			after("no fallback"),
		},
		putRight(write("config/root", wholeRoot), writeAll("config/root",
			fields{"sts_fallback_endpoints": "{aws}"}, fields{"sts_fallback_regions": "eu-west-1,eu-west-2"},
			fields{"max_retries": "many"}, fields{"max_retries": -5}, fields{"max_retries": 100000},
			fields{"max_retries": true}, fields{"max_retries": 5.7},
			fields{"region": "EU Central"},
			fields{"iam_endpoint": "ftp://nowhere"}, fields{"role_arn": "nonsense"},
			fields{"access_key": "", "secret_key": "{secret}"},
			fields{"access_key": "short", "secret_key": "x"}, fields{"access_key": "short", "secret_key": "x", "iam_endpoint": "", "sts_endpoint": "", "sts_region": ""},
			fields{"username_template": "{{ nonsense"},
			fields{"no_such_field": "1"},
			fields{"access_key": map[string]any{"a": 1}},
			fields{"identity_token_audience": "vault"}, fields{"identity_token_audience": "vault", "role_arn": deployRole},
			fields{"identity_token_audience": "vault", "access_key": "", "secret_key": ""},
			fields{"identity_token_audience": "vault", "role_arn": deployRole, "access_key": "", "secret_key": ""},
			fields{"identity_token_ttl": "soon"}, fields{"rotation_period": "24h", "rotation_schedule": "0 3 * * *"},
			fields{"rotation_schedule": "never"}, fields{"rotation_window": "1h"}, fields{"rotation_period": "24h"},
			fields{"rotation_schedule": "0 3 * * *", "rotation_window": "2h"}, fields{"disable_automated_rotation": true},
		)...),
		[]request{write("config/root", fields{ // as Vault's UI sends it back
			"disable_automated_rotation": false, "rotation_period": 0, "rotation_schedule": "", "rotation_window": 0,
			"identity_token_ttl": 0, "identity_token_audience": "", "region": "us-east-1",
		})},
		[]request{write("config/root", wholeRoot), after("all of these")},
	)
}

func leaseConfigs() []request {
	return slices.Concat(
		putRight(write("config/lease", fields{"lease": "30m", "lease_max": "1h"}),
			writeAll("config/lease", fields{}, fields{"lease": "1h"}, fields{"lease_max": "2h"},
				fields{"lease": "soon", "lease_max": "2h"},
				fields{"lease": true, "lease_max": "2h"},
				fields{"lease": "1h", "lease_max": "-2h"}, fields{"lease": "3h", "lease_max": "2h"})...),
		[]request{write("config/lease", fields{"lease": "1h", "lease_max": "2h"}),
			get("config/lease").noted("after 1h, 2h"), write("config/lease", fields{"lease": 1800, "lease_max": 7200}),
			get("config/lease").noted("after seconds")},
		[]request{write("config/lease", fields{"lease": "1h", "lease_max": "2h", "unknown": "x"}),
			write("config/lease", fields{"lease": []int{1}, "lease_max": "2h"})},
		[]request{get("config/lease").noted("at the end")},
	)
}

// wrongMethods ask for what a path has not.
func wrongMethods() []request {
	return []request{
		remove("config/lease"), list("config/root"), list("config"), get("config"),
		write("roles", fields{"policy_arns": readOnly}), remove("roles"),
		list("creds"), get("creds"), get("creds/"), remove("creds/user"), list("creds/user"), list("roles/user"),
		get("nonsense"), write("nonsense", fields{"a": 1}),
		get("config/root/more"), get("config/nonsense"), get(""), write("", nil),
		{method: "PUT", path: "roles/put", body: fields{"credential_type": "iam_user", "policy_arns": readOnly}},
		get("roles/put"), remove("roles/put"),
		{method: "PUT", path: "config/lease", body: fields{"lease": "1h", "lease_max": "2h"}},
	}
}

// oddNames are names of roles.
func oddNames() []request {
	var all []request
	for _, name := range []string{
		"a.b", "a@b", "a_b", "a-b", "A", "1", "a..b", "-a", "a-", ".a", "a.", "@a", "with/slash", "with%20space",
		"%C3%BCml%C3%A4ut", "a+b", "a,b", "a:b",
		strings.Repeat("n", 130), strings.Repeat("n", 600),
	} {
		all = append(all, write("roles/"+name, fields{"credential_type": "iam_user", "policy_document": allowS3}),
			get("roles/"+name), remove("roles/"+name))
	}
	return append(all, list("roles").noted("after odd names"))
}

// otherRoots are configurations that do not work.
func otherRoots() []request {
	return []request{
		write("config/root", fields{"access_key": "AKIAAAAAAAAAAAAAAAAA", "secret_key": "wrong"}),
		get("creds/user").noted("with a wrong key"), get("sts/role").noted("with a wrong key"),
		write("config/root", goodRoot).noted("once more"),
		get("creds/user").noted("with the right key again").keeping("last"),
		write("sys/leases/revoke", fields{"lease_id": "{lease:last}", "sync": true}),
	}
}

// rotations replace the root key; {key} and {secret} are of no use after them.
func rotations() []request {
	return []request{
		get("config/rotate-root"), remove("config/rotate-root"), list("config/rotate-root"),
		write("config/rotate-root", fields{"unknown": "x"}),
		get("config/root").noted("after the rotation"), write("config/rotate-root", nil).noted("again"),
		get("sts/role").noted("with the new key"),
		get("creds/user").noted("with the new key").keeping("new"),
		write("sys/leases/revoke", fields{"lease_id": "{lease:new}", "sync": true}),
	}
}

// endings take everything away.
func endings() []request {
	return []request{
		list("roles").noted("before the end"), remove("roles/user"), get("roles/user").noted("after its deletion"),
		get("creds/user").noted("after its deletion"),
		write("config/root", fields{"access_key": "", "secret_key": ""}),
		write("config/rotate-root", nil).noted("without a key to rotate"), get("config/root").noted("without a key"),
		remove("config/root"), get("config/root").noted("at the end"),
	}
}
