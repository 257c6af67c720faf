// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// This file runs a Vault with the plugin of ./steps, and lets each of its mounts take the steps of its sequence.

// stepping is a Vault whose plugin steps, and the sequences of its mounts.
type stepping struct {
	lateWindow time.Duration // the plugin's
	*server
	url     string
	mu      sync.Mutex
	mounts  map[string]*sequence
	signals map[string]map[string]func() // what to do when Vault asks something of a mount of its own accord
	ticks   map[string]time.Time         // when Vault's timer last came by a mount and had done its work
	ahead   time.Duration                // of the clock of all mounts
}

// startStepping starts a Vault on raft with the stepping plugin in its catalog as aws. lateWindow is its -late-window.
func startStepping(t *testing.T, lateWindow time.Duration) *stepping {
	t.Helper()
	return stepOn(t, lateWindow, func() *server { return startRaft(t) })
}

// stepOn has a server that it starts step.
func stepOn(t *testing.T, lateWindow time.Duration, start func() *server) *stepping {
	t.Helper()
	v := &stepping{lateWindow: lateWindow, mounts: map[string]*sequence{}, signals: map[string]map[string]func(){}, ticks: map[string]time.Time{}}
	steps := httptest.NewServer(http.HandlerFunc(v.serveStep))
	t.Cleanup(steps.Close) // after the server's end: nobody is left to ask
	v.url = steps.URL
	v.server = start()
	v.call(http.MethodPost, "sys/plugins/catalog/secret/aws", v.stepper())
	return v
}

// stepper is the stepping plugin as Vault's catalog takes it. Under another name it has another process.
func (v *stepping) stepper() map[string]any {
	return map[string]any{
		"sha256": stepper(v.t), "command": stepperName,
		"args": []string{"-steps=" + v.url, "-wal-min-age=2s", "-late-window=" + v.lateWindow.String(), "-sweep-grace=" + sweepGrace.String()},
	}
}

// follow has the steps of a mount taken by a sequence.
func (v *stepping) follow(mount string, s *sequence) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.mounts[mount] = s
}

// These are what Vault asks of its own accord.
const (
	rollsBack = "rollback" // its timer has come by
	cleansUp  = "cleanup"  // it lets go of the mount
)

// theAnswer is the boundary before an operation answers.
const theAnswer = "before the answer"

// on has something done at the end of what Vault asks of a mount of its own accord.
func (v *stepping) on(mount, operation string, do func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.signals[mount] = map[string]func(){operation: do}
}

// serveStep answers the plugin. What Vault asks of its own accord is no part of any operation.
func (v *stepping) serveStep(w http.ResponseWriter, r *http.Request) {
	mount := strings.TrimSuffix(r.FormValue("mount"), "/")
	operation, what := r.FormValue("operation"), r.FormValue("what")
	switch operation {
	case "own":
	case rollsBack, cleansUp:
		if what == theAnswer {
			v.signal(mount, operation)
		}
	default:
		v.mu.Lock()
		s := v.mounts[mount]
		v.mu.Unlock()
		if s != nil {
			s.step(r.Context(), withoutID(what))
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	w.Header().Set("Ahead", v.ahead.String())
}

// pass moves the clock of all mounts. A process hears of it with its next step.
func (v *stepping) pass(d time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.ahead += d
}

func (v *stepping) signal(mount, operation string) {
	v.mu.Lock()
	if operation == rollsBack {
		v.ticks[mount] = time.Now()
	}
	do := v.signals[mount][operation]
	v.mu.Unlock()
	if do != nil {
		do()
	}
}

// ticked is when Vault's timer last came by a mount.
func (v *stepping) ticked(mount string) time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.ticks[mount]
}

// withoutID shortens a boundary at the write of a record, whose key nobody can tell beforehand.
func withoutID(what string) string {
	if key := strings.LastIndexByte(what, '/'); strings.Contains(what, " wal/") || strings.Contains(what, " issued/") {
		return what[:key] + "/…"
	}
	return what
}

// stepperName is the stepping plugin's binary in the plugin directory of every server.
const stepperName = pluginName + "-steps"

// buildStepper builds it once for all tests.
var buildStepper = sync.OnceValues(func() (sha256sum string, err error) { return buildPlugin(stepperName, "./steps") })

// buildPlugin puts a plugin into the plugin directory of every server, built as the shipped one is, from a package and
// with further flags before it.
func buildPlugin(name string, args ...string) (sha256sum string, err error) {
	return buildPluginIn(".", name, args...)
}

// buildPluginIn is buildPlugin for a package of the module around a directory.
func buildPluginIn(dir, name string, args ...string) (sha256sum string, err error) {
	file := filepath.Join(filepath.Dir(programs.plugin), name)
	// Not on a test's context: it serves those tests too that come after this one.
	build := append([]string{"CGO_ENABLED=0", "go", "build", "-C", dir, "-trimpath", "-buildvcs=false", "-o", file}, args...)
	if _, err := output(context.Background(), "env", build...); err != nil {
		return "", fmt.Errorf("building %s: %w", name, err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", name, err)
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:]), nil
}

func stepper(t testing.TB) string {
	t.Helper()
	sum, err := buildStepper()
	if err != nil {
		t.Fatal(err)
	}
	return sum
}
