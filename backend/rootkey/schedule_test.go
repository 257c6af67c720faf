// SPDX-License-Identifier: MPL-2.0

package rootkey

import (
	"testing"
	"time"
)

func TestPausesBetweenTriesAreBounded(t *testing.T) {
	t.Parallel()
	at := time.Now()
	for times, want := range map[int]time.Duration{0: 0, 1: time.Minute, 6: 32 * time.Minute, 7: time.Hour, 1000: time.Hour} {
		r := state{At: at, Times: times}
		if got := r.retry(); times > 0 && got.Sub(at) != want || times == 0 && !got.IsZero() {
			t.Errorf("after %d failures: %v", times, got.Sub(at))
		}
	}
}
