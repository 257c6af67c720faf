// SPDX-License-Identifier: MPL-2.0

// Package server runs real Vault servers with the plugin, and speaks to them as operators and clients do.
//
//   - server.go: starts and stops a server
//   - raft.go: a server that survives being killed
//   - cluster.go: three servers that share their storage
//   - plugin.go: the plugin in a server; peer.go: the built-in engine in it; process.go: their processes
//   - http.go: speaks to a server
//   - key.go: uses the keys that it issues
//   - stored.go: reads what it has stored; left.go: counts what is left
package server

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
)

// Soon is enough for what Vault does in the background after it has answered, and RollbackTime for it to come by: it does
// so once a minute.
const (
	Soon         = 30 * time.Second
	RollbackTime = 150 * time.Second
)

// Server is one Vault process, and what is needed to start it again.
type Server struct {
	T       testing.TB
	program string // the Vault binary
	Dir     string // its configuration, home and log, and on raft its storage
	port    int
	Token   string
	unseal  string   // on raft, the one unseal key
	args    []string // of its command line
	env     []string
	Process *os.Process
	Exited  chan struct{} // closed when the process has ended
}

// StartDev starts a server with its storage in memory, unsealed, as `vault server -dev` does. The environment of
// Vault, which its plugins inherit, is this process's with the given variables on top.
func StartDev(t testing.TB, env ...string) *Server {
	t.Helper()
	return StartDevOf(t, programs.Built.Vault, env...)
}

// StartDevOf is StartDev for another Vault binary.
func StartDevOf(t testing.TB, program string, env ...string) *Server {
	t.Helper()
	v := newServer(t, env)
	v.program = program
	v.Token = "root-of-" + filepath.Base(v.Dir)
	v.configure("")
	v.args = []string{
		"server", "-dev", "-dev-no-store-token", "-dev-root-token-id=" + v.Token,
		fmt.Sprintf("-dev-listen-address=127.0.0.1:%d", v.port), "-config=" + v.configFile(),
	}
	v.Start()
	v.WaitForStatus(200)
	return v
}

func newServer(t testing.TB, env []string) *Server {
	t.Helper()
	v := &Server{T: t, program: programs.Built.Vault, Dir: t.TempDir(), port: FreePorts(t)}
	// A home of its own: no profile in ~/.aws and no token in ~/.vault-token plays a part.
	v.env = append(os.Environ(), "HOME="+v.Dir)
	v.env = append(v.env, env...)
	t.Cleanup(v.cleanUp)
	return v
}

func (v *Server) configFile() string { return filepath.Join(v.Dir, "vault.hcl") }

// LogFile is where the server logs to, at level debug.
func (v *Server) LogFile() string { return filepath.Join(v.Dir, "vault.log") }

// Address is the server's URL.
func (v *Server) Address() string { return fmt.Sprintf("http://127.0.0.1:%d", v.port) }

// configure writes what every server's configuration has in common, and more.
func (v *Server) configure(more string) {
	v.T.Helper()
	common := fmt.Sprintf("plugin_directory = %q\nlog_level = \"debug\"\ndisable_mlock = true\n", filepath.Dir(programs.Built.Plugin))
	if err := os.WriteFile(v.configFile(), []byte(common+more), 0o600); err != nil {
		v.T.Fatalf("writing Vault's configuration: %v", err)
	}
}

