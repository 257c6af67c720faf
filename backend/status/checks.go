// SPDX-License-Identifier: MPL-2.0

package status

import (
	"fmt"
	"strings"

	"github.com/hashicorp/vault/sdk/framework"

	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// Checks are the findings of a check. Nothing is guessed: what could not be looked at is unknown.
type Checks struct{ ok, bad, unknown []string }

// OK says that something is as it should be.
func (c *Checks) OK(about, format string, args ...any) {
	c.ok = append(c.ok, line(about, format, args))
}

// Bad says what is wrong, and what to change.
func (c *Checks) Bad(about, format string, args ...any) {
	c.bad = append(c.bad, line(about, format, args))
}

// Unknown says what could not be looked at, and why.
func (c *Checks) Unknown(about, format string, args ...any) {
	c.unknown = append(c.unknown, line(about, format, args))
}

// Failed takes the error of a look at AWS: unknown where AWS does not let us look or does not answer,
// else bad. permission is what the look needs, and change what to do where it is bad.
func (c *Checks) Failed(about string, err error, permission, change string) {
	words := awscreds.Explain(err)
	switch awscreds.ReasonOf(err) {
	case awscreds.ReasonDenied:
		if permission != "" {
			c.Unknown(about, "%s; allow %s to have it checked", words, permission)
			return
		}
	case awscreds.ReasonAway, awscreds.ReasonThrottled, awscreds.ReasonUnsupported:
		c.Unknown(about, "%s", words)
		return
	}
	c.Bad(about, "%s; %s", words, change)
}

func line(about, format string, args []any) string {
	return strings.TrimSuffix(about+": "+fmt.Sprintf(format, args...), ".")
}

// Answer is what a check answers with.
func (c *Checks) Answer() map[string]any {
	return map[string]any{"bad": append([]string{}, c.bad...), "ok": append([]string{}, c.ok...), "unknown": append([]string{}, c.unknown...)}
}

// CheckFields are what that may hold.
func CheckFields() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"bad":     {Type: framework.TypeStringSlice, Description: "What is wrong, with AWS's message, and what to change."},
		"ok":      {Type: framework.TypeStringSlice, Description: "What was checked and is right."},
		"unknown": {Type: framework.TypeStringSlice, Description: "What could not be checked, and why."},
	}
}
