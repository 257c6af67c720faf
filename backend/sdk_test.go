// SPDX-License-Identifier: MPL-2.0

package backend

// What AWS SDKs read by themselves. internal/e2e/sdk has the SDKs; here is what they are answered.

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// sdkAnswer is what an AWS SDK gets: credentials, or an error.
type sdkAnswer struct {
	status                                                     int
	AccessKeyId, SecretAccessKey, Token, Expiration, AccountId *string // AWS's names
	Code, Message                                              string
}

// sdk reads as an AWS SDK does, by way of Vault: without a lease, and with no word of Vault's around it.
func (m *mount) sdk(path string, query map[string]any) (a sdkAnswer) {
	m.t.Helper()
	resp, err := m.ask(logical.ReadOperation, "sdk/"+path, query)
	if err != nil || resp == nil || resp.Secret != nil || resp.IsError() {
		m.t.Fatalf("sdk/%s: %v %v", path, err, resp)
	}
	body, _ := resp.Data[logical.HTTPRawBody].([]byte)
	if resp.Data[logical.HTTPContentType] != "application/json" || len(resp.Data) != 3 {
		m.t.Errorf("sdk/%s: %v", path, resp.Data)
	}
	if err := json.Unmarshal(body, &a); err != nil {
		m.t.Fatalf("sdk/%s: %v: %s", path, err, body)
	}
	a.status = resp.Data[logical.HTTPStatusCode].(int)
	if (a.status == http.StatusOK) != (a.AccessKeyId != nil && a.SecretAccessKey != nil && a.Token != nil && a.Expiration != nil) ||
		(a.status == http.StatusOK) == (a.Code != "" && a.Message != "") {
		m.t.Errorf("sdk/%s: %d %s", path, a.status, body)
	}
	return a
}

// sdkKeys is an answer as a map.
func (m *mount) sdkKeys(path string) (keys map[string]any) {
	m.t.Helper()
	if err := json.Unmarshal(m.do(logical.ReadOperation, "sdk/"+path, nil).Data[logical.HTTPRawBody].([]byte), &keys); err != nil {
		m.t.Fatal(err)
	}
	return keys
}

// left is how long credentials last, by the engine's clock, to the minute.
func (m *mount) left(a sdkAnswer) time.Duration {
	m.t.Helper()
	if a.status != http.StatusOK {
		m.t.Fatalf("%d %s: %s", a.status, a.Code, a.Message)
	}
	ends, err := time.Parse("2006-01-02T15:04:05Z", *a.Expiration)
	if err != nil {
		m.t.Fatal(err)
	}
	return time.Until(ends.Add(-time.Duration(m.ahead.Load()))).Round(time.Minute)
}

func TestSDKReadsSessions(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	m.knowAccount()
	before := m.storage.dump(t)
	for role, c := range map[string]struct {
		query map[string]any
		arn   string
		lasts time.Duration
	}{
		"deploy": {map[string]any{"role_session_name": "ci", "role_arn": deployARN}, "arn:aws:sts::123456789012:assumed-role/deploy/ci", time.Hour},
		"fed":    {map[string]any{"ttl": "30m"}, "arn:aws:sts::123456789012:federated-user/vault-", 30 * time.Minute},
		"own":    {nil, "arn:aws:iam::123456789012:user/vault-root", time.Hour},
	} {
		a := m.sdk("creds/"+role, c.query)
		if got := m.left(a); got != c.lasts {
			t.Errorf("%s lasts %s, want %s", role, got, c.lasts)
		}
		if a.AccountId == nil || *a.AccountId != "123456789012" {
			t.Errorf("%s: AccountId is %v", role, a.AccountId)
		}
		client := fakeaws.Client{Endpoint: m.aws.URL(), Key: fakeaws.Key{AccessKeyID: *a.AccessKeyId, SecretAccessKey: *a.SecretAccessKey, SessionToken: *a.Token}}
		if arn, err := client.CallerARN(m.ctx); err != nil || !strings.HasPrefix(arn, c.arn) {
			t.Errorf("%s works as %q (%v), want %q", role, arn, err, c.arn)
		}
	}
	if after := m.storage.dump(t); len(after) != len(before) {
		t.Error("something was written")
	}
}

// The end of a session is AWS's word, which an SDK compares with its own clock and not with Vault's.
func TestSDKExpirationIsThatOfAWS(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	m.aws.SetSessionLife(7 * time.Minute)
	if got := m.left(m.sdk("creds/deploy", nil)); got != 7*time.Minute {
		t.Errorf("a session that AWS ends after 7 minutes is told to last %s", got)
	}
	m.aws.SetSessionLife(0)
	m.ahead.Store(int64(3 * time.Hour)) // the engine's clock is wrong
	if got := m.left(m.sdk("creds/deploy", nil)); got != -2*time.Hour {
		t.Errorf("by the wrong clock the session lasts %s, want what AWS said", got)
	}
}

