// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// build makes the binary that ships.
func build(t *testing.T) string {
	t.Helper()
	plugin := filepath.Join(t.TempDir(), "plugin")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", plugin, ".").CombinedOutput(); err != nil {
		t.Fatalf("building the plugin: %v\n%s", err, out)
	}
	return plugin
}

// underParent starts the plugin below a shell, as Vault does below itself, and returns
// both, and what the two print.
func underParent(t *testing.T, plugin string) (parent *exec.Cmd, pid int, printed, logged *bufio.Reader) {
	t.Helper()
	out, err := reader(t)
	if err != nil {
		t.Fatal(err)
	}
	log, err := reader(t)
	if err != nil {
		t.Fatal(err)
	}
	parent = exec.CommandContext(t.Context(), "sh", "-c", `"$0" & echo "$!"; wait`, plugin)
	parent.Env = append(os.Environ(),
		"VAULT_BACKEND_PLUGIN=6669da05-b1c8-4f49-97d9-c8e5bed98e20", "PLUGIN_PROTOCOL_VERSIONS=5",
		"VAULT_PLUGIN_AUTOMTLS_ENABLED=true", "VAULT_VERSION=2.0.4")
	parent.Stdout, parent.Stderr = out.write, log.write
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	// The ends that the test keeps would hide that the plugin has let go of its own.
	_ = out.write.Close()
	_ = log.write.Close()
	t.Cleanup(func() {
		_ = parent.Process.Kill()
		_ = parent.Wait()
	})
	printed, logged = bufio.NewReader(out.read), bufio.NewReader(log.read)
	if _, err := fmt.Fscanln(printed, &pid); err != nil {
		t.Fatalf("reading the plugin's process ID: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) }) // fails if the test went well
	return parent, pid, printed, logged
}

// pipe is one whose reads end with the test, if nothing else ends them.
type pipe struct{ read, write *os.File }

func reader(t *testing.T) (pipe, error) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		return pipe{}, err
	}
	t.Cleanup(func() { _ = r.Close() })
	return pipe{r, w}, r.SetReadDeadline(time.Now().Add(time.Minute))
}

// handshake waits until the plugin serves.
func handshake(t *testing.T, printed *bufio.Reader) {
	t.Helper()
	if line, err := printed.ReadString('\n'); err != nil || !strings.HasPrefix(line, "1|5|unix|") {
		t.Fatalf("the plugin printed %q, %v", line, err)
	}
}

// A Vault that is killed asks no plugin to end.
func TestPluginEndsWithItsParent(t *testing.T) {
	t.Parallel()
	parent, pid, printed, logged := underParent(t, build(t))
	handshake(t, printed)
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	// The plugin has the last write end of both pipes: they end when it does.
	if _, err := io.Copy(io.Discard, printed); err != nil {
		t.Fatalf("the plugin is alive: %v", err)
	}
	text, err := io.ReadAll(logged)
	if err != nil {
		t.Fatalf("the plugin is alive: %v", err)
	}
	if !strings.Contains(string(text), "the server that started this plugin is gone") {
		t.Errorf("the plugin logged %s", text)
	}
	waitUntilGone(t, pid)
}

// Nobody may be reading the log when Vault is gone.
func TestPluginEndsThoughNobodyReadsItsLog(t *testing.T) {
	t.Parallel()
	start := time.Now()
	lastWord(func() { select {} })
	if took := time.Since(start); took < lastWordTimeout {
		t.Errorf("the last line was given up after %s", took)
	}
}

// waitUntilGone waits until a process has ended. Its own parent is gone, so what waits
// for it is the system; a container's process 1 may leave it behind as a zombie.
func waitUntilGone(t *testing.T, pid int) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 2000 {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || zombie(pid) {
			return
		}
		<-tick.C
	}
	t.Fatalf("process %d is alive", pid)
}

// zombie reports, where there is a /proc, whether a process has ended and was not waited for.
func zombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, found := strings.Cut(string(stat), ") ")
	return found && strings.HasPrefix(state, "Z")
}
