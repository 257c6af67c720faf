// SPDX-License-Identifier: MPL-2.0

package main

import (
	"regexp"
	"runtime/debug"
)

// version is set by the build: -ldflags "-X main.version=v1.2.3".
var version string

// unknownVersion is what a build reports that nobody gave a version.
const unknownVersion = "v0.0.0-dev"

// versionForm is what Vault takes for a version. Vault mounts nothing whose
// version lacks the v.
var versionForm = regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)

// currentVersion is what the build says, else the module's version, as "go
// install" notes it in the binary.
func currentVersion() string {
	if versionForm.MatchString(version) {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && versionForm.MatchString(info.Main.Version) {
		return info.Main.Version
	}
	return unknownVersion
}