func TestSDKIsRefusedInItsOwnForm(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t, noRetries)
	m.write("roles/mfa", map[string]any{"credential_type": "session_token", "mfa_serial_number": "arn:aws:iam::123456789012:mfa/vault-root"})
	m.write("roles/off", map[string]any{"credential_type": "session_token", "disabled": true, "disabled_reason": "leaked"})
	m.aws.ResetCalls()
	for name, c := range map[string]struct {
		path   string
		query  map[string]any
		status int
		code   string
		says   string
	}{
		"an IAM user":        {"creds/developer-access", nil, 400, "BadRequest", "use a role of credential_type assumed_role"},
		"a code of MFA":      {"creds/mfa", nil, 400, "BadRequest", "mfa_serial_number"},
		"no role":            {"creds/nobody", nil, 400, "BadRequest", `there is no role "nobody"`},
		"no name":            {"creds/a/b", nil, 400, "BadRequest", "name: "},
		"a disabled role":    {"creds/off", nil, 403, "Forbidden", "leaked"},
		"an idle field":      {"creds/fed", map[string]any{"role_arn": deployARN}, 400, "BadRequest", "role_arn: is not used"},
		"an unknown field":   {"creds/deploy", map[string]any{"tll": "1h"}, 400, "BadRequest", "tll: there is no such field"},
		"a wrong type":       {"creds/deploy", map[string]any{"ttl": "soon"}, 400, "BadRequest", "ttl: "},
		"another role_arn":   {"creds/deploy", map[string]any{"role_arn": deployARN + "2"}, 400, "BadRequest", "role_arn: "},
		"no static role":     {"static-creds/nobody", nil, 404, "NotFound", `there is no static role "nobody"`},
		"no static name":     {"static-creds/a/b", nil, 400, "BadRequest", "name: "},
		"an unknown field 2": {"static-creds/x", map[string]any{"ttl": "1h"}, 400, "BadRequest", "ttl: there is no such field"},
	} {
		if a := m.sdk(c.path, c.query); a.status != c.status || a.Code != c.code || !strings.Contains(a.Message, c.says) {
			t.Errorf("%s: %d %s %q, want %d %s %q", name, a.status, a.Code, a.Message, c.status, c.code, c.says)
		}
	}
	if calls := m.aws.Calls(); len(calls) != 0 {
		t.Errorf("AWS was called: %v", m.aws.Actions())
	}
	for name, c := range map[string]struct {
		fault  fakeaws.Fault
		status int
		code   string
	}{
		"refused":   {fakeaws.Fault{Kind: fakeaws.Refuse, Code: "AccessDenied", Status: 403}, 400, "AccessDenied"},
		"throttled": {fakeaws.Fault{Kind: fakeaws.Throttle}, 502, "Throttling"},
		"unwell":    {fakeaws.Fault{Kind: fakeaws.ServerError}, 502, ""},
	} {
		c.fault.Action = "AssumeRole"
		m.aws.Inject(c.fault)
		if a := m.sdk("creds/deploy", nil); a.status != c.status || c.code != "" && a.Code != c.code {
			t.Errorf("%s: %d %s %q", name, a.status, a.Code, a.Message)
		}
		m.aws.ClearFaults()
	}
}

// Whatever ends a request, the answer has the form that an SDK reads.
func TestSDKHearsOfTheEndOfItsTime(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.write("roles/own", map[string]any{"credential_type": "session_token"})
	m.hurry(3 * time.Second)
	status, text := 0, ""
	m.untilInTime(func() string {
		hang := m.aws.Inject(fakeaws.Fault{Action: "GetSessionToken", Kind: fakeaws.Hang})
		defer hang.Release()
		defer hang.Remove()
		a := m.sdk("creds/own", nil)
		status, text = a.status, a.Message
		return text
	})
	if status != 502 || !strings.HasPrefix(text, "AWS did not answer") {
		t.Errorf("%d: %s", status, text)
	}
}

