// SPDX-License-Identifier: MPL-2.0

package cluster

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/check"
	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
)

// This file is what happens to the cluster.

// event is something that happens to it while clients ask.
type event struct {
	name string
	// holds: two calls to AWS are held meanwhile, so that requests are under way, however quick the machine is. Vault lets
	// requests end before it steps down or reloads a plugin, so it would only wait for them there.
	holds bool
	// begin lets it happen, and waits until the cluster has a leader. What it returns undoes it, some credentials later.
	begin func(tr *trial) (end func())
}

// events are ordered so that most changes of the leader, each of which has Vault's timer begin anew, come first.
var events = []event{
	{"new version of the plugin rolled through", false, (*trial).rollOut},
	{"leader killed, its plugin lives on", true, func(tr *trial) func() {
		v := tr.Active(nil)
		v.KillAlone()
		tr.Active(v)
		return func() { tr.Restart(v) }
	}},
	{"leader killed and its plugin with it", true, func(tr *trial) func() {
		v := tr.Active(nil)
		v.Kill()
		tr.Active(v)
		return func() { tr.Restart(v) }
	}},
	{"leader steps down", false, func(tr *trial) func() {
		tr.stepDown()
		return func() {}
	}},
	{"leader paused, and back when another leads", true, func(tr *trial) func() {
		v := tr.Active(nil)
		goOn := v.Pause()
		tr.Active(v)
		return func() {
			goOn()
			tr.Agreed()
		}
	}},
	{"plugin of the leader killed", true, func(tr *trial) func() {
		var pids []int // each version that was rolled out has its own
		server.WaitFor(tr.T, server.Soon, "a plugin below the leader", func() bool {
			pids = tr.Active(nil).Plugins()
			return len(pids) > 0
		})
		for _, pid := range pids {
			server.KillProcess(tr.T, pid)
		}
		return func() {}
	}},
}

// longEvents take longer than `make test` has patience.
var longEvents = []event{
	{"leader paused for longer than its leases last", true, (*trial).outlive},
}

// outlive pauses the leader until the leases that it knows are over, and has another renew them meanwhile. When it comes
// back, they are due by what it remembers.
func (tr *trial) outlive() func() {
	tr.T.Helper()
	v := tr.Active(nil)
	leases, err := v.StoredLeases(tr.Mount)
	if err != nil {
		tr.T.Fatalf("asking the leader for its leases: %v", err)
	}
	used := tr.clients.inUse()
	goOn := v.Pause()
	next := tr.Active(v)
	renewed := 0
	over := time.Now()
	for _, l := range leases {
		// Those that were renewed here the last time are over much later.
		if _, is := used[l.ID]; !is || time.Until(l.ExpireTime) > clusterLease*time.Second {
			continue
		}
		began := time.Now()
		a, err := next.Request(http.MethodPost, "sys/leases/renew", map[string]any{"lease_id": l.ID, "increment": 600})
		if err != nil || a.Status != http.StatusOK {
			continue // it was too late
		}
		tr.clients.lasts(l.ID, began, 600)
		renewed++
		if l.ExpireTime.After(over) {
			over = l.ExpireTime
		}
	}
	if renewed == 0 {
		tr.T.Fatalf("none of %d leases was renewed before it was over", len(leases))
	}
	tr.tell(fmt.Sprintf("%d leases are renewed", renewed))
	return func() {
		server.WaitFor(tr.T, time.Minute, "the paused leader's leases to be over", func() bool { return time.Now().After(over) })
		goOn()
		tr.Agreed()
	}
}

// stepDown has the leader step down, and waits for another.
func (tr *trial) stepDown() {
	tr.T.Helper()
	v := tr.Active(nil)
	tr.Do("stepping down", func(now *server.Server) error {
		if now != v {
			return nil // it has, or was not asked
		}
		_, err := now.Demand(http.MethodPut, "sys/step-down", nil)
		return err
	})
	tr.Active(v)
}

