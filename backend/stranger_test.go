// SPDX-License-Identifier: MPL-2.0

package backend

// Strangers: IAM users and keys in the same account that are not this mount's. Whatever is
// asked of the engine, and whatever goes wrong, none of them changes; and once all times are
// over, nothing of ours is left but what the design leaves to an operator.

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	strangerRuns = flag.Int("strangers.runs", 40, "how many sequences of operations run beside strangers")
	strangerSeed = flag.Uint64("strangers.seed", 1, "the seed of the first of them; each next one has the next")
)

// strangerGroup is how many runs go on beside each other. A test keeps the accounts of its parallel tests in memory
// until the last of them has ended: 5,000 took 8 GB.
const strangerGroup = 250

// tally counts what has been tried in all runs.
type tally struct {
	mu                                  sync.Mutex
	strangers, operations, faults, left int
	did                                 map[string]int
	leaves                              map[string]int // what was left to an operator, and why
}

func (c *tally) add(w *world) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.strangers += len(w.strangers)
	c.operations += len(w.log)
	c.faults += w.faults
	for _, line := range w.log {
		name, _, _ := strings.Cut(line, ",")
		c.did[name]++
	}
	for why, n := range w.leaves {
		c.left += n
		c.leaves[why] += n
	}
}

// words are counts for people, in a fixed order.
func words(counts map[string]int) string {
	var all []string
	for what, n := range counts {
		all = append(all, fmt.Sprintf("%s: %d", what, n))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func TestNoStrangerIsChanged(t *testing.T) {
	t.Parallel()
	counted := &tally{did: map[string]int{}, leaves: map[string]int{}}
	began := time.Now()
	for first := 0; first < *strangerRuns; first += strangerGroup {
		t.Run(fmt.Sprintf("from run %d", first), func(t *testing.T) {
			for i := range min(strangerGroup, *strangerRuns-first) {
				seed := *strangerSeed + uint64(first+i)
				t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
					t.Parallel()
					w := newWorld(t, seed)
					w.live()
					w.end()
					counted.add(w)
				})
			}
		})
	}
	t.Logf("%d runs from seed %d: %d strangers, %d operations, %d faults, %s", *strangerRuns, *strangerSeed,
		counted.strangers, counted.operations, counted.faults, time.Since(began).Round(time.Second))
	t.Logf("operations: %s", words(counted.did))
	t.Logf("left to an operator: %d; %s", counted.left, words(counted.leaves))
}

// live does operations in some order.
func (w *world) live() {
	for range 12 + w.rng.IntN(16) {
		total := 0
		for _, step := range strangerSteps {
			total += step.weight
		}
		at := w.rng.IntN(total)
		for _, step := range strangerSteps {
			if at -= step.weight; at < 0 {
				w.take(step)
				break
			}
		}
		if w.t.Failed() {
			break
		}
	}
}

// take does one operation, perhaps with a fault, and looks after the strangers.
func (w *world) take(step strangerStep) {
	w.log = append(w.log, step.name)
	step.do(w)
	w.m.aws.ClearFaults()
	w.elsewhere.ClearFaults()
	w.unchanged()
	if w.t.Failed() {
		w.t.Logf("what was done: \n\t%s", strings.Join(w.log, "\n\t"))
		w.t.FailNow()
	}
}

// note adds to the line of the operation.
func (w *world) note(format string, args ...any) {
	w.log[len(w.log)-1] += ", " + fmt.Sprintf(format, args...)
}

// newRand is the source of a run.
func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }

// one picks one of some.
func one[T any](w *world, of ...T) T { return of[w.rng.IntN(len(of))] }
