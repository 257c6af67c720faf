// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
)

// This file looks at what a load leaves: in Vault's leases, in the engine's storage, in the plugin's memory.

// leases counts the leases of roles, those that Vault has given up included.
func (v *server) leases(roles ...string) (n int) {
	v.t.Helper()
	for _, role := range roles {
		listed := v.call("LIST", "sys/leases/lookup/aws-dyn/creds/"+role, nil, http.StatusOK, http.StatusNotFound)
		keys, _ := listed.data("keys").([]any)
		n += len(keys)
	}
	return n
}

// irrevocable counts the leases that Vault has given up: it tries to revoke each six times.
func (v *server) irrevocable() int {
	v.t.Helper()
	count, ok := v.call(http.MethodGet, "sys/leases/count?type=irrevocable", nil).data("lease_count").(float64)
	if !ok {
		v.t.Fatal("Vault does not say how many leases are irrevocable")
	}
	return int(count)
}

// records lists what the engine has written down of users: to roll back, and in the register.
func (v *server) records() (all []any) {
	v.t.Helper()
	uuid := v.call(http.MethodGet, "sys/mounts/aws-dyn", nil).data("uuid")
	for _, folder := range []string{"wal", "issued"} {
		listed := v.call("LIST", fmt.Sprintf("sys/raw/logical/%v/%s", uuid, folder), nil, http.StatusOK, http.StatusNotFound)
		keys, _ := listed.data("keys").([]any)
		all = append(all, keys...)
	}
	return all
}

// memory is what the plugin's process has in memory, in bytes.
func (v *server) memory() int {
	v.t.Helper()
	said, err := output(v.t.Context(), "ps", "-o", "rss=", "-p", strconv.Itoa(v.plugin()))
	if err != nil {
		v.t.Fatalf("asking what the plugin holds: %v", err)
	}
	kilobytes, err := strconv.Atoi(said)
	if err != nil {
		v.t.Fatalf("reading what the plugin holds: %v", err)
	}
	return kilobytes << 10
}

// codeIn finds what AWS called an error, or what else is known to go wrong, in what Vault or Go says of it.
func codeIn(text string) string {
	if match := regexp.MustCompile(`(?:^|\W)(\w+): .*request ID`).FindStringSubmatch(text); match != nil {
		return match[1]
	}
	return regexp.MustCompile(`deadline exceeded|context canceled|EOF|connection refused|awaiting response headers|was not made|` +
		`connection reset|not the leader|not active|Vault is sealed|lease not found`).FindString(text)
}
