// SPDX-License-Identifier: MPL-2.0

package server

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file knows the plugin inside a Vault server: how it gets there, and what is written to it
// before it can serve.

// PolicyText is a policy for roles.
const PolicyText = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}`

// Register puts the shipped binary into the catalog under a name, with further flags of `vault plugin register`.
func (v *Server) Register(name string, flags ...string) {
	v.T.Helper()
	args := append([]string{"plugin", "register", "-sha256=" + programs.Built.SHA256, "-command=" + programs.PluginName}, flags...)
	v.CLI(append(args, "secret", name)...)
}

// Mount registers the plugin as aws and enables it at aws-dyn.
func (v *Server) Mount(flags ...string) {
	v.T.Helper()
	v.Register("aws", flags...)
	v.CLI("secrets", "enable", "-path=aws-dyn", "aws")
}

// ConfigureRoot tells the mount to use the fake account with its root key.
func ConfigureRoot(v *Server, aws *fakeaws.Server) {
	v.T.Helper()
	key := aws.RootKey()
	v.Call(http.MethodPost, "aws-dyn/config/root", map[string]any{
		"access_key": key.AccessKeyID, "secret_key": key.SecretAccessKey, "region": "us-east-1",
		"iam_endpoint": aws.URL(), "sts_endpoint": aws.URL(),
	})
}

// WriteRole writes the role of the demo.
func WriteRole(v *Server) {
	v.T.Helper()
	v.Call(http.MethodPost, "aws-dyn/roles/developer-access", map[string]any{"policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess"})
}

// MustNotHaveLogged looks for secrets in Vault's log, which at level debug has all that the plugin says too.
func (v *Server) MustNotHaveLogged(secrets ...string) {
	v.T.Helper()
	log, err := os.ReadFile(v.LogFile())
	if err != nil {
		v.T.Fatalf("reading Vault's log: %v", err)
	}
	for _, secret := range secrets {
		if strings.Contains(string(log), secret) {
			v.T.Error("a secret key is in Vault's log")
		}
	}
}

// Issue reads credentials of the demo's role.
func (v *Server) Issue() Answer {
	v.T.Helper()
	return v.Call("GET", "aws-dyn/creds/developer-access", nil)
}

// Revoke revokes a lease and waits until Vault has done so.
func (v *Server) Revoke(lease string) {
	v.T.Helper()
	v.Call("POST", "sys/leases/revoke", map[string]any{"lease_id": lease, "sync": true})
}

// Renew renews a lease for an hour and demands that it then lasts as long.
func (v *Server) Renew(lease string) {
	v.T.Helper()
	renewed := v.Call("POST", "sys/leases/renew", map[string]any{"lease_id": lease, "increment": 3600})
	if got := fmt.Sprint(renewed.Body["lease_duration"]); got != "3600" {
		v.T.Errorf("a renewal for 3600 s lasts %s s", got)
	}
}

// WaitForUsers waits until AWS has so many users.
func WaitForUsers(t testing.TB, account *fakeaws.Server, count int) {
	t.Helper()
	WaitFor(t, Soon, fmt.Sprintf("%d users in AWS", count), func() bool { return len(account.Users()) == count })
}
