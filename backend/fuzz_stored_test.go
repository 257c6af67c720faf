// SPDX-License-Identifier: MPL-2.0

package backend

// Storage may hold anything under the engine's keys: what we wrote, what the built-in
// engine wrote in any of its versions, what an operator restored. It is read, written,
// used and looked at by the timer; nothing panics, and what cannot be read is named.

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/roles"
)

// stored is a key, how errors name it, and the requests that meet it.
type stored struct {
	key      string
	named    []string
	requests []ask
}

// ask is a request in a few words.
type ask struct {
	op   logical.Operation
	path string
	data map[string]any
}

const (
	get    = logical.ReadOperation
	update = logical.UpdateOperation
)

var (
	storedWAL  = "3f1d9c58-9a0e-4e6b-8d0f-7f4c1f0a2b11"
	asksOfRoot = []ask{
		{get, "config/root", nil}, {get, "creds/user", nil}, {get, "sts/fed", nil}, {update, "config/rotate-root", nil},
		{update, "config/root", map[string]any{"region": "eu-central-1"}},
	}
	asksOfRole = []ask{
		{get, "roles/r", nil}, {logical.ListOperation, "roles/", nil}, {get, "creds/r", nil}, {get, "sdk/creds/r", nil}, {get, "sts/r", map[string]any{"ttl": "20m"}},
		{update, "roles/r", map[string]any{"max_ttl": "1h"}}, {update, "roles/r", map[string]any{"policy_arns": readOnly}}, {logical.DeleteOperation, "roles/r", nil},
	}
	asksOfStatic = []ask{
		{get, "static-roles/app", nil}, {get, "static-creds/app", nil}, {get, "sdk/static-creds/app", nil}, {update, "static-roles/app", map[string]any{"rotation_period": "2h"}},
		{update, "static-roles/app/rotate", nil}, {update, "static-roles/other", map[string]any{"username": "app", "rotation_period": "2h"}},
		{logical.DeleteOperation, "static-roles/app", nil},
	}
	storedKeys = []stored{
		{engine.KeyRootConfig, []string{"config/root"}, asksOfRoot},
		{engine.KeyRootNext, []string{"config/root-next"}, asksOfRoot},
		{engine.KeyRootRotation, []string{"config/root-rotation"}, asksOfRoot},
		{engine.KeyLeaseConfig, []string{"config/lease"}, []ask{{get, "config/lease", nil}, {update, "config/lease", map[string]any{"lease": "1h"}}, {get, "creds/user", nil}}},
		{engine.PrefixRole + "r", []string{"role/r", `role "r"`}, asksOfRole},
		{engine.PrefixLegacyRole + "r", []string{"policy/r", `role "r"`}, asksOfRole},
		{engine.PrefixStaticRole + "app", []string{"static-roles/app", "static role app"}, asksOfStatic},
		{engine.PrefixStaticCreds + "app", []string{"static-creds/app", "static role app"}, asksOfStatic},
		{"wal/" + storedWAL, []string{storedWAL}, []ask{{update, "static-roles/app/rotate", nil}, {get, "creds/user", nil}, {update, "config/rotate-root", nil}}},
	}
)

