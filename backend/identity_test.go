// SPDX-License-Identifier: MPL-2.0

package backend

// Whom the engine calls AWS as: each source of an AWS identity issues and revokes.

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"
)

// newUnconfiguredMount has endpoints and a role, but no AWS identity.
func newUnconfiguredMount(t *testing.T) *mount {
	t.Helper()
	m := newMount(t)
	m.write("config/root", map[string]any{"iam_endpoint": m.aws.URL(), "sts_endpoint": m.aws.URL(), "max_retries": 0})
	m.write("roles/developer-access", map[string]any{"policy_arns": readOnly})
	return m
}

// callers are the keys that signed the calls so far.
func (m *mount) callers() []string {
	var ids []string
	for _, call := range m.aws.Calls() {
		ids = append(ids, call.AccessKeyID)
	}
	return ids
}

func TestIdentityFromTheConfiguration(t *testing.T) {
	m := newConfiguredMount(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE") // what is configured wins
	t.Setenv("AWS_SECRET_ACCESS_KEY", "not the one")
	m.revoke(m.creds("developer-access"))
}

func TestIdentityFromTheEnvironment(t *testing.T) {
	m := newUnconfiguredMount(t)
	key := m.aws.RootKey()
	t.Setenv("AWS_ACCESS_KEY_ID", key.AccessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", key.SecretAccessKey)
	m.revoke(m.creds("developer-access"))
}

func TestIdentityFromASharedProfile(t *testing.T) {
	m := newUnconfiguredMount(t)
	key := m.aws.RootKey()
	file := filepath.Join(t.TempDir(), "credentials")
	text := "[vault]\naws_access_key_id = " + key.AccessKeyID + "\naws_secret_access_key = " + key.SecretAccessKey + "\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file)
	t.Setenv("AWS_PROFILE", "vault")
	m.revoke(m.creds("developer-access"))
}

func TestIdentityFromAWebIdentityToken(t *testing.T) {
	m := newUnconfiguredMount(t)
	m.aws.AddRole("vault")
	m.aws.SetWebIdentityToken("token-of-the-platform")
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("token-of-the-platform"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", file)
	t.Setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/vault")
	t.Setenv("AWS_ENDPOINT_URL_STS", m.aws.URL())
	m.revoke(m.creds("developer-access"))
}

func TestIdentityFromAContainer(t *testing.T) {
	m := newUnconfiguredMount(t)
	m.aws.SetContainerToken("token-of-the-container")
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", m.aws.URL()+"/container-credentials")
	t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "token-of-the-container")
	m.aws.SetInstanceRole("vault", time.Hour)
	m.revoke(m.creds("developer-access"))
}

// The credentials of the instance's role end while the engine works, before the
// time that they were said to, and it goes on with new ones.
func TestIdentityFromTheInstance(t *testing.T) {
	m := newUnconfiguredMount(t)
	m.write("config/root", map[string]any{"max_retries": -1})
	t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", m.aws.URL())
	m.aws.SetInstanceRole("vault", time.Hour)
	creds := m.creds("developer-access")
	first := m.callers()[0]
	m.aws.ExpireInstanceCredentials()
	m.revoke(creds)
	m.revoke(m.creds("developer-access"))
	calls := m.callers()
	if last := calls[len(calls)-1]; last == first || !strings.HasPrefix(last, "ASIA") {
		t.Errorf("first called as %s, last as %s", first, last)
	}
	if issued := m.aws.IMDSIssued(); issued != 2 {
		t.Errorf("the instance handed out %d credentials", issued)
	}
}

// A session that is short, and runs out as its end was announced. A call that is on its way at that moment is
// refused, and made again with the next session.
func TestIdentityFromTheInstanceRunsOut(t *testing.T) {
	m := newUnconfiguredMount(t)
	m.write("config/root", map[string]any{"max_retries": -1})
	t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", m.aws.URL())
	m.aws.SetInstanceRole("vault", 2*time.Second)
	for m.aws.IMDSIssued() < 3 {
		m.revoke(m.creds("developer-access"))
	}
}

// role_arn is assumed first, and every call is made with what it gives.
func TestRootRoleIsAssumedFirst(t *testing.T) {
	m := newMount(t)
	m.aws.AddRole("vault")
	m.configure(map[string]any{
		"role_arn":               "arn:aws:iam::123456789012:role/vault",
		"sts_endpoint":           "http://127.0.0.1:1", // nobody is there: the fallback serves
		"sts_fallback_endpoints": m.aws.URL(),
	})
	m.write("roles/developer-access", map[string]any{"policy_arns": readOnly})
	m.revoke(m.creds("developer-access"))
	calls := m.aws.Calls()
	if calls[0].Action != "AssumeRole" || calls[0].AccessKeyID != m.aws.RootKey().AccessKeyID {
		t.Errorf("first call: %s as %s", calls[0].Action, calls[0].AccessKeyID)
	}
	for _, call := range calls[1:] {
		if !strings.HasPrefix(call.AccessKeyID, "ASIA") {
			t.Errorf("%s was called as %s", call.Action, call.AccessKeyID)
		}
	}
}

func TestRoleThatCannotBeAssumedIsToldInAWSsWords(t *testing.T) {
	m := newMount(t)
	m.configure(map[string]any{"role_arn": "arn:aws:iam::123456789012:role/not-there"})
	m.write("roles/developer-access", map[string]any{"policy_arns": readOnly})
	text := m.refused(logical.ReadOperation, "creds/developer-access", nil)
	if !strings.Contains(text, "AccessDenied") || !strings.Contains(text, "sts:AssumeRole") {
		t.Errorf("the answer is: %s", text)
	}
	m.recorded(0)
}

func TestSTSThatIsAwayIsTold(t *testing.T) {
	m := newMount(t)
	m.configure(noRetries, map[string]any{"role_arn": "arn:aws:iam::123456789012:role/vault", "sts_endpoint": "http://127.0.0.1:1"})
	m.write("roles/developer-access", map[string]any{"policy_arns": readOnly})
	text, status := outcome(m.ask(logical.ReadOperation, "creds/developer-access", nil))
	if status != 502 || !strings.Contains(text, "; assuming role ") && !strings.Contains(text, ": assuming role ") {
		t.Errorf("the answer is %d: %s", status, text)
	}
	m.recorded(0) // no call was made, so there is no doubt
}

func TestWithoutAnyIdentityTheAnswerSaysWhatToConfigure(t *testing.T) {
	m := newUnconfiguredMount(t)
	text := m.refused(logical.ReadOperation, "creds/developer-access", nil)
	for _, want := range []string{"config/root", "access_key", "AWS_ACCESS_KEY_ID", "role"} {
		if !strings.Contains(text, want) {
			t.Errorf("the answer does not speak of %s: %s", want, text)
		}
	}
	m.recorded(0)
}

func TestWrongKeyIsToldInAWSsWords(t *testing.T) {
	m := newConfiguredMount(t, map[string]any{"secret_key": "not-the-one-that-belongs-to-it"})
	text := m.refused(logical.ReadOperation, "creds/developer-access", nil)
	if !strings.Contains(text, "SignatureDoesNotMatch") || strings.Contains(text, "not-the-one") {
		t.Errorf("the answer is: %s", text)
	}
}

// Where nobody names a region, us-east-1 serves for what the SDK's own chain calls as well.
func TestIdentityFromAProfileWithARoleNeedsNoRegion(t *testing.T) {
	m := newUnconfiguredMount(t)
	m.aws.AddRole("vault")
	key := m.aws.RootKey()
	file := filepath.Join(t.TempDir(), "config")
	text := "[profile base]\naws_access_key_id = " + key.AccessKeyID + "\naws_secret_access_key = " + key.SecretAccessKey + "\n" +
		"[profile vault]\nrole_arn = arn:aws:iam::123456789012:role/vault\nsource_profile = base\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", file)
	t.Setenv("AWS_PROFILE", "vault")
	t.Setenv("AWS_ENDPOINT_URL_STS", m.aws.URL())
	m.revoke(m.creds("developer-access"))
	if first := m.aws.Calls()[0]; first.Action != "AssumeRole" {
		t.Errorf("the first call is %s", first.Action)
	}
}

// What credential_process in the server's AWS configuration prints is a secret, also where it is not
// what the SDK reads.
func TestOutputOfCredentialProcessDoesNotComeBack(t *testing.T) {
	const secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	dir := t.TempDir()
	output, config := filepath.Join(dir, "output"), filepath.Join(dir, "config")
	t.Setenv("AWS_CONFIG_FILE", config)
	for path, text := range map[string]string{
		output: "Warning: the cache is stale\n" + `{"Version":1,"AccessKeyId":"AKIAIOSFODNN7EXAMPLE","SecretAccessKey":"` + secret + `"}`,
		config: "[default]\ncredential_process = cat " + output + "\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m := newMount(t)
	log := m.logged(hclog.Trace)
	m.write("config/root", map[string]any{"iam_endpoint": m.aws.URL(), "sts_endpoint": m.aws.URL()})
	m.write("roles/developer-access", map[string]any{"policy_arns": readOnly})
	text := m.refused(logical.ReadOperation, "creds/developer-access", nil)
	if strings.Contains(text, secret) || !strings.Contains(text, "credential_process") {
		t.Errorf("the answer is: %s", text)
	}
	if strings.Contains(log.String(), secret) {
		t.Error("the secret is in the log")
	}
}

// What stands in AWS_ACCESS_KEY_ID may be the secret key: only what has the form of an ID comes back.
func TestSwappedKeysOfTheEnvironmentDoNotComeBack(t *testing.T) {
	const secret = "wJalrXUtnFEMIxK7MDENGxbPxRfiCYEXAMPLEKEY"
	t.Setenv("AWS_ACCESS_KEY_ID", secret)
	t.Setenv("AWS_SECRET_ACCESS_KEY", "AKIAIOSFODNN7EXAMPLE")
	m := newMount(t)
	m.write("config/root", map[string]any{"iam_endpoint": m.aws.URL(), "sts_endpoint": m.aws.URL()})
	m.write("roles/developer-access", map[string]any{"policy_arns": readOnly})
	if text := m.refused(logical.ReadOperation, "creds/developer-access", nil); strings.Contains(text, secret) ||
		!strings.Contains(text, "AWS does not know AWS_ACCESS_KEY_ID of the plugin's environment") {
		t.Errorf("the answer is: %s", text)
	}
}
