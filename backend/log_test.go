// SPDX-License-Identifier: MPL-2.0

package backend

// What the log tells of credentials: each issue and each end once, and no secret.

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// logged starts the mount anew, with a log that the test reads.
func (m *mount) logged(level hclog.Level) *bytes.Buffer {
	m.t.Helper()
	log := new(bytes.Buffer) // one of hclog's writes at a time
	m.logger = hclog.New(&hclog.LoggerOptions{Output: log, Level: level})
	m.start()
	return log
}

// once takes the one line of a log that holds a text.
func once(t *testing.T, log, text string) string {
	t.Helper()
	var found string
	for line := range strings.Lines(log) {
		if !strings.Contains(line, text) {
			continue
		}
		if found != "" {
			t.Errorf("%q is logged twice:\n%s", text, log)
		}
		found = line
	}
	if found == "" {
		t.Errorf("%q is not logged:\n%s", text, log)
	}
	return found
}

func TestIssuesAndEndsAreLoggedOnce(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	m.aws.AddUser("app")
	log := m.logged(hclog.Debug)
	secrets := []string{m.aws.RootKey().SecretAccessKey}
	leased, deleted := m.creds("developer-access"), m.creds("developer-access")
	session := m.creds("own")
	m.revoke(leased)
	m.do(logical.DeleteOperation, "issued/"+m.user(deleted), nil)
	m.revoke(deleted)
	m.write("static-roles/app", daily)
	m.write("static-roles/app/rotate", nil)
	static := m.read("static-creds/app")
	text := log.String()
	for _, creds := range []*logical.Response{leased, deleted, session} {
		id, _ := creds.Data["access_key"].(string)
		secret, _ := creds.Data["secret_key"].(string)
		token, _ := creds.Data["session_token"].(string)
		secrets = append(secrets, secret, token)
		switch creds {
		case session:
			if line := once(t, text, id); !strings.Contains(line, "[DEBUG] issued a session") {
				t.Error(line)
			}
			continue
		case leased:
			once(t, text, "[INFO]  deleted an IAM user at the end of its lease: iam_user="+m.user(creds)+" access_key="+id+" role=developer-access credential_type=iam_user account=123456789012 aws_request_id=")
		case deleted:
			once(t, text, "[INFO]  deleted an IAM user on request: iam_user="+m.user(creds)+" access_key="+id+" role=developer-access credential_type=iam_user account=123456789012 aws_request_id=")
		}
		once(t, text, "[INFO]  issued an IAM user: iam_user="+m.user(creds)+" access_key="+id+" role=developer-access credential_type=iam_user account=123456789012 aws_request_id=")
	}
	once(t, text, "[INFO]  a static role has a new key: iam_user=app access_key="+static["access_key"].(string)+" static_role=app account=123456789012 aws_request_id=")
	secret, _ := static["secret_key"].(string)
	for _, secret := range append(secrets, secret) {
		if secret != "" && strings.Contains(text, secret) {
			t.Errorf("the log holds a secret:\n%s", text)
		}
	}
	m.do(logical.DeleteOperation, "static-roles/app", nil)
}

func TestFailedTidyIsLoggedAsAnError(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	log := m.logged(hclog.Info)
	m.aws.Inject(fakeaws.Fault{Action: "ListUsers", Kind: fakeaws.Refuse})
	m.tidy(nil)
	if line := once(t, log.String(), "tidy ended"); !strings.Contains(line, "[ERROR] tidy ended: state=error error=\"AccessDenied: ") {
		t.Error(line)
	}
}

// Vault makes "%!w(<nil>)" of a response that tells why a lease cannot be renewed.
func TestRefusedRenewalIsAnError(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	resp, err := m.lease(logical.RenewOperation, m.creds("own"))
	if resp != nil || err == nil || !strings.Contains(err.Error(), "cannot be renewed") {
		t.Errorf("refused with %v, %v", resp, err)
	}
	creds := m.creds("developer-access")
	m.aws.Inject(fakeaws.Fault{Action: "DeleteUser", Kind: fakeaws.Refuse, Times: 1})
	if _, err := m.lease(logical.RevokeOperation, creds); err == nil {
		t.Fatal("revoked")
	}
	resp, err = m.lease(logical.RenewOperation, creds)
	if coded, ok := err.(logical.HTTPCodedError); resp != nil || !ok || coded.Code() != http.StatusBadRequest { //nolint:errorlint // as Vault asks
		t.Errorf("refused with %v, %v", resp, err)
	}
	m.revoke(creds)
}

// One script serves users and sessions: the fields are there, and empty for a user.
func TestIAMUserHasEmptyTokens(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	creds := m.creds("developer-access")
	for _, field := range []string{"session_token", "security_token"} {
		if token, ok := creds.Data[field]; !ok || token != "" {
			t.Errorf("%s is %v", field, token)
		}
	}
	m.revoke(creds)
}
