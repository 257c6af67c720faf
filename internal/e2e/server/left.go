// SPDX-License-Identifier: MPL-2.0

package server

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
)

// This file looks at what a load leaves: in Vault's leases, in the engine's storage, in the plugin's memory.

// Leases counts the leases of roles, those that Vault has given up included.
func (v *Server) Leases(roles ...string) (n int) {
	v.T.Helper()
	for _, role := range roles {
		listed := v.Call("LIST", "sys/leases/lookup/aws-dyn/creds/"+role, nil, http.StatusOK, http.StatusNotFound)
		keys, _ := listed.Data("keys").([]any)
		n += len(keys)
	}
	return n
}

// Irrevocable counts the leases that Vault has given up: it tries to revoke each six times.
func (v *Server) Irrevocable() int {
	v.T.Helper()
	count, ok := v.Call(http.MethodGet, "sys/leases/count?type=irrevocable", nil).Data("lease_count").(float64)
	if !ok {
		v.T.Fatal("Vault does not say how many leases are irrevocable")
	}
	return int(count)
}

// Records lists what the engine has written down of users: to roll back, and in the register.
func (v *Server) Records() (all []any) {
	v.T.Helper()
	uuid := v.Call(http.MethodGet, "sys/mounts/aws-dyn", nil).Data("uuid")
	for _, folder := range []string{"wal", "issued"} {
		listed := v.Call("LIST", fmt.Sprintf("sys/raw/logical/%v/%s", uuid, folder), nil, http.StatusOK, http.StatusNotFound)
		keys, _ := listed.Data("keys").([]any)
		all = append(all, keys...)
	}
	return all
}

// Memory is what the plugin's process has in memory, in bytes.
func (v *Server) Memory() int {
	v.T.Helper()
	said, err := programs.Output(v.T.Context(), "ps", "-o", "rss=", "-p", strconv.Itoa(v.Plugin()))
	if err != nil {
		v.T.Fatalf("asking what the plugin holds: %v", err)
	}
	kilobytes, err := strconv.Atoi(said)
	if err != nil {
		v.T.Fatalf("reading what the plugin holds: %v", err)
	}
	return kilobytes << 10
}

// CodeIn finds what AWS called an error, or what else is known to go wrong, in what Vault or Go says of it.
func CodeIn(text string) string {
	if match := regexp.MustCompile(`(?:^|\W)(\w+): .*request ID`).FindStringSubmatch(text); match != nil {
		return match[1]
	}
	return regexp.MustCompile(`deadline exceeded|context canceled|EOF|connection refused|awaiting response headers|was not made|` +
		`connection reset|not the leader|not active|Vault is sealed|lease not found`).FindString(text)
}
