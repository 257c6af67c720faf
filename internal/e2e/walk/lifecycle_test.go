// SPDX-License-Identifier: MPL-2.0

package walk

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file is about the plugin's life inside Vault: its version, its process, seal and unseal.

// TestTheCatalogShowsTheVersion compares what Vault read from the running binary with what the binary prints.
func TestTheCatalogShowsTheVersion(t *testing.T) {
	t.Parallel()
	v := server.StartDev(t)
	v.Mount()
	listed := v.CLI("plugin", "list", "-detailed", "secret")
	found := false
	for line := range strings.Lines(listed) {
		words := strings.Fields(line)
		found = found || len(words) > 1 && words[0] == "aws" && strings.Contains(line, programs.Built.Version)
	}
	if !found {
		t.Errorf("the catalog does not list aws in version %s:\n%s", programs.Built.Version, listed)
	}
	mounted := v.Call(http.MethodGet, "sys/mounts/aws-dyn", nil)
	if got := mounted.Data("running_plugin_version"); got != programs.Built.Version {
		t.Errorf("the mount runs version %v, the binary says %s", got, programs.Built.Version)
	}
	if got := mounted.Data("running_sha256"); got != programs.Built.SHA256 {
		t.Errorf("the mount runs a binary of sha256 %v, the shipped one has %s", got, programs.Built.SHA256)
	}
}

// TestTwoMountsShareAProcess, and yet each has its own configuration, roles and leases.
func TestTwoMountsShareAProcess(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	v := server.StartDev(t)
	v.Mount()
	v.CLI("secrets", "enable", "-path=other", "aws")
	server.ConfigureRoot(v, account)
	server.WriteRole(v)
	v.Call("LIST", "other/roles", nil, http.StatusNotFound)
	v.Call(http.MethodGet, "other/config/root", nil, http.StatusNotFound)
	v.Plugin()

	issued := v.Issue()
	v.CLI("secrets", "disable", "other")
	server.MustWork(t, account, issued.Key())
	v.Revoke(issued.Lease())
}

// TestAKilledPluginStartsAgain by itself at the next request, with all that it knew.
func TestAKilledPluginStartsAgain(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	v := server.StartDev(t)
	v.Mount()
	server.ConfigureRoot(v, account)
	server.WriteRole(v)
	before := v.Issue()

	killed := v.Plugin()
	server.KillProcess(t, killed)
	// Vault takes a moment to notice. Until then it answers 500, since nobody listens where the plugin was.
	var after server.Answer
	server.WaitFor(t, server.Soon, "Vault to start the plugin again", func() bool {
		a, err := v.Request(http.MethodGet, "aws-dyn/creds/developer-access", nil)
		after = a
		return err == nil && a.Status == http.StatusOK
	})
	server.MustWork(t, account, after.Key())
	if pid := v.Plugin(); pid == killed {
		t.Errorf("process %d answers after it was killed", pid)
	}
	v.Renew(before.Lease())
	v.Revoke(before.Lease())
	v.Revoke(after.Lease())
	server.MustBeRefused(t, account, before.Key())
}

// TestSealAndUnsealKeepLeases, and what the engine was configured with.
func TestSealAndUnsealKeepLeases(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	v := server.StartRaft(t)
	v.Mount()
	server.ConfigureRoot(v, account)
	server.WriteRole(v)
	before := v.Issue()

	v.Call(http.MethodPut, "sys/seal", nil)
	v.WaitForStatus(http.StatusServiceUnavailable)
	server.WaitFor(t, server.Soon, "the sealed Vault to end the plugin", func() bool { return len(v.Plugins()) == 0 })
	server.MustWork(t, account, before.Key())
	v.UnsealNow()

	v.Renew(before.Lease())
	after := v.Issue()
	server.MustWork(t, account, after.Key())
	v.Revoke(before.Lease())
	v.Revoke(after.Lease())
	server.MustBeRefused(t, account, before.Key())
}

// TestALeaseEndsByItself: nobody revokes, and the user goes when the lease's time is up.
func TestALeaseEndsByItself(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	v := server.StartDev(t)
	v.Mount()
	server.ConfigureRoot(v, account)
	v.Call(http.MethodPost, "aws-dyn/roles/developer-access", map[string]any{
		"policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess", "default_ttl": "10s", "max_ttl": "1h",
	})
	issued := v.Issue()
	user := server.MustWork(t, account, issued.Key())
	began := time.Now()
	server.WaitFor(t, server.Soon, "the user "+user+" to go with its lease", func() bool { return len(account.Users()) == 0 })
	if lasted := time.Since(began); lasted < time.Second {
		t.Errorf("a lease of 10 s was over after %s", lasted)
	}
	server.MustBeRefused(t, account, issued.Key())
}
