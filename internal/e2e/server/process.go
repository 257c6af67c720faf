// SPDX-License-Identifier: MPL-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
)

// This file finds the plugin's process below Vault's and kills it.

// Process is one line of the process table.
type Process struct {
	Pid, Parent int
	Command     string
}

// Plugins are the ids of the server's plugin processes.
func (v *Server) Plugins() []int {
	v.T.Helper()
	all, err := Processes()
	if err != nil {
		v.T.Fatalf("listing processes: %v", err)
	}
	var pids []int
	for _, p := range all {
		if p.Parent == v.Process.Pid && strings.HasPrefix(filepath.Base(p.Command), programs.PluginName) { // the stepping one too
			pids = append(pids, p.Pid)
		}
	}
	return pids
}

// Plugin is the id of the one plugin process that the server should have.
func (v *Server) Plugin() int {
	v.T.Helper()
	var pids []int
	WaitFor(v.T, 30*time.Second, "one plugin process below Vault", func() bool {
		pids = v.Plugins()
		return len(pids) == 1
	})
	return pids[0]
}

// KillProcess kills a process that this test started, by SIGKILL, and waits until it is gone. It may have ended by itself
// since somebody looked for it.
func KillProcess(t testing.TB, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Fatalf("killing process %d: %v", pid, err)
	}
	WaitFor(t, 30*time.Second, fmt.Sprintf("process %d gone", pid), func() bool { return !Runs(pid) })
}

// Runs says whether a process is alive; one that has ended and was not waited for is not.
func Runs(pid int) bool {
	all, err := Processes()
	if err != nil {
		return false
	}
	for _, p := range all {
		if p.Pid == pid {
			return true
		}
	}
	return false
}

// Processes lists the living processes, from /proc where there is one, else by ps.
func Processes() ([]Process, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		return processesByPS()
	}
	var all []Process
	for _, file := range stats {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it ended meanwhile
		}
		// pid (name) state parent ..., and the name may hold anything.
		words := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil || len(words) < 2 || words[0] == "Z" || words[0] == "X" {
			continue
		}
		parent, err := strconv.Atoi(words[1])
		if err != nil {
			continue
		}
		line, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline")) // empty if it ended meanwhile
		command, _, _ := strings.Cut(string(line), "\x00")
		all = append(all, Process{pid, parent, command})
	}
	return all, nil
}

func processesByPS() ([]Process, error) {
	// Not on a test's context: that has ended when clean-up asks.
	table, err := exec.CommandContext(context.Background(), "ps", "-A", "-o", "pid=,ppid=,stat=,args=").Output()
	if err != nil {
		return nil, fmt.Errorf("running ps: %w", err)
	}
	var all []Process
	for line := range strings.Lines(string(table)) {
		words := strings.Fields(line)
		if len(words) < 4 || strings.HasPrefix(words[2], "Z") {
			continue
		}
		pid, pidErr := strconv.Atoi(words[0])
		parent, parentErr := strconv.Atoi(words[1])
		if pidErr == nil && parentErr == nil {
			all = append(all, Process{pid, parent, words[3]})
		}
	}
	return all, nil
}
