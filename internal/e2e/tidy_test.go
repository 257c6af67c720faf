// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

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
	v := startRaft(t)
	v.mount()
	configureRoot(v, account)
	writeRole(v)
	key := account.RootKey()
	v.cli("secrets", "enable", "-path=other", "aws")
	v.call(http.MethodPost, "other/config/root", map[string]any{
		"access_key": key.AccessKeyID, "secret_key": key.SecretAccessKey, "region": "us-east-1",
		"iam_endpoint": account.URL(), "sts_endpoint": account.URL(),
	})
	v.call(http.MethodPost, "other/roles/developer-access", map[string]any{"policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess"})

	held, elsewhere := v.issue(), v.call(http.MethodGet, "other/creds/developer-access", nil)
	known := account.Users()
	forgotten := v.issue()
	user := ""
	for _, name := range account.Users() {
		if !strings.Contains(strings.Join(known, " "), name) {
			user = name
		}
	}
	away := account.Inject(fakeaws.Fault{Kind: fakeaws.Unavailable})
	v.cli("lease", "revoke", "-force", "-prefix", forgotten.lease())
	away.Remove()
	uuid := v.call(http.MethodGet, "sys/mounts/aws-dyn", nil).data("uuid")
	v.call(http.MethodDelete, fmt.Sprintf("sys/raw/logical/%v/issued/%s", uuid, user), nil)
	v.cli("write", "sys/plugins/reload/backend", "mounts=aws-dyn/")
	mustWork(t, account, forgotten.key())
	account.Age(2 * time.Hour)

	if said := v.cli("write", "-force", "aws-dyn/tidy"); !strings.Contains(said, "tidy/status") {
		t.Errorf("vault write says\n%s", said)
	}
	v.tidied(map[string]any{"state": "finished", "found_count": 1.0, "deleted_count": 0.0, "users_recorded": 1.0, "users_of_other_mounts": 1.0})
	mustWork(t, account, forgotten.key())
	if said := v.cli("read", "aws-dyn/tidy/status"); !strings.Contains(said, user) {
		t.Errorf("vault read does not show %s:\n%s", user, said)
	}

	account.Dirty(user)
	v.cli("write", "aws-dyn/tidy", "delete=true", "restored=true") // AWS's clock alone is two hours ahead
	v.tidied(map[string]any{"state": "finished", "found_count": 1.0, "deleted_count": 1.0, "errors_count": 0.0})
	mustBeRefused(t, account, forgotten.key())
	mustWork(t, account, held.key())
	mustWork(t, account, elsewhere.key())

	v.kill()
	v.restart()
	v.tidied(map[string]any{"state": "finished", "deleted_count": 1.0})
	v.revoke(held.lease())
	v.revoke(elsewhere.lease())
}

// TestASealEndsTidy, and Vault does not wait for it.
func TestASealEndsTidy(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	v := startRaft(t)
	v.mount()
	configureRoot(v, account)
	account.Age(2 * time.Hour)
	held := account.Inject(fakeaws.Fault{Action: "GetUser", Kind: fakeaws.Hang, Times: 1})
	v.call(http.MethodPost, "aws-dyn/tidy", nil)
	<-held.Reached()
	v.call(http.MethodPut, "sys/seal", nil)
	v.waitForStatus(http.StatusServiceUnavailable)
	waitFor(t, soon, "the call that tidy was making to be given up", func() bool { return account.InFlight() == 0 })
	v.unsealNow()
	status := v.call(http.MethodGet, "aws-dyn/tidy/status", nil)
	if status.data("state") != "error" || !strings.Contains(fmt.Sprint(status.data("error")), "interrupted") {
		t.Errorf("the status is %s", status.text)
	}
}

// tidied waits until tidy does not run, and checks what its status says.
func (v *server) tidied(want map[string]any) {
	v.t.Helper()
	var status answer
	waitFor(v.t, time.Minute, "tidy to end", func() bool {
		status = v.call(http.MethodGet, "aws-dyn/tidy/status", nil)
		return status.data("state") != "running"
	})
	for key, value := range want {
		if status.data(key) != value {
			v.t.Errorf("%s is %v, want %v: %s", key, status.data(key), value, status.text)
		}
	}
}
