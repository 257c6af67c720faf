// SPDX-License-Identifier: MPL-2.0

package backend

// What AWS's answers say of a new root key, and of a user that it will not delete yet.

import (
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// An endpoint policy, a service control policy or a region that is switched off denies GetCallerIdentity. AWS knows
// the key all the same.
func TestRotateRootWhereSTSDenies(t *testing.T) {
	t.Parallel()
	for name, denial := range map[string]fakeaws.Fault{
		"denied":                 {Kind: fakeaws.Refuse},
		"denied by another name": {Kind: fakeaws.Refuse, Code: "AccessDeniedException"},
		"region disabled":        {Kind: fakeaws.Refuse, Code: "RegionDisabledException"},
		"blocked by a proxy":     {Kind: fakeaws.Foreign, Status: 403, Body: "<html></html>"},
		"answered by a proxy":    {Kind: fakeaws.Foreign, Body: "OK"},
		"away":                   {Kind: fakeaws.Cut},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newScheduledMount(t, noRetries)
			denial.Action = "GetCallerIdentity"
			met := m.aws.Inject(denial)
			m.rotateRoot()
			asked := met.Hits()
			m.oneRootKey()
			if asked != proofs {
				t.Errorf("STS was asked %d times", asked)
			}
		})
	}
}

// proofs is how often in a row a new key has to be accepted.
const proofs = 5

// What AWS says of a key that it does not know yet, and that it has no time to look, proves nothing: the next five
// answers in a row do.
func TestRotateRootWaitsWhileAKeyIsNotKnown(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"GetUser", "GetCallerIdentity"} {
		for _, fault := range []fakeaws.Fault{
			{Kind: fakeaws.Refuse, Code: "InvalidClientTokenId"},
			{Kind: fakeaws.Refuse, Code: "InvalidAccessKeyId"},
			{Kind: fakeaws.Refuse, Code: "UnrecognizedClientException", Status: 400},
			{Kind: fakeaws.Refuse, Code: "SignatureDoesNotMatch"},
			{Kind: fakeaws.Throttle},
		} {
			t.Run(action+"/"+fault.Kind.String()+fault.Code, func(t *testing.T) {
				t.Parallel()
				m := newScheduledMount(t, noRetries)
				fault.Action, fault.After, fault.Times = action, proofs-1, 2
				met := m.aws.Inject(fault)
				m.rotateRoot()
				m.oneRootKey()
				asked := 0
				for _, call := range m.aws.Calls() {
					if call.Action == action {
						asked++
					}
				}
				if met.Hits() != 2 || asked < 2*proofs {
					t.Errorf("the fault was met %d times, AWS was asked %d times", met.Hits(), asked)
				}
			})
		}
	}
}

// A key that STS never accepts is not used, and does not stay.
func TestRotateRootGivesUpAKeyThatSTSNeverAccepts(t *testing.T) {
	t.Parallel()
	m := newScheduledMount(t, noRetries)
	m.aws.Inject(fakeaws.Fault{Action: "GetCallerIdentity", Kind: fakeaws.Refuse, Code: "InvalidClientTokenId"})
	m.fails(logical.UpdateOperation, "config/rotate-root", nil)
	m.pass(DefaultWALMinAge)
	_ = m.tick() // which says so
	m.aws.ClearFaults()
	m.mustTick()
	if id := m.oneRootKey(); id != m.aws.RootKey().AccessKeyID {
		t.Errorf("the key is %s", id)
	}
}

// AWS shows for two seconds what is gone already.
func TestRevokeWaitsForAWSToSeeWhatIsGone(t *testing.T) {
	t.Parallel()
	m := newWideMount(t)
	creds := m.creds("wide")
	m.aws.Dirty(m.user(creds))
	m.aws.SetDeletionLag(2 * time.Second)
	m.revoke(creds)
	m.noUsers()
	m.registered(0)
}