// $ID and $SECRET in a seed are the key of the fake's root user.
var storedSeeds = map[string][]string{
	engine.KeyRootConfig: {
		`{"access_key":"$ID","secret_key":"$SECRET","iam_endpoint":"","sts_endpoint":"","region":"us-east-1","max_retries":-1,"username_template":"","role_arn":""}`,
		`{"access_key":"$ID","secret_key":"$SECRET","rotation_period":60000000000,"rotation_schedule":"","rotation_window":0,"disable_automated_rotation":false}`,
		`{"access_key":"$ID","secret_key":"$SECRET","rotation_schedule":"*/5 * * * *","username_template":"{{range 1000000000000}}{{end}}x"}`,
		`{"access_key":"$ID","secret_key":"$SECRET","RotationSchedule":"CRON_TZ=","RotationPeriod":1,"RotationWindow":-1,"RotationJobID":"x"}`,
		`{"access_key":"$ID","secret_key":"` + fuzzSecret + `","identity_token_audience":"x","IdentityTokenTTL":5}`,
		`{"access_key":7,"secret_key":["` + fuzzSecret + `"]}`, `{"secret_key":"` + fuzzSecret + `"`, `{"max_retries":"many","secret_key":"` + fuzzSecret + `"}`,
	},
	engine.KeyRootNext: {
		`{"user":"vault-root","access_key":"AKIAIOSFODNN7EXAMPLE","secret_key":"` + fuzzSecret + `","made":"2026-01-02T03:04:05Z","record":"x","old":{"access_key":"$ID","secret_key":"$SECRET"}}`,
		`{"user":"","access_key":"$ID","secret_key":"$SECRET","old":{"access_key":"AKIAIOSFODNN7EXAMPLE","secret_key":"` + fuzzSecret + `"}}`,
		`{"made":"9999-12-31T23:59:59+14:00","record":"../config/root","old":null}`, `{"user":"vault-root","access_key":"","old":{}}`,
	},
	engine.KeyRootRotation: {
		`{"plan":"period","access_key":"$ID","since":"2026-01-02T03:04:05Z","rotation_error":"x","rotation_failed_at":"2026-01-02T03:04:05Z","rotation_failures":3}`,
		`{"plan":"schedule","rotation_failures":-1}`, `{"rotation_failures":9223372036854775807,"last_vault_rotation":"9999-12-31T23:59:59Z"}`,
	},
	engine.KeyLeaseConfig: {`{"Lease":3600000000000,"LeaseMax":7200000000000}`, `{"Lease":-1,"LeaseMax":-9223372036854775808}`, `{"Lease":"1h"}`, `{"lease":1e300}`},
	engine.PrefixRole + "r": {
		`{"credential_types":["iam_user"],"policy_arns":["` + readOnly + `"],"role_arns":null,"policy_document":"","iam_groups":null,"iam_tags":{},"default_sts_ttl":0,` +
			`"max_sts_ttl":0,"user_path":"/","permissions_boundary_arn":"","mfa_serial_number":"","session_tags":null,"external_id":"","version":1}`,
		`{"credential_types":["iam_user","federation_token"],"policy_document":"{}","prohibit_flexible_cred_path":true,"version":1}`,
		`{"credential_types":["federation_token"],"policy_arns":["` + readOnly + `"],"default_sts_ttl":-5,"max_sts_ttl":1}`,
		`{"credential_types":["session_token"],"mfa_serial_number":"x"}`, `{"credential_types":["assumed_role"],"role_arns":[""]}`,
		`{"credential_types":[""],"invalid_data":"x"}`, `{"credential_types":"iam_user"}`, `{"credential_types":["iam_user"],"iam_tags":{"":"\u0000"},"user_path":"x"}`,
		`{"credential_types":["iam_user"],"default_ttl":-9223372036854775808,"max_ttl":-1}`,
	},
	engine.PrefixLegacyRole + "r": {readOnly, "arn:aws:iam::123456789012:role/x", goodPolicy, "arn:", "\x00\xff"},
	engine.PrefixStaticRole + "app": {
		`{"name":"app","id":"AIDAEXAMPLE","username":"app","rotation_period":3600000000000}`, `{"name":"other","username":"app"}`,
		`{"name":"app","username":"app","rotation_period":-1}`, `{"name":"app","username":"app","rotation_schedule":"CRON_TZ="}`, `{"rotation_schedule":"0 0 30 2 *"}`,
		`{"name":"../x","username":"","rotation_schedule":"* * * * *","rotation_window":-1}`, `{"name":"app","username":"app","assume_role_arn":"x","external_id":"y"}`,
		`{"name":"app","username":"app","rotation_period":9223372036854775807,"previous_key_ttl":-9223372036854775808}`,
	},
	engine.PrefixStaticCreds + "app": {
		`{"access_key":"AKIAIOSFODNN7EXAMPLE","secret_key":"` + fuzzSecret + `","expiration":"2026-01-02T03:04:05.678Z"}`, `{"secret_key":7}`,
		`{"access_key":"","secret_key":"` + fuzzSecret + `","last_rotated":"9999-12-31T23:59:59-12:00","previous_access_key":"?","other_access_keys":[""]}`,
		`{"expiration":"` + fuzzSecret + `"}`, `{"access_key":"$ID","previous_access_key":"$ID","last_rotated":"0000-01-01T00:00:00Z"}`,
	},
	"wal/" + storedWAL: {
		`{"type":"user","data":{"UserName":"vault-gone"},"created_at":1700000000}`, `{"type":"user","data":{"UserName":"vault-root"},"created_at":4000000000}`,
		`{"type":"user","data":{"UserName":["x"]},"created_at":1700000000}`, `{"type":"user","data":null}`, `{"type":7}`, `{"type":"other"}`,
		`{"type":"root_key","data":{"user":"vault-root","keep":["$ID"]},"created_at":1700000000}`, `{"type":"root_key","data":{"user":7}}`,
		`{"type":"static_key","data":{"role":"app","username":"app","id":"x","keep":[],"made":"2026-01-02T03:04:05Z"},"created_at":1700000000}`,
		`{"type":"static_key","data":{"role":"../x","username":"app"}}`, `{"type":"static_key","data":{"role":"app","username":"app","made":"never"}}`,
		`{"type":"static_key","data":{"role":"gone","username":"app","id":"x","assume_role_arn":"y"},"created_at":9223372036854775807}`,
		`{"type":"user","data":{"UserName":"x"},"created_at":-9223372036854775808}`,
	},
}

