// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"regexp"
	"strings"
)

// RoleName is what a path takes for the name of a role. It takes anything, so that
// a name that cannot be is told so, and not that there is no such path.
const RoleName = "(?P<name>.+)"

// mostRoleName is how long the name of a role may be; longer ones make no sense in a path.
const mostRoleName = 512

var roleNameForm = regexp.MustCompile(`^\w([\w.@-]*\w)?$`)

// CheckRoleName keeps to the names that the built-in engine and Vault's storage allow.
func CheckRoleName(name string) error {
	if len(name) > mostRoleName || !roleNameForm.MatchString(name) || strings.Contains(name, "..") {
		return UserErrorf("name: %q cannot name a role; use up to %d letters, digits and _ . @ -, with a letter, digit or _ at both ends and no two dots in a row",
			name, mostRoleName)
	}
	return nil
}
