// SPDX-License-Identifier: MPL-2.0

package backend

// The same caller who asks the same thing again gets the same credential, and nobody else does.

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// newSharingMount has roles of each type that share for ten minutes, and anna as its caller.
func newSharingMount(t testing.TB) *mount {
	t.Helper()
	m := newTemplateMount(t)
	m.instantly()
	m.write("roles/user", map[string]any{"policy_arns": readOnly, "share_for": "10m", "default_ttl": "1h", "max_ttl": "4h"})
	for _, role := range []string{"deploy", "fed", "own"} {
		m.write("roles/"+role, map[string]any{"share_for": "10m"})
	}
	return m
}

// asked is a credential that was asked for with fields.
func (m *mount) asked(path string, fields map[string]any) *logical.Response {
	m.t.Helper()
	return m.do(logical.ReadOperation, path, fields)
}

// shares checks whether two credentials are one.
func (m *mount) shares(a, b *logical.Response, want bool) {
	m.t.Helper()
	one := a.Data["access_key"] == b.Data["access_key"]
	if one && (a.Data["secret_key"] != b.Data["secret_key"] || a.Data["session_token"] != b.Data["session_token"]) {
		m.t.Error("one key has two secrets")
	}
	if one != want {
		m.t.Errorf("the access keys are %v and %v, and should be one: %v", a.Data["access_key"], b.Data["access_key"], want)
	}
	if id := a.Secret.InternalData["handout"]; want && id == b.Secret.InternalData["handout"] {
		m.t.Errorf("two leases have the handout %v", id)
	}
}

// Each lease of a shared user ends alone, and the user with the last.
func TestASharedUserEndsWithItsLastLease(t *testing.T) {
	t.Parallel()
	m := newSharingMount(t)
	first := m.creds("user")
	m.aws.ResetCalls()
	writes := newTimedStorage(m.storage.Storage)
	m.storage.Storage = writes
	second, third := m.creds("user"), m.creds("user")
	m.shares(first, second, true)
	m.shares(second, third, true)
	m.mustNotCall()
	if len(writes.writes) != 3 { // with the term, which is opened once
		t.Errorf("two more leases wrote %v", writes.writes)
	}
	if shown := m.read("issued/" + m.user(first)); shown["leases"] != 3 {
		t.Errorf("issued/ shows %v", shown)
	}
	for range 2 { // twice is once
		m.revoke(second)
		if err := m.accepted(first); err != nil {
			t.Fatal(err)
		}
	}
	m.revoke(first)
	if err := m.accepted(third); err != nil {
		t.Fatal(err)
	}
	m.revoke(third)
	m.noUsers()
	m.registered(0)
	m.revoke(third)
	fourth := m.creds("user")
	m.shares(first, fourth, false)
	m.revoke(fourth)
}

// A shared lease, and a renewal of one, is one write of storage.
func TestSharedLeasesCostOneWriteEach(t *testing.T) {
	t.Parallel()
	m := newSharingMount(t)
	first := m.creds("user")
	m.mustTick()
	writes := newTimedStorage(m.storage.Storage)
	m.storage.Storage = writes
	for what, do := range map[string]func(){"a lease": func() { m.creds("user") }, "a renewal": func() { m.renew(first) }} {
		writes.writes = nil
		if do(); len(writes.writes) != 1 || writes.writes[0].what != "put "+recordKey(m.user(first)) {
			t.Errorf("%s wrote %v", what, writes.writes)
		}
	}
	m.do(logical.DeleteOperation, "issued/"+m.user(first), nil)
}

// A renewal prolongs its own lease alone, and the record ends with the last of all.
func TestARenewalProlongsItsOwnLeaseAlone(t *testing.T) {
	t.Parallel()
	m := newSharingMount(t)
	first, second := m.creds("user"), m.creds("user")
	m.pass(30 * time.Minute)
	m.renew(first)
	r, err := loadRecord(m.ctx, m.storage, m.user(first))
	if err != nil || len(r.Handouts) != 2 || r.Handouts[0].Ends.Sub(r.Handouts[1].Ends) < 29*time.Minute || !r.Ends.Equal(r.Handouts[0].Ends) {
		t.Errorf("%+v %v", r, err)
	}
	m.revoke(first)
	if r, _ := loadRecord(m.ctx, m.storage, m.user(first)); len(r.Handouts) != 1 || !r.Ends.Equal(r.Handouts[0].Ends) {
		t.Errorf("without the first, %+v", r)
	}
	m.revoke(second)
	m.noUsers()
}

