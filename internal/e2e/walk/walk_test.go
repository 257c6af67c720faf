// SPDX-License-Identifier: MPL-2.0

package walk

import (
	"slices"
	"strings"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

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
	v := server.StartDev(t)
	v.Register(name)
	v.CLI("secrets", "enable", "-path=aws-dyn", name)
	root := account.RootKey()
	v.CLI("write", "aws-dyn/config/root", "access_key="+root.AccessKeyID, "secret_key="+root.SecretAccessKey,
		"region=us-east-1", "iam_endpoint="+account.URL(), "sts_endpoint="+account.URL())
	v.CLI("write", "aws-dyn/roles/developer-access", "policy_arns=arn:aws:iam::aws:policy/ReadOnlyAccess")

	table := v.CLI("read", "aws-dyn/creds/developer-access")
	if got := server.Field(t, table, "lease_duration"); got != "768h" {
		t.Errorf("lease_duration %s, expected 768h", got)
	}
	if got := server.Field(t, table, "lease_renewable"); got != "true" {
		t.Errorf("lease_renewable %s, expected true", got)
	}
	lease := server.Field(t, table, "lease_id")
	holder := server.Key{ID: server.Field(t, table, "access_key"), Secret: server.Field(t, table, "secret_key")}
	if user := server.MustWork(t, account, holder); !slices.Equal(account.Users(), []string{user}) {
		t.Errorf("the key is %s's, and AWS has the users %q", user, account.Users())
	}

	renewed := v.CLI("lease", "renew", lease)
	// 768h is also the mount's maximum, counted from the first issue.
	if got := server.Field(t, renewed, "lease_duration"); got != "768h" && !strings.HasPrefix(got, "767h59m") {
		t.Errorf("lease_duration after renewal %s, expected 768h less the seconds since it was issued", got)
	}
	v.CLI("lease", "revoke", lease)
	server.WaitForUsers(t, account, 0)
	server.MustBeRefused(t, account, holder)

	for range 10 {
		v.CLI("read", "aws-dyn/creds/developer-access")
	}
	if got := len(account.Users()); got != 10 {
		t.Errorf("%d users after ten reads", got)
	}
	v.CLI("lease", "revoke", "-prefix", "aws-dyn/creds/developer-access")
	server.WaitForUsers(t, account, 0)
	v.MustNotHaveLogged(root.SecretAccessKey, holder.Secret)
}

// TestUnmountDeletesTheUsers takes the mount away from under live leases.
func TestUnmountDeletesTheUsers(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	v := server.StartDev(t)
	v.Mount()
	server.ConfigureRoot(v, account)
	server.WriteRole(v)
	holder := v.Issue().Key()
	v.Issue()
	server.MustWork(t, account, holder)
	v.CLI("secrets", "disable", "aws-dyn")
	server.WaitForUsers(t, account, 0)
	server.MustBeRefused(t, account, holder)
}

// TestWorksWithACABundle starts Vault with AWS_CA_BUNDLE set, as many companies have it: the SDK takes it only with a
// transport that it can extend.
func TestWorksWithACABundle(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	v := server.StartDev(t, "AWS_CA_BUNDLE="+writeCertificate(t))
	v.Mount()
	server.ConfigureRoot(v, account)
	server.WriteRole(v)
	issued := v.Issue()
	server.MustWork(t, account, issued.Key())
	v.Revoke(issued.Lease())
	server.MustBeRefused(t, account, issued.Key())
}
