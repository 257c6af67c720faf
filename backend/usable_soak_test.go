// SPDX-License-Identifier: MPL-2.0

package backend

// Keys that are handed out without a warning work at once, whatever AWS's lag. How long it took
// is printed and not asserted: make soak has the lags of real life, make test short ones.

import (
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

var (
	usableLags = flag.String("usable.lags", "0s,20ms", "how long AWS does not know a new key, for TestKeysWorkAtEveryLag")
	usableKeys = flag.Int("usable.keys", 5, "how many keys are asked for at once, for TestKeysWorkAtEveryLag")
)

func TestKeysWorkAtEveryLag(t *testing.T) {
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "lag\tkeys\tquickest\tslowest\tslowest beyond the lag\tlooks each\tworked at once\twith a warning\t")
	for text := range strings.SplitSeq(*usableLags, ",") {
		lag, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		m := newMount(t)
		if lag >= time.Second || *usableKeys > 5 { // as it is built to be
			m.pause = engine.DefaultProofPause
		}
		m.start()
		m.configure()
		m.write("roles/ci", map[string]any{"policy_arns": readOnly, "wait_until_usable": true, "wait_timeout": "30s"})
		m.aws.SetLag(0, lag)
		worked, warned, quickest, slowest := m.manyKeys(*usableKeys)
		looks, _ := m.probes()
		fmt.Fprintf(w, "%v\t%d\t%v\t%v\t%v\t%.1f\t%d\t%d\t\n", lag, *usableKeys, quickest, slowest, slowest-lag, float64(looks-worked)/float64(*usableKeys), worked, warned)
		if worked+warned != *usableKeys {
			t.Errorf("with a lag of %v, %d of %d keys without a warning do not work", lag, *usableKeys-worked-warned, *usableKeys)
		}
		m.noUsers()
	}
	_ = w.Flush()
	t.Logf("requests that wait until their key works:\n%s", table.String())
}

// manyKeys asks for keys at once, tries each as soon as it is there, and revokes it.
func (m *mount) manyKeys(n int) (worked, warned int, quickest, slowest time.Duration) {
	m.t.Helper()
	var mu sync.Mutex
	var clients sync.WaitGroup
	var all []*logical.Response
	for range n {
		clients.Go(func() {
			var creds *logical.Response
			var err error
			waited := took(func() { creds, err = m.ask(logical.ReadOperation, "creds/ci", nil) })
			if err != nil || creds.IsError() {
				m.t.Errorf("%v %v", err, creds)
				return
			}
			works := m.accepted(creds) == nil
			mu.Lock()
			defer mu.Unlock()
			all = append(all, creds)
			slowest = max(slowest, waited)
			if quickest == 0 || waited < quickest {
				quickest = waited
			}
			switch {
			case len(creds.Warnings) > 0:
				warned++
			case works:
				worked++
			}
		})
	}
	clients.Wait()
	for _, creds := range all {
		m.revoke(creds)
	}
	return worked, warned, quickest, slowest
}
