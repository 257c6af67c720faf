// SPDX-License-Identifier: MPL-2.0

package main

import (
	"strings"
	"testing"
	"time"
)

func TestFlags(t *testing.T) {
	t.Parallel()
	c, err := parse([]string{"-wal-min-age=1m", "-gap-caution=2h", "-web-identity-token-files=/run/token"})
	if err != nil || c.options.WALMinAge != time.Minute || c.options.GapCaution != 2*time.Hour || len(c.options.WebIdentityTokenFiles) != 1 || c.showVersion {
		t.Errorf("read %+v, %v", c, err)
	}
	for arg, want := range map[string]string{
		"-wal-min-age=banana":                 "-wal-min-age",
		"-wal-min-age=5":                      "-wal-min-age",
		"-sweep-grace=0s":                     "-sweep-grace must be positive",
		"-late-window=-1m":                    "-late-window must be positive",
		"-colour=red":                         "-colour",
		"wal-min-age=1m":                      `"wal-min-age=1m" is not a flag`,
		"-web-identity-token-files=relative":  "-web-identity-token-files",
		"-web-identity-sts-endpoints=ftp://x": "-web-identity-sts-endpoints",
	} {
		if _, err := parse([]string{arg}); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want one line with %s", arg, err, want)
		}
	}
}
