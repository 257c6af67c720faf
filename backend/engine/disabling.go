// SPDX-License-Identifier: MPL-2.0

package engine

// A role of either kind that is switched off, for the minute in which it leaks: nobody gets
// anything from it any more, and what it has given lives on.

import (
	"fmt"
	"net/http"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
)

// mostReason is how many characters of a reason are kept. It is shown in every refusal.
const mostReason = 500

// Disabling says whether a role is switched off, since when and why.
type Disabling struct {
	Disabled         bool      `json:"disabled,omitempty"`
	DisabledReason   string    `json:"disabled_reason,omitempty"`
	DisabledRenewals bool      `json:"disabled_renewals,omitempty"`
	DisabledSince    time.Time `json:"disabled_since,omitzero"`
}

// DisablingFields is the schema: what a write takes, and disabled_since, which is only read.
func DisablingFields() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"disabled": {
			Type:        framework.TypeBool,
			Description: "Whether the role is switched off: it issues no credentials; existing ones live on.",
		},
		"disabled_reason": {
			Type:        framework.TypeString,
			Description: "Why the role is switched off; each refusal repeats it.",
		},
		"disabled_renewals": {
			Type:        framework.TypeBool,
			Description: "Whether renewals of the role's leases are refused too while it is switched off.",
		},
		"disabled_since": {
			Type:        framework.TypeString,
			Description: "Since when the role is switched off (RFC 3339); else null.",
		},
	}
}

// NoteDisabled keeps the moment in which the role was switched off.
func (d *Disabling) NoteDisabled(now time.Time) {
	switch {
	case !d.Disabled:
		d.DisabledSince = time.Time{}
	case d.DisabledSince.IsZero():
		d.DisabledSince = now.UTC().Truncate(time.Second)
	}
}

// ValidateDisabling tells what is wrong with the reason.
func (d *Disabling) ValidateDisabling(m *Mistakes) {
	if n := utf8.RuneCountInString(d.DisabledReason); n > mostReason {
		m.Add("disabled_reason", "has %d characters; use %d at most", n, mostReason)
	}
	for _, c := range d.DisabledReason {
		if c == utf8.RuneError || unicode.In(c, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control) { // a refusal is one line, and reads as it is
			m.Add("disabled_reason", "holds the character %U; use one line of text", c)
			return
		}
	}
}

// Refusal is why nobody gets anything from the role at a path; nil where it is not switched off.
func (d *Disabling) Refusal(path string) error { return d.refusal(d.Disabled, path, "") }

// RenewalRefusal is why no lease of the role is renewed; nil where leases are.
func (d *Disabling) RenewalRefusal(path string) error {
	return d.refusal(d.Disabled && d.DisabledRenewals, path, ", and its leases are not renewed")
}

func (d *Disabling) refusal(refused bool, path, more string) error {
	if !refused {
		return nil
	}
	text := fmt.Sprintf("%s was disabled at %s%s", path, d.DisabledSince.UTC().Format(time.RFC3339), more)
	if d.DisabledReason != "" {
		text += ": " + d.DisabledReason
	}
	return logical.CodedError(http.StatusForbidden, text)
}
