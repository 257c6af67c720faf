// SPDX-License-Identifier: MPL-2.0

package backend

// Static roles as their users see them: what a write takes, what reads answer.

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// daily is a static role for the IAM user app.
var daily = map[string]any{"username": "app", "rotation_period": "24h"}

// newStaticMount has the IAM user app, without a key.
func newStaticMount(t testing.TB, more ...map[string]any) *mount {
	t.Helper()
	m := newConfiguredMount(t, more...)
	m.instantly()
	m.addBareUser("app")
	m.aws.ResetCalls()
	return m
}

// addBareUser makes an IAM user that has no key yet, as somebody else than Vault would.
func (m *mount) addBareUser(name string) {
	m.t.Helper()
	key := m.aws.AddUser(name)
	m.aws.Adopt(name)
	m.deleteKey(name, key.AccessKeyID)
}

// deleteKey deletes a key behind the engine's back.
func (m *mount) deleteKey(user, id string) {
	m.t.Helper()
	root := fakeaws.Client{Endpoint: m.aws.URL(), Key: m.aws.RootKey()}
	if _, err := root.Do(m.ctx, "iam", "DeleteAccessKey", url.Values{"UserName": {user}, "AccessKeyId": {id}}); err != nil {
		m.t.Fatal(err)
	}
}

// newRotatingMount has the static role app for it as well.
func newRotatingMount(t testing.TB, more ...map[string]any) *mount {
	t.Helper()
	m := newStaticMount(t, more...)
	m.write("static-roles/app", daily)
	m.aws.ResetCalls()
	return m
}

// keys are the IDs of a user's keys in AWS, oldest first.
func (m *mount) keys(user string) []string {
	var ids []string
	for _, key := range m.aws.Keys(user) {
		ids = append(ids, key.AccessKeyID)
	}
	return ids
}

// hasKeys checks which keys a user has, in whatever order.
func (m *mount) hasKeys(user string, want ...string) {
	m.t.Helper()
	got := m.keys(user)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		m.t.Errorf("%s has the keys %v, want %v", user, got, want)
	}
}

// served is the ID of the key that static-creds answers, once it is shown to work.
func (m *mount) served(role string) string {
	m.t.Helper()
	creds := m.read("static-creds/" + role)
	if creds == nil {
		m.t.Fatalf("static-creds/%s has nothing", role)
	}
	id := creds["access_key"].(string)
	m.works(id, creds["secret_key"].(string))
	return id
}

func (m *mount) works(id, secret string) {
	m.t.Helper()
	client := fakeaws.Client{Endpoint: m.aws.URL(), Key: fakeaws.Key{AccessKeyID: id, SecretAccessKey: secret}}
	if arn, err := client.CallerARN(m.ctx); err != nil || !strings.Contains(arn, ":user/") {
		m.t.Errorf("the key %s is of %q: %v", id, arn, err)
	}
}