// All leases end at the latest when the first could.
func TestALaterLeaseEndsWithTheFirst(t *testing.T) {
	t.Parallel()
	m := newSharingMount(t)
	first := m.creds("user")
	m.pass(9 * time.Minute)
	second := m.creds("user")
	m.shares(first, second, true)
	if most := 4*time.Hour - second.Secret.MaxTTL; second.Secret.TTL != time.Hour || most < 9*time.Minute || most > 10*time.Minute {
		t.Errorf("the later lease has %v of %v", second.Secret.TTL, second.Secret.MaxTTL)
	}
	if most := 4*time.Hour - m.renew(second).MaxTTL; most < 9*time.Minute || most > 10*time.Minute {
		t.Errorf("renewed, it has %v less", most)
	}
	m.revoke(first)
	m.revoke(second)
	m.noUsers()
}

// Sessions of all types are shared at both paths, with no call to AWS and a ttl that falls.
func TestSharedSessions(t *testing.T) {
	t.Parallel()
	m := newSharingMount(t)
	for _, path := range []string{"creds/deploy", "creds/fed", "creds/own", "sts/deploy", "sts/fed", "sts/own"} {
		first := m.asked(path, nil)
		m.aws.ResetCalls()
		before := m.storage.dump(t)
		m.pass(5 * time.Minute)
		second := m.asked(path, nil)
		m.shares(first, second, true)
		m.mustNotCall()
		m.untouched(before, path)
		fell := time.Duration(first.Data["ttl"].(int64)-second.Data["ttl"].(int64)) * time.Second
		if fell < 5*time.Minute || fell > 6*time.Minute || second.Secret.TTL/time.Second != time.Duration(second.Data["ttl"].(int64)) || second.Secret.Renewable {
			t.Errorf("%s: the ttl fell by %v, and the lease is %+v", path, fell, second.Secret)
		}
		m.revoke(first)
		third := m.asked(path, nil)
		m.shares(first, third, true) // another lease has it
		m.revoke(second)
		m.revoke(third)
		m.shares(first, m.asked(path, nil), false) // nobody had it any more
	}
}

// What is not asked by the same caller, or is not the same in all, is never shared.
func TestNothingIsSharedAcross(t *testing.T) {
	t.Parallel()
	m := newSharingMount(t)
	m.aws.Adopt("vault-root") // whose key is made anew
	m.write("roles/several", map[string]any{"credential_type": "assumed_role", "role_arns": []any{deployARN, auditARN}, "share_for": "10m", "allowed_request_tags": "ticket"})
	m.write("roles/of-team", map[string]any{"iam_tags": map[string]any{"team": ofTeam}, "policy_arns": readOnly, "templates": true, "share_for": "10m"})
	other := func(id, accessor string) func() {
		return func() { m.entityID, m.accessor = id, accessor }
	}
	root := func(fields map[string]any) func() { return func() { m.write("config/root", fields) } }
	deploy := map[string]any{"role_arn": deployARN}
	for name, c := range map[string]struct {
		path    string
		fields  map[string]any
		then    func()
		path2   string // path where it is empty
		fields2 map[string]any
		want    bool
	}{
		"the same":                   {path: "creds/user", want: true},
		"the same of several":        {path: "creds/several", fields: deploy, fields2: deploy, want: true},
		"the same entity, new token": {path: "creds/user", then: func() { m.accessor = "another" }, want: true},
		"another entity":             {path: "creds/user", then: other("another", "token")},
		"no entity":                  {path: "creds/user", then: other("", "token")},
		"the path":                   {path: "creds/deploy", path2: "sts/deploy"},
		"the ttl":                    {path: "creds/user", fields: map[string]any{"ttl": "1h"}, fields2: map[string]any{"ttl": "2h"}},
		"the AWS role":               {path: "creds/several", fields: deploy, fields2: map[string]any{"role_arn": auditARN}},
		"the name of the session":    {path: "creds/deploy", fields: map[string]any{"role_session_name": "one"}, fields2: map[string]any{"role_session_name": "two"}},
		"a tag of the request":       {path: "creds/several", fields: deploy, fields2: map[string]any{"role_arn": deployARN, "session_tags": "ticket=OPS-1"}},
		"what a template makes":      {path: "creds/of-team", then: func() { m.asks(func(e *logical.Entity) { e.Metadata["team"] = "fraud" }) }},
		"a change of the role":       {path: "creds/user", then: func() { m.write("roles/user", map[string]any{"iam_tags": "a=b"}) }},
		"a change and back": {path: "creds/user", then: func() {
			m.write("roles/user", map[string]any{"iam_tags": "c=d"})
			m.write("roles/user", map[string]any{"iam_tags": "a=b"})
		}},
		"another role's change":       {path: "creds/user", then: func() { m.write("roles/own", map[string]any{"max_sts_ttl": "2h"}) }, want: true},
		"a change of config/root":     {path: "creds/user", then: root(map[string]any{"max_retries": 3})},
		"a change for a session":      {path: "creds/deploy", then: root(map[string]any{"max_retries": 2})},
		"a change of config/lease":    {path: "creds/user", then: func() { m.write("config/lease", map[string]any{"lease": "2h"}) }},
		"a change of config/users":    {path: "creds/user", then: func() { m.write("config/users", map[string]any{"max_users": 100}) }},
		"a new root key":              {path: "creds/fed", then: func() { m.write("config/rotate-root", nil) }},
		"a change by another server":  {path: "creds/user", then: func() { m.b.InvalidateKey(m.ctx, "role/user") }},
		"a configuration of another":  {path: "creds/deploy", then: func() { m.b.InvalidateKey(m.ctx, "config/root") }},
		"a record of another server":  {path: "creds/user", then: func() { m.b.InvalidateKey(m.ctx, recordKey(m.aws.Users()[0])) }},
		"a restart":                   {path: "creds/user", then: m.start},
		"the end of the mount's life": {path: "creds/user", then: func() { m.b.Cleanup(m.ctx); m.start() }},
	} {
		t.Run(name, func(t *testing.T) {
			m.asks(nil)
			m.accessor = "token"
			first := m.asked(c.path, c.fields)
			if c.then != nil {
				c.then()
			}
			if c.path2 == "" {
				c.path2 = c.path
			}
			second := m.asked(c.path2, c.fields2)
			m.shares(first, second, c.want)
			m.revoke(first)
			m.revoke(second)
		})
	}
}

