// SPDX-License-Identifier: MPL-2.0

package bench

import (
	"debug/elf"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// This file measures processes: how soon they serve, and what they use, as the kernel counts it.

// freshStart is what a process of the engine's own was measured to need from its first moment on.
type freshStart struct {
	first time.Duration // from the mount's being asked for to the first credential's having been answered
	peak  int64         // bytes of memory at most, after the same work for each engine; 0 without a process
}

// What a fresh process does before its memory is read.
const (
	freshLives   = 640
	freshClients = 64
	freshLatency = 10 * time.Millisecond
)

// startAnew ends the engine's process, mounts the engine again, and puts the new process to work.
func (e *benchEngine) startAnew() (s freshStart) {
	t := e.v.T
	t.Helper()
	e.disable()
	e.aws.SetLatency(0)
	began := time.Now()
	e.enable()
	lease, err := e.create("seed")
	s.first = time.Since(began)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.revoke(lease); err != nil {
		t.Fatal(err)
	}
	if e.command == "" {
		return s
	}
	e.aws.SetLatency(freshLatency)
	_, err = allAtOnce(freshClients, soOften(freshLives), func() error {
		lease, err := e.create("wide")
		if err != nil {
			return err
		}
		return e.revoke(lease)
	})
	if err != nil {
		t.Fatal(err)
	}
	s.peak = peakMemory(t, e.process())
	return s
}

// process is the engine's one process.
func (e *benchEngine) process() int {
	e.v.T.Helper()
	pids := e.processes()
	if len(pids) != 1 {
		e.v.T.Fatalf("%s has the processes %v, expected one", e.name, pids)
	}
	return pids[0]
}

// peakMemory is the most that a process has had in memory: VmHWM of proc(5).
func peakMemory(t testing.TB, pid int) int64 {
	t.Helper()
	status := readProc(t, pid, "status")
	for line := range strings.Lines(status) {
		words := strings.Fields(line)
		if len(words) == 3 && words[0] == "VmHWM:" && words[2] == "kB" {
			kilobytes, err := strconv.ParseInt(words[1], 10, 64)
			if err != nil {
				t.Fatalf("reading the memory of process %d: %v", pid, err)
			}
			return kilobytes << 10
		}
	}
	t.Fatalf("no VmHWM for process %d:\n%s", pid, status)
	return 0
}

// cpuTime is the processor time that an engine has used, and Vault with it.
type cpuTime struct{ plugin, vault time.Duration }

// used reads the clocks. While one engine alone is at work, all that its Vault uses is on its account.
func (e *benchEngine) used() cpuTime {
	e.v.T.Helper()
	u := cpuTime{vault: processorTime(e.v.T, e.v.Process.Pid)}
	if e.command != "" {
		u.plugin = processorTime(e.v.T, e.process())
	}
	return u
}

func (u cpuTime) minus(v cpuTime) cpuTime { return cpuTime{u.plugin - v.plugin, u.vault - v.vault} }
func (u cpuTime) plus(v cpuTime) cpuTime  { return cpuTime{u.plugin + v.plugin, u.vault + v.vault} }

// clockTick is the unit of processor times in /proc: USER_HZ is 100 on every platform that Go runs on.
const clockTick = 10 * time.Millisecond

// processorTime is what a process, with all its threads, has used in user and in kernel mode.
func processorTime(t testing.TB, pid int) time.Duration {
	t.Helper()
	stat := readProc(t, pid, "stat")
	// Behind "pid (name)", whose name may hold anything, the state is field 3; utime and stime are 14 and 15.
	words := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	var sum time.Duration
	for _, word := range words[11:13] {
		ticks, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			t.Fatalf("reading the processor time of process %d: %v", pid, err)
		}
		sum += time.Duration(ticks) * clockTick
	}
	return sum
}

func readProc(t testing.TB, pid int, file string) string {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		t.Fatalf("reading what the kernel says of process %d: %v", pid, err)
	}
	return string(content)
}

// binarySize is the size of a program as a file, and without symbols and debug information, which the build of one
// has and that of the other has not.
func binarySize(t testing.TB, file string) (whole, bare int64) {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatalf("measuring %s: %v", file, err)
	}
	program, err := elf.Open(file)
	if err != nil {
		return info.Size(), info.Size() // not Linux: the file has to do
	}
	defer func() { _ = program.Close() }()
	for _, s := range program.Sections {
		if s.Flags&elf.SHF_ALLOC != 0 && s.Type != elf.SHT_NOBITS {
			bare += int64(s.Size)
		}
	}
	return info.Size(), bare
}
