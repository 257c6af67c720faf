// SPDX-License-Identifier: MPL-2.0

package backend

// Requests that cannot be right: each is answered 4xx and told which field is
// wrong, nothing is stored, AWS hears nothing, and no secret comes back. Every
// request meets a mount with nothing in it and one that works. The requests
// themselves are in the bad_input_*_test.go beside this file.

import (
	"bytes"
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"
)

// badInput is a request and the field that its refusal must name.
type badInput struct {
	name  string
	op    logical.Operation // update when empty
	path  string
	data  map[string]any
	field string
	only  string // "empty" or "configured", where the request is wrong on that mount alone
}

const (
	goodAccessKey = "AKIAIOSFODNN7EXAMPLE"
	goodSecretKey = "sent/but/never+given/back/0123456789abcd"

	// mostAnswer is how long a refusal may be: it quotes what is wrong, and not
	// the whole of something endless.
	mostAnswer = 8 << 10
)

// refuse sends each request to both mounts and checks all that a refusal owes.
func refuse(t *testing.T, cases []badInput) {
	t.Helper()
	for _, c := range cases {
		if c.op == "" {
			c.op = logical.UpdateOperation
		}
		for _, state := range []string{"empty", "configured"} {
			if c.only != "" && c.only != state {
				continue
			}
			t.Run(c.name+" on the "+state+" mount", func(t *testing.T) {
				m := newStrictMount(t, state)
				if state == "configured" {
					m.leadToAWS()
				}
				checkRefusal(m, c)
			})
		}
	}
}

func checkRefusal(m *mount, c badInput) {
	m.t.Helper()
	before := m.storage.dump(m.t)
	text := m.refused(c.op, c.path, asSent(m.t, c.withKeys()))
	if !strings.Contains(text, c.field) {
		m.t.Errorf("the refusal does not name %s: %s", c.field, shortened(text))
	}
	if len(text) > mostAnswer {
		m.t.Errorf("the refusal has %d bytes: %s", len(text), shortened(text))
	}
	m.untouched(before, text)
}

// untouched checks that a request has left no trace.
func (m *mount) untouched(before map[string]string, text string) {
	m.t.Helper()
	if after := m.storage.dump(m.t); !maps.Equal(before, after) {
		m.t.Errorf("storage has changed from %d keys to %d", len(before), len(after))
	}
	if actions := m.aws.Actions(); len(actions) > 0 {
		m.t.Errorf("AWS was called: %v", actions)
	}
	if strings.Contains(text, "internal error") {
		m.t.Errorf("a panic: %s", text)
	}
	for _, secret := range []string{goodSecretKey, m.aws.RootKey().SecretAccessKey} {
		if strings.Contains(text, secret) {
			m.t.Errorf("the answer holds a secret key: %s", shortened(text))
		}
	}
}

// newStrictMount has storage that refuses the keys that Vault's refuses.
func newStrictMount(t *testing.T, state string) *mount {
	t.Helper()
	m := newMount(t)
	m.storage.Storage = logical.NewStorageView(m.storage.Storage, "")
	if state == "configured" {
		m.configure()
		m.write("config/lease", map[string]any{"lease": "1h", "lease_max": "2h"})
		m.write("roles/developer-access", map[string]any{"policy_arns": readOnly})
	}
	return m
}

// leadToAWS makes AWS's rules count: the fake is an installation that is not AWS. A request that
// is refused calls neither.
func (m *mount) leadToAWS() {
	m.t.Helper()
	m.write("config/root", map[string]any{"iam_endpoint": "", "sts_endpoint": ""})
}

// withKeys is the data of a request. One to config/root carries a good key where
// it says nothing of keys, so that every refusal there might give a secret away.
func (c badInput) withKeys() map[string]any {
	data := maps.Clone(c.data)
	_, id := data["access_key"]
	_, secret := data["secret_key"]
	if c.path == "config/root" && !id && !secret {
		data["access_key"], data["secret_key"] = goodAccessKey, goodSecretKey
	}
	return data
}

// asSent is data as it reaches a plugin: what JSON has, with numbers as they were
// written.
func asSent(t testing.TB, data map[string]any) map[string]any {
	t.Helper()
	raw, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	return fromJSON(t, string(raw))
}

func fromJSON(t testing.TB, text string) map[string]any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	data := map[string]any{}
	if err := decoder.Decode(&data); err != nil {
		t.Fatal(err)
	}
	return data
}

func shortened(text string) string {
	if len(text) > 500 {
		return text[:500] + " …"
	}
	return text
}

// each makes a list of n entries.
func each(n int, entry func(i int) string) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = entry(i)
	}
	return list
}
