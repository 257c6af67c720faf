// SPDX-License-Identifier: MPL-2.0

package backend

// When a key was last used, for who asks.

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// use makes a call with a key that was handed out.
func (m *mount) use(creds map[string]any) {
	m.t.Helper()
	client := fakeaws.Client{Endpoint: m.aws.URL(), Key: fakeaws.Key{AccessKeyID: creds["access_key"].(string), SecretAccessKey: creds["secret_key"].(string)}}
	if _, err := client.CallerARN(m.ctx); err != nil {
		m.t.Fatal(err)
	}
}

func TestLastUseOfAUser(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	creds := m.creds("developer-access")
	defer m.revoke(creds)
	path := "issued/" + m.user(creds)
	m.aws.ResetCalls()
	if _, told := m.read(path)["last_used"]; told || len(m.aws.Calls()) > 0 {
		t.Error("AWS was asked, though nobody wanted to know")
	}
	ask := map[string]any{"last_used": true}
	data := m.do(logical.ReadOperation, path, ask).Data
	if used, told := data["last_used"]; !told || used != nil || data["last_used_service"] != "" {
		t.Errorf("never used: %v", data)
	}
	m.use(creds.Data)
	data = m.do(logical.ReadOperation, path, ask).Data
	if at, err := time.Parse(time.RFC3339, fmt.Sprint(data["last_used"])); err != nil || time.Since(at).Abs() > time.Minute || data["last_used_service"] != "sts" {
		t.Errorf("used: %v", data)
	}
	m.aws.Inject(fakeaws.Fault{Action: "GetAccessKeyLastUsed", Times: 1})
	if text := m.refused(logical.ReadOperation, path, ask); !strings.Contains(text, "AccessDenied") {
		t.Error(text)
	}
}

func TestLastUseOfAStaticRole(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.addBareUser("app")
	m.write("static-roles/app", daily)
	ask := map[string]any{"last_used": true}
	if _, told := m.read("static-roles/app")["last_used"]; told {
		t.Error("it is told, though nobody wanted to know")
	}
	m.use(m.read("static-creds/app"))
	if data := m.do(logical.ReadOperation, "static-roles/app", ask).Data; data["last_used"] == nil || data["last_used_service"] != "sts" {
		t.Errorf("%v", data)
	}
}

func TestWhoNeverUsedTheirs(t *testing.T) {
	t.Parallel()
	m, _ := newAccounts(t)
	idle, busy, abroad := m.creds("developer-access"), m.creds("developer-access"), m.creds("payments")
	unused := func(path, since string) []string {
		resp := m.do(logical.ListOperation, path, map[string]any{"unused_for": since})
		keys, _ := resp.Data["keys"].([]string)
		return keys
	}
	if names := unused("issued/", "1d"); len(names) > 0 {
		t.Errorf("too young: %v", names)
	}
	m.age(31 * 24 * time.Hour)
	m.use(busy.Data)
	young := m.creds("developer-access")
	want := []string{m.user(idle), m.user(abroad)}
	slices.Sort(want)
	if names := unused("issued/", "30d"); !slices.Equal(names, want) {
		t.Errorf("unused: %v, want %v", names, want)
	}
	if names := unused("issued/role/payments", "30d"); !slices.Equal(names, []string{m.user(abroad)}) {
		t.Errorf("of a role: %v", names)
	}
	if info := m.do(logical.ListOperation, "issued/", map[string]any{"unused_for": "30d"}).Data["key_info"].(map[string]any)[m.user(idle)].(map[string]any); info["last_used_service"] != "" {
		t.Errorf("%v", info)
	}
	m.aws.Inject(fakeaws.Fault{Action: "GetAccessKeyLastUsed", Account: other})
	resp := m.do(logical.ListOperation, "issued/", map[string]any{"unused_for": "30d"})
	if !slices.Equal(resp.Data["keys"].([]string), []string{m.user(idle)}) || len(resp.Warnings) != 1 || !strings.Contains(resp.Warnings[0], "AccessDenied") {
		t.Errorf("%v %q", resp.Data["keys"], resp.Warnings)
	}
	if text := m.refused(logical.ListOperation, "issued/", map[string]any{"unused_for": "-1h"}); !strings.Contains(text, "unused_for") {
		t.Error(text)
	}
	for _, creds := range []*logical.Response{idle, busy, abroad, young} {
		m.revoke(creds)
	}
}

// A part asks AWS about no user of the parts before, or a long list would never come to its end.
func TestPartsOfWhoNeverUsedTheirs(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	var all []*logical.Response
	for range 4 {
		all = append(all, m.creds("developer-access"))
	}
	m.age(2 * 24 * time.Hour)
	names := m.listing("issued/", nil)
	m.aws.ResetCalls()
	part := m.listing("issued/", map[string]any{"unused_for": "1d", "after": names[2]})
	if asked := m.heard("GetAccessKeyLastUsed"); !slices.Equal(part, names[3:]) || asked != 1 {
		t.Errorf("%v of %v; AWS was asked about %d", part, names, asked)
	}
	for _, creds := range all {
		m.revoke(creds)
	}
}
