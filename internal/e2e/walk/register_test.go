// SPDX-License-Identifier: MPL-2.0

package walk

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file has a register as large as it can become, and a plugin that has to start with it.

// accountUsers is how many IAM users AWS allows an account.
const accountUsers = 5000

// TestStartWithAFullRegister prints how long the plugin takes to start, to know all users, and to list them, and what it
// then has in memory. A full register refuses the next user by its cap.
func TestStartWithAFullRegister(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	v := server.StartRaft(t)
	v.Mount()
	server.ConfigureRoot(v, account)
	server.WriteRole(v)
	v.Call(http.MethodPost, "aws-dyn/config/users", map[string]any{"max_users": accountUsers})
	fillRegister(v, accountUsers)
	server.KillProcess(t, v.Plugin())

	began := time.Now()
	v.Call(http.MethodGet, "aws-dyn/config/users", nil)
	started, empty := time.Since(began), v.Memory()
	began = time.Now()
	refused := v.Call(http.MethodGet, "aws-dyn/creds/developer-access", nil, http.StatusBadRequest)
	known, full := time.Since(began), v.Memory()
	if !strings.Contains(refused.Text, "max_users") || len(account.Users()) != 0 {
		t.Errorf("%d users stand in the register, and the next one is answered %s", accountUsers, refused.Text)
	}
	began = time.Now()
	keys, _ := v.Call("LIST", "aws-dyn/issued/role/role-3", nil).Data("keys").([]any)
	if len(keys) != accountUsers/10 {
		t.Errorf("%d users of one of ten roles", len(keys))
	}
	t.Logf("%d records: first answer %d ms after the plugin was killed; all known after %d ms more, in %d MiB of memory, which was %d MiB; %d of them listed in %d ms",
		accountUsers, started.Milliseconds(), known.Milliseconds(), full>>20, empty>>20, len(keys), time.Since(began).Milliseconds())
}

// fillRegister puts records of users of ten roles into storage.
func fillRegister(v *server.Server, count int) {
	v.T.Helper()
	uuid := v.Call(http.MethodGet, "sys/mounts/aws-dyn", nil).Data("uuid")
	numbers := make(chan int)
	var writers sync.WaitGroup
	for range 16 {
		writers.Go(func() {
			for n := range numbers {
				now := time.Now()
				record, err := json.Marshal(map[string]any{
					"role": fmt.Sprintf("role-%d", n%10), "access_key_id": "AKIAIOSFODNN7EXAMPLE", "display_name": "token",
					"issued": now, "ends": now.Add(time.Hour), "written": now,
				})
				if err != nil {
					v.T.Error(err)
				}
				path := fmt.Sprintf("sys/raw/logical/%v/issued/vault-token-developer-access-1767225600-%020d", uuid, n)
				if a, err := v.Request(http.MethodPut, path, map[string]any{"value": string(record)}); err != nil || a.Status >= http.StatusBadRequest {
					v.T.Errorf("writing record %d: %v %s", n, err, a.Text)
				}
			}
		})
	}
	for n := range count {
		numbers <- n
	}
	close(numbers)
	writers.Wait()
}
