// SPDX-License-Identifier: MPL-2.0

package engine

// What config/root says about when its key rotates.

import (
	"time"

	"github.com/hashicorp/vault/sdk/framework"
)

// leastRootPeriod is what Vault Enterprise takes. A rotation that is due is done at the next tick,
// and the next one after that not before the old key is gone.
const leastRootPeriod = 10 * time.Second

// RotationFields are those of config/root about when its key rotates.
func RotationFields() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"rotation_period": {
			Type:        framework.TypeDurationSecond,
			Description: "How often to rotate the access key: 10s or more; the engine checks once a minute. 0: no rotation by period. Cannot be combined with rotation_schedule.",
		},
		"rotation_schedule": {
			Type:        framework.TypeString,
			Description: "When to rotate the access key, as a cron line of five fields, in UTC. Cannot be combined with rotation_period.",
		},
		"rotation_window": {
			Type:        framework.TypeDurationSecond,
			Description: "How long after a time of rotation_schedule the rotation may still begin: an hour or more. 0: without limit.",
		},
		"disable_automated_rotation": {
			Type:        framework.TypeBool,
			Description: "Switch rotation_period and rotation_schedule off, and keep their values.",
		},
		"rotation_policy": {
			Type:        framework.TypeString,
			Description: "Stored and returned, without effect: the engine does not use Vault Enterprise's rotation manager.",
		},
	}
}

// updateRotation takes what the request names about the schedule.
func (c *RootConfig) updateRotation(d *framework.FieldData) {
	Set(d, "rotation_schedule", &c.RotationSchedule)
	SetSeconds(d, "rotation_window", &c.RotationWindow)
	SetSeconds(d, "rotation_period", &c.RotationPeriod)
	Set(d, "disable_automated_rotation", &c.DisableAutomatedRotation)
	Set(d, "rotation_policy", &c.RotationPolicy)
}

func (c *RootConfig) checkRotation(m *Mistakes) {
	period, schedule, window := c.RotationPeriod, c.RotationSchedule, c.RotationWindow
	if period != 0 && schedule != "" {
		m.Add("rotation_schedule", "cannot be set together with rotation_period; write 0 or an empty text to the other one")
	}
	if period != 0 && period < leastRootPeriod {
		m.Add("rotation_period", "%v is too short; the shortest is %v, and 0 switches it off", period, leastRootPeriod)
	}
	if schedule != "" {
		validateCron(m, schedule)
	}
	switch {
	case window != 0 && schedule == "":
		m.Add("rotation_window", "goes with rotation_schedule, which is not set; write 0 to unset it")
	case window != 0 && window < leastWindow:
		m.Add("rotation_window", "%v is too short; the shortest is %v, and 0 sets no limit", window, leastWindow)
	}
	if c.AccessKey == "" && !c.DisableAutomatedRotation {
		const missing = "needs access_key and secret_key in config/root; an identity from the environment is not the engine's to rotate"
		if period != 0 {
			m.Add("rotation_period", missing)
		}
		if schedule != "" {
			m.Add("rotation_schedule", missing)
		}
	}
}

// Plan says what kind of schedule is in force; empty when there is none.
func (c *RootConfig) Plan() string {
	switch {
	case c.DisableAutomatedRotation, c.AccessKey == "":
		return ""
	case c.RotationSchedule != "":
		return "schedule " + c.RotationSchedule
	case c.RotationPeriod != 0:
		return "period"
	}
	return ""
}
