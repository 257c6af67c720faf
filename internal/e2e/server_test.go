// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// This file starts and stops real Vault servers.

// server is one Vault process, and what is needed to start it again.
type server struct {
	t       testing.TB
	program string // the Vault binary
	dir     string // its configuration, home and log, and on raft its storage
	port    int
	token   string
	unseal  string   // on raft, the one unseal key
	args    []string // of its command line
	env     []string
	process *os.Process
	exited  chan struct{} // closed when the process has ended
}

// startDev starts a server with its storage in memory, unsealed, as `vault server -dev` does. The environment of
// Vault, which its plugins inherit, is this process's with the given variables on top.
func startDev(t testing.TB, env ...string) *server {
	t.Helper()
	return startDevOf(t, programs.vault, env...)
}

// startDevOf is startDev for another Vault binary.
func startDevOf(t testing.TB, program string, env ...string) *server {
	t.Helper()
	v := newServer(t, env)
	v.program = program
	v.token = "root-of-" + filepath.Base(v.dir)
	v.configure("")
	v.args = []string{
		"server", "-dev", "-dev-no-store-token", "-dev-root-token-id=" + v.token,
		fmt.Sprintf("-dev-listen-address=127.0.0.1:%d", v.port), "-config=" + v.configFile(),
	}
	v.start()
	v.waitForStatus(200)
	return v
}

func newServer(t testing.TB, env []string) *server {
	t.Helper()
	v := &server{t: t, program: programs.vault, dir: t.TempDir(), port: freePorts(t)}
	// A home of its own: no profile in ~/.aws and no token in ~/.vault-token plays a part.
	v.env = append(os.Environ(), "HOME="+v.dir)
	v.env = append(v.env, env...)
	t.Cleanup(v.cleanUp)
	return v
}

func (v *server) configFile() string { return filepath.Join(v.dir, "vault.hcl") }
func (v *server) logFile() string    { return filepath.Join(v.dir, "vault.log") }
func (v *server) address() string    { return fmt.Sprintf("http://127.0.0.1:%d", v.port) }

// configure writes what every server's configuration has in common, and more.
func (v *server) configure(more string) {
	v.t.Helper()
	common := fmt.Sprintf("plugin_directory = %q\nlog_level = \"debug\"\ndisable_mlock = true\n", filepath.Dir(programs.plugin))
	if err := os.WriteFile(v.configFile(), []byte(common+more), 0o600); err != nil {
		v.t.Fatalf("writing Vault's configuration: %v", err)
	}
}

// start starts the process. It ends with the test.
func (v *server) start() {
	v.t.Helper()
	log, err := os.OpenFile(v.logFile(), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		v.t.Fatalf("opening Vault's log: %v", err)
	}
	cmd := exec.CommandContext(v.t.Context(), v.program, v.args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = v.env, v.dir, log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 15 * time.Second
	if err := cmd.Start(); err != nil {
		v.t.Fatalf("starting Vault: %v", err)
	}
	exited := make(chan struct{})
	v.process, v.exited = cmd.Process, exited
	go func() {
		defer close(exited)
		// How it ended is in its log; a test that kills it wants no exit code.
		_ = cmd.Wait()
		_ = log.Close()
	}()
}

// kill ends the server as the machine's end would: it and its plugins by SIGKILL, all at once.
func (v *server) kill() {
	v.t.Helper()
	plugins := v.plugins()
	if err := v.process.Kill(); err != nil {
		v.t.Fatalf("killing Vault: %v", err)
	}
	for _, pid := range plugins {
		killProcess(v.t, pid)
	}
	<-v.exited
}

// cleanUp waits for the process, which the end of the test's context has told to go, and shows its log if the test failed.
func (v *server) cleanUp() {
	if v.process == nil {
		return
	}
	plugins := v.plugins()
	<-v.exited
	for _, pid := range plugins {
		if runs(pid) {
			killProcess(v.t, pid)
		}
	}
	if !v.t.Failed() {
		return
	}
	log, err := os.ReadFile(v.logFile())
	if err != nil {
		v.t.Logf("reading Vault's log: %v", err)
		return
	}
	lines := strings.Split(string(log), "\n")
	v.t.Logf("the last lines of Vault's log:\n%s", strings.Join(lines[max(0, len(lines)-150):], "\n"))
}

// cli runs Vault's command line as a user would and gives back what it printed; it must succeed.
func (v *server) cli(args ...string) string {
	v.t.Helper()
	cmd := exec.CommandContext(v.t.Context(), programs.vault, args...)
	cmd.Dir = v.dir
	cmd.Env = append(os.Environ(), "HOME="+v.dir, "VAULT_ADDR="+v.address(), "VAULT_TOKEN="+v.token)
	said, err := cmd.CombinedOutput()
	if err != nil {
		v.t.Fatalf("vault %s: %v\n%s", strings.Join(args, " "), err, said)
	}
	return string(said)
}

// field finds a value in a table that the command line printed.
func field(t testing.TB, table, name string) string {
	t.Helper()
	for line := range strings.Lines(table) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == name {
			return strings.Join(words[1:], " ")
		}
	}
	t.Fatalf("no %s in what Vault printed:\n%s", name, table)
	return ""
}

// lastPort is the last one given out, or thereabouts; it starts somewhere else in every process.
var lastPort atomic.Int64

func init() { lastPort.Store(int64(os.Getpid() * 37)) }

// freePorts finds a free port whose successor is free too: Vault takes both, for requests and for its cluster.
// They lie below the range from which the kernel serves outgoing connections, so that none of those takes the
// port of a Vault that is down between two starts.
func freePorts(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := 20000 + int(lastPort.Add(2)%12000)
		if free(t, port) && free(t, port+1) {
			return port
		}
	}
	t.Fatal("no two neighbouring free ports in 1000 attempts")
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

// waitFor fails the test if the condition does not come true in time.
func waitFor(t testing.TB, deadline time.Duration, what string, condition func() bool) {
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
