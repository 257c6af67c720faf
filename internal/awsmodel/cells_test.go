// SPDX-License-Identifier: MPL-2.0

package awsmodel

import "testing"

// What a person has read from the patterns and what the regular expressions say is the same.
func TestCellsAgreeWithTheTable(t *testing.T) {
	cells := 0
	for _, action := range Load().Names() {
		for _, c := range Load().Cells(action) {
			cells++
			member, _ := Load().Member(c.Action, c.Member)
			broken := member.Broken(c.Value)
			switch {
			case c.Case == "absent":
				continue
			case member.Type == "list":
				broken = member.BrokenBy(c.Elements)
			}
			if (len(broken) == 0) != c.Fits {
				t.Errorf("%s, %.80q: fits %t, but breaks %q", c, c.Value, c.Fits, broken)
			}
		}
	}
	if cells < 1000 {
		t.Errorf("%d cells only", cells)
	}
}
