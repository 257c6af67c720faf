// SPDX-License-Identifier: MPL-2.0

package cluster

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"vault-plugin-secrets-aws-dyn/internal/e2e/check"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
)

// This file looks at the mounts of a cluster, and tells the story of what is wrong.

// lookAt looks at everything of a mount, with the leader's eyes.
func (tr *trial) lookAt() {
	tr.T.Helper()
	tr.Do("looking", func(v *server.Server) (err error) {
		used := tr.clients.inUse()
		if tr.found, err = tr.Look(v, tr.clients.keyOf); err != nil {
			return err
		}
		for lease, one := range used {
			who, err := tr.WhoIs(tr.T.Context(), one.key)
			if err == nil && who != "" {
				continue
			}
			if _, still := tr.clients.inUse()[lease]; still { // it may have ended while AWS was asked
				tr.found.Dead = append(tr.found.Dead, fmt.Sprintf("%s: its holder may use the key %s until %s: %v",
					lease, one.key.AccessKeyID, one.until.UTC().Format(stampForm), err))
			}
		}
		return nil
	})
	for _, one := range tr.found.Dead {
		lease, why, _ := strings.Cut(one, ": ")
		tr.dead[lease] = why
	}
	for _, one := range tr.found.Lonely {
		tr.lonely[one] = true
	}
}

// zeros are what must be 0 in the end.
func (tr *trial) zeros() check.Zeros {
	z := check.Zeros{Dead: len(tr.dead), Lonely: len(tr.lonely)}
	z.Add(tr.found.Left())
	return z
}

// stories is how many of each sort are told.
const stories = 3

// report tells what is wrong, and otherwise has the mount do what it is for, once more.
func (tr *trial) report() {
	tr.T.Helper()
	tr.T.Logf("%s: why requests failed: %v\n\t%s", tr.name, tr.clients.Said(), strings.Join(tr.told, "\n\t"))
	for i, lease := range slices.Sorted(maps.Keys(tr.dead)) {
		tr.T.Errorf("%s: lease without a user: %s: %s", tr.name, lease, tr.dead[lease])
		if i < stories {
			tr.T.Log(tr.story(tr.dead[lease]))
		}
	}
	for i, user := range slices.Sorted(maps.Keys(tr.lonely)) {
		tr.T.Errorf("%s: user without a lease or a record: %s", tr.name, user)
		if i < stories {
			tr.T.Log(tr.story(user))
		}
	}
	if tr.zeros() != (check.Zeros{}) {
		return
	}
	var used server.Answer
	tr.Do("using the mount once more", func(v *server.Server) (err error) {
		used, err = v.Demand("GET", tr.Mount+"/creds/brief", nil)
		return err
	})
	server.MustWork(tr.T, tr.Account, used.Key())
	tr.Do("revoking once more", func(v *server.Server) error {
		_, err := v.Demand("PUT", "sys/leases/revoke", map[string]any{"lease_id": used.Lease(), "sync": true})
		return err
	})
	server.MustBeRefused(tr.T, tr.Account, used.Key())
}

// story is all that was called, logged and done about a user, or about the user whose key is told of.
func (tr *trial) story(about string) string {
	lines := slices.Clone(tr.told)
	names := map[string]bool{about: true}
	for _, c := range tr.Account.Calls() {
		if strings.Contains(about, c.User) && c.User != "" || c.Params.Get("AccessKeyId") != "" && strings.Contains(about, c.Params.Get("AccessKeyId")) {
			names[c.User] = true
		}
	}
	for _, c := range tr.Account.Calls() {
		if names[c.User] && c.User != "" {
			lines = append(lines, fmt.Sprintf("%s AWS: %s, %d %s %s, until %s",
				c.Start.UTC().Format(stampForm), c.Action, c.Status, c.Code, c.Fault, c.End.UTC().Format(stampForm)))
		}
	}
	for i, v := range tr.Nodes {
		log, err := os.ReadFile(v.LogFile())
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
