// SPDX-License-Identifier: MPL-2.0

package vaultaws

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file tests vault-aws credential-process, and the profiles that call it.

// textOf is a text of what credential-process printed.
func textOf(fields map[string]any, name string) string {
	value, _ := fields[name].(string)
	return value
}

func TestVaultAWSCredentialProcess(t *testing.T) {
	t.Parallel()
	h := startHelper(t)

	fields, first := h.process("audit", "role_session_name=anna")
	holder := fakeaws.Client{Endpoint: h.account.URL(), Key: fakeaws.Key{
		AccessKeyID: textOf(fields, "AccessKeyId"), SecretAccessKey: textOf(fields, "SecretAccessKey"), SessionToken: textOf(fields, "SessionToken"),
	}}
	if arn, err := holder.CallerARN(t.Context()); err != nil || !strings.HasSuffix(arn, ":assumed-role/audit/anna") {
		t.Errorf("the session is %q's: %v", arn, err)
	}
	if fields["Version"] != 1.0 {
		t.Errorf("version %v, and AWS's SDKs want 1", fields["Version"])
	}
	if ends, err := time.Parse(time.RFC3339, textOf(fields, "Expiration")); err != nil || !ends.After(time.Now()) {
		t.Errorf("the session expires at %v: %v", fields["Expiration"], err)
	}
	_, second := h.process("audit")
	if want := "vault-aws: aws-dyn/roles/audit has no share_for, so each run asks AWS for a new session; set share_for at the role to share one\n"; first.errs != want || second.errs != "" {
		t.Errorf("that nothing is shared is to be said once; the first run says %q, the second %q", first.errs, second.errs)
	}

	user, got := h.process("app", "ttl=1h")
	server.MustWork(t, h.account, server.Key{ID: textOf(user, "AccessKeyId"), Secret: textOf(user, "SecretAccessKey")})
	if _, ok := user["SessionToken"]; ok {
		t.Error("the key of an IAM user has a session token")
	}
	if !strings.Contains(got.errs, "each run makes a new IAM user, which stays until "+textOf(user, "Expiration")) {
		t.Errorf("standard error says %q", got.errs)
	}
	h.mustNotHaveStored(textOf(fields, "SecretAccessKey"), textOf(fields, "SessionToken"), textOf(user, "SecretAccessKey"))
	h.v.Call(http.MethodPut, "sys/leases/revoke-prefix/aws-dyn/creds/app", nil)
	server.WaitForUsers(t, h.account, 0)
}

// mustNotHaveStored demands that no file of the home directory holds a secret.
func (h *helper) mustNotHaveStored(secrets ...string) {
	h.t.Helper()
	files, home := 0, os.DirFS(h.home)
	err := fs.WalkDir(home, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		content, err := fs.ReadFile(home, path)
		for _, secret := range secrets {
			if secret == "" || strings.Contains(string(content), secret) {
				h.t.Errorf("%s holds a secret", path)
			}
		}
		return err
	})
	if err != nil || files == 0 {
		h.t.Fatalf("looking at %d files: %v", files, err)
	}
}

// The key of an IAM user ends with the token that asked for it, so an SDK has to ask again by then.
func TestVaultAWSCredentialProcessEndsWithTheToken(t *testing.T) {
	t.Parallel()
	h := startHelper(t)
	token := h.newToken(map[string]any{"policies": []string{"helper"}, "ttl": "10m"})
	h.logIn(token)
	expires, _ := h.v.Call(http.MethodPost, "auth/token/lookup", map[string]any{"token": token}).Data("expire_time").(string)
	end, err := time.Parse(time.RFC3339, expires)
	if err != nil {
		t.Fatal(err)
	}
	fields, _ := h.process("app", "ttl=5h")
	if got, err := time.Parse(time.RFC3339, textOf(fields, "Expiration")); err != nil || got.After(end) {
		t.Errorf("the key expires at %v, and its token at %v: %v", fields["Expiration"], end, err)
	}
	h.v.Call(http.MethodPost, "auth/token/revoke", map[string]any{"token": token})
	server.WaitForUsers(t, h.account, 0)
}

