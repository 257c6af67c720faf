// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file is about the plugin's life inside Vault: its version, its process, seal and unseal.

// TestTheCatalogShowsTheVersion compares what Vault read from the running binary with what the binary prints.
func TestTheCatalogShowsTheVersion(t *testing.T) {
	t.Parallel()
	v := startDev(t)
	v.mount()
	listed := v.cli("plugin", "list", "-detailed", "secret")
	found := false
	for line := range strings.Lines(listed) {
		words := strings.Fields(line)
		found = found || len(words) > 1 && words[0] == "aws" && strings.Contains(line, programs.version)
	}
	if !found {
		t.Errorf("the catalog does not list aws in version %s:\n%s", programs.version, listed)
	}
	mounted := v.call(http.MethodGet, "sys/mounts/aws-dyn", nil)
	if got := mounted.data("running_plugin_version"); got != programs.version {
		t.Errorf("the mount runs version %v, the binary says %s", got, programs.version)
	}
	if got := mounted.data("running_sha256"); got != programs.sha256 {
		t.Errorf("the mount runs a binary of sha256 %v, the shipped one has %s", got, programs.sha256)
	}
}

// TestTwoMountsShareAProcess, and yet each has its own configuration, roles and leases.
func TestTwoMountsShareAProcess(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	v := startDev(t)
	v.mount()
	v.cli("secrets", "enable", "-path=other", "aws")
	configureRoot(v, account)
	writeRole(v)
	v.call("LIST", "other/roles", nil, http.StatusNotFound)
	v.call(http.MethodGet, "other/config/root", nil, http.StatusNotFound)
	v.plugin()

	issued := v.issue()
	v.cli("secrets", "disable", "other")
	mustWork(t, account, issued.key())
	v.revoke(issued.lease())
}

// TestAKilledPluginStartsAgain by itself at the next request, with all that it knew.
func TestAKilledPluginStartsAgain(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	v := startDev(t)
	v.mount()
	configureRoot(v, account)
	writeRole(v)
	before := v.issue()

	killed := v.plugin()
	killProcess(t, killed)
	// Vault takes a moment to notice. Until then it answers 500, since nobody listens where the plugin was.
	var after answer
	waitFor(t, soon, "Vault to start the plugin again", func() bool {
		a, err := v.request(http.MethodGet, "aws-dyn/creds/developer-access", nil)
		after = a
		return err == nil && a.status == http.StatusOK
	})
	mustWork(t, account, after.key())
	if pid := v.plugin(); pid == killed {
		t.Errorf("process %d answers after it was killed", pid)
	}
	v.renew(before.lease())
	v.revoke(before.lease())
	v.revoke(after.lease())
	mustBeRefused(t, account, before.key())
}

// TestSealAndUnsealKeepLeases, and what the engine was configured with.
func TestSealAndUnsealKeepLeases(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	v := startRaft(t)
	v.mount()
	configureRoot(v, account)
	writeRole(v)
	before := v.issue()

	v.call(http.MethodPut, "sys/seal", nil)
	v.waitForStatus(http.StatusServiceUnavailable)
	waitFor(t, soon, "the sealed Vault to end the plugin", func() bool { return len(v.plugins()) == 0 })
	mustWork(t, account, before.key())
	v.unsealNow()

	v.renew(before.lease())
	after := v.issue()
	mustWork(t, account, after.key())
	v.revoke(before.lease())
	v.revoke(after.lease())
	mustBeRefused(t, account, before.key())
}

// TestALeaseEndsByItself: nobody revokes, and the user goes when the lease's time is up.
func TestALeaseEndsByItself(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	v := startDev(t)
	v.mount()
	configureRoot(v, account)
	v.call(http.MethodPost, "aws-dyn/roles/developer-access", map[string]any{
		"policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess", "default_ttl": "3s", "max_ttl": "1h",
	})
	issued := v.issue()
	user := mustWork(t, account, issued.key())
	began := time.Now()
	waitFor(t, soon, "the user "+user+" to go with its lease", func() bool { return len(account.Users()) == 0 })
	if lasted := time.Since(began); lasted < time.Second {
		t.Errorf("a lease of 3 s was over after %s", lasted)
	}
	mustBeRefused(t, account, issued.key())
}
