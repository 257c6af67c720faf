// SPDX-License-Identifier: MPL-2.0

package backend

// Something that is not AWS answers in its place: a proxy, a login page, a mistaken endpoint. It must not end the
// process, a user, or a record.

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/users"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// oddAnswer is one that AWS never gives. ACTION in its body stands for the action that was asked for.
type oddAnswer struct {
	status  int
	body    string
	endless bool
}

var oddAnswers = map[string]oddAnswer{
	"200 empty":              {status: 200},
	"200 OK":                 {status: 200, body: "OK"},
	"200 HTML":               {status: 200, body: "<!DOCTYPE html><html><body>Sign in</body></html>"},
	"204":                    {status: 204},
	"200 of another action":  {status: 200, body: "<GetRoleResponse></GetRoleResponse>"},
	"200 truncated":          {status: 200, body: "<ACTIONResponse><ACTIONResult>"},
	"200 endless":            {status: 200, body: "<ACTIONResponse>", endless: true},
	"302":                    {status: 302},
	"403 HTML":               {status: 403, body: "<html>Blocked by policy</html>"},
	"404 HTML":               {status: 404, body: "<html>Not found</html>"},
	"429 without a document": {status: 429, body: "slow down"},
	"503 HTML":               {status: 503, body: "<html>Maintenance</html>"},
}

// emptyMembers is what AWS would answer if it left everything out. For actions that answer nothing it is an answer.
var emptyMembers = oddAnswer{status: 200, body: "<ACTIONResponse><ACTIONResult><User/><AccessKey/><Credentials/></ACTIONResult></ACTIONResponse>"}

// oddServer answers every call alike.
func oddServer(t *testing.T, odd oddAnswer) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := strings.ReplaceAll(odd.body, "ACTION", r.PostFormValue("Action"))
		w.WriteHeader(odd.status)
		_, err := w.Write([]byte(body)) //nolint:gosec // no browser reads it
		for odd.endless && err == nil {
			_, err = w.Write([]byte(strings.Repeat("<a></a>", 10_000)))
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// leadAway makes the mount call something that is not AWS.
func (m *mount) leadAway(url string) {
	m.t.Helper()
	m.write("config/root", map[string]any{"iam_endpoint": url, "sts_endpoint": url, "max_retries": 0})
}

// eachOddAnswer runs a test for every odd answer.
func eachOddAnswer(t *testing.T, test func(t *testing.T, url string)) {
	for name, odd := range oddAnswers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, oddServer(t, odd))
		})
	}
}

// A revocation that AWS did not answer has not happened, however content the answer sounds.
func TestRevokeAgainstAnyWebServerFails(t *testing.T) {
	t.Parallel()
	eachOddAnswer(t, func(t *testing.T, url string) {
		m := newWideMount(t)
		creds := m.creds("wide")
		for _, age := range []time.Duration{0, time.Hour} {
			m.age(age)
			m.leadAway(url)
			resp, err := m.lease(logical.RevokeOperation, creds)
			text, status := outcome(resp, err)
			if status < 500 || !strings.Contains(text, "not an answer of AWS") || !strings.Contains(text, url) {
				t.Errorf("at the age of %s: %d %s", age, status, text)
			}
			m.registered(1)
			m.configure()
		}
		m.revoke(creds)
		m.noUsers()
	})
}

// What is no AWS does not tell in which account a user would be made, so none is.
func TestCreateAgainstAnyWebServerMakesNothing(t *testing.T) {
	t.Parallel()
	eachOddAnswer(t, func(t *testing.T, url string) {
		m := newWideMount(t)
		m.leadAway(url)
		for _, role := range []string{"wide", "developer-access"} {
			resp, err := m.ask(logical.ReadOperation, "creds/"+role, nil)
			if text, status := outcome(resp, err); status < 500 || !strings.Contains(text, "no IAM user was made") {
				t.Errorf("%d %s", status, text)
			}
		}
		m.recorded(0)
		m.configure()
	})
}

// An answer without the user, or without its key, gives nobody a credential.
func TestCreateWithoutWhatAWSHasToSay(t *testing.T) {
	t.Parallel()
	m := newWideMount(t)
	m.leadAway(oddServer(t, emptyMembers))
	if resp, err := m.ask(logical.ReadOperation, "creds/wide", nil); err == nil || resp != nil {
		t.Errorf("got %v, %v", resp, err)
	}
}

