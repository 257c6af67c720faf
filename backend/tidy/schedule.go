// SPDX-License-Identifier: MPL-2.0

package tidy

// When tidy runs without being asked.

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

const (
	defaultInterval = 12 * time.Hour
	leastInterval   = time.Hour
)

// schedule says whether, how often and how tidy runs by itself.
type schedule struct {
	Enabled  bool          `json:"enabled"`
	Interval time.Duration `json:"interval_duration"`
	order
}

func newSchedule() *schedule {
	return &schedule{Interval: defaultInterval, order: newOrder()}
}

func scheduleFields() map[string]*framework.FieldSchema {
	fields := map[string]*framework.FieldSchema{
		"enabled": {
			Type:        framework.TypeBool,
			Description: "Run tidy automatically, for the first time within a minute.",
		},
		"interval_duration": {
			Type:        framework.TypeDurationSecond,
			Default:     int(defaultInterval / time.Second),
			Description: "Time from the start of one such run to the next: an hour or more.",
		},
	}
	maps.Copy(fields, orderFields())
	return fields
}

// update takes what the request names.
func (c *schedule) update(d *framework.FieldData) {
	engine.Set(d, "enabled", &c.Enabled)
	engine.SetSeconds(d, "interval_duration", &c.Interval)
	c.order.update(d)
}

func (c *schedule) validate() error {
	var m engine.Mistakes
	if c.Interval < leastInterval {
		m.Add("interval_duration", "%s is too short; use at least %s", c.Interval, leastInterval)
	}
	c.order.validate(&m)
	return m.Err()
}

func (c *schedule) response() map[string]any {
	return map[string]any{
		"enabled":           c.Enabled,
		"interval_duration": engine.Seconds(c.Interval),
		"delete":            c.Delete,
		"safety_buffer":     engine.Seconds(c.SafetyBuffer),
	}
}

// due reports whether it is time. What was interrupted is made up for. A last time that
// is far in the future was a clock's that has been put right since.
func (c *schedule) due(last *runReport, now time.Time) bool {
	if !c.Enabled {
		return false
	}
	return last.Scheduled && last.Interrupted || now.Sub(last.LastScheduled).Abs() >= c.Interval
}

// Scheduled reports whether tidy runs by itself.
func (t *Tidy) Scheduled(ctx context.Context, s logical.Storage) (bool, error) {
	cfg, err := engine.Load[schedule](ctx, s, engine.KeyAutoTidy)
	return err == nil && cfg != nil && cfg.Enabled, err
}

// Tick begins a run when it is time. It never waits for one.
func (t *Tidy) Tick(ctx context.Context, s logical.Storage) error {
	cfg, err := engine.Load[schedule](ctx, s, engine.KeyAutoTidy)
	if err != nil || cfg == nil || !cfg.Enabled || t.ID == "" {
		return err
	}
	last, err := t.last(ctx, s)
	if err != nil || !cfg.due(last, t.Now()) {
		return err
	}
	err = t.start(ctx, s, cfg.order, true)
	if errors.Is(err, errBusy) || errors.Is(err, errStopped) {
		return nil // somebody asked for one; at the next tick
	}
	return err
}
