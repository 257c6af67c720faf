// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

func TestServeWritesWhatAsksNeed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "fake.env")
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"-env-file", file, "-group", "ops", "-group", "dev", "-role", "deploy"}, write, io.Discard)
		write.CloseWithError(io.EOF)
		done <- err
	}()
	var printed bytes.Buffer
	for !strings.Contains(printed.String(), "sts_endpoint=") {
		b := make([]byte, 4096)
		n, err := read.Read(b)
		if err != nil {
			t.Fatalf("after %q: %v", printed.String(), err)
		}
		printed.Write(b[:n])
	}
	exports := waitFor(t, file)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if !strings.Contains(printed.String(), exports) || !strings.Contains(printed.String(), "vault write aws-dyn/config/root access_key=AKIA") {
		t.Errorf("printed %s", printed.String())
	}
	for _, match := range regexp.MustCompile(`(?m)^export (\w+)=(.*)$`).FindAllStringSubmatch(exports, -1) {
		t.Setenv(match[1], match[2])
	}
	var out bytes.Buffer
	if err := run(t.Context(), []string{"whoami"}, &out, io.Discard); err != nil || out.String() != "arn:aws:iam::123456789012:user/operator\n" {
		t.Errorf("whoami: %q, %v", out.String(), err)
	}
	out.Reset()
	if err := run(t.Context(), []string{"users", "-except", "vault-root"}, &out, io.Discard); err != nil || out.String() != "" {
		t.Errorf("users: %q, %v", out.String(), err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// waitFor reads a file as soon as it is there.
func waitFor(t *testing.T, file string) string {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 2000 {
		if text, err := os.ReadFile(file); err == nil {
			return string(text)
		}
		<-tick.C
	}
	t.Fatalf("%s did not come", file)
	return ""
}

// document is a policy with what a URL encodes.
const document = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::a+b/%/*"}]}`

func TestAsk(t *testing.T) {
	server := fakeaws.New(t)
	for _, name := range []string{"ann", "bob", "cid"} {
		server.AddUser(name)
	}
	key := server.AddUser("dan")
	for _, variable := range []string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_IAM", "AWS_SESSION_TOKEN"} {
		t.Setenv(variable, "")
	}
	t.Setenv("AWS_ACCESS_KEY_ID", key.AccessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", key.SecretAccessKey)
	var out bytes.Buffer
	if err := run(t.Context(), []string{"users", "-endpoint", server.URL()}, &out, io.Discard); err != nil || out.String() != "ann\nbob\ncid\nvault-root\n" {
		t.Errorf("users: %q, %v", out.String(), err)
	}
	if err := run(t.Context(), []string{"whoami"}, &out, io.Discard); err == nil || !strings.Contains(err.Error(), "no endpoint") {
		t.Errorf("without an endpoint: %v", err)
	}
	out.Reset()
	root := fakeaws.Client{Endpoint: server.URL(), Key: server.RootKey()}
	for action, params := range map[string]url.Values{
		"TagUser":          {"UserName": {"dan"}, "Tags.member.1.Key": {"team"}, "Tags.member.1.Value": {"search"}},
		"AttachUserPolicy": {"UserName": {"dan"}, "PolicyArn": {"arn:aws:iam::aws:policy/ReadOnlyAccess"}},
		"PutUserPolicy":    {"UserName": {"dan"}, "PolicyName": {"p"}, "PolicyDocument": {document}},
	} {
		if _, err := root.Do(t.Context(), "iam", action, params); err != nil {
			t.Fatal(err)
		}
	}
	want := "arn:aws:iam::123456789012:user/dan\n  tag team=search\n  policy arn:aws:iam::aws:policy/ReadOnlyAccess\n  policy " + document + "\n"
	for _, args := range [][]string{{"user", "-endpoint", server.URL()}, {"user", "-endpoint", server.URL(), "dan"}} {
		out.Reset()
		if err := run(t.Context(), args, &out, io.Discard); err != nil || out.String() != want {
			t.Errorf("%v: %q, %v", args, out.String(), err)
		}
	}
	server.RemoveUser("dan")
	out.Reset()
	err := run(t.Context(), []string{"whoami", "-endpoint", server.URL()}, &out, io.Discard)
	if err == nil || err.Error() != "InvalidClientTokenId: The security token included in the request is invalid." {
		t.Errorf("deleted: %v", err)
	}
}

// What only a fake account tells and does.
func TestAskTheFake(t *testing.T) {
	server := fakeaws.New(t, fakeaws.WithControl())
	server.AddRole("deploy")
	root := fakeaws.Client{Endpoint: server.URL(), Key: server.RootKey()}
	if _, err := root.Do(t.Context(), "sts", "AssumeRole", url.Values{
		"RoleArn": {"arn:aws:iam::123456789012:role/deploy"}, "RoleSessionName": {"anna"}, "SourceIdentity": {"anna.a"}, "Policy": {document},
		"PolicyArns.member.1.arn": {"arn:aws:iam::aws:policy/ReadOnlyAccess"}, "Tags.member.1.Key": {"team"}, "Tags.member.1.Value": {"search"},
	}); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	want := "arn:aws:sts::123456789012:assumed-role/deploy/anna\n  source identity anna.a\n  tag team=search\n  policy arn:aws:iam::aws:policy/ReadOnlyAccess\n  policy " + document + "\n"
	if err := run(t.Context(), []string{"sessions", "-endpoint", server.URL()}, &out, io.Discard); err != nil || out.String() != want {
		t.Errorf("%q, %v", out.String(), err)
	}
	if err := run(t.Context(), []string{"lag", "-endpoint", server.URL(), "1h"}, &out, io.Discard); err != nil {
		t.Error(err)
	}
	made, err := root.Do(t.Context(), "iam", "CreateAccessKey", nil)
	if err != nil {
		t.Fatal(err)
	}
	server.Forgive()
	member := func(name string) string {
		return regexp.MustCompile("<" + name + ">(.*?)<").FindStringSubmatch(string(made))[1]
	}
	late := fakeaws.Client{Endpoint: server.URL(), Key: fakeaws.Key{AccessKeyID: member("AccessKeyId"), SecretAccessKey: member("SecretAccessKey")}}
	if _, err := late.CallerARN(t.Context()); err == nil || !strings.Contains(err.Error(), "InvalidClientTokenId") {
		t.Errorf("behind by an hour, the fake answers %v", err)
	}
	for _, args := range [][]string{{"lag", "-endpoint", server.URL()}, {"lag", "-endpoint", server.URL(), "soon"}, {"lag", "-endpoint", server.URL(), "-1s"}, {"lag", "-endpoint", server.URL(), "--", "-1s"}} {
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%v was taken", args)
		}
	}
	if err := run(t.Context(), []string{"sessions", "-endpoint", fakeaws.New(t).URL()}, io.Discard, io.Discard); err == nil {
		t.Error("a fake without controls answered")
	}
}

func TestRefusedArguments(t *testing.T) {
	for _, args := range [][]string{{"-listen", "0.0.0.0:0"}, {"-installation", "azure"}, {"nonsense"}, {"-nonsense"}, {"-env-file", filepath.Join(t.TempDir(), "no", "such", "file")}} {
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%v was taken", args)
		}
	}
}

func TestHelpSaysWhatIsNotChecked(t *testing.T) {
	var errs bytes.Buffer
	if err := run(t.Context(), []string{"-h"}, io.Discard, &errs); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("got %v", err)
	}
	for _, words := range []string{"whoami", "-latency", "any other valid key may do anything", "/_state", "lost answer", "-web-identity-token", "-removal-lag", "fakeaws sessions", "fakeaws lag", "/_sessions", "/_lag", "-other-account"} {
		if !strings.Contains(errs.String(), words) {
			t.Errorf("help does not say %q", words)
		}
	}
}

// Whatever AWS could not be is refused, all at once, each with its flag.
func TestRefusedFlags(t *testing.T) {
	err := run(t.Context(), []string{
		"-account", "12", "-partition", "moon", "-installation", "azure", "-root-key", "hidden", "-role", "arn:aws:iam::1:role/a", "-lag", "-1s",
		"-rate", "-1", "-page-size", "0", "-external-id", "deploy", "-max-session", "deploy=13h", "-mfa-code", "phone=12345", "-other-account", "123456789012=",
	}, io.Discard, io.Discard)
	if err == nil {
		t.Fatal("all were taken")
	}
	for _, words := range []string{
		`-account "12" must be twelve digits`, `-partition "moon" must be one of aws, aws-cn`, `"azure"`, "-root-key must be ID:SECRET", "not an ARN", `-lag "-1s"`,
		`-rate "-1"`, `-page-size "0"`, `-external-id "deploy" must be ROLE=ID`, `-max-session "deploy=13h" must be ROLE=duration, from 1h to 12h`, "six digits", `-other-account "123456789012=" must be ACCOUNT=ROLE`,
	} {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("%q is not said: %v", words, err)
		}
	}
	if strings.Contains(err.Error(), "hidden") {
		t.Errorf("the secret is said: %v", err)
	}
}

// The account is what the flags say.
func TestFurnish(t *testing.T) {
	s, err := parse([]string{
		"-role", "deploy", "-external-id", "deploy=a=b", "-max-session", "deploy=2h", "-mfa-code", "arn:aws:iam::123456789012:mfa/a=b=123456",
		"-web-identity-token", "sesame", "-root-key", "minioadmin:secret", "-other-account", "210987654321=vault-hub",
	}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	server := fakeaws.New(t)
	furnish(server, s)
	c := fakeaws.Client{Endpoint: server.URL(), Key: server.RootKey()}
	if c.Key.AccessKeyID != "minioadmin" {
		t.Errorf("the root key is %s", c.Key.AccessKeyID)
	}
	deploy := "arn:aws:iam::123456789012:role/deploy"
	if _, err := c.Do(t.Context(), "sts", "AssumeRole", url.Values{
		"RoleArn": {deploy}, "RoleSessionName": {"me"}, "ExternalId": {"a=b"}, "DurationSeconds": {"7200"},
		"SerialNumber": {"arn:aws:iam::123456789012:mfa/a=b"}, "TokenCode": {"123456"},
	}); err != nil {
		t.Error(err)
	}
	if _, err := c.Do(t.Context(), "sts", "AssumeRole", url.Values{
		"RoleArn": {"arn:aws:iam::210987654321:role/vault-hub"}, "RoleSessionName": {"me"},
	}); err != nil {
		t.Error(err)
	}
	if _, err := c.Do(t.Context(), "sts", "AssumeRoleWithWebIdentity", url.Values{
		"RoleArn": {deploy}, "RoleSessionName": {"me"}, "WebIdentityToken": {"sesame"},
	}); err != nil {
		t.Error(err)
	}
}
