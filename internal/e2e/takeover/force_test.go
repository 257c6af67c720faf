// SPDX-License-Identifier: MPL-2.0

package takeover

import (
	"net/http"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file drops leases by force while AWS is away, from both engines, and looks what becomes of their users.

// TestForcedRevocationWhileAWSIsAway shows the two engines side by side: when AWS is back, ours ends the user and the
// built-in leaves it, since nothing of it is written down any more.
func TestForcedRevocationWhileAWSIsAway(t *testing.T) {
	t.Parallel()
	v := server.StartDev(t)
	v.RegisterPeer("aws")
	v.Register("aws-dyn", "-args=-wal-min-age=2s")
	v.CLI("secrets", "enable", "-path=peer", "aws")
	v.CLI("secrets", "enable", "-path=ours", "aws-dyn")
	accounts := map[string]*fakeaws.Server{"peer": fakeaws.New(t), "ours": fakeaws.New(t)}
	faults := map[string]*fakeaws.Injected{}
	for mount, account := range accounts {
		key := account.RootKey()
		v.Call(http.MethodPost, mount+"/config/root", map[string]any{
			"access_key": key.AccessKeyID, "secret_key": key.SecretAccessKey, "region": "us-east-1",
			"iam_endpoint": account.URL(), "sts_endpoint": account.URL(), "max_retries": 0,
		})
		v.Call(http.MethodPost, mount+"/roles/developer-access", map[string]any{
			"credential_type": "iam_user", "policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess",
		})
		issued := v.Call(http.MethodGet, mount+"/creds/developer-access", nil)
		server.MustWork(t, account, issued.Key())

		faults[mount] = account.Inject(fakeaws.Fault{Kind: fakeaws.Cut})
		v.CLI("lease", "revoke", "-force", "-prefix", mount+"/creds/developer-access")
		v.Call(http.MethodPut, "sys/leases/lookup", map[string]any{"lease_id": issued.Lease()}, http.StatusBadRequest)
		if hits := faults[mount].Hits(); hits == 0 || len(account.Users()) != 1 {
			t.Fatalf("%s: AWS refused %d calls, and has %d users; the test shows nothing", mount, hits, len(account.Users()))
		}
		faults[mount].Remove()                    // AWS is back
		server.MustWork(t, account, issued.Key()) // and nobody has ended the credential
	}

	ours, peer := accounts["ours"], accounts["peer"]
	server.WaitFor(t, server.RollbackTime, "our sweep to end the user", func() bool { return len(ours.Users()) == 0 })
	v.Call(http.MethodGet, "ours/issued?list=true", nil, http.StatusNotFound)

	// The built-in's own rollback comes by as often as ours; one user that our engine makes and loses after this moment, and
	// ends, shows that it has come by since.
	lost := v.Call(http.MethodGet, "ours/creds/developer-access", nil)
	away := ours.Inject(fakeaws.Fault{Kind: fakeaws.Cut})
	v.CLI("lease", "revoke", "-force", "-prefix", "ours/creds/developer-access")
	away.Remove()
	server.WaitFor(t, server.RollbackTime, "our sweep to end another user", func() bool { return len(ours.Users()) == 0 })
	server.MustBeRefused(t, ours, lost.Key())
	if left := peer.Users(); len(left) != 1 {
		t.Errorf("the built-in left %d users, and used to leave 1: docs/migration.md has to be changed", len(left))
	}
	t.Logf("after a lease was dropped by force while AWS was away: ours left %d users, the built-in %d", len(ours.Users()), len(peer.Users()))
	peer.Forgive()
}
