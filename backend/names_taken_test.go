// SPDX-License-Identifier: MPL-2.0

package backend

// A name that is taken is drawn anew where the template has a random part, and each name has its record before AWS
// hears of it.

import (
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// takenName is AWS's answer to CreateUser for a name that another user has.
var takenName = fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.Refuse, Code: "EntityAlreadyExists", Status: 409, Message: "User with that name already exists."}

// names are the users that AWS was asked to make, each of which had a record by then.
func (m *mount) names(storage *timedStorage) (names []string) {
	m.t.Helper()
	for _, call := range m.aws.Calls() {
		if call.Action != "CreateUser" {
			continue
		}
		names = append(names, call.User)
		record := "put " + recordKey(call.User)
		if !slices.ContainsFunc(storage.writes, func(w timedWrite) bool { return w.what == record && w.end.Before(call.Start) }) {
			m.t.Errorf("AWS heard of %s before its record was stored", call.User)
		}
	}
	return names
}

func TestTakenNameIsDrawnAnew(t *testing.T) {
	t.Parallel()
	for name, template := range map[string]string{
		"default":                "",
		"much that is random":    "app-{{random 20}}",
		"little that is random":  "app-{{random 6}}",
		"random in another case": "app-{{random 12 | uppercase}}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t, map[string]any{"username_template": template})
			m.write("config/users", map[string]any{"max_users": 1}) // names that were not used count no more
			fault := takenName
			fault.Times = nameDraws - 1
			m.aws.Inject(fault)
			storage := newTimedStorage(m.storage)
			req := m.request(logical.ReadOperation, "creds/developer-access", nil)
			req.Storage = storage
			creds, err := m.b.HandleRequest(m.ctx, req)
			if !well(creds, err) {
				t.Fatal(creds, err)
			}
			names := m.names(storage)
			if len(names) != nameDraws || len(slices.Compact(slices.Sorted(slices.Values(names)))) != nameDraws || names[nameDraws-1] != m.user(creds) {
				t.Errorf("AWS was asked for %q, and %s was given", names, m.user(creds))
			}
			m.registered(1)
			m.recorded(0)
			m.revoke(creds)
			m.noUsers()
		})
	}
}

func TestNamesThatAreAllTaken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		template string
		draws    int
		says     string
	}{
		"a random part":    {"app-{{random 20}}", nameDraws, "username_template made 4 names that are taken, so give it more random characters, such as {{random 20}}"},
		"no random part":   {"app-{{.PolicyName}}", 1, "EntityAlreadyExists"},
		"little is random": {"{{random 1}}", nameDraws, "username_template made 4 names"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newConfiguredMount(t, map[string]any{"username_template": c.template})
			m.knowAccount()
			m.aws.Inject(takenName)
			text := m.refused(logical.ReadOperation, "creds/developer-access", nil)
			if !strings.Contains(text, c.says) || !strings.Contains(text, "EntityAlreadyExists") {
				t.Errorf("refused with %s", text)
			}
			if calls := m.aws.Actions(); len(calls) != c.draws {
				t.Errorf("AWS was asked %v", calls)
			}
			m.recorded(0)
			m.registered(0)
		})
	}
}

// A name whose record has not ended yet is as good as taken, and AWS is not asked about it.
func TestNameWithARecordIsDrawnAnew(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, map[string]any{"username_template": "{{random 1}}"})
	free := "q"
	for _, c := range "0123456789abcdefghijklmnopqrstuvwxyz" {
		if string(c) != free {
			m.put(recordKey(string(c)), &userRecord{Role: "developer-access", Issued: m.now(), Ends: m.now().AddDate(0, 0, 1), Written: m.now(), Edition: secondEdition, Random: 1})
		}
	}
	m.aws.ResetCalls()
	for range 2000 { // one in 31 draws is free
		resp, err := m.ask(logical.ReadOperation, "creds/developer-access", nil)
		if well(resp, err) {
			if strings.ToLower(m.user(resp)) != free {
				t.Errorf("%s was given", m.user(resp))
			}
			m.revoke(resp)
			return
		}
		if text, status := outcome(resp, err); status != 400 || !strings.Contains(text, "username_template made 4 names that are taken") || len(m.aws.Actions()) > 0 {
			t.Fatalf("%d %s, %v", status, text, m.aws.Actions())
		}
	}
	t.Error("no name was free")
}