// Start starts the process. It ends with the test.
func (v *Server) Start() {
	v.T.Helper()
	log, err := os.OpenFile(v.LogFile(), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		v.T.Fatalf("opening Vault's log: %v", err)
	}
	cmd := exec.CommandContext(v.T.Context(), v.program, v.args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = v.env, v.Dir, log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 15 * time.Second
	if err := cmd.Start(); err != nil {
		v.T.Fatalf("starting Vault: %v", err)
	}
	exited := make(chan struct{})
	v.Process, v.Exited = cmd.Process, exited
	go func() {
		defer close(exited)
		// How it ended is in its log; a test that kills it wants no exit code.
		_ = cmd.Wait()
		_ = log.Close()
	}()
}

// Kill ends the server as the machine's end would: it and its plugins by SIGKILL, all at once.
func (v *Server) Kill() {
	v.T.Helper()
	plugins := v.Plugins()
	if err := v.Process.Kill(); err != nil {
		v.T.Fatalf("killing Vault: %v", err)
	}
	for _, pid := range plugins {
		KillProcess(v.T, pid)
	}
	<-v.Exited
}

// cleanUp waits for the process, which the end of the test's context has told to go, and shows its log if the test failed.
func (v *Server) cleanUp() {
	if v.Process == nil {
		return
	}
	plugins := v.Plugins()
	<-v.Exited
	for _, pid := range plugins {
		if Runs(pid) {
			KillProcess(v.T, pid)
		}
	}
	if !v.T.Failed() {
		return
	}
	log, err := os.ReadFile(v.LogFile())
	if err != nil {
		v.T.Logf("reading Vault's log: %v", err)
		return
	}
	lines := strings.Split(string(log), "\n")
	v.T.Logf("the last lines of Vault's log:\n%s", strings.Join(lines[max(0, len(lines)-150):], "\n"))
}

// CLI runs Vault's command line as a user would and gives back what it printed; it must succeed.
func (v *Server) CLI(args ...string) string {
	v.T.Helper()
	cmd := exec.CommandContext(v.T.Context(), programs.Built.Vault, args...)
	cmd.Dir = v.Dir
	cmd.Env = append(os.Environ(), "HOME="+v.Dir, "VAULT_ADDR="+v.Address(), "VAULT_TOKEN="+v.Token)
	said, err := cmd.CombinedOutput()
	if err != nil {
		v.T.Fatalf("vault %s: %v\n%s", strings.Join(args, " "), err, said)
	}
	return string(said)
}

// Field finds a value in a table that the command line printed.
func Field(t testing.TB, table, name string) string {
	t.Helper()
	for line := range strings.Lines(table) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == name {
			return strings.Join(words[1:], " ")
		}
	}
	t.Fatalf("no %s in what Vault printed:\n%s", name, table)
	return ""
}

// Ports come from blocks of so many, which begin at firstPort. Suites run at the same time, and each has a block of its own.
const (
	firstPort  = 20000
	portBlock  = 400
	portBlocks = 30
)

// ownBlock is the first port of this process's block: a listener there keeps others out, until the process ends.
var ownBlock = sync.OnceValues(func() (first int, err error) {
	for i := range portBlocks {
		first = firstPort + (os.Getpid()+i)%portBlocks*portBlock
		if _, err = (&net.ListenConfig{}).Listen(context.Background(), "tcp", fmt.Sprintf("127.0.0.1:%d", first)); err == nil {
			return first, nil
		}
	}
	return 0, fmt.Errorf("no block of ports is free: %w", err)
})

// lastPort counts the ports that were given out.
var lastPort atomic.Int64

// FreePorts finds a free port whose successor is free too: Vault takes both, for requests and for its cluster.
// They lie below the range from which the kernel serves outgoing connections, so that none of those takes the
// port of a Vault that is down between two starts.
func FreePorts(t testing.TB) int {
	t.Helper()
	first, err := ownBlock()
	if err != nil {
		t.Fatal(err)
	}
	for range portBlock {
		port := first + int(lastPort.Add(2)%(portBlock-2)) + 1
		if free(t, port) && free(t, port+1) {
			return port
		}
	}
	t.Fatal("no two neighbouring free ports in a block")
	return 0
}

func free(t testing.TB, port int) bool {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	return listener.Close() == nil
}

// WaitFor fails the test if the condition does not come true in time.
func WaitFor(t testing.TB, deadline time.Duration, what string, condition func() bool) {
	t.Helper()
	timeout := time.NewTimer(deadline)
	defer timeout.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-timeout.C:
			t.Fatalf("waited %s in vain: %s", deadline, what)
		}
	}
}

// Closed says whether a channel is.
func Closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
