// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// This file looks at the mounts of a cluster, and tells the story of what is wrong.

// lookAt looks at everything of a mount, with the leader's eyes.
func (tr *trial) lookAt() {
	tr.t.Helper()
	tr.do("looking", func(v *server) (err error) {
		used := tr.clients.inUse()
		if tr.found, err = tr.look(v, tr.clients.keyOf); err != nil {
			return err
		}
		for lease, one := range used {
			who, err := tr.whoIs(tr.t.Context(), one.key)
			if err == nil && who != "" {
				continue
			}
			if _, still := tr.clients.inUse()[lease]; still { // it may have ended while AWS was asked
				tr.found.dead = append(tr.found.dead, fmt.Sprintf("%s: its holder may use the key %s until %s: %v",
					lease, one.key.AccessKeyID, one.until.UTC().Format(stampForm), err))
			}
		}
		return nil
	})
	for _, one := range tr.found.dead {
		lease, why, _ := strings.Cut(one, ": ")
		tr.dead[lease] = why
	}
	for _, one := range tr.found.lonely {
		tr.lonely[one] = true
	}
}

// zeros are what must be 0 in the end.
func (tr *trial) zeros() zeros {
	z := zeros{dead: len(tr.dead), lonely: len(tr.lonely)}
	z.add(tr.found.left())
	return z
}

// stories is how many of each sort are told.
const stories = 3

// report tells what is wrong, and otherwise has the mount do what it is for, once more.
func (tr *trial) report() {
	tr.t.Helper()
	tr.t.Logf("%s: why requests failed: %v\n\t%s", tr.name, tr.clients.said(), strings.Join(tr.told, "\n\t"))
	for i, lease := range slices.Sorted(maps.Keys(tr.dead)) {
		tr.t.Errorf("%s: lease without a user: %s: %s", tr.name, lease, tr.dead[lease])
		if i < stories {
			tr.t.Log(tr.story(tr.dead[lease]))
		}
	}
	for i, user := range slices.Sorted(maps.Keys(tr.lonely)) {
		tr.t.Errorf("%s: user without a lease or a record: %s", tr.name, user)
		if i < stories {
			tr.t.Log(tr.story(user))
		}
	}
	if tr.zeros() != (zeros{}) {
		return
	}
	var used answer
	tr.do("using the mount once more", func(v *server) (err error) {
		used, err = v.demand("GET", tr.mount+"/creds/brief", nil)
		return err
	})
	mustWork(tr.t, tr.account, used.key())
	tr.do("revoking once more", func(v *server) error {
		_, err := v.demand("PUT", "sys/leases/revoke", map[string]any{"lease_id": used.lease(), "sync": true})
		return err
	})
	mustBeRefused(tr.t, tr.account, used.key())
}

// story is all that was called, logged and done about a user, or about the user whose key is told of.
func (tr *trial) story(about string) string {
	lines := slices.Clone(tr.told)
	names := map[string]bool{about: true}
	for _, c := range tr.account.Calls() {
		if strings.Contains(about, c.User) && c.User != "" || c.Params.Get("AccessKeyId") != "" && strings.Contains(about, c.Params.Get("AccessKeyId")) {
			names[c.User] = true
		}
	}
	for _, c := range tr.account.Calls() {
		if names[c.User] && c.User != "" {
			lines = append(lines, fmt.Sprintf("%s AWS: %s, %d %s %s, until %s",
				c.Start.UTC().Format(stampForm), c.Action, c.Status, c.Code, c.Fault, c.End.UTC().Format(stampForm)))
		}
	}
	for i, v := range tr.nodes {
		log, err := os.ReadFile(v.logFile())
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(log)) {
			for name := range names {
				if at := len("2006-01-02T"); len(line) > at+len(stampForm) && line[at-1] == 'T' && strings.Contains(line, name) {
					lines = append(lines, fmt.Sprintf("%s node-%d: %.600s", line[at:at+len(stampForm)], i+1, strings.TrimSpace(line)))
					break
				}
			}
		}
	}
	slices.Sort(lines)
	return about + "\n\t\t" + strings.Join(lines, "\n\t\t")
}
