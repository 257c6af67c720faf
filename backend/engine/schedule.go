// SPDX-License-Identifier: MPL-2.0

package engine

// When a key is rotated.

import (
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/rotation"
	"github.com/robfig/cron/v3"
)

// The shortest times that are of any use.
const (
	LeastPeriod = time.Minute // as often as Vault's rollback manager comes by
	leastWindow = time.Hour   // Vault's own rule for windows
	mostCron    = 1 << 10     // bytes of a cron line; one that lists every minute, hour, day and month has about 420
)

// Schedule says when a key is rotated: every so often, or at the times of a cron
// line. Exactly one of the two is set.
type Schedule struct {
	RotationPeriod   time.Duration `json:"rotation_period"`
	RotationSchedule string        `json:"rotation_schedule,omitempty"`
	// RotationWindow is how long after a time of the cron line the rotation may still
	// begin; zero is until the next one.
	RotationWindow time.Duration `json:"rotation_window,omitempty"`

	times interface{ Next(time.Time) time.Time } // of RotationSchedule; read sets it
}

// Update takes what the request names. A period takes the place of a cron line, and a
// cron line that of a period, unless both are named.
func (c *Schedule) Update(d *framework.FieldData) {
	var period time.Duration
	var line string
	SetSeconds(d, "rotation_period", &period)
	Set(d, "rotation_schedule", &line)
	switch {
	case period != 0 && line == "":
		c.RotationSchedule, c.RotationWindow = "", 0
	case line != "" && period == 0:
		c.RotationPeriod = 0
	}
	SetSeconds(d, "rotation_period", &c.RotationPeriod)
	Set(d, "rotation_schedule", &c.RotationSchedule)
	SetSeconds(d, "rotation_window", &c.RotationWindow)
}

// Validate adds what is wrong.
func (c *Schedule) Validate(m *Mistakes) {
	switch {
	case c.RotationPeriod != 0 && c.RotationSchedule != "":
		m.Add("rotation_period", "cannot be given together with rotation_schedule; give one of the two")
	case c.RotationPeriod == 0 && c.RotationSchedule == "":
		m.Add("rotation_period", "is missing; give it, such as 24h, or a rotation_schedule, such as \"0 3 * * 0\"")
	case c.RotationSchedule == "" && c.RotationPeriod < LeastPeriod:
		m.Add("rotation_period", "%s is too short; use at least %s", c.RotationPeriod, LeastPeriod)
	}
	if c.RotationSchedule != "" {
		validateCron(m, c.RotationSchedule)
	}
	_ = c.Read() // what cannot be read was told
	switch {
	case c.RotationWindow == 0:
	case c.RotationSchedule == "":
		m.Add("rotation_window", "goes with rotation_schedule only")
	case c.RotationWindow < leastWindow:
		m.Add("rotation_window", "%s is too short; use at least %s, or 0", c.RotationWindow, leastWindow)
	}
}

// Read understands the cron line.
func (c *Schedule) Read() (err error) {
	c.times = nil
	if c.RotationSchedule != "" {
		var times *cron.SpecSchedule
		if times, err = ParseCron(c.RotationSchedule); err == nil {
			c.times = times
		}
	}
	return err
}

// validateCron checks a cron line. Its times are UTC, whatever the server's zone.
func validateCron(m *Mistakes, line string) {
	if len(line) > mostCron {
		m.Add("rotation_schedule", "has %d bytes; the limit is %d", len(line), mostCron)
		return
	}
	times, err := ParseCron(line)
	switch {
	case zoned(line):
		m.Add("rotation_schedule", "must not name a time zone; its times are UTC")
	case err != nil:
		m.Add("rotation_schedule", "%q is not a cron line of minute, hour, day of month, month and day of week, such as 0 3 * * 6: %s", line, err.Error())
	case times.Next(time.Unix(0, 0)).IsZero():
		m.Add("rotation_schedule", "%q is a time that never comes", line)
	}
}

// zoned reports whether a cron line begins with a time zone. The SDK's parser accepts
// one, ignores it, and panics where nothing follows.
func zoned(line string) bool {
	return strings.HasPrefix(line, "TZ=") || strings.HasPrefix(line, "CRON_TZ=")
}

// ParseCron reads a cron line, one that the built-in engine stored as well.
func ParseCron(line string) (*cron.SpecSchedule, error) {
	if zoned(line) {
		_, line, _ = strings.Cut(line, " ")
	}
	return rotation.DefaultScheduler.Parse(line)
}

// Next is when a key that was made at a time is due. With a window, a time of the cron
// line whose window has closed is past, and the next one counts.
func (c *Schedule) Next(made, now time.Time) time.Time {
	if c.times == nil {
		return made.Add(c.RotationPeriod)
	}
	due := c.times.Next(made.UTC())
	if open := now.UTC().Add(-c.RotationWindow); c.RotationWindow > 0 && due.Before(open) {
		due = c.times.Next(open)
	}
	return due
}

// ForBuiltIn is the schedule as it is stored. The built-in engine knows no cron lines
// and would rotate without pause where there is no period: it finds the time between
// two rotations there.
func (c Schedule) ForBuiltIn(now time.Time) Schedule {
	if c.times != nil {
		first := c.times.Next(now.UTC())
		c.RotationPeriod = c.times.Next(first).Sub(first)
	}
	return c
}

// FromStorage takes back what forBuiltIn did.
func (c *Schedule) FromStorage() error {
	if c.RotationSchedule != "" {
		c.RotationPeriod = 0
	}
	return c.Read()
}