// Without an entity it is the token that counts, and without an accessor nothing is shared.
func TestSharingWithoutAnEntity(t *testing.T) {
	t.Parallel()
	m := newSharingMount(t)
	m.entityID = ""
	for accessor, want := range map[string]bool{"root": true, "": false} {
		m.accessor = accessor
		m.shares(m.creds("deploy"), m.creds("deploy"), want)
		first, second := m.creds("user"), m.creds("user")
		m.shares(first, second, want)
		m.revoke(first)
		m.revoke(second)
	}
	m.noUsers()
}

// The time counts from the making and does not slide; and enough has to be left for who gets it.
func TestHowLongIsShared(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		role   string
		fields map[string]any
		share  string
		passes []time.Duration // before each further request
		last   bool            // whether the last one shares; those before do
	}{
		"within the time":                    {"user", nil, "10m", []time.Duration{9 * time.Minute}, true},
		"it does not slide":                  {"user", nil, "10m", []time.Duration{6 * time.Minute, 6 * time.Minute}, false},
		"half of a session":                  {"deploy", nil, "1h", []time.Duration{29 * time.Minute, 2 * time.Minute}, false},
		"nine tenths of what was asked":      {"deploy", map[string]any{"ttl": "1h"}, "1h", []time.Duration{5 * time.Minute, 2 * time.Minute}, false},
		"half of a user's longest lease":     {"user", nil, "3h", []time.Duration{119 * time.Minute, 2 * time.Minute}, false},
		"enough of a user for a short lease": {"user", map[string]any{"ttl": "30m"}, "4h", []time.Duration{3*time.Hour + 30*time.Minute, 5 * time.Minute}, false},
		"a clock that was set back":          {"deploy", nil, "10m", []time.Duration{-time.Hour}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newSharingMount(t)
			m.write("roles/"+c.role, map[string]any{"share_for": c.share})
			leases := []*logical.Response{m.asked("creds/"+c.role, c.fields)}
			for i, pass := range c.passes {
				m.pass(pass)
				next := m.asked("creds/"+c.role, c.fields)
				m.shares(leases[0], next, c.last || i < len(c.passes)-1)
				leases = append(leases, next)
			}
			for _, l := range leases {
				m.revoke(l)
			}
			m.noUsers()
		})
	}
}

// AWS takes a code of an MFA device once.
func TestNoSessionIsSharedByAnMFACode(t *testing.T) {
	t.Parallel()
	m := newSharingMount(t)
	m.aws.SetMFACode(mfaOfVault, "123456")
	m.warns(m.write("roles/own", map[string]any{"mfa_serial_number": mfaOfVault}), "share_for: is not used with mfa_serial_number; AWS takes each MFA code once")
	code := map[string]any{"mfa_code": "123456"}
	m.asked("creds/own", code)
	calls := len(m.aws.Calls())
	if _, _ = m.ask(logical.ReadOperation, "creds/own", code); len(m.aws.Calls()) == calls {
		t.Error("AWS was not asked again")
	}
}

