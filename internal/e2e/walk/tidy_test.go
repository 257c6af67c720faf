// SPDX-License-Identifier: MPL-2.0

package walk

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file loses what Vault knows of a user, and has tidy find it.

// TestTidyFindsAUserThatVaultHasForgotten: its lease was dropped while AWS was away, and its record went with a
// storage that was set back. A user of another mount, of which this one knows as little, stays.
func TestTidyFindsAUserThatVaultHasForgotten(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	for _, name := range []string{"alice", "bob", "carol"} { // they fill the first pages
		account.AddUser(name)
	}
	v := server.StartRaft(t)
	v.Mount()
	server.ConfigureRoot(v, account)
	server.WriteRole(v)
	key := account.RootKey()
	v.CLI("secrets", "enable", "-path=other", "aws")
	v.Call(http.MethodPost, "other/config/root", map[string]any{
		"access_key": key.AccessKeyID, "secret_key": key.SecretAccessKey, "region": "us-east-1",
		"iam_endpoint": account.URL(), "sts_endpoint": account.URL(),
	})
	v.Call(http.MethodPost, "other/roles/developer-access", map[string]any{"policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess"})

	held, elsewhere := v.Issue(), v.Call(http.MethodGet, "other/creds/developer-access", nil)
	known := account.Users()
	forgotten := v.Issue()
	user := ""
	for _, name := range account.Users() {
		if !strings.Contains(strings.Join(known, " "), name) {
			user = name
		}
	}
	away := account.Inject(fakeaws.Fault{Kind: fakeaws.Unavailable})
	v.CLI("lease", "revoke", "-force", "-prefix", forgotten.Lease())
	away.Remove()
	uuid := v.Call(http.MethodGet, "sys/mounts/aws-dyn", nil).Data("uuid")
	v.Call(http.MethodDelete, fmt.Sprintf("sys/raw/logical/%v/issued/%s", uuid, user), nil)
	v.CLI("write", "sys/plugins/reload/backend", "mounts=aws-dyn/")
	server.MustWork(t, account, forgotten.Key())
	account.Age(2 * time.Hour)

	if said := v.CLI("write", "-force", "aws-dyn/tidy"); !strings.Contains(said, "tidy/status") {
		t.Errorf("vault write says\n%s", said)
	}
	tidied(v, map[string]any{"state": "finished", "found_count": 1.0, "deleted_count": 0.0, "users_recorded": 1.0, "users_of_other_mounts": 1.0})
	server.MustWork(t, account, forgotten.Key())
	if said := v.CLI("read", "aws-dyn/tidy/status"); !strings.Contains(said, user) {
		t.Errorf("vault read does not show %s:\n%s", user, said)
	}

	account.Dirty(user)
	v.CLI("write", "aws-dyn/tidy", "delete=true", "restored=true") // AWS's clock alone is two hours ahead
	tidied(v, map[string]any{"state": "finished", "found_count": 1.0, "deleted_count": 1.0, "errors_count": 0.0})
	server.MustBeRefused(t, account, forgotten.Key())
	server.MustWork(t, account, held.Key())
	server.MustWork(t, account, elsewhere.Key())

	v.Kill()
	v.Restart()
	tidied(v, map[string]any{"state": "finished", "deleted_count": 1.0})
	v.Revoke(held.Lease())
	v.Revoke(elsewhere.Lease())
}

// TestASealEndsTidy, and Vault does not wait for it.
func TestASealEndsTidy(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	v := server.StartRaft(t)
	v.Mount()
	server.ConfigureRoot(v, account)
	account.Age(2 * time.Hour)
	held := account.Inject(fakeaws.Fault{Action: "GetUser", Kind: fakeaws.Hang, Times: 1})
	v.Call(http.MethodPost, "aws-dyn/tidy", nil)
	<-held.Reached()
	v.Call(http.MethodPut, "sys/seal", nil)
	v.WaitForStatus(http.StatusServiceUnavailable)
	server.WaitFor(t, server.Soon, "the call that tidy was making to be given up", func() bool { return account.InFlight() == 0 })
	v.UnsealNow()
	status := v.Call(http.MethodGet, "aws-dyn/tidy/status", nil)
	if status.Data("state") != "error" || !strings.Contains(fmt.Sprint(status.Data("error")), "interrupted") {
		t.Errorf("the status is %s", status.Text)
	}
}

// tidied waits until tidy does not run, and checks what its status says.
func tidied(v *server.Server, want map[string]any) {
	v.T.Helper()
	var status server.Answer
	server.WaitFor(v.T, time.Minute, "tidy to end", func() bool {
		status = v.Call(http.MethodGet, "aws-dyn/tidy/status", nil)
		return status.Data("state") != "running"
	})
	for key, value := range want {
		if status.Data(key) != value {
			v.T.Errorf("%s is %v, want %v: %s", key, status.Data(key), value, status.Text)
		}
	}
}
