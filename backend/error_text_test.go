// SPDX-License-Identifier: MPL-2.0

package backend

// What an error says, and in which order: AWS's code and words, whose key AWS does not know, what
// was being done, and the request ID.

import (
	"bytes"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/users"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// shown is how much of a failed revocation Vault shows: 240 characters less what Vault puts before.
const shown = 240 - len("failed to revoke entry: resp: (*logical.Response)(nil) err: ")

// denial is a refusal in the form that AWS gives it.
func denial(action string) fakeaws.Fault {
	return fakeaws.Fault{Action: action, Kind: fakeaws.Refuse, Message: "User: arn:aws:iam::123456789012:user/vault is not authorized to perform: iam:" +
		action + " because no identity-based policy allows the iam:" + action + " action"}
}

// inOrder checks that a text begins with AWS's words, has parts in an order, and ends with the request ID.
func inOrder(t *testing.T, text string, parts ...string) {
	t.Helper()
	rest := text
	for i, part := range parts {
		at := strings.Index(rest, part)
		if at < 0 || i == 0 && at != 0 {
			t.Fatalf("%q is not there in its turn: %s", part, text)
		}
		rest = rest[at+len(part):]
	}
	if !regexp.MustCompile(`; request ID [0-9a-f-]+(, [0-9a-f-]+)*$`).MatchString(rest) {
		t.Errorf("the request ID is not last: %s", text)
	}
	for _, noise := range []string{"operation error", "StatusCode", "api error", "RequestID:", "\n"} {
		if strings.Contains(text, noise) {
			t.Errorf("%q in %s", noise, text)
		}
	}
}

func TestErrorsBeginWithWhatAWSSaid(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		action string
		ask    func(m *mount) string
		doing  string
	}{
		"create": {"CreateUser", func(m *mount) string { return m.refused(logical.ReadOperation, "creds/developer-access", nil) }, "creating IAM user vault-"},
		"create, later step": {"AttachUserPolicy", func(m *mount) string { return m.refused(logical.ReadOperation, "creds/developer-access", nil) },
			"attaching " + readOnly + " to vault-"},
		"session": {"AssumeRole", func(m *mount) string { return m.refused(logical.ReadOperation, "creds/deploy", nil) }, "assuming role " + deployARN},
		"revoke": {"DeleteUser", func(m *mount) string {
			_, err := m.lease(logical.RevokeOperation, m.creds("developer-access"))
			return err.Error()
		}, "deleting IAM user vault-"},
		"rotate root": {"CreateAccessKey", func(m *mount) string { return m.refused(logical.UpdateOperation, "config/rotate-root", nil) }, "creating an access key for "},
		"static role": {"GetUser", func(m *mount) string { return m.refused(logical.UpdateOperation, "static-roles/app", daily) }, "reading "},
		"issued delete": {"DeleteUser", func(m *mount) string {
			return m.refused(logical.DeleteOperation, "issued/"+m.user(m.creds("developer-access")), nil)
		}, "deleting IAM user vault-"},
		"tidy": {"ListUsers", func(m *mount) string {
			return m.tidy(nil)["error"].(string)
		}, "listing the IAM users"},
		"tick": {"DeleteUser", func(m *mount) string {
			if _, err := m.lease(logical.RevokeOperation, m.creds("developer-access")); err == nil {
				return "the revocation went well"
			}
			m.pass(DefaultWALMinAge)
			_, text, _ := strings.Cut(m.tick().Error(), "* ") // the SDK's rollback makes a list
			return strings.TrimSpace(text)
		}, "sweep: 1 IAM user could not be deleted and will be tried again: deleting IAM user"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newSessionMount(t)
			m.aws.AddUser("app")
			fault := denial(c.action)
			m.aws.Inject(fault)
			inOrder(t, c.ask(m), "AccessDenied: "+fault.Message, c.doing)
			m.aws.ClearFaults()
			m.pass(users.DefaultLateWindow)
			m.mustTick()
		})
	}
}

// A revocation that fails at every step for one cause says it once, where Vault shows it.
func TestOneCauseIsSaidOnce(t *testing.T) {
	t.Parallel()
	m := newWideMount(t, noRetries)
	creds := m.creds("wide")
	for _, action := range revokeCalls {
		m.aws.Inject(denial(action))
	}
	_, err := m.lease(logical.RevokeOperation, creds)
	text := err.Error()
	inOrder(t, text, "AccessDenied: User: arn:aws:iam::123456789012:user/vault is not authorized to perform: iam:",
		"removing access key", "removing attached policy", "removing inline policy", "deleting IAM user "+m.user(creds))
	if strings.Count(text, "AccessDenied") != 1 {
		t.Errorf("the cause is there %d times: %s", strings.Count(text, "AccessDenied"), text)
	}
	if !strings.Contains(text[:min(shown, len(text))], "is not authorized to perform") {
		t.Errorf("Vault shows %q", text[:shown])
	}
	m.aws.ClearFaults()
	m.revoke(creds)
}

// Causes that differ are all told.
func TestEveryCauseIsTold(t *testing.T) {
	t.Parallel()
	m := newWideMount(t, noRetries)
	creds := m.creds("wide")
	m.aws.Inject(denial("DetachUserPolicy"))
	m.aws.Inject(fakeaws.Fault{Action: "DeleteUser", Kind: fakeaws.ServerError})
	_, err := m.lease(logical.RevokeOperation, creds)
	inOrder(t, err.Error(), "AccessDenied: ", "removing attached policy", "; and InternalFailure: ", "deleting IAM user")
	m.aws.ClearFaults()
	m.revoke(creds)
}