// A server whose secrets are not kept passes the request on.
func TestStandbysShareNothing(t *testing.T) {
	t.Parallel()
	m := newSharingMount(t)
	for _, c := range []struct {
		state  consts.ReplicationState
		passes []string
	}{
		{consts.ReplicationPerformanceStandby, []string{"creds/user", "creds/deploy"}},
		{consts.ReplicationPerformanceSecondary, []string{"creds/user"}},
	} {
		m.system.(*logical.StaticSystemView).ReplicationStateVal = c.state
		for _, path := range c.passes {
			if _, err := m.ask(logical.ReadOperation, path, nil); !errors.Is(err, logical.ErrReadOnly) {
				t.Errorf("%s at %v: %v", path, c.state, err)
			}
		}
	}
	m.shares(m.creds("deploy"), m.creds("deploy"), true) // of the secondary's own active server
}

// No secret of what is shared is stored or logged.
func TestSharedSecretsAreNowhere(t *testing.T) {
	t.Parallel()
	m := newSharingMount(t)
	log := m.logged(hclog.Trace)
	m.start()
	first, session := m.creds("user"), m.creds("deploy")
	again := m.creds("user")
	m.creds("deploy")
	m.mustTick()
	written := log.String() + fmt.Sprint(m.storage.dump(t), again.Secret.InternalData)
	for _, secret := range []any{first.Data["secret_key"], session.Data["secret_key"], session.Data["session_token"]} {
		if strings.Contains(written, secret.(string)) {
			t.Error("a secret was written")
		}
	}
	m.revoke(first)
	m.revoke(again)
}

// The bounds of share_for, and what a write warns of.
func TestShareForOfARole(t *testing.T) {
	t.Parallel()
	m := newSharingMount(t)
	for _, c := range []struct{ value, want string }{
		{"25h", "share_for: 25h0m0s is too long; use up to 24h0m0s, or 0 to share nothing"},
		{"-5m", "share_for: "},
	} {
		if text := m.refused(logical.UpdateOperation, "roles/user", map[string]any{"share_for": c.value}); !strings.HasPrefix(text, c.want) {
			t.Errorf("%s: %s", c.value, text)
		}
	}
	m.warns(m.write("roles/user", map[string]any{"share_for": "10m"}), "share_for: several leases can then have one IAM user")
	m.warns(m.write("roles/user", map[string]any{"share_for": "3h"}), "share_for: 3h0m0s is more than half of max_ttl, 4h0m0s; ")
	m.warns(m.write("roles/deploy", map[string]any{"share_for": "3h"}), "share_for: 3h0m0s is more than half of default_sts_ttl, 1h0m0s; ")
	if resp := m.write("roles/deploy", map[string]any{"share_for": "5m"}); resp != nil {
		t.Error(resp)
	}
	m.leave(engine.PrefixRole+"deploy", strings.Replace(m.storage.dump(t)[engine.PrefixRole+"deploy"], `"share_for":300000000000`, `"share_for":-1`, 1))
	m.start()
	m.shares(m.creds("deploy"), m.creds("deploy"), false)
}

// What an AWS SDK reads is shared with its next reads, and a link to the console with nobody.
func TestSDKsShareAndConsolesDoNot(t *testing.T) {
	t.Parallel()
	m := newSharingMount(t)
	m.write("config/root", map[string]any{"signin_endpoint": m.aws.URL()})
	first := m.sdkKeys("creds/deploy")
	m.aws.ResetCalls()
	m.pass(5 * time.Minute)
	second := m.sdkKeys("creds/deploy")
	m.mustNotCall()
	if !maps.Equal(first, second) {
		t.Errorf("an SDK was given %v, and then %v", first["AccessKeyId"], second["AccessKeyId"])
	}
	if got := m.asked("creds/deploy", nil).Data["access_key"]; got == first["AccessKeyId"] {
		t.Error("a lease has the session that an SDK has")
	}
	sessions := len(m.aws.Sessions())
	for range 2 {
		m.do(logical.ReadOperation, "console/deploy", nil)
	}
	if n := len(m.aws.Sessions()) - sessions; n != 2 {
		t.Errorf("2 links to the console have %d sessions", n)
	}
}
