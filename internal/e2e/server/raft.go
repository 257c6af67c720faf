// SPDX-License-Identifier: MPL-2.0

package server

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// This file runs Vault on raft storage with a seal, the kind of server that is killed, restarted and unsealed.

// StartRaft starts a server on raft storage with a seal, initializes and unseals it.
func StartRaft(t testing.TB, env ...string) *Server {
	t.Helper()
	v := newServer(t, env)
	v.configureRaft("only", "")
	v.Start()
	v.initialize()
	v.UnsealNow()
	return v
}

// configureRaft writes the configuration of a server with a name of its own among those that share its storage, and more
// of the storage.
func (v *Server) configureRaft(name, more string) {
	v.T.Helper()
	storage := filepath.Join(v.Dir, "raft")
	if err := os.Mkdir(storage, 0o700); err != nil {
		v.T.Fatalf("making raft's directory: %v", err)
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
`, storage, name, more, v.port, v.Address(), v.port+1))
	v.args = []string{"server", "-config=" + v.configFile()}
}

// initialize initializes the server, and keeps its unseal key and its token.
func (v *Server) initialize() {
	v.T.Helper()
	v.WaitForStatus(http.StatusNotImplemented)
	keys := v.Call(http.MethodPut, "sys/init", map[string]any{"secret_shares": 1, "secret_threshold": 1})
	shares, _ := keys.Body["keys"].([]any)
	if len(shares) != 1 {
		v.T.Fatalf("one unseal key expected, got %d", len(shares))
	}
	v.unseal, _ = shares[0].(string)
	v.Token, _ = keys.Body["root_token"].(string)
}

// UnsealNow unseals the server and waits until it is active.
func (v *Server) UnsealNow() {
	v.T.Helper()
	v.Call(http.MethodPut, "sys/unseal", map[string]any{"key": v.unseal})
	v.WaitForStatus(http.StatusOK)
}

// Restart starts the server again after Kill, on the storage that it left.
func (v *Server) Restart() {
	v.T.Helper()
	v.Start()
	v.WaitForStatus(http.StatusServiceUnavailable)
	v.UnsealNow()
}
