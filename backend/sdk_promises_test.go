// SPDX-License-Identifier: MPL-2.0

package backend

// What SDKs are told about the end of a static role's key holds.

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// Expiration is a promise: until then the key works. Somebody gives the user a second key after the promise was
// made: the rotation, which has no room then, waits for it, and nobody is promised more meanwhile.
func TestStaticKeyLastsAsPromised(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	m.pass(23*time.Hour + 50*time.Minute)
	promised := m.sdk("static-creds/app", nil)
	if got := m.left(promised); got != time.Hour {
		t.Errorf("shortly before its rotation it lasts %s", got)
	}
	m.aws.AddKey("app")
	m.pass(11 * time.Minute)
	m.mustTick()
	if !slices.Contains(m.keys("app"), *promised.AccessKeyId) {
		t.Fatalf("the key is gone %s before its Expiration", m.left(promised))
	}
	if got := m.sdk("static-creds/app", nil); m.left(got) != m.left(promised) {
		t.Errorf("then it lasts %s, and was to last %s", m.left(got), m.left(promised))
	}
	m.pass(m.left(promised) - time.Minute)
	m.mustTick()
	if a := m.sdk("static-creds/app", nil); a.status != 503 || !slices.Contains(m.keys("app"), *promised.AccessKeyId) {
		t.Errorf("a minute before its end: %d %s", a.status, a.Message)
	}
	m.pass(2 * time.Minute)
	m.mustTick()
	m.aws.Settle()
	m.mustTick()
	if next := m.sdk("static-creds/app", nil); next.status != 200 || *next.AccessKeyId == *promised.AccessKeyId {
		t.Errorf("it was not rotated: %d %s", next.status, next.Message)
	}
}

// A rotation that somebody asks for leaves the old key for as long as was promised. Where there is no room, and at a second
// one, it goes, and the answer says who has to know.
func TestRotationsThatAreAskedForAndPromises(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config map[string]any
		before func(m *mount)
		warned bool
	}{
		"with room":      {nil, nil, false},
		"for a while":    {map[string]any{"previous_key_ttl": "2h"}, nil, false},
		"without room":   {nil, func(m *mount) { m.aws.AddKey("app") }, true},
		"the second one": {nil, func(m *mount) { m.write("static-roles/app/rotate", nil) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newRotatingMount(t)
			m.write("static-roles/app", c.config)
			promised := m.sdk("static-creds/app", nil)
			if c.before != nil {
				c.before(m)
			}
			resp := m.write("static-roles/app/rotate", nil)
			warning := "the access key " + *promised.AccessKeyId + " was deleted, and AWS SDKs that read it at sdk/static-creds use it until"
			if got := strings.Contains(strings.Join(resp.Warnings, "\n"), warning); got != c.warned {
				t.Errorf("warned: %v, with %q", got, resp.Warnings)
			}
			m.pass(m.left(promised) - time.Second)
			m.mustTick()
			if got := !slices.Contains(m.keys("app"), *promised.AccessKeyId); got != c.warned {
				t.Errorf("the key is gone before its end: %v", got)
			}
		})
	}
}
