// SPDX-License-Identifier: MPL-2.0

package staticrole

import (
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// The built-in engine does not write down which key it rotated away. Its age tells,
// and any other key is a customer's.
func TestStaticPreviousKeyOfTheBuiltInEngine(t *testing.T) {
	t.Parallel()
	r := &role{}
	r.RotationPeriod = 24 * time.Hour
	for _, c := range []struct {
		name  string
		made  time.Time // of the role's key; zero: the built-in engine did not say
		last  time.Duration
		other time.Duration
		known bool
	}{
		{name: "a period older", last: time.Hour, other: 25 * time.Hour, known: true},
		{name: "a period and a tick older", last: time.Hour, other: 25*time.Hour + time.Minute, known: true},
		{name: "an hour more", last: time.Hour, other: 26 * time.Hour},
		{name: "a minute less", last: time.Hour, other: 25*time.Hour - time.Minute},
		{name: "younger", last: 25 * time.Hour, other: time.Hour},
		{name: "a period older, but rotated by us", made: time.Now(), last: time.Hour, other: 25 * time.Hour},
	} {
		cr := &creds{AccessKey: "last", LastRotated: c.made}
		keys := []awscreds.KeyInfo{{ID: "other", Age: c.other}, {ID: "last", Age: c.last}}
		if got := cr.withBuiltIn(r, keys).PreviousKey == "other"; got != c.known {
			t.Errorf("%s: known as the previous key: %v", c.name, got)
		}
	}
}

// AWS may go on listing a key that was deleted, beside the two that there are: it costs no key that works.
func TestStaticRoomBesideAKeyThatIsGone(t *testing.T) {
	t.Parallel()
	ch := keyChange{role: &role{}, old: &creds{AccessKey: "current", PreviousKey: "previous"}}
	goes, _, err := ch.room([]awscreds.KeyInfo{{ID: "gone"}, {ID: "previous"}, {ID: "current"}})
	if err != nil || len(goes) != 1 || goes[0] != "previous" {
		t.Errorf("%q make room (%v), and the previous key would do", goes, err)
	}
}