func TestStaticRoleAdoptsAUser(t *testing.T) {
	t.Parallel()
	m := newStaticMount(t)
	m.aws.AddGroup("developers") // nothing but keys is touched
	resp := m.write("static-roles/app", daily)
	if len(resp.Warnings) > 0 {
		t.Errorf("warnings: %v", resp.Warnings)
	}
	if read := m.read("static-roles/app"); !maps.EqualFunc(read, resp.Data, func(a, b any) bool { return asJSON(t, a) == asJSON(t, b) }) {
		t.Errorf("the write answers\n%v, the read\n%v", resp.Data, read)
	}
	if resp.Data["username"] != "app" || resp.Data["rotation_period"] != int64(86400) || resp.Data["name"] != "app" || !strings.HasPrefix(resp.Data["id"].(string), "AIDA") {
		t.Errorf("the role reads %v", resp.Data)
	}
	m.hasKeys("app", m.served("app"))
	m.recorded(0)
	if list := m.do(logical.ListOperation, "static-roles/", nil).Data["keys"]; asJSON(t, list) != `["app"]` {
		t.Errorf("the list has %v", list)
	}
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// Vault Agent reads rotation_period and ttl, the Vault Secrets Operator these and
// last_vault_rotation.
func TestStaticCredsTellWhenTheyRotate(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	creds := m.read("static-creds/app")
	rotated, err := time.Parse(time.RFC3339Nano, creds["last_vault_rotation"].(string))
	if err != nil || time.Since(rotated) > time.Minute {
		t.Errorf("rotated %v: %v", creds["last_vault_rotation"], err)
	}
	if ends, err := time.Parse(time.RFC3339, creds["expiration"].(string)); err != nil || ends.Sub(rotated) != 24*time.Hour {
		t.Errorf("expires %v: %v", creds["expiration"], err)
	}
	if creds["rotation_period"] != int64(86400) || creds["ttl"].(int64) < 86390 || creds["ttl"].(int64) > 86400 {
		t.Errorf("period %v, ttl %v", creds["rotation_period"], creds["ttl"])
	}
	for _, late := range []time.Duration{24*time.Hour - time.Millisecond, time.Millisecond, time.Hour} { // until the next look, and never 0: clients would read without pause
		m.pass(late)
		if ttl := m.read("static-creds/app")["ttl"].(int64); ttl < 1 || ttl > 5 {
			t.Errorf("ttl %v of a key that is due", ttl)
		}
	}
	if m.read("static-creds/none") != nil || m.read("static-roles/none") != nil {
		t.Error("there is something where there is nothing")
	}
}

// Reads never call AWS: Terraform drops a role from its state when a read fails.
func TestStaticReadsDoNotCallAWS(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	m.read("static-roles/app")
	m.read("static-creds/app")
	m.do(logical.ListOperation, "static-roles/", nil)
	m.write("static-roles/app", map[string]any{"rotation_period": "48h"})
	if actions := m.aws.Actions(); len(actions) > 0 {
		t.Errorf("called %v", actions)
	}
}

func TestStaticRoleMistakes(t *testing.T) {
	t.Parallel()
	m := newRotatingMount(t)
	for _, c := range []struct {
		name, path, want string
		data             map[string]any
	}{
		{"no user", "new", "username: is missing", map[string]any{"rotation_period": "1h"}},
		{"no period", "new", "rotation_period: is missing", map[string]any{"username": "app"}},
		{"short period", "new", "rotation_period: 59s", map[string]any{"username": "app", "rotation_period": 59}},
		{"period and schedule", "new", "together with rotation_schedule", map[string]any{"username": "app", "rotation_period": "1h", "rotation_schedule": "0 0 * * *"}},
		{"no cron line", "new", "rotation_schedule: \"daily\"", map[string]any{"username": "app", "rotation_schedule": "daily"}},
		{"time zone", "new", "rotation_schedule: must not name a time zone", map[string]any{"username": "app", "rotation_schedule": "TZ=0"}},
		{"never", "new", "never comes", map[string]any{"username": "app", "rotation_schedule": "0 0 30 2 *"}},
		{"short window", "new", "rotation_window: 1m0s", map[string]any{"username": "app", "rotation_schedule": "0 0 * * *", "rotation_window": "1m"}},
		{"window alone", "app", "rotation_window: goes with", map[string]any{"rotation_window": "2h"}},
		{"ARN for a name", "new", "username: \"arn:", map[string]any{"username": "arn:aws:iam::1:user/x", "rotation_period": "1h"}},
		{"no such user", "new", "NoSuchEntity", map[string]any{"username": "nobody", "rotation_period": "1h"}},
		{"another spelling", "new", "username: AWS spells", map[string]any{"username": "APP", "rotation_period": "1h"}},
		{"another user", "app", "username: the role is for the IAM user \"app\"", map[string]any{"username": "other"}},
		{"no role ARN", "app", "assume_role_arn: \"x\"", map[string]any{"assume_role_arn": "x"}},
		{"external ID", "app", "external_id: is not an external ID", map[string]any{"assume_role_arn": "arn:aws:iam::123456789012:role/x", "external_id": "a"}},
		{"session name", "app", "assume_role_session_name: \"a b\"", map[string]any{
			"assume_role_arn": "arn:aws:iam::123456789012:role/x", "assume_role_session_name": "a b"}},
		{"negative ttl", "app", "previous_key_ttl", map[string]any{"previous_key_ttl": -1}},
		{"bad name", "a..b", "name:", daily},
		{"name of the verb", "app/rotate/x", "name:", daily},
		{"own key", "app", "is the role's own key", map[string]any{"replace_access_key": m.keys("app")[0]}},
		{"rotate nothing", "none/rotate", "no static role", nil},
	} {
		before := m.storage.dump(t)
		if text := m.refused(logical.UpdateOperation, "static-roles/"+c.path, c.data); !strings.Contains(text, c.want) {
			t.Errorf("%s: told %q, want %q", c.name, text, c.want)
		}
		if !maps.Equal(before, m.storage.dump(t)) {
			t.Errorf("%s: something was stored", c.name)
		}
	}
	m.hasKeys("app", m.served("app"))
}

// A write keeps what it does not name.
func TestStaticPartialWriteKeepsTheRest(t *testing.T) {
	t.Parallel()
	m := newStaticMount(t)
	m.write("static-roles/app", map[string]any{"username": "app", "rotation_schedule": "0 3 * * 0", "rotation_window": "2h", "previous_key_ttl": "1h"})
	before := m.read("static-roles/app")
	m.write("static-roles/app", map[string]any{"username": "app"})
	if after := m.read("static-roles/app"); asJSON(t, after) != asJSON(t, before) {
		t.Errorf("before %v\nafter %v", before, after)
	}
	m.write("static-roles/app", map[string]any{"rotation_period": "1h"})
	after := m.read("static-roles/app")
	if after["rotation_schedule"] != "" || after["rotation_window"] != int64(0) || after["rotation_period"] != int64(3600) || after["previous_key_ttl"] != int64(3600) {
		t.Errorf("a period in place of a schedule: %v", after)
	}
}
