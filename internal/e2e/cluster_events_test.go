// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"time"
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
		v := tr.active(nil)
		v.killAlone()
		tr.active(v)
		return func() { tr.restart(v) }
	}},
	{"leader killed and its plugin with it", true, func(tr *trial) func() {
		v := tr.active(nil)
		v.kill()
		tr.active(v)
		return func() { tr.restart(v) }
	}},
	{"leader steps down", false, func(tr *trial) func() {
		tr.stepDown()
		return func() {}
	}},
	{"leader paused, and back when another leads", true, func(tr *trial) func() {
		v := tr.active(nil)
		goOn := v.pause()
		tr.active(v)
		return func() {
			goOn()
			tr.agreed()
		}
	}},
	{"plugin of the leader killed", true, func(tr *trial) func() {
		var pids []int // each version that was rolled out has its own
		waitFor(tr.t, soon, "a plugin below the leader", func() bool {
			pids = tr.active(nil).plugins()
			return len(pids) > 0
		})
		for _, pid := range pids {
			killProcess(tr.t, pid)
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
	tr.t.Helper()
	v := tr.active(nil)
	leases, err := v.storedLeases(tr.mount)
	if err != nil {
		tr.t.Fatalf("asking the leader for its leases: %v", err)
	}
	used := tr.clients.inUse()
	goOn := v.pause()
	next := tr.active(v)
	renewed := 0
	over := time.Now()
	for _, l := range leases {
		// Those that were renewed here the last time are over much later.
		if _, is := used[l.ID]; !is || time.Until(l.ExpireTime) > clusterLease*time.Second {
			continue
		}
		began := time.Now()
		a, err := next.request(http.MethodPost, "sys/leases/renew", map[string]any{"lease_id": l.ID, "increment": 600})
		if err != nil || a.status != http.StatusOK {
			continue // it was too late
		}
		tr.clients.lasts(l.ID, began, 600)
		renewed++
		if l.ExpireTime.After(over) {
			over = l.ExpireTime
		}
	}
	if renewed == 0 {
		tr.t.Fatalf("none of %d leases was renewed before it was over", len(leases))
	}
	tr.tell(fmt.Sprintf("%d leases are renewed", renewed))
	return func() {
		waitFor(tr.t, time.Minute, "the paused leader's leases to be over", func() bool { return time.Now().After(over) })
		goOn()
		tr.agreed()
	}
}

// stepDown has the leader step down, and waits for another.
func (tr *trial) stepDown() {
	tr.t.Helper()
	v := tr.active(nil)
	tr.do("stepping down", func(now *server) error {
		if now != v {
			return nil // it has, or was not asked
		}
		_, err := now.demand(http.MethodPut, "sys/step-down", nil)
		return err
	})
	tr.active(v)
}

// nextVersion is a version that is newer than the shipped one, whatever that is.
const nextVersion = "v99.0.0"

// buildNext builds the plugin in that version, once for all tests.
var buildNext = sync.OnceValues(func() (sha256sum string, err error) {
	return buildPlugin(pluginName+"-next", "-ldflags", "-X main.version="+nextVersion, filepath.Join("..", "..", "cmd", pluginName))
})

// rollOut has the mount run another version of the plugin, here and then on the server that takes over. Where it runs
// the new one already, it goes back to the old one.
func (tr *trial) rollOut() func() {
	tr.t.Helper()
	sum, err := buildNext()
	if err != nil {
		tr.t.Fatal(err)
	}
	version := nextVersion
	if tr.running() == nextVersion {
		version = programs.version
	}
	next := catalogued(sum, pluginName+"-next")
	next["version"] = nextVersion
	tr.do("rolling the plugin out", func(v *server) error {
		for _, write := range []struct {
			path string
			body map[string]any
		}{
			{"sys/plugins/catalog/secret/aws", next},
			{"sys/mounts/" + tr.mount + "/tune", map[string]any{"plugin_version": version}},
			{"sys/plugins/reload/backend", map[string]any{"mounts": []string{tr.mount + "/"}, "scope": "global"}},
		} {
			if _, err := v.demand(http.MethodPut, write.path, write.body); err != nil {
				return err
			}
		}
		return nil
	})
	waitFor(tr.t, electionTime, "the mount to run "+version, func() bool { return tr.running() == version })
	return func() {
		tr.stepDown()
		waitFor(tr.t, electionTime, "the mount to run "+version+" on another server", func() bool { return tr.running() == version })
	}
}

// running is the version that serves the mount.
func (tr *trial) running() (version string) {
	tr.t.Helper()
	tr.do("asking for the version", func(v *server) error {
		a, err := v.demand(http.MethodGet, "sys/mounts/"+tr.mount, nil)
		version = fmt.Sprint(a.data("running_plugin_version"))
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
		"args": []string{"-wal-min-age=" + clusterWALMinAge, "-late-window=" + clusterLateWindow.String(), "-sweep-grace=" + sweepGrace.String()},
	}
}

// setUp makes the mount with a role whose leases are short, and may be called again.
func (m *mounted) setUp(v *server) error {
	root := m.account.RootKey()
	if there, err := v.request(http.MethodGet, "sys/mounts/"+m.mount, nil); err != nil || there.status != http.StatusOK {
		if _, err := v.demand(http.MethodPost, "sys/mounts/"+m.mount, map[string]any{"type": "aws"}); err != nil {
			return err
		}
	}
	if _, err := v.demand(http.MethodPost, m.mount+"/config/root", map[string]any{
		"access_key": root.AccessKeyID, "secret_key": root.SecretAccessKey, "region": "us-east-1",
		"iam_endpoint": m.account.URL(), "sts_endpoint": m.account.URL(),
	}); err != nil {
		return err
	}
	if _, err := v.demand(http.MethodPost, m.mount+"/roles/brief", map[string]any{
		"policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess", "policy_document": policyText,
		"default_ttl": clusterLease, "max_ttl": "1h",
	}); err != nil {
		return err
	}
	return m.findStorage(v)
}
