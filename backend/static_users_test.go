// SPDX-License-Identifier: MPL-2.0

package backend

// Whose keys are touched and whose are not: users with keys of their own, users of
// other roles and accounts, users that are made anew, and the end of a role.

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// A user that has two keys is refused, and both stay.
func TestStaticUserWithTwoKeysIsNotTouched(t *testing.T) {
	t.Parallel()
	m := newStaticMount(t)
	one, two := m.aws.AddKey("app").AccessKeyID, m.aws.AddKey("app").AccessKeyID
	text := m.refused(logical.UpdateOperation, "static-roles/app", daily)
	for _, want := range []string{one + " (active, made", two, " ago)", "Neither was touched", "replace_access_key"} {
		if !strings.Contains(text, want) {
			t.Errorf("the refusal does not say %q: %s", want, text)
		}
	}
	m.hasKeys("app", one, two)
	if m.read("static-roles/app") != nil || m.read("static-creds/app") != nil {
		t.Error("something was stored")
	}
	m.recorded(0)
	wrong := map[string]any{"username": "app", "rotation_period": "24h", "replace_access_key": "AKIAIOSFODNN7EXAMPLE"}
	if text := m.refused(logical.UpdateOperation, "static-roles/app", wrong); !strings.Contains(text, "replace_access_key:") || !strings.Contains(text, two) {
		t.Errorf("told %q", text)
	}
	m.hasKeys("app", one, two)
}

// The one that is named goes, and no other.
func TestStaticReplaceAccessKey(t *testing.T) {
	t.Parallel()
	m := newStaticMount(t)
	one, two := m.aws.AddKey("app").AccessKeyID, m.aws.AddKey("app").AccessKeyID
	resp := m.write("static-roles/app", map[string]any{"username": "app", "rotation_period": "24h", "replace_access_key": one})
	if len(resp.Warnings) != 1 || !strings.Contains(resp.Warnings[0], two) {
		t.Errorf("warnings: %v", resp.Warnings)
	}
	m.hasKeys("app", two, m.served("app"))
	if role := m.read("static-roles/app"); !slices.Equal(role["other_access_keys"].([]string), []string{two}) || role["replace_access_key"] != nil {
		t.Errorf("the role reads %v", role)
	}
	resp = m.write("static-roles/app", map[string]any{"replace_access_key": two})
	if len(resp.Warnings) != 0 || len(resp.Data["other_access_keys"].([]string)) != 0 {
		t.Errorf("answered %v", resp)
	}
	m.hasKeys("app", m.served("app"))
	m.write("static-roles/app", map[string]any{"replace_access_key": two}) // again is no error
}

// A customer's own key is never in the way of rotation, and never goes: the role's key
// makes room for its successor.
func TestStaticRotationLeavesACustomersKeyAlone(t *testing.T) {
	t.Parallel()
	m := newStaticMount(t)
	own := m.aws.AddKey("app")
	m.write("static-roles/app", daily)
	for range 3 {
		before := m.served("app")
		m.pass(25 * time.Hour)
		m.mustTick()
		m.hasKeys("app", own.AccessKeyID, m.served("app"))
		if m.served("app") == before {
			t.Error("not rotated")
		}
	}
	m.works(own.AccessKeyID, own.SecretAccessKey)
	m.do(logical.DeleteOperation, "static-roles/app", nil)
	m.hasKeys("app", own.AccessKeyID)
}

// A customer who adds a key between two rotations: the older key of the role goes.
func TestStaticKeyThatACustomerAddsStays(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	own := m.aws.AddKey("app").AccessKeyID
	m.write("static-roles/app/rotate", nil)
	m.hasKeys("app", own, m.served("app"))

	// Both keys are the customer's: nothing is deleted, and the role tells.
	m.deleteKey("app", m.served("app"))
	another := m.aws.AddKey("app").AccessKeyID
	m.pass(25 * time.Hour)
	m.mustTick()
	m.hasKeys("app", own, another)
	if role := m.read("static-roles/app"); !strings.Contains(role["last_rotation_error"].(string), "Neither was touched") {
		t.Errorf("the role tells %q", role["last_rotation_error"])
	}
	m.write("static-roles/app", map[string]any{"replace_access_key": own})
	m.mustTick()
	m.hasKeys("app", another, m.served("app"))
}

// One IAM user has one static role.
func TestStaticUserHasOneRole(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	if text := m.refused(logical.UpdateOperation, "static-roles/second", daily); !strings.Contains(text, `"app" belongs to the static role "app"`) {
		t.Errorf("told %q", text)
	}
	m.hasKeys("app", m.served("app"))
	m.do(logical.DeleteOperation, "static-roles/app", nil)

	var group sync.WaitGroup
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		group.Go(func() { _, _ = m.ask(logical.UpdateOperation, "static-roles/"+name, daily) })
	}
	group.Wait()
	roles := m.do(logical.ListOperation, "static-roles/", nil).Data["keys"].([]string)
	if len(roles) != 1 {
		t.Fatalf("the roles %v have one user", roles)
	}
	m.hasKeys("app", m.served(roles[0]))
	m.recorded(0)
}