// One call of a creation or a revocation is answered by somebody else, before AWS did it or after.
func TestOddAnswerToOneCall(t *testing.T) {
	t.Parallel()
	for _, odd := range []fakeaws.Fault{
		{Kind: fakeaws.Foreign, Body: "OK"},
		{Kind: fakeaws.Foreign, Status: 403, Body: "<html></html>"},
		{Kind: fakeaws.ForeignAfter},
		{Kind: fakeaws.ForeignAfter, Status: 404, Body: "<html></html>"},
	} {
		for _, action := range append(createCalls, revokeCalls...) {
			fault := odd
			fault.Action, fault.Times = action, 1
			t.Run(action+"/"+fault.Kind.String()+"/"+http.StatusText(fault.Status), func(t *testing.T) {
				t.Parallel()
				m := newWideMount(t) // it is tried again, and that is all
				met := m.aws.Inject(fault)
				m.revoke(m.creds("wide"))
				m.noUsers()
				if met.Hits() != 1 {
					t.Errorf("the fault was met %d times", met.Hits())
				}
				m.pass(users.DefaultLateWindow)
				m.mustTick()
				m.recorded(0)

				m = newWideMount(t, noRetries)
				m.aws.Inject(fault)
				resp, err := m.ask(logical.ReadOperation, "creds/wide", nil)
				if _, status := outcome(resp, err); status == 200 {
					if again, err := m.lease(logical.RevokeOperation, resp); err != nil || again.IsError() {
						m.revoke(resp)
					}
				}
				m.noUsers()
				m.pass(users.DefaultLateWindow)
				m.mustTick()
				m.recorded(0)
				m.registered(0)
			})
		}
	}
}

// The identities that come from STS: a role, and a role for a token. The call of IAM is never made.
func TestOddAnswersToAnIdentity(t *testing.T) {
	t.Parallel()
	eachOddAnswer(t, func(t *testing.T, url string) { oddIdentity(t, url) })
	t.Run("200 with empty members", func(t *testing.T) {
		t.Parallel()
		oddIdentity(t, oddServer(t, emptyMembers))
	})
}

func oddIdentity(t *testing.T, url string) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(someJWT), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, config := range map[string]map[string]any{
		"role_arn":                {"role_arn": vaultARN},
		"web_identity_token_file": {"role_arn": vaultARN, "web_identity_token_file": file, "access_key": "", "secret_key": ""},
	} {
		m := newConfiguredMount(t)
		m.tokensTo = []string{url}
		m.start()
		m.aws.AddRole("vault")
		m.aws.SetWebIdentityToken(someJWT)
		m.aws.Inject(fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.ForeignAfter, Times: 3})
		for _, action := range []string{"GetUser", "DeleteUser"} {
			m.aws.Inject(fakeaws.Fault{Action: action, Kind: fakeaws.Foreign})
		}
		m.fails(logical.ReadOperation, "creds/developer-access", nil) // and is left for the tick
		m.waitUntil("it has ended", m.quiet)
		m.recorded(1)
		m.aws.ClearFaults()

		m.write("config/root", config)
		m.write("config/root", map[string]any{"sts_endpoint": url, "max_retries": 0})
		resp, err := m.ask(logical.ReadOperation, "creds/developer-access", nil)
		if text, status := outcome(resp, err); status < 500 {
			t.Errorf("%s: %d %s", name, status, text)
		}
		m.waitUntil("nothing has the record any more", m.quiet)
		if err := m.tick(); err == nil || !strings.Contains(err.Error(), "not an answer of AWS") {
			t.Errorf("%s: a tick without an identity: %v", name, err)
		}
		m.recorded(1)
		m.write("config/root", map[string]any{"sts_endpoint": m.aws.URL()})
		m.pass(time.Hour)
		m.mustTick()
		m.recorded(0)
		m.noUsers()
	}
}

// Sessions: AWS's answer without a session is none, and nobody gets an empty one.
func TestOddAnswersToSessions(t *testing.T) {
	t.Parallel()
	test := func(t *testing.T, url string) {
		m := newConfiguredMount(t)
		m.aws.AddRole("assumed")
		m.write("roles/assumed", map[string]any{"credential_type": "assumed_role", "role_arns": "arn:aws:iam::123456789012:role/assumed"})
		m.write("roles/federated", map[string]any{"credential_type": "federation_token", "policy_arns": readOnly})
		m.write("roles/own", map[string]any{"credential_type": "session_token"})
		m.leadAway(url)
		for _, role := range []string{"assumed", "federated", "own"} {
			resp, err := m.ask(logical.UpdateOperation, "sts/"+role, nil)
			if text, status := outcome(resp, err); status < 500 || !strings.Contains(text, "not an answer of AWS") {
				t.Errorf("%s: %d %s", role, status, text)
			}
		}
	}
	eachOddAnswer(t, test)
	t.Run("200 with empty members", func(t *testing.T) {
		t.Parallel()
		test(t, oddServer(t, emptyMembers))
	})
}
