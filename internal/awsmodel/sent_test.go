// SPDX-License-Identifier: MPL-2.0

package awsmodel

import "testing"

func TestTableHasAllThatTheEngineSends(t *testing.T) {
	all, err := Sent("../awscreds")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for action, members := range all {
		if _, known := Load().Actions[action]; !known {
			t.Errorf("the engine sends %s, which model.json does not have: add it to generate/actions.go", action)
		}
		for _, member := range members {
			n++
			if _, known := Load().Member(action, member); !known {
				t.Errorf("the engine sends %s of %s, which AWS's model does not have", member, action)
			}
		}
	}
	if len(all) < 30 || n < 50 {
		t.Errorf("found %d actions with %d members only", len(all), n)
	}
	t.Logf("%d actions with %d members are sent", len(all), n)
}