var storedAnywhere = []string{"null", "{", "[{}]"}

func FuzzStoredEntry(f *testing.F) {
	for i, s := range storedKeys {
		for _, seed := range append(slices.Clone(storedSeeds[s.key]), storedAnywhere[i%len(storedAnywhere)]) {
			f.Add(uint8(i), []byte(seed))
		}
	}
	m := newFuzzMount(f, func(m *mount) {
		m.configure(noRetries)
		m.aws.AddUser("app")
		m.aws.Adopt("app")
		m.write("static-roles/app", map[string]any{"username": "app", "rotation_period": "1h"})
		m.write("roles/user", map[string]any{"policy_arns": readOnly})
		m.write("roles/fed", map[string]any{"credential_type": roles.FederationToken, "policy_arns": readOnly})
	})
	f.Fuzz(func(t *testing.T, slot uint8, value []byte) {
		m.fresh(t)
		s := storedKeys[int(slot)%len(storedKeys)]
		entry := m.atHome(s.key, value)
		m.put(s.key, entry)
		m.b.(*backend).ResetAWS()
		for i, a := range s.requests {
			if i == 2 {
				m.ticks(s, entry)
			}
			m.meets(s, entry, a)
		}
		m.pass(time.Hour)
		m.ticks(s, entry)
	})
}

// meets sends a request that has to do with what is stored.
func (fm *fuzzMount) meets(s stored, entry string, a ask) {
	fm.t.Helper()
	what := string(a.op) + " " + a.path
	resp, err := fm.asVault(fm.request(a.op, a.path, a.data))
	status, text := fm.answered(what, resp, err)
	fm.explains(what, s, entry, status, text)
	if status == 200 && a.path == "config/root" && !fm.elsewhere(s, entry) {
		fm.secretless(what, jsonOf(resp))
	}
	if status == 200 && resp != nil && resp.Secret != nil {
		if resp.Secret.TTL < 0 || resp.Secret.MaxTTL < 0 {
			fm.t.Errorf("%s: a lease of %v, at most %v", what, resp.Secret.TTL, resp.Secret.MaxTTL)
		}
		_, _ = fm.lease(logical.RevokeOperation, resp) // the account may be unreachable with what is stored
	}
}

