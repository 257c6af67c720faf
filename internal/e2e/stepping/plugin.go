// SPDX-License-Identifier: MPL-2.0

// Package stepping runs a Vault with the plugin of ../steps, which can be stopped and killed between any two of its
// steps. plugin.go is that Vault, sequence.go numbers the steps.
package stepping

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/check"
	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
)

// Vault is a Vault whose plugin steps, and the sequences of its mounts.
type Vault struct {
	lateWindow time.Duration // the plugin's
	*server.Server
	url     string
	mu      sync.Mutex
	mounts  map[string]*Sequence
	signals map[string]map[string]func() // what to do when Vault asks something of a mount of its own accord
	ticks   map[string]time.Time         // when Vault's timer last came by a mount and had done its work
	ahead   time.Duration                // of the clock of all mounts
}

// Start starts a Vault on raft with the stepping plugin in its catalog as aws. lateWindow is its -late-window.
func Start(t *testing.T, lateWindow time.Duration) *Vault {
	t.Helper()
	return StartOn(t, lateWindow, func() *server.Server { return server.StartRaft(t) })
}

// StartOn has a server that it starts step.
func StartOn(t *testing.T, lateWindow time.Duration, start func() *server.Server) *Vault {
	t.Helper()
	v := &Vault{lateWindow: lateWindow, mounts: map[string]*Sequence{}, signals: map[string]map[string]func(){}, ticks: map[string]time.Time{}}
	steps := httptest.NewServer(http.HandlerFunc(v.serveStep))
	t.Cleanup(steps.Close) // after the server's end: nobody is left to ask
	v.url = steps.URL
	v.Server = start()
	v.Call(http.MethodPost, "sys/plugins/catalog/secret/aws", v.Stepper())
	return v
}

// Stepper is the stepping plugin as Vault's catalog takes it. Under another name it has another process.
func (v *Vault) Stepper() map[string]any {
	return map[string]any{
		"sha256": stepper(v.T), "command": stepperName,
		"args": []string{"-steps=" + v.url, "-wal-min-age=2s", "-late-window=" + v.lateWindow.String(), "-sweep-grace=" + check.SweepGrace.String()},
	}
}

// Follow has the steps of a mount taken by a sequence.
func (v *Vault) Follow(mount string, s *Sequence) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.mounts[mount] = s
}

// These are what Vault asks of its own accord.
const (
	RollsBack = "rollback" // its timer has come by
	CleansUp  = "cleanup"  // it lets go of the mount
)

// TheAnswer is the boundary before an operation answers.
const TheAnswer = "before the answer"

// On has something done at the end of what Vault asks of a mount of its own accord.
func (v *Vault) On(mount, operation string, do func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.signals[mount] = map[string]func(){operation: do}
}

// serveStep answers the plugin. What Vault asks of its own accord is no part of any operation.
func (v *Vault) serveStep(w http.ResponseWriter, r *http.Request) {
	mount := strings.TrimSuffix(r.FormValue("mount"), "/")
	operation, what := r.FormValue("operation"), r.FormValue("what")
	switch operation {
	case "own":
	case RollsBack, CleansUp:
		if what == TheAnswer {
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

// Pass moves the clock of all mounts. A process hears of it with its next step.
func (v *Vault) Pass(d time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.ahead += d
}

func (v *Vault) signal(mount, operation string) {
	v.mu.Lock()
	if operation == RollsBack {
		v.ticks[mount] = time.Now()
	}
	do := v.signals[mount][operation]
	v.mu.Unlock()
	if do != nil {
		do()
	}
}

// Ticked is when Vault's timer last came by a mount.
func (v *Vault) Ticked(mount string) time.Time {
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
const stepperName = programs.PluginName + "-steps"

// buildStepper builds it once for all tests.
var buildStepper = sync.OnceValues(func() (sha256sum string, err error) { return programs.Build(stepperName, "./internal/e2e/steps") })

func stepper(t testing.TB) string {
	t.Helper()
	sum, err := buildStepper()
	if err != nil {
		t.Fatal(err)
	}
	return sum
}