// nextVersion is a version that is newer than the shipped one, whatever that is.
const nextVersion = "v99.0.0"

// buildNext builds the plugin in that version, once for all tests.
var buildNext = sync.OnceValues(func() (sha256sum string, err error) {
	return programs.Build(programs.PluginName+"-next", "-ldflags", "-X main.version="+nextVersion, "./cmd/"+programs.PluginName)
})

// rollOut has the mount run another version of the plugin, here and then on the server that takes over. Where it runs
// the new one already, it goes back to the old one.
func (tr *trial) rollOut() func() {
	tr.T.Helper()
	sum, err := buildNext()
	if err != nil {
		tr.T.Fatal(err)
	}
	version := nextVersion
	if tr.running() == nextVersion {
		version = programs.Built.Version
	}
	next := catalogued(sum, programs.PluginName+"-next")
	next["version"] = nextVersion
	tr.Do("rolling the plugin out", func(v *server.Server) error {
		for _, write := range []struct {
			path string
			body map[string]any
		}{
			{"sys/plugins/catalog/secret/aws", next},
			{"sys/mounts/" + tr.Mount + "/tune", map[string]any{"plugin_version": version}},
			{"sys/plugins/reload/backend", map[string]any{"mounts": []string{tr.Mount + "/"}, "scope": "global"}},
		} {
			if _, err := v.Demand(http.MethodPut, write.path, write.body); err != nil {
				return err
			}
		}
		return nil
	})
	server.WaitFor(tr.T, server.ElectionTime, "the mount to run "+version, func() bool { return tr.running() == version })
	return func() {
		tr.stepDown()
		server.WaitFor(tr.T, server.ElectionTime, "the mount to run "+version+" on another server", func() bool { return tr.running() == version })
	}
}

// running is the version that serves the mount.
func (tr *trial) running() (version string) {
	tr.T.Helper()
	tr.Do("asking for the version", func(v *server.Server) error {
		a, err := v.Demand(http.MethodGet, "sys/mounts/"+tr.Mount, nil)
		version = fmt.Sprint(a.Data("running_plugin_version"))
		return err
	})
	return version
}

// clusterWALMinAge is the plugin's -wal-min-age: longer than a leader is paused, and shorter than Vault's minute.
const clusterWALMinAge = "30s"

// clusterLateWindow is the plugin's -late-window: longer than calls to AWS are held.
const clusterLateWindow = 60 * time.Second

// catalogued is a binary of the plugin as Vault's catalog takes it.
func catalogued(sha256sum, command string) map[string]any {
	return map[string]any{
		"sha256": sha256sum, "command": command,
		"args": []string{"-wal-min-age=" + clusterWALMinAge, "-late-window=" + clusterLateWindow.String(), "-sweep-grace=" + check.SweepGrace.String()},
	}
}

// setUp makes the mount with a role whose leases are short, and may be called again.
func setUp(m *check.Mounted, v *server.Server) error {
	root := m.Account.RootKey()
	if there, err := v.Request(http.MethodGet, "sys/mounts/"+m.Mount, nil); err != nil || there.Status != http.StatusOK {
		if _, err := v.Demand(http.MethodPost, "sys/mounts/"+m.Mount, map[string]any{"type": "aws"}); err != nil {
			return err
		}
	}
	if _, err := v.Demand(http.MethodPost, m.Mount+"/config/root", map[string]any{
		"access_key": root.AccessKeyID, "secret_key": root.SecretAccessKey, "region": "us-east-1",
		"iam_endpoint": m.Account.URL(), "sts_endpoint": m.Account.URL(),
	}); err != nil {
		return err
	}
	if _, err := v.Demand(http.MethodPost, m.Mount+"/roles/brief", map[string]any{
		"policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess", "policy_document": server.PolicyText,
		"default_ttl": clusterLease, "max_ttl": "1h",
	}); err != nil {
		return err
	}
	return m.FindStorage(v)
}