// ticks lets the timer come by.
func (fm *fuzzMount) ticks(s stored, entry string) {
	fm.t.Helper()
	resp, err := fm.asVault(fm.request(logical.RollbackOperation, "", nil))
	status, text := fm.answered("tick", resp, err)
	fm.explains("tick", s, entry, status, text)
}

// explains checks that an error names what cannot be read, and gives no secret away.
func (fm *fuzzMount) explains(what string, s stored, entry string, status int, text string) {
	fm.t.Helper()
	if !fm.elsewhere(s, entry) {
		fm.secretless(what, text)
	}
	if status < 500 || strings.Contains(text, "request ID") || strings.Contains(text, "issues no identity tokens") {
		return
	}
	if !slices.ContainsFunc(s.named, func(name string) bool { return strings.Contains(text, name) }) {
		fm.t.Errorf("%s: does not name %s: %d %s", what, s.key, status, text)
	}
}

// elsewhere reports whether a secret stands where none belongs.
func (fm *fuzzMount) elsewhere(s stored, entry string) bool {
	misplaced := func(text string) bool {
		return strings.Contains(text, fuzzSecret) || strings.Contains(text, fm.aws.RootKey().SecretAccessKey)
	}
	if !strings.HasPrefix(s.key, "config/") && !strings.HasPrefix(s.key, engine.PrefixStaticCreds) {
		return misplaced(entry)
	}
	var v any
	return json.Unmarshal([]byte(entry), &v) == nil && anyText(v, misplaced)
}

// anyText reports whether a text in a value is as asked, secret keys aside.
func anyText(v any, is func(string) bool) bool {
	switch v := v.(type) {
	case string:
		return is(v)
	case []any:
		return slices.ContainsFunc(v, func(item any) bool { return anyText(item, is) })
	case map[string]any:
		for key, value := range v {
			if is(key) || !strings.EqualFold(key, "secret_key") && anyText(value, is) {
				return true
			}
		}
	}
	return false
}

// atHome is an entry that can lead to no other AWS than the fake, if it can be read at
// all: it is not for a test to call whom it likes.
func (fm *fuzzMount) atHome(key string, value []byte) string {
	root := fm.aws.RootKey()
	text := strings.NewReplacer("$ID", root.AccessKeyID, "$SECRET", root.SecretAccessKey).Replace(string(value))
	if key != engine.KeyRootConfig && key != engine.KeyRootNext {
		return text
	}
	var fields map[string]any
	if json.Unmarshal([]byte(text), &fields) != nil || fields == nil {
		return text
	}
	if key == engine.KeyRootConfig {
		if json.Unmarshal([]byte(text), new(engine.RootConfig)) != nil {
			return text
		}
		return jsonOf(fm.leadHome(fields))
	}
	if json.Unmarshal([]byte(text), new(struct {
		User, Record string
		AccessKey    string `json:"access_key"`
		SecretKey    string `json:"secret_key"`
		Made         time.Time
		Old          engine.RootConfig
	})) != nil {
		return text
	}
	old := map[string]any{}
	for name, value := range fields {
		if inner, is := value.(map[string]any); is && strings.EqualFold(name, "old") {
			delete(fields, name)
			old = inner
		}
	}
	fields["old"] = fm.leadHome(old)
	return jsonOf(fields)
}

// leadHome replaces what says where AWS is, and how often to try.
func (fm *fuzzMount) leadHome(fields map[string]any) map[string]any {
	where := map[string]any{
		"iam_endpoint": fm.aws.URL(), "sts_endpoint": fm.aws.URL(), "sts_fallback_endpoints": nil, "sts_fallback_regions": nil,
		"max_retries": 0, "web_identity_token_file": "",
	}
	for name := range fields {
		for known := range where {
			if strings.EqualFold(name, known) {
				delete(fields, name)
			}
		}
	}
	for name, value := range where {
		fields[name] = value
	}
	return fields
}
