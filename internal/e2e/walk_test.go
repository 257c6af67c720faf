// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// soon is enough for what Vault does in the background after it has answered.
const soon = 30 * time.Second

// TestTheWalk is what README promises a newcomer, by Vault's command line: under the name aws, which Vault's UI
// and tools know, and under the neutral one.
func TestTheWalk(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"aws", "aws-dyn"} {
		t.Run("registered as "+name, func(t *testing.T) {
			t.Parallel()
			walk(t, name)
		})
	}
}

func walk(t *testing.T, name string) {
	account := fakeaws.New(t)
	v := startDev(t)
	v.register(name)
	v.cli("secrets", "enable", "-path=aws-dyn", name)
	root := account.RootKey()
	v.cli("write", "aws-dyn/config/root", "access_key="+root.AccessKeyID, "secret_key="+root.SecretAccessKey,
		"region=us-east-1", "iam_endpoint="+account.URL(), "sts_endpoint="+account.URL())
	v.cli("write", "aws-dyn/roles/developer-access", "policy_arns=arn:aws:iam::aws:policy/ReadOnlyAccess")

	table := v.cli("read", "aws-dyn/creds/developer-access")
	if got := field(t, table, "lease_duration"); got != "768h" {
		t.Errorf("lease_duration %s, expected 768h", got)
	}
	if got := field(t, table, "lease_renewable"); got != "true" {
		t.Errorf("lease_renewable %s, expected true", got)
	}
	lease := field(t, table, "lease_id")
	holder := key{field(t, table, "access_key"), field(t, table, "secret_key")}
	if user := mustWork(t, account, holder); !slices.Equal(account.Users(), []string{user}) {
		t.Errorf("the key is %s's, and AWS has the users %q", user, account.Users())
	}

	renewed := v.cli("lease", "renew", lease)
	// 768h is also the mount's maximum, counted from the first issue.
	if got := field(t, renewed, "lease_duration"); got != "768h" && !strings.HasPrefix(got, "767h59m") {
		t.Errorf("lease_duration after renewal %s, expected 768h less the seconds since it was issued", got)
	}
	v.cli("lease", "revoke", lease)
	waitForUsers(t, account, 0)
	mustBeRefused(t, account, holder)

	for range 10 {
		v.cli("read", "aws-dyn/creds/developer-access")
	}
	if got := len(account.Users()); got != 10 {
		t.Errorf("%d users after ten reads", got)
	}
	v.cli("lease", "revoke", "-prefix", "aws-dyn/creds/developer-access")
	waitForUsers(t, account, 0)
	v.mustNotHaveLogged(root.SecretAccessKey, holder.secret)
}

// mustNotHaveLogged looks for secrets in Vault's log, which at level debug has all that the plugin says too.
func (v *server) mustNotHaveLogged(secrets ...string) {
	v.t.Helper()
	log, err := os.ReadFile(v.logFile())
	if err != nil {
		v.t.Fatalf("reading Vault's log: %v", err)
	}
	for _, secret := range secrets {
		if strings.Contains(string(log), secret) {
			v.t.Error("a secret key is in Vault's log")
		}
	}
}

// TestUnmountDeletesTheUsers takes the mount away from under live leases.
func TestUnmountDeletesTheUsers(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	v := startDev(t)
	v.mount()
	configureRoot(v, account)
	writeRole(v)
	holder := v.issue().key()
	v.issue()
	mustWork(t, account, holder)
	v.cli("secrets", "disable", "aws-dyn")
	waitForUsers(t, account, 0)
	mustBeRefused(t, account, holder)
}

// TestWorksWithACABundle starts Vault with AWS_CA_BUNDLE set, as many companies have it: the SDK takes it only with a
// transport that it can extend.
func TestWorksWithACABundle(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	v := startDev(t, "AWS_CA_BUNDLE="+writeCertificate(t))
	v.mount()
	configureRoot(v, account)
	writeRole(v)
	issued := v.issue()
	mustWork(t, account, issued.key())
	v.revoke(issued.lease())
	mustBeRefused(t, account, issued.key())
}

// issue reads credentials of the demo's role.
func (v *server) issue() answer {
	v.t.Helper()
	return v.call("GET", "aws-dyn/creds/developer-access", nil)
}

// revoke revokes a lease and waits until Vault has done so.
func (v *server) revoke(lease string) {
	v.t.Helper()
	v.call("POST", "sys/leases/revoke", map[string]any{"lease_id": lease, "sync": true})
}

// renew renews a lease for an hour and demands that it then lasts as long.
func (v *server) renew(lease string) {
	v.t.Helper()
	renewed := v.call("POST", "sys/leases/renew", map[string]any{"lease_id": lease, "increment": 3600})
	if got := fmt.Sprint(renewed.body["lease_duration"]); got != "3600" {
		v.t.Errorf("a renewal for 3600 s lasts %s s", got)
	}
}

// waitForUsers waits until AWS has so many users.
func waitForUsers(t testing.TB, account *fakeaws.Server, count int) {
	t.Helper()
	waitFor(t, soon, fmt.Sprintf("%d users in AWS", count), func() bool { return len(account.Users()) == count })
}
