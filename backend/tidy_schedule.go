// SPDX-License-Identifier: MPL-2.0

package backend

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
	defaultTidyInterval = 12 * time.Hour
	leastTidyInterval   = time.Hour
)

// autoTidy says whether, how often and how tidy runs by itself.
type autoTidy struct {
	Enabled  bool          `json:"enabled"`
	Interval time.Duration `json:"interval_duration"`
	tidyOrder
}

func newAutoTidy() *autoTidy {
	return &autoTidy{Interval: defaultTidyInterval, tidyOrder: newTidyOrder()}
}

func autoTidyFields() map[string]*framework.FieldSchema {
	fields := map[string]*framework.FieldSchema{
		"enabled": {
			Type:        framework.TypeBool,
			Description: "Run tidy by itself, for the first time within a minute.",
		},
		"interval_duration": {
			Type:        framework.TypeDurationSecond,
			Default:     int(defaultTidyInterval / time.Second),
			Description: "How long after such a run began the next one does: an hour or more.",
		},
	}
	maps.Copy(fields, orderFields())
	return fields
}

// update takes what the request names.
func (c *autoTidy) update(d *framework.FieldData) {
	engine.Set(d, "enabled", &c.Enabled)
	engine.SetSeconds(d, "interval_duration", &c.Interval)
	c.tidyOrder.update(d)
}

func (c *autoTidy) validate() error {
	var m engine.Mistakes
	if c.Interval < leastTidyInterval {
		m.Add("interval_duration", "%s is too short; use at least %s", c.Interval, leastTidyInterval)
	}
	c.tidyOrder.validate(&m)
	return m.Err()
}

func (c *autoTidy) response() map[string]any {
	return map[string]any{
		"enabled":           c.Enabled,
		"interval_duration": engine.Seconds(c.Interval),
		"delete":            c.Delete,
		"safety_buffer":     engine.Seconds(c.SafetyBuffer),
	}
}

// due reports whether it is time. What was interrupted is made up for. A last time that
// is far in the future was a clock's that has been put right since.
func (c *autoTidy) due(last *tidyReport, now time.Time) bool {
	if !c.Enabled {
		return false
	}
	return last.Scheduled && last.Interrupted || now.Sub(last.LastScheduled).Abs() >= c.Interval
}

// tidyOnSchedule begins a run when it is time. It never waits for one.
func (b *backend) tidyOnSchedule(ctx context.Context, s logical.Storage) error {
	if !b.Writable() {
		return nil // another server's, or another cluster's, task
	}
	cfg, err := engine.Load[autoTidy](ctx, s, engine.KeyAutoTidy)
	if err != nil || cfg == nil || !cfg.Enabled || b.ID == "" {
		return err
	}
	last, err := b.lastTidy(ctx, s)
	if err != nil || !cfg.due(last, b.Now()) {
		return err
	}
	err = b.startTidy(ctx, s, cfg.tidyOrder, true)
	if errors.Is(err, errTidyBusy) || errors.Is(err, errTidyStopped) {
		return nil // somebody asked for one; at the next tick
	}
	return err
}