// AWS first. A role whose keys cannot be deleted stays and says why.
func TestStaticDeleteRetriesUntilKeyIsGone(t *testing.T) {
	t.Parallel()
	for _, kind := range append(everyFault, fakeaws.Unavailable) {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			m := newRotatingMount(t, noRetries)
			m.write("static-roles/app/rotate", nil)
			m.aws.Inject(fakeaws.Fault{Action: "DeleteAccessKey", Kind: kind})
			if text := m.fails(logical.DeleteOperation, "static-roles/app", nil); !strings.Contains(text, "stays until its keys are deleted") {
				t.Errorf("told %q", text)
			}
			if m.read("static-roles/app") == nil || m.read("static-creds/app") == nil {
				t.Error("the role is gone while its key is not")
			}
			m.aws.ClearFaults()
			m.do(logical.DeleteOperation, "static-roles/app", nil)
			m.hasKeys("app")
			if m.read("static-roles/app") != nil || m.read("static-creds/app") != nil {
				t.Error("the role is still there")
			}
			m.do(logical.DeleteOperation, "static-roles/app", nil) // again is no error
			m.pass(DefaultWALMinAge)
			m.mustTick()
			m.recorded(0)
		})
	}
}

func TestStaticDeleteOfWhatIsGone(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	m.pass(time.Hour)
	m.aws.RemoveUser("app")
	m.do(logical.DeleteOperation, "static-roles/app", nil)
	m.recorded(0)
	m.do(logical.DeleteOperation, "static-roles/none", nil)
}

// A key made a moment ago, which AWS does not show yet, is looked for again.
func TestStaticDeleteOfAYoungKeyLooksAgain(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	m.aws.Inject(fakeaws.Fault{Action: "DeleteAccessKey", Kind: fakeaws.Lagging, Times: 1})
	m.do(logical.DeleteOperation, "static-roles/app", nil)
	m.recorded(1)
	m.mustTick()
	m.hasKeys("app")
	m.recorded(0)
}

func TestStaticDeleteWithForce(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t, noRetries)
	id := m.served("app")
	m.aws.Inject(fakeaws.Fault{Action: "DeleteAccessKey", Kind: fakeaws.Refuse})
	resp := m.do(logical.DeleteOperation, "static-roles/app", map[string]any{"force": "true"})
	if resp == nil || len(resp.Warnings) != 1 || !strings.Contains(resp.Warnings[0], id) {
		t.Errorf("answered %v", resp)
	}
	if m.read("static-roles/app") != nil {
		t.Error("the role is still there")
	}
	m.hasKeys("app", id)
}

// A user that somebody made anew under the same name is not the one that was adopted.
func TestStaticUserMadeAnewIsNotTouched(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	m.aws.RemoveUser("app")
	own := m.aws.AddUser("app").AccessKeyID
	m.pass(25 * time.Hour)
	m.mustTick()
	m.hasKeys("app", own)
	if role := m.read("static-roles/app"); !strings.Contains(role["last_rotation_error"].(string), "recreated it") {
		t.Errorf("the role tells %q", role["last_rotation_error"])
	}
	m.do(logical.DeleteOperation, "static-roles/app", nil)
	m.hasKeys("app", own)
}

// Another account is reached by a client of its own; everybody else's stays.
func TestStaticRoleOfAnotherAccount(t *testing.T) {
	t.Parallel()
	m := newStaticMount(t)
	m.aws.AddRoleExternalID("rotator", "handshake")
	other := map[string]any{"username": "app", "rotation_period": "24h", "assume_role_arn": "arn:aws:iam::123456789012:role/rotator"}
	if text := m.refused(logical.UpdateOperation, "static-roles/app", other); !strings.Contains(text, "AccessDenied") {
		t.Errorf("without the external ID: %q", text)
	}
	other["external_id"], other["assume_role_session_name"] = "handshake", "from-vault"
	m.write("static-roles/app", other)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() { _, _ = m.ask(logical.UpdateOperation, "static-roles/app/rotate", nil) })
		group.Go(func() {
			if creds, err := m.ask(logical.ReadOperation, "creds/developer-access", nil); err != nil || creds.IsError() {
				t.Errorf("issuing beside it: %v %v", creds, err)
			} else {
				m.revoke(creds)
			}
		})
	}
	group.Wait()
	sessions := m.aws.Sessions()
	if len(sessions) == 0 || sessions[0].SessionName != "from-vault" || sessions[0].ExternalID != "handshake" {
		t.Errorf("sessions: %+v", sessions)
	}
	for _, call := range m.aws.Calls() {
		ours := call.User == "app"
		if assumed := strings.HasPrefix(call.AccessKeyID, "ASIA"); call.Service == "iam" && assumed != ours {
			t.Errorf("%s of %s was signed by %s", call.Action, call.User, call.AccessKeyID)
		}
	}
	m.served("app")
	m.aws.ExpireSessions()
	m.do(logical.DeleteOperation, "static-roles/app", nil)
	m.hasKeys("app")
}
