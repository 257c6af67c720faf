// SPDX-License-Identifier: MPL-2.0

package backend

// Wrong requests to tidy and config/auto-tidy.

import (
	"testing"

	"github.com/hashicorp/vault/sdk/logical"
)

func TestBadInputToTidy(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"tidy", "config/auto-tidy"} {
		for _, c := range badOrders {
			c.path = path
			refuse(t, []badInput{c})
		}
	}
	for i := range badIntervals {
		badIntervals[i].path = "config/auto-tidy"
	}
	refuse(t, badIntervals)
	refuse(t, []badInput{
		{name: "cancelling what does not run", path: "tidy/cancel", field: "not running"},
		{name: "reading tidy", op: logical.ReadOperation, path: "tidy", field: "unsupported operation"},
		{name: "deleting the status", op: logical.DeleteOperation, path: "tidy/status", field: "unsupported operation"},
		{name: "writing the status", path: "tidy/status", field: "unsupported operation"},
		{name: "deleting the schedule", op: logical.DeleteOperation, path: "config/auto-tidy", field: "unsupported operation"},
		{name: "tidying something else", path: "tidy/other", field: "unsupported path"},
	})
}

var badOrders = []badInput{
	{name: "delete in words", data: map[string]any{"delete": "perhaps"}, field: "delete"},
	{name: "delete is a list", data: map[string]any{"delete": []bool{true}}, field: "delete"},
	{name: "delete is a map", data: map[string]any{"delete": map[string]any{"users": true}}, field: "delete"},
	{name: "buffer in words", data: map[string]any{"safety_buffer": "a while"}, field: "safety_buffer"},
	{name: "no buffer", data: map[string]any{"safety_buffer": 0}, field: "safety_buffer"},
	{name: "buffer too short", data: map[string]any{"safety_buffer": "14m59s"}, field: "safety_buffer"},
	{name: "buffer is negative", data: map[string]any{"safety_buffer": "-1h"}, field: "safety_buffer"},
	{name: "buffer is a negative number", data: map[string]any{"safety_buffer": -3600}, field: "safety_buffer"},
	{name: "buffer is a list", data: map[string]any{"safety_buffer": []string{"1h"}}, field: "safety_buffer"},
	{name: "buffer is a flag", data: map[string]any{"safety_buffer": true}, field: "safety_buffer"},
	{name: "buffer that wraps around", data: map[string]any{"safety_buffer": 18446744134}, field: "safety_buffer"},
	{name: "buffer beyond all clocks", data: map[string]any{"safety_buffer": "9223372037"}, field: "safety_buffer"},
}

var badIntervals = []badInput{
	{name: "switched on in words", data: map[string]any{"enabled": "sometimes"}, field: "enabled"},
	{name: "switched on by a list", data: map[string]any{"enabled": []string{"true"}}, field: "enabled"},
	{name: "interval in words", data: map[string]any{"interval_duration": "often"}, field: "interval_duration"},
	{name: "no interval", data: map[string]any{"interval_duration": 0}, field: "interval_duration"},
	{name: "interval too short", data: map[string]any{"interval_duration": "59m59s"}, field: "interval_duration"},
	{name: "interval is negative", data: map[string]any{"interval_duration": "-12h"}, field: "interval_duration"},
	{name: "interval is a map", data: map[string]any{"interval_duration": map[string]any{"hours": 12}}, field: "interval_duration"},
	{name: "interval that wraps around", data: map[string]any{"interval_duration": 18446744134}, field: "interval_duration"},
	{name: "a short buffer beside a short interval", data: map[string]any{"interval_duration": "1m", "safety_buffer": "1m"}, field: "safety_buffer: 1m0s is too short"},
}
