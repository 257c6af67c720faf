// SPDX-License-Identifier: MPL-2.0

package sdk

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file runs programs that use AWS by the default chain of an AWS SDK. They know nothing of Vault but what their
// environment says.

// sdk is an AWS SDK.
type sdk struct {
	name string
	// early is how long before the end of its credentials it asks for new ones, by its source: ExpiryWindow of
	// config.LoadDefaultConfig, EXPIRATION_MS of @smithy/core, _advisory_refresh_timeout of botocore.
	early time.Duration
	// command is a program that calls AWS until its standard input ends; see testdata.
	command func(t *testing.T) []string
}

var sdks = []sdk{
	{"Go", 5 * time.Minute, func(t *testing.T) []string {
		self, err := os.Executable()
		if err != nil {
			t.Fatalf("finding the test's own program: %v", err)
		}
		return []string{self}
	}},
	{"JavaScript", 5 * time.Minute, func(t *testing.T) []string {
		need(t, "npm", "--version")
		return []string{"node", filepath.Join(javaScriptSDK(t), "loop.mjs")}
	}},
	{"boto3", 15 * time.Minute, func(t *testing.T) []string {
		needBoto3(t)
		return []string{"python3", "testdata/loop.py"}
	}},
}

// need skips the test where a program is not there, or does not run. A machine with Go and make alone has none of
// them; scripts/test.sh says which tests may be skipped.
func need(t *testing.T, name string, args ...string) {
	t.Helper()
	if said, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Skipf("this machine has no %s that can run %q: %v %s", name, args, err, said)
	}
}

// needBoto3 is need for boto3. AWS names the version since which it reads token files (EKS User Guide, "Use pod identity with
// the AWS SDK").
func needBoto3(t *testing.T) {
	t.Helper()
	need(t, "python3", "-c", "import boto3; assert tuple(map(int, boto3.__version__.split('.')[:2])) >= (1, 34), 'boto3 '+boto3.__version__+' does not read token files'")
}

// javaScriptSDK installs the AWS SDK for JavaScript below .tools, once, and is where the programs for it are.
var javaScriptSDK = func() func(t *testing.T) string {
	var once sync.Once
	dir, failure := "", error(nil)
	return func(t *testing.T) string {
		once.Do(func() { dir, failure = installJavaScriptSDK() })
		if failure != nil {
			t.Fatalf("installing the AWS SDK for JavaScript: %v", failure)
		}
		return dir
	}
}()

func installJavaScriptSDK() (string, error) {
	dir, err := filepath.Abs(programs.Repository + "/.tools/sdk-for-javascript")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	fresh := true
	for _, name := range []string{"package.json", "package-lock.json", "loop.mjs"} {
		content, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			return "", err
		}
		old, _ := os.ReadFile(filepath.Join(dir, name)) // none is another one
		if name == "package-lock.json" && !bytes.Equal(old, content) {
			fresh = false
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return "", err
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json")); fresh && err == nil {
		return dir, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	npm.Dir = dir
	if said, err := npm.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w\n%s", err, said)
	}
	return dir, nil
}

// loopInGo, in the environment, makes the test's own program a program for the AWS SDK for Go.
const loopInGo = "AWS_DYN_TEST_LOOP"

// callAWS does what the programs of testdata do.
func callAWS(in io.Reader, out io.Writer) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, in) // until its end, however that comes
		cancel()
	}()
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRetryMaxAttempts(1))
	if err != nil {
		_, _ = fmt.Fprintln(out, "error", err)
		return
	}
	client := sts.NewFromConfig(cfg)
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for ctx.Err() == nil {
		who, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		var key aws.Credentials
		if err == nil {
			key, err = cfg.Credentials.Retrieve(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			_, _ = fmt.Fprintln(out, "error", strings.ReplaceAll(err.Error(), "\n", " "))
		default:
			_, _ = fmt.Fprintln(out, key.AccessKeyID, aws.ToString(who.Arn))
		}
		select {
		case <-again.C:
		case <-ctx.Done():
		}
	}
}

// program is one that runs.
type program struct {
	t     *testing.T
	name  string
	lines chan string
	stop  func()
}

// start runs a program of an SDK with what an operator gives it: the place of its credentials, and perhaps a token.
func (s sdk) start(t *testing.T, account *fakeaws.Server, name string, env ...string) *program {
	t.Helper()
	args := s.command(t)
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Env = append(sdkEnvironment(account), append(env, loopInGo+"=yes")...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatalf("preparing the program: %v", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatalf("preparing the program: %v", err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting the program: %v", err)
	}
	p := &program{t: t, name: name, lines: make(chan string, 10_000)}
	go func() {
		defer close(p.lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			p.lines <- scan.Text()
		}
	}()
	p.stop = sync.OnceFunc(func() {
		_ = in.Close()
		for range p.lines { // until it has ended
		}
		_ = cmd.Wait() // what went wrong is in its lines
	})
	t.Cleanup(p.stop)
	return p
}

// sdkEnvironment is that of a program that uses the account and has no credentials.
func sdkEnvironment(account *fakeaws.Server) []string {
	return append(os.Environ(), "AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1", "AWS_ENDPOINT_URL_STS="+account.URL(), "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "NO_PROXY=127.0.0.1,localhost")
}

// nextKey waits until the program uses another key than before. It must not have noticed anything.
func (p *program) nextKey(before string) (id, arn string) {
	p.t.Helper()
	for wait := time.After(time.Minute); ; {
		select {
		case line, running := <-p.lines:
			id, arn, found := strings.Cut(line, " ")
			switch {
			case !running, !found, id == "error":
				p.t.Fatalf("%s: %q, running %v", p.name, line, running)
			case id != before:
				return id, arn
			}
		case <-wait:
			p.t.Fatalf("%s has used %s for a minute", p.name, before)
		}
	}
}
