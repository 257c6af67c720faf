// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// This file runs Vault on raft storage with a seal, the kind of server that is killed, restarted and unsealed.

// startRaft starts such a server, initializes and unseals it.
func startRaft(t testing.TB, env ...string) *server {
	t.Helper()
	v := newServer(t, env)
	v.configureRaft("only", "")
	v.start()
	v.initialize()
	v.unsealNow()
	return v
}

// configureRaft writes the configuration of a server with a name of its own among those that share its storage, and more
// of the storage.
func (v *server) configureRaft(name, more string) {
	v.t.Helper()
	storage := filepath.Join(v.dir, "raft")
	if err := os.Mkdir(storage, 0o700); err != nil {
		v.t.Fatalf("making raft's directory: %v", err)
	}
	// Raw storage is for the takeover, which leaves in it what only a very old Vault would write, and for looking at leases.
	v.configure(fmt.Sprintf(`
raw_storage_endpoint = true
storage "raft" {
  path    = %q
  node_id = %q
%s}
listener "tcp" {
  address     = "127.0.0.1:%d"
  tls_disable = true
}
api_addr     = %q
cluster_addr = "https://127.0.0.1:%d"
`, storage, name, more, v.port, v.address(), v.port+1))
	v.args = []string{"server", "-config=" + v.configFile()}
}

// initialize initializes the server, and keeps its unseal key and its token.
func (v *server) initialize() {
	v.t.Helper()
	v.waitForStatus(http.StatusNotImplemented)
	keys := v.call(http.MethodPut, "sys/init", map[string]any{"secret_shares": 1, "secret_threshold": 1})
	shares, _ := keys.body["keys"].([]any)
	if len(shares) != 1 {
		v.t.Fatalf("one unseal key expected, got %d", len(shares))
	}
	v.unseal, _ = shares[0].(string)
	v.token, _ = keys.body["root_token"].(string)
}

// unsealNow unseals the server and waits until it is active.
func (v *server) unsealNow() {
	v.t.Helper()
	v.call(http.MethodPut, "sys/unseal", map[string]any{"key": v.unseal})
	v.waitForStatus(http.StatusOK)
}

// restart starts the server again after kill, on the storage that it left.
func (v *server) restart() {
	v.t.Helper()
	v.start()
	v.waitForStatus(http.StatusServiceUnavailable)
	v.unsealNow()
}
