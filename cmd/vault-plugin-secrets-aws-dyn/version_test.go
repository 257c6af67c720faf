// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os/exec"
	"strings"
	"testing"
)

// make takes the versions that the program takes for its own, and no others: such a program would say v0.0.0-dev.
func TestMakeRefusesVersions(t *testing.T) {
	for version, good := range map[string]bool{
		"v0.1.3": true, "v0.1.0-dev": true, "v1.2.3-rc.1+build.5": true,
		"0.1.3": false, "v0.1": false, "v0.1.3 ": false, "V0.1.3": false, "latest": false, "": false, "v0.1.3-": false,
	} {
		out, err := exec.CommandContext(t.Context(), "make", "-s", "-C", "../..", "check-version", "VERSION="+version).CombinedOutput()
		switch {
		case good && (err != nil || !versionForm.MatchString(version)):
			t.Errorf("%q: %v %s", version, err, out)
		case !good && (err == nil || versionForm.MatchString(version) || !strings.Contains(string(out), "such as VERSION=v0.1.3")):
			t.Errorf("%q was taken, or refused without a word: %s", version, out)
		}
	}
}
