// SPDX-License-Identifier: MPL-2.0

package tidy

import (
	"time"

	"github.com/hashicorp/vault/sdk/framework"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

const (
	defaultSafetyBuffer = time.Hour

	// leastSafetyBuffer leaves room for creations under way and for what AWS shows late.
	// Both are known from records as well; this is for what nobody thought of.
	leastSafetyBuffer = 15 * time.Minute
)

// order is what a run of tidy is asked for.
type order struct {
	Delete       bool          `json:"delete"`
	SafetyBuffer time.Duration `json:"safety_buffer"`
	// Restored says that this storage was set back, and that no other engine goes on with a
	// copy of it: what was made since then is this mount's.
	Restored bool `json:"restored,omitempty"`
}

func newOrder() order { return order{SafetyBuffer: defaultSafetyBuffer} }

// orderFields are those of tidy and of config/auto-tidy.
func orderFields() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"delete": {
			Type:        framework.TypeBool,
			Description: "Delete the IAM users that are found, with everything that they own. Without it they are only reported.",
		},
		"safety_buffer": {
			Type:        framework.TypeDurationSecond,
			Default:     int(defaultSafetyBuffer / time.Second),
			Description: "Minimum age of a user, by AWS's clock, to be looked at: 15 minutes or more.",
		},
	}
}

// startFields are those of tidy, where somebody asks for one run.
func startFields() map[string]*framework.FieldSchema {
	fields := orderFields()
	fields["restored"] = &framework.FieldSchema{
		Type:        framework.TypeBool,
		Description: "State that this storage was set back to a snapshot and no other server works with a copy of it: users that were made since then count as this mount's. Without it they are reported and left alone.",
	}
	return fields
}

// update takes what the request names.
func (o *order) update(d *framework.FieldData) {
	engine.Set(d, "delete", &o.Delete)
	engine.SetSeconds(d, "safety_buffer", &o.SafetyBuffer)
	if d.Schema["restored"] != nil {
		engine.Set(d, "restored", &o.Restored)
	}
}

func (o *order) validate(m *engine.Mistakes) {
	if o.SafetyBuffer < leastSafetyBuffer {
		m.Add("safety_buffer", "%s is too short; use at least %s", o.SafetyBuffer, leastSafetyBuffer)
	}
}

// check refuses tidy where it could find nothing.
func (t *Tidy) check() error {
	if t.ID == "" {
		return engine.UserErrorf("tidy cannot work here: this server gives the mount no identity, so the engine's IAM users carry no tags that say whose they are; issued/ lists those that it knows")
	}
	return nil
}
