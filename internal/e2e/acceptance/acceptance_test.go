// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// The fake account fails each of these tests if a user is left in it.

// programs are the Vault and the plugin, as make test has found them.
var programs = sync.OnceValue(func() settings {
	vault, plugin, root := os.Getenv("VAULT_BIN"), os.Getenv("PLUGIN_BIN"), filepath.Join("..", "..", "..")
	if vault == "" {
		said, _ := exec.CommandContext(context.Background(), filepath.Join(root, "scripts", "vault.sh")).Output()
		vault = strings.TrimSpace(string(said))
	}
	if plugin == "" {
		_ = exec.CommandContext(context.Background(), "make", "-s", "-C", root, "build").Run()
		plugin = filepath.Join(root, "bin", pluginName)
	}
	return settings{vault: vault, plugin: plugin}
})

// fake is an account to run in, and the settings for it.
func fake(t *testing.T) (*fakeaws.Server, settings, *bytes.Buffer) {
	t.Helper()
	account := fakeaws.New(t)
	account.AddRole("deploy")
	operator := account.AddUser("operator")
	s, out := programs(), &bytes.Buffer{}
	s.endpoint, s.assume, s.out = account.URL(), "arn:aws:iam::123456789012:role/deploy", out
	s.rounds, s.patience, s.pause = 2, 20*time.Second, 20*time.Millisecond
	s.operator = aws.Config{
		Region:      "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider(operator.AccessKeyID, operator.SecretAccessKey, ""),
	}
	return account, s, out
}

func TestRun(t *testing.T) {
	t.Parallel()
	account, s, out := fake(t)
	account.SetLag(0, 300*time.Millisecond)
	s.assume = "" // it makes a role, too
	roles := &roles{account: account}
	s.endpoint = roles.before(t, s.endpoint)
	if err := run(t.Context(), s); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, step := range steps {
		if !strings.Contains(out.String(), step.name+": ok") {
			t.Errorf("%s was not walked", step.name)
		}
	}
	if roles.made == "" || roles.now != "" {
		t.Errorf("it made the role %q, and %q is left", roles.made, roles.now)
	}
	if !strings.Contains(out.String(), "nothing is left in account 123456789012") || !strings.Contains(out.String(), "until AWS takes the key: median") {
		t.Error("no figures, or no end")
	}
	t.Log(out)
}

// AWS fails for good in the middle: the run says where, and leaves nothing.
func TestRunWithAFault(t *testing.T) {
	t.Parallel()
	account, s, out := fake(t)
	account.Inject(fakeaws.Fault{Action: "GetFederationToken", Kind: fakeaws.Refuse, Status: 400, Code: "PackedPolicyTooLarge", Message: "not here"})
	err := run(t.Context(), s)
	if err == nil || !strings.Contains(err.Error(), "federation_token: ") || !strings.Contains(err.Error(), "PackedPolicyTooLarge") {
		t.Errorf("%v\n%s", err, out)
	}
}

// Ctrl-C comes while a user is made: the run ends, and leaves nothing.
func TestRunInterrupted(t *testing.T) {
	t.Parallel()
	account, s, out := fake(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	hangs := account.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.Hang, After: 1, Times: 1}) // the first is the engine's own
	go func() {
		<-hangs.Reached()
		cancel()
		hangs.Release()
	}()
	if err := run(ctx, s); err == nil || !strings.Contains(err.Error(), "context canceled") && !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("%v\n%s", err, out)
	}
	for _, user := range account.Users() {
		if strings.HasPrefix(user, common) {
			t.Errorf("%s is left", user)
		}
	}
}

// What a killed run has left stops the next one, and -clean removes it.
func TestRunAfterAKilledOne(t *testing.T) {
	t.Parallel()
	account, s, out := fake(t)
	a, err := openAccount(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), s); err == nil || !strings.Contains(err.Error(), a.engine) || !strings.Contains(err.Error(), "-clean") {
		t.Errorf("%v\n%s", err, out)
	}
	s.clean = true
	if err := run(t.Context(), s); err != nil {
		t.Error(err)
	}
	for _, user := range account.Users() {
		if strings.HasPrefix(user, common) {
			t.Errorf("%s is left", user)
		}
	}
}

// It does nothing unless it is told to, in an account that is named.
func TestConsent(t *testing.T) {
	for _, name := range []string{"AWSDYN_ACCEPTANCE", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"} {
		t.Setenv(name, "")
	}
	if err := command(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "AWSDYN_ACCEPTANCE=yes") {
		t.Errorf("without consent: %v", err)
	}
	t.Setenv("AWSDYN_ACCEPTANCE", "yes")
	if err := command(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "AWS_PROFILE") {
		t.Errorf("without an account: %v", err)
	}
}
