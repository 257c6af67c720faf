// SPDX-License-Identifier: MPL-2.0

package walk

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file is about where the plugin's own AWS identity comes from. That of config/root is in every other test.

// TestIdentityFromThePluginsEnvironment issues and revokes with nothing in config/root at all.
func TestIdentityFromThePluginsEnvironment(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	v := server.StartDev(t)
	root := account.RootKey()
	v.Mount(append(endpointFlags(account),
		"-env=AWS_ACCESS_KEY_ID="+root.AccessKeyID, "-env=AWS_SECRET_ACCESS_KEY="+root.SecretAccessKey)...)
	server.WriteRole(v)
	issued := v.Issue()
	server.MustWork(t, account, issued.Key())
	v.Revoke(issued.Lease())
	server.MustBeRefused(t, account, issued.Key())
}

// TestIdentityFromTheInstance takes the instance's role through IMDSv2. Its credentials run out between the call that
// issues and the one that revokes, and AWS refuses them from then on.
func TestIdentityFromTheInstance(t *testing.T) {
	t.Parallel()
	const ttl = 2 * time.Second
	account := fakeaws.New(t)
	account.SetInstanceRole("vault-server", ttl)
	v := server.StartDev(t)
	v.Mount(append(endpointFlags(account), "-env=AWS_EC2_METADATA_SERVICE_ENDPOINT="+account.URL())...)
	server.WriteRole(v)
	for range 2 {
		issued := v.Issue()
		server.MustWork(t, account, issued.Key())
		before, issuedAt := account.IMDSIssued(), time.Now()
		if before == 0 {
			t.Fatal("nobody asked the instance's metadata for credentials")
		}
		server.WaitFor(t, server.Soon, "the instance's credentials to run out", func() bool { return time.Since(issuedAt) > ttl })
		v.Revoke(issued.Lease())
		server.MustBeRefused(t, account, issued.Key())
		if got := account.IMDSIssued(); got <= before {
			t.Errorf("the credentials ran out, and the instance's metadata has still given %d of them", got)
		}
	}
}

// TestInstanceCredentialsEndEarly has AWS refuse them long before the time that they were given for, as it does when
// an administrator revokes the role's sessions.
func TestInstanceCredentialsEndEarly(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	account.SetInstanceRole("vault-server", time.Hour)
	v := server.StartDev(t)
	v.Mount(append(endpointFlags(account), "-env=AWS_EC2_METADATA_SERVICE_ENDPOINT="+account.URL())...)
	server.WriteRole(v)
	before := v.Issue()
	account.ExpireInstanceCredentials()
	after := v.Issue()
	server.MustWork(t, account, after.Key())
	account.ExpireInstanceCredentials()
	v.Revoke(before.Lease())
	v.Revoke(after.Lease())
	server.MustBeRefused(t, account, before.Key())
	if got := account.IMDSIssued(); got < 3 {
		t.Errorf("credentials ended twice, and the instance's metadata gave only %d of them", got)
	}
}

// TestNoIdentityAtAll must be the caller's error, and say what to do.
func TestNoIdentityAtAll(t *testing.T) {
	t.Parallel()
	account := fakeaws.New(t)
	v := server.StartDev(t)
	v.Mount(append(endpointFlags(account), "-env=AWS_EC2_METADATA_DISABLED=true")...)
	server.WriteRole(v)
	refused, err := v.Request(http.MethodGet, "aws-dyn/creds/developer-access", nil)
	if err != nil {
		t.Fatal(err)
	}
	if refused.Status < 400 || refused.Status > 499 {
		t.Errorf("without any AWS identity the status is %d: %s", refused.Status, refused.Text)
	}
	if !strings.Contains(refused.Text, "config/root") {
		t.Errorf("the answer does not say where to configure an identity: %s", refused.Text)
	}
	if calls := account.Actions(); len(calls) > 0 {
		t.Errorf("without an identity AWS was called: %q", calls)
	}
}

// endpointFlags point the plugin's default configuration at the fake, as its environment would at another AWS.
func endpointFlags(account *fakeaws.Server) []string {
	return []string{
		"-env=AWS_REGION=us-east-1", "-env=AWS_ENDPOINT_URL_IAM=" + account.URL(), "-env=AWS_ENDPOINT_URL_STS=" + account.URL(),
	}
}

// writeCertificate writes a certificate that nobody uses, for AWS_CA_BUNDLE to name.
func writeCertificate(t *testing.T) string {
	t.Helper()
	web := httptest.NewTLSServer(http.NotFoundHandler())
	defer web.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})
	if err := os.WriteFile(file, block, 0o600); err != nil {
		t.Fatalf("writing a certificate: %v", err)
	}
	return file
}
