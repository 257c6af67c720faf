// SPDX-License-Identifier: MPL-2.0

package differential

import (
	"slices"
	"strings"
)

// This file has the requests of the comparison that issue credentials, and those about their leases.

func userCredentials() []request {
	return []request{
		get("creds/user").keeping("one"), write("creds/user", nil).keeping("two"),
		get("sts/user").keeping("three"), write("sts/user", fields{}).keeping("four"),
		get("creds/user?ttl=30m").keeping("half"), write("creds/user", fields{"ttl": 600}).keeping("ten"),
		write("creds/user", fields{"ttl": "100h"}).keeping("long"),
		write("creds/user", fields{"ttl": "soon"}), write("creds/user", fields{"ttl": -5}), get("creds/user?ttl=soon"),
		get("creds/user?role_arn=" + deployRole).keeping("five"),
		write("creds/user", fields{"mfa_code": "123456"}).keeping("six"),
		write("creds/user", fields{"unknown": "x"}).keeping("seven"),
		get("creds/bare").keeping("eight"), get("creds/twice").keeping("nine"), get("creds/leaving").keeping("leaving"),
	}
}

// userLeases renews and revokes what userCredentials was given.
func userLeases() []request {
	lease := func(name string, more fields) fields {
		body := fields{"lease_id": "{lease:" + name + "}"}
		for field, value := range more {
			body[field] = value
		}
		return body
	}
	all := []request{
		write("sys/leases/lookup", lease("one", nil)), write("sys/leases/renew", lease("one", nil)),
		write("sys/leases/renew", lease("one", fields{"increment": 900})),
		write("sys/leases/renew", lease("one", fields{"increment": "50h"})),
		write("sys/leases/renew", fields{"lease_id": "{mount}/creds/user/none"}),
		write("config/lease", fields{"lease": "10m", "lease_max": "20m"}),
		write("sys/leases/renew", lease("two", nil)),
		write("config/lease", fields{"lease": "1h", "lease_max": "2h"}).noted("again"),
		remove("roles/leaving"), write("sys/leases/renew", lease("leaving", nil)).noted("its role is gone"),
	}
	for _, name := range strings.Fields("one two half ten long five six seven eight nine leaving") {
		all = append(all, write("sys/leases/revoke", lease(name, fields{"sync": true})))
	}
	return append(all,
		write("sys/leases/revoke", lease("one", fields{"sync": true})).noted("a second time"),
		write("sys/leases/revoke-prefix/{mount}/sts/user", fields{"sync": true}),
		write("sys/leases/renew", lease("one", nil)).noted("after it was revoked"),
	)
}

// failingCredentials are refused by AWS, in the middle of making a user.
func failingCredentials() []request {
	return []request{get("creds/no-policy"), get("creds/no-group")}
}

func sessionCredentials() []request {
	// The shortest paths of each type, by both doors.
	var all []request
	for _, name := range strings.Fields("role partner federation federation-of-empty session") {
		all = append(all, get("sts/"+name), get("creds/"+name), write("sts/"+name, fields{"ttl": "20m"}))
	}
	return slices.Concat(all, []request{
		get("sts/role?ttl=900"), get("sts/role?ttl=11h"), get("sts/role?ttl=100h"),
		write("sts/role", fields{"ttl": 600}), get("sts/role?ttl=0"),
		get("sts/role?role_session_name=ci-1234"), write("sts/role", fields{"role_session_name": "my name/here"}),
		write("sts/role", fields{"role_session_name": "x"}),
		write("sts/role", fields{"role_session_name": strings.Repeat("s", 70)}),
		get("sts/role?role_arn=" + deployRole), get("sts/role?role_arn=" + auditRole),
		get("sts/roles"), get("sts/roles?role_arn=" + auditRole),
		write("sts/roles", fields{"role_arn": deployRole, "ttl": "3h"}),
		write("sts/roles", fields{"role_arn": deployRole, "role_session_name": "both"}),
		get("sts/stranger"), get("sts/nowhere"), get("sts/empty-role"), get("sts/federation-of-nothing"),
		get("sts/session?ttl=40h"), write("sts/session", fields{"mfa_code": "123456"}),
		write("sts/mfa", fields{"mfa_code": "123456"}).keeping("mfa"),
		write("sts/mfa", fields{"mfa_code": "999999"}), write("sts/mfa", fields{"mfa_code": "wrong"}), get("sts/mfa"),
		get("creds/mfa?mfa_code=123456"), get("sts/federation").keeping("token").noted("for its lease"),
		write("sys/leases/renew", fields{"lease_id": "{lease:token}"}),
		write("sys/leases/revoke", fields{"lease_id": "{lease:token}", "sync": true}),
		write("sys/leases/lookup", fields{"lease_id": "{lease:mfa}"}),
	})
}

func legacyCredentials() []request {
	return []request{
		get("creds/old-policy").keeping("old1"), get("sts/old-policy"), get("creds/old-role"), get("sts/old-role"),
		get("creds/old-text").keeping("old2"), get("sts/old-text"),
		write("sys/leases/revoke", fields{"lease_id": "{lease:old1}", "sync": true}),
		write("sys/leases/revoke", fields{"lease_id": "{lease:old2}", "sync": true}),
	}
}

func badCredentials() []request {
	return []request{
		get("creds/a..b"), get("creds/with/slash"), get("sts/none").noted("again"),
		write("sys/leases/revoke-force/{mount}/sts", nil),
	}
}
