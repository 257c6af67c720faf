// SPDX-License-Identifier: MPL-2.0

package differential

import "slices"

// This file has the requests of the comparison that concern the keys of users who exist already.

// staticRoles is the life of one static role.
func staticRoles() []request {
	const role, creds = "static-roles/app", "static-creds/app"
	return slices.Concat(
		writeAll(role, fields{}, fields{"username": "one-key"}, fields{"rotation_period": "24h"},
			fields{"username": "nobody", "rotation_period": "24h"},
			fields{"username": "one-key", "rotation_period": 30}, fields{"username": "one-key", "rotation_period": "soon"}),
		[]request{
			get(role).noted("after mistakes"), write(role, fields{"username": "one-key", "rotation_period": "24h"}),
			get(role), get(creds), list("static-roles").noted("with one"),
			write(role, fields{"rotation_period": 172800}), get(role).noted("after a longer period"),
			get(creds).noted("after a longer period"),
			write(role, fields{"username": "one-key", "rotation_period": "24h"}).noted("again"),
			write(role, fields{"rotation_period": "24h", "unknown": "x"}),
			write(role, fields{"rotation_period": 10}), write(role, fields{"username": "shared"}),
			get(role).noted("after mistakes in changes"),
			write(role+"/rotate", nil), get(creds).noted("after rotating"),
			write(creds, fields{"a": 1}), remove(creds), list("static-creds"), list(role),
			get("static-creds"), write("static-roles", fields{"username": "shared"}),
			get("static-creds/a..b"), get("static-roles/-a"), get("static-creds/with/slash"),
			remove("static-roles/with/slash"),
			remove(role), get(role).noted("after its deletion"), get(creds).noted("after its deletion"),
			remove(role).noted("again"), list("static-roles").noted("after its deletion"),
		},
	)
}

// badStaticRoles are those that would take somebody's key away, and those that only Enterprise has.
func badStaticRoles() []request {
	return slices.Concat(
		putRight(remove("static-roles/full"), write("static-roles/full",
			fields{"username": "two-keys", "rotation_period": "24h"})),
		[]request{write("static-roles/first", fields{"username": "shared", "rotation_period": "24h"})},
		putRight(remove("static-roles/first"), putRight(remove("static-roles/second"),
			write("static-roles/second", fields{"username": "shared", "rotation_period": "24h"}))...),
		putRight(remove("static-roles/cross"), write("static-roles/cross",
			fields{"username": "cross", "rotation_period": "24h", "assume_role_arn": deployRole})),
		putRight(remove("static-roles/timed"), write("static-roles/timed",
			fields{"username": "schedule", "rotation_schedule": "0 3 * * *"})),
	)
}
