// SPDX-License-Identifier: MPL-2.0

package walk

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file kills processes between two calls to AWS. What must hold afterwards: no user without a lease, and the
// leases from before as good as ever.

// moments are where in the course of a create the process dies.
var moments = []struct {
	name  string
	fault fakeaws.Fault
}{
	{"user made, answer not seen", fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.HangAfter, Times: 1}},
	{"user made, key under way", fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.Hang, Times: 1}},
}

// TestPluginKilledWhileCreating kills the plugin alone; Vault starts it again.
func TestPluginKilledWhileCreating(t *testing.T) {
	t.Parallel()
	for _, moment := range moments {
		t.Run(moment.name, func(t *testing.T) {
			t.Parallel()
			account := fakeaws.New(t)
			v := server.StartDev(t)
			v.Mount()
			crash(t, v, account, moment.fault, func() { server.KillProcess(t, v.Plugin()) })
		})
	}
}

// TestVaultKilledWhileCreating kills Vault and plugin at once, as the end of the machine would, on storage that survives.
func TestVaultKilledWhileCreating(t *testing.T) {
	t.Parallel()
	for _, moment := range moments {
		t.Run(moment.name, func(t *testing.T) {
			t.Parallel()
			account := fakeaws.New(t)
			v := server.StartRaft(t)
			v.Mount()
			crash(t, v, account, moment.fault, func() {
				v.Kill()
				v.Restart()
			})
		})
	}
}

// crash holds one lease, stops a create at the fault, lets kill do its work, and sees what becomes of it all.
func crash(t *testing.T, v *server.Server, account *fakeaws.Server, fault fakeaws.Fault, kill func()) {
	server.ConfigureRoot(v, account)
	server.WriteRole(v)
	before := v.Issue()
	owner := server.MustWork(t, account, before.Key())

	hanging := account.Inject(fault)
	type outcome struct {
		answer server.Answer
		err    error
	}
	ended := make(chan outcome, 1)
	go func() {
		a, err := v.Request(http.MethodGet, "aws-dyn/creds/developer-access", nil)
		ended <- outcome{a, err}
	}()
	select {
	case <-hanging.Reached():
	case <-time.After(server.Soon):
		t.Fatalf("no call reached %s", fault.Action)
	}
	server.WaitForUsers(t, account, 2)
	orphans := slices.DeleteFunc(account.Users(), func(user string) bool { return user == owner })
	kill()
	hanging.Release()

	// The request that was under way fails, or Vault repeats it and it succeeds: then its user has a lease.
	with := []string{owner}
	var late server.Answer
	if o := <-ended; o.err == nil && o.answer.Status == http.StatusOK {
		late = o.answer
		with = append(with, server.MustWork(t, account, late.Key()))
		slices.Sort(with)
	}
	if slices.Contains(with, orphans[0]) {
		t.Fatalf("the process was killed before it could answer, and yet the user %s was handed out", orphans[0])
	}
	server.WaitFor(t, server.RollbackTime, "AWS to have only the users with a lease", func() bool {
		users := account.Users()
		slices.Sort(users)
		return slices.Equal(users, with)
	})

	server.MustWork(t, account, before.Key())
	v.Renew(before.Lease())
	v.Revoke(before.Lease())
	server.MustBeRefused(t, account, before.Key())
	if late.Lease() != "" {
		v.Revoke(late.Lease())
	}
	server.WaitForUsers(t, account, 0)
}

// TestAWSAwayUntilTheRollback has a create fail and its clean-up with it. When AWS is back, Vault's rollback ends
// what is left; the binary is registered with a flag of its own, as an operator may set it.
func TestAWSAwayUntilTheRollback(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	v := server.StartDev(t)
	v.Mount("-args=-wal-min-age=2s", "-args=-late-window=4s")
	server.ConfigureRoot(v, account)
	server.WriteRole(v)

	refusal := account.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.Refuse})
	away := account.Inject(fakeaws.Fault{Action: "DeleteUser", Kind: fakeaws.Unavailable})
	refused, err := v.Request(http.MethodGet, "aws-dyn/creds/developer-access", nil)
	if err != nil {
		t.Fatal(err)
	}
	if refused.Status < 400 {
		t.Fatalf("no key was made, and the answer is %d: %s", refused.Status, refused.Text)
	}
	if got := len(account.Users()); got != 1 || away.Hits() == 0 {
		t.Fatalf("the clean-up should have tried and failed; DeleteUser was called %d times and %d users are left", away.Hits(), got)
	}
	refusal.Remove()
	away.Remove()
	server.WaitFor(t, server.RollbackTime, "the user of the failed create to be gone", func() bool { return len(account.Users()) == 0 })
}
