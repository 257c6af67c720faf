// SPDX-License-Identifier: MPL-2.0

package crash

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/check"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/e2e/stepping"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file is the revocation of a session in the matrix. When its lease is gone, AWS denies the session; once the
// session would have ended, no policy is left.

const revokeASession = "revoke a session"

// shortSession is how long the session would live, which is as short as AWS has them.
const shortSession = 15 * time.Minute

// denialsEnd is how long the clocks have to pass, after the wait for the keys of rotations, until no denial has to stand: the session's time,
// rounded up, and the engine's margin, 15 minutes each.
const denialsEnd = 3*shortSession - useToldAfter + time.Minute

// holdSession has the operation find the lease of a session.
func holdSession(v *stepping.Vault, c *crashCase) error {
	a, err := v.Demand(http.MethodPost, c.Mount+"/creds/session", map[string]any{"ttl": shortSession.String()})
	text := func(key string) string { s, _ := a.Data(key).(string); return s }
	c.lease, c.key = a.Lease(), fakeaws.Key{AccessKeyID: text("access_key"), SecretAccessKey: text("secret_key"), SessionToken: text("session_token")}
	return err
}

// revokeAgain asks Vault once more, which tries again by itself only what it was asked for without -sync.
func revokeAgain(v *stepping.Vault, c *crashCase) error {
	if there, err := v.Stored("sys/expire/id/"+c.lease, new(server.LiveLease)); err != nil || !there {
		return err
	}
	_, err := v.Demand(http.MethodPost, "sys/leases/revoke", map[string]any{"lease_id": c.lease, "sync": true})
	return err
}

// lookAtSession looks whether the session is denied when its lease is gone, and at the policies that deny it.
func lookAtSession(v *stepping.Vault, c *crashCase, f *check.Findings) error {
	if c.name != revokeASession {
		return nil
	}
	there, err := v.Stored("sys/expire/id/"+c.lease, new(server.LiveLease))
	if err != nil {
		return err
	}
	_, refusal := fakeaws.Client{Endpoint: c.Account.URL(), Key: c.key}.Do(v.T.Context(), "iam", "ListUsers", nil)
	if refusal != nil && strings.Contains(refusal.Error(), "with an explicit deny") {
		c.denied = true
	}
	switch policies := c.Account.RolePolicies("deploy"); {
	case there:
		f.Other = append(f.Other, "the lease of the session is not revoked")
	case !c.denied:
		f.Other = append(f.Other, fmt.Sprintf("the lease of the session is gone, and AWS does not deny it: %v", refusal))
	case len(policies) > 0:
		f.Stray = append(f.Stray, fmt.Sprintf("policies that deny sessions: %v", policies))
	}
	return nil
}

// untilDenialsEnd has AWS and the mounts grow older, until nothing has to be denied any more.
func (m *matrix) untilDenialsEnd() {
	m.t.Helper()
	const step = time.Minute
	for range denialsEnd / step {
		m.v.Pass(step)
		m.v.Call(http.MethodGet, bystander+"/config/root", nil) // with the answer the plugin hears of it
		for _, c := range m.cases {
			c.Account.Age(step)
		}
	}
}