func TestErrorsNameTheKeyThatAWSDoesNotKnow(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	creds := m.creds("developer-access")
	id := m.aws.RootKey().AccessKeyID
	for code, c := range map[string]struct{ says, note string }{
		"InvalidClientTokenId":        {"The security token included in the request is invalid.", "AWS does not know " + id + ", the access_key of config/root: deleted, inactive, or of another partition"},
		"UnrecognizedClientException": {"The security token included in the request is invalid.", "AWS does not know " + id + ", the access_key of config/root: deleted, inactive, or of another partition"},
		"SignatureDoesNotMatch":       {"The request signature we calculated does not match.", "the secret key is not that of " + id + ", the access_key of config/root, or the endpoint is of another region"},
	} {
		m.aws.Inject(fakeaws.Fault{Kind: fakeaws.Refuse, Code: code, Message: c.says, Status: http.StatusForbidden})
		words := code + ": " + strings.TrimSuffix(c.says, ".") + "; "
		inOrder(t, m.refused(logical.ReadOperation, "creds/developer-access", nil), words, c.note, "creating IAM user vault-")
		_, err := m.lease(logical.RevokeOperation, creds)
		inOrder(t, err.Error(), words, c.note, "removing access key")
		if visible := err.Error()[:shown]; !strings.Contains(visible, id+", the access_key of config/root") {
			t.Errorf("Vault shows %q", visible)
		}
		m.aws.ClearFaults()
	}
	m.revoke(creds)
}

// The identity need not be a key of config/root.
func TestErrorsNameTheIdentityOfTheEnvironment(t *testing.T) {
	m := newMount(t)
	key := m.aws.RootKey()
	t.Setenv("AWS_ACCESS_KEY_ID", key.AccessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", key.SecretAccessKey)
	m.configure(map[string]any{"access_key": "", "secret_key": ""})
	m.write("roles/developer-access", map[string]any{"policy_arns": readOnly})
	m.aws.Inject(fakeaws.Fault{Kind: fakeaws.Refuse, Code: "InvalidClientTokenId"})
	inOrder(t, m.refused(logical.ReadOperation, "creds/developer-access", nil),
		"InvalidClientTokenId: ", "AWS does not know "+key.AccessKeyID+", AWS_ACCESS_KEY_ID of the plugin's environment: deleted", "creating IAM user")
}

// With role_arn the key of config/root signs one call, and the session all others.
func TestErrorsTellTheKeyFromTheSession(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t, map[string]any{"role_arn": deployARN})
	denied := m.aws.Inject(fakeaws.Fault{Action: "AssumeRole", Kind: fakeaws.Refuse, Code: "InvalidClientTokenId"})
	inOrder(t, m.refused(logical.ReadOperation, "creds/developer-access", nil),
		"InvalidClientTokenId: ", m.aws.RootKey().AccessKeyID+", the access_key of config/root", "creating IAM user vault-", "assuming role "+deployARN)
	denied.Remove()
	m.aws.Inject(fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.Refuse, Code: "InvalidClientTokenId"})
	inOrder(t, m.refused(logical.ReadOperation, "creds/developer-access", nil),
		"InvalidClientTokenId: ", "AWS does not know ASIA", "of the session of role "+deployARN+": ended early", "creating IAM user vault-")
}

func TestTheLogTellsErrorsInTheSameOrder(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	var log bytes.Buffer
	m.logger = hclog.New(&hclog.LoggerOptions{Output: &log, Level: hclog.Trace})
	m.start()
	m.configure()
	m.write("roles/developer-access", map[string]any{"policy_arns": readOnly})
	fault := denial("CreateUser")
	m.aws.Inject(fault)
	m.refused(logical.ReadOperation, "creds/developer-access", nil)
	if text := log.String(); !strings.Contains(text, `error="AccessDenied: `+fault.Message) {
		t.Error(text)
	}
}

// AWS's answer to a wrong signature repeats what should have been signed, the session token of the
// engine among it (IAM User Guide, "Troubleshoot Signature Version 4").
func TestSessionTokenOfTheEngineDoesNotComeBack(t *testing.T) {
	t.Parallel()
	const token = "FwoGZXIvYXdzEXAMPLEtoken//////////wEaDP"
	m := newConfiguredMount(t)
	m.aws.Inject(fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.Refuse, Code: "SignatureDoesNotMatch", Status: http.StatusForbidden, Message: "The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.\n\nThe Canonical String for this request should have been\n" +
		"'POST\n/\n\ncontent-type:application/x-www-form-urlencoded\nhost:iam.amazonaws.com\nx-amz-date:20261128T093000Z\nx-amz-security-token:" + token + "\n\ncontent-type;host;x-amz-date;x-amz-security-token\n0b5c'"})
	text := m.refused(logical.ReadOperation, "creds/developer-access", nil)
	inOrder(t, text, "SignatureDoesNotMatch: ", "Consult the service documentation for details; ", "the access_key of config/root", "creating IAM user")
	if strings.Contains(text, token) {
		t.Errorf("the answer is: %s", text)
	}
}

// Somebody else may answer in the place of AWS, at length.
func TestWordsOfAWSDoNotFillTheAnswer(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	for name, fault := range map[string]fakeaws.Fault{
		"words": {Action: "CreateUser", Kind: fakeaws.Refuse, Message: strings.Repeat("no ", 20_000)},
		"code":  {Action: "CreateUser", Kind: fakeaws.Refuse, Code: strings.Repeat("No", 20_000), Message: "No."},
	} {
		fault := m.aws.Inject(fault)
		text := m.refused(logical.ReadOperation, "creds/developer-access", nil)
		if len(text) > 2<<10 || !strings.Contains(text, "…") {
			t.Errorf("%s: the answer has %d bytes", name, len(text))
		}
		fault.Remove()
	}
}