// Runs that ask the same take turns, so that the server can answer the later ones what it made for the first.
func TestVaultAWSCredentialProcessTakesTurns(t *testing.T) {
	t.Parallel()
	h := startHelper(t)
	h.account.SetLatency(50 * time.Millisecond)
	var runs sync.WaitGroup
	for range 4 {
		runs.Go(func() {
			if got := h.run("credential-process", "app"); got.status != 0 {
				t.Errorf("status %d: %s", got.status, got.errs)
			}
		})
	}
	runs.Wait()
	var made []fakeaws.Call
	ends := map[string]time.Time{} // of the last call about a user
	for _, call := range h.account.Calls() {
		if call.Action == "CreateUser" {
			made = append(made, call)
		}
		if call.User != "" && call.End.After(ends[call.User]) {
			ends[call.User] = call.End
		}
	}
	if len(made) != 4 {
		t.Fatalf("%d users were made by four runs", len(made))
	}
	slices.SortFunc(made, func(a, b fakeaws.Call) int { return a.Start.Compare(b.Start) })
	for i := range made[1:] {
		if before := ends[made[i].User]; made[i+1].Start.Before(before) {
			t.Errorf("the user %s was asked for while %s was being made", made[i+1].User, made[i].User)
		}
	}
	h.v.Call(http.MethodPut, "sys/leases/revoke-prefix/aws-dyn/creds/app", nil)
	server.WaitForUsers(t, h.account, 0)
}

func TestVaultAWSProfiles(t *testing.T) {
	t.Parallel()
	h := startHelper(t)
	h.v.Call(http.MethodPost, "aws-dyn/roles/default", map[string]any{"policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess"})
	h.v.Call(http.MethodPost, "aws-dyn/roles/secret", map[string]any{"policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess"})
	h.v.Call(http.MethodPut, "sys/policies/acl/helper", map[string]any{"policy": helperPolicy(t) + `path "aws-dyn/creds/secret" { capabilities = ["deny"] }`})
	const mine = "[default]\r\nregion = eu-central-1\n\n[profile app]\nregion = us-west-2"
	h.write("dotfiles/aws", mine)
	file := filepath.Join(h.home, "dotfiles/aws")
	link := filepath.Join(h.home, ".aws", "config")
	h.write(".aws/credentials", "")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	h.env = []string{"AWS_CONFIG_FILE=" + link}

	dry := h.must("profiles")
	audit := "[profile audit]\ncredential_process = " + programs.Built.Helper + " credential-process -address=" + h.v.Address() + " -mount=aws-dyn audit\n"
	if want := "--- " + file + "\n+++ " + file + "\n+" + strings.Replace(audit, "\n", "\n+", 1); dry.out != want {
		t.Errorf("the dry run prints\n%s\nexpected\n%s", dry.out, want)
	}
	for _, want := range []string{"app is left out: there is another profile app", "default is left out", "nothing is written"} {
		if !strings.Contains(dry.errs, want) {
			t.Errorf("standard error of the dry run lacks %q:\n%s", want, dry.errs)
		}
	}
	h.mustRead(file, mine)

	h.must("profiles", "-write")
	title := "vault-aws aws-dyn at " + h.v.Address() + "\n"
	written := mine + "\n# BEGIN " + title + audit + "# END " + title
	h.mustRead(file, written)
	if info, err := os.Lstat(file); err != nil || info.Mode() != 0o640 {
		t.Errorf("the file has become %v: %v", info.Mode(), err)
	}
	if again := h.must("profiles", "-write"); again.out != "" {
		t.Errorf("a second run writes again:\n%s", again.out)
	}
	h.write("dotfiles/aws", written+"[profile later]\n")
	h.v.Call(http.MethodDelete, "aws-dyn/roles/audit", nil)
	if gone := h.must("profiles", "-write"); !strings.Contains(gone.out, "-[profile audit]\n") {
		t.Errorf("the profile that goes is not shown:\n%s", gone.out)
	}
	h.mustRead(file, mine+"\n[profile later]\n")
}

func (h *helper) mustRead(path, want string) {
	h.t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		h.t.Errorf("%s holds\n%s\nexpected\n%s\n%v", path, got, want, err)
	}
}

// An AWS SDK uses what profiles writes, static roles included.
func TestVaultAWSProfilesServeAnSDK(t *testing.T) {
	t.Parallel()
	h := startHelper(t)
	defer h.addStatic()()
	config := filepath.Join(h.home, "made", "config")
	h.env = []string{"AWS_CONFIG_FILE=" + config, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull}
	h.must("profiles", "-write", "-prefix=vault-")
	h.env = append(h.env, sdkChild+"=1")
	for profile, want := range map[string]string{"vault-audit": ":assumed-role/audit/", "vault-billing": ":user/billing"} {
		sdk := h.command()
		sdk.Path, sdk.Args = os.Args[0], os.Args[:1]
		sdk.Env = append(sdk.Env, "AWS_PROFILE="+profile)
		if got := finish(t, sdk); !strings.Contains(got.out, want) {
			t.Errorf("with the profile %s the SDK got %q: %s", profile, got.out, got.errs)
		}
	}
}