// What a standby leaves to another server, and what is no read, stays Vault's.
func TestSDKLeavesToVaultWhatIsVaults(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	for _, op := range []logical.Operation{logical.ListOperation, logical.UpdateOperation, logical.DeleteOperation, logical.HeaderOperation} {
		for _, path := range []string{"sdk/creds/deploy", "sdk/static-creds/app"} {
			if _, status := outcome(m.ask(op, path, nil)); status != 405 {
				t.Errorf("%s of %s is answered %d", op, path, status)
			}
		}
	}
	if _, status := outcome(m.ask(logical.ReadOperation, "sdk/users/deploy", nil)); status != 404 {
		t.Errorf("a path that does not exist is answered %d", status)
	}
	m.system = &logical.StaticSystemView{ReplicationStateVal: consts.ReplicationPerformanceStandby, MaxLeaseTTLVal: time.Hour}
	m.start()
	if got := m.left(m.sdk("creds/deploy", nil)); got != time.Hour {
		t.Errorf("a standby makes a session of %s", got)
	}
}

func TestSDKReadsStaticRoles(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	first := m.sdk("static-creds/app", nil)
	if got := m.left(first); got != time.Hour || *first.Token != "" || first.AccountId == nil || *first.AccountId != "123456789012" {
		t.Errorf("a key lasts %s: %+v", got, first)
	}
	if served := m.read("static-creds/app"); served["access_key"] != *first.AccessKeyId || served["secret_key"] != *first.SecretAccessKey {
		t.Error("the key is not that of static-creds")
	}
	m.write("static-roles/app", map[string]any{"previous_key_ttl": "2h"})
	if got := m.left(m.sdk("static-creds/app", nil)); got != time.Hour {
		t.Errorf("a key that is kept for 2h after its rotation lasts %s", got)
	}
	m.write("static-roles/app", map[string]any{"previous_key_ttl": "40m"})
	if got := m.left(m.sdk("static-creds/app", nil)); got != 40*time.Minute {
		t.Errorf("a key that is kept for 40m after its rotation lasts %s", got)
	}
	m.write("static-roles/app", map[string]any{"previous_key_ttl": "5m"})
	if got := m.left(m.sdk("static-creds/app", nil)); got != 30*time.Minute {
		t.Errorf("a key that is kept for 5m after its rotation lasts %s", got)
	}
	m.pass(23*time.Hour + 55*time.Minute)
	if got := m.left(m.sdk("static-creds/app", nil)); got != 10*time.Minute {
		t.Errorf("shortly before its rotation it lasts %s", got)
	}
	m.pass(10 * time.Minute)
	m.mustTick()
	if next := m.sdk("static-creds/app", nil); *next.AccessKeyId == *first.AccessKeyId {
		t.Error("it was not rotated")
	}
}

// Until AWS accepts a new key, the one before is served. It lasts for as long as the role keeps it.
func TestSDKReadsTheKeyBeforeAYoungOne(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	first := m.sdk("static-creds/app", nil)
	m.write("static-roles/app", map[string]any{"previous_key_ttl": "2h"})
	m.rotateUnaccepted()
	a := m.sdk("static-creds/app", nil)
	if got := m.left(a); got != time.Hour || *a.AccessKeyId != *first.AccessKeyId {
		t.Errorf("served is %s for %s, want %s for 1h", *a.AccessKeyId, got, *first.AccessKeyId)
	}
}

// Where a rotation deletes the key, nothing outlives it: an SDK is sent away shortly before, and comes again.
func TestSDKIsSentAwayBeforeAKeyMakesRoom(t *testing.T) {
	t.Parallel()
	m, own := newCrowdedMount(t)
	m.write("static-roles/app/rotate", nil) // the engine sees the other key
	m.aws.Settle()
	m.mustTick()
	if got := m.left(m.sdk("static-creds/app", nil)); got != time.Hour {
		t.Errorf("a key that goes at its rotation lasts %s", got)
	}
	m.pass(23*time.Hour + 44*time.Minute)
	if got := m.left(m.sdk("static-creds/app", nil)); got != 16*time.Minute {
		t.Errorf("16 minutes before its rotation it lasts %s", got)
	}
	m.pass(2 * time.Minute)
	if a := m.sdk("static-creds/app", nil); a.status != 503 || a.Code != "ServiceUnavailable" || !strings.Contains(a.Message, own) || !strings.Contains(a.Message, "replace_access_key") {
		t.Errorf("14 minutes before its rotation: %d %s: %s", a.status, a.Code, a.Message)
	}
	m.pass(20 * time.Minute)
	m.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.Refuse, Code: "AccessDenied", Status: 403})
	m.mustTick()
	if a := m.sdk("static-creds/app", nil); a.status != 503 || !strings.Contains(a.Message, "was deleted to make room") {
		t.Errorf("without a key: %d %s: %s", a.status, a.Code, a.Message)
	}
	m.aws.ClearFaults()
	m.pass(time.Hour)
	m.mustTick()
	if got := m.left(m.sdk("static-creds/app", nil)); got != time.Hour {
		t.Errorf("the next key lasts %s", got)
	}
}
