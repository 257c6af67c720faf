// SPDX-License-Identifier: MPL-2.0

package backend

// What FuzzStoredEntry may find under the keys that the built-in engine does not have:
// the register, caps on users, and tidy.

import "github.com/hashicorp/vault/sdk/logical"

import "vault-plugin-secrets-aws-dyn/backend/engine"

const storedUser = "vault-held"

var (
	asksOfIssued = []ask{
		{logical.ListOperation, "issued/", nil}, {logical.ListOperation, "issued/role/r", nil}, {get, "issued/" + storedUser, nil},
		{get, "creds/user", nil}, {update, "config/users", map[string]any{"max_users": 3}}, {get, "creds/user", nil},
		{logical.DeleteOperation, "issued/" + storedUser, nil},
	}
	asksOfTidy = []ask{
		{get, "config/auto-tidy", nil}, {get, "tidy/status", nil}, {update, "config/auto-tidy", map[string]any{"enabled": true}}, {update, "tidy/cancel", nil},
	}
	registerKeys = []stored{
		{recordKey(storedUser), []string{recordKey(storedUser), storedUser}, asksOfIssued},
		{engine.KeyUsersConfig, []string{"config/users"}, []ask{{get, "config/users", nil}, {get, "creds/user", nil}, {update, "config/users", map[string]any{"max_users": 3}}}},
		{engine.KeyHeartbeat, []string{engine.KeyHeartbeat}, []ask{{logical.ListOperation, "issued/", nil}, {get, "creds/user", nil}}},
		{engine.KeyAutoTidy, []string{"config/auto-tidy"}, asksOfTidy},
		{engine.KeyTidyStatus, []string{"tidy-status"}, asksOfTidy},
	}
	registerSeeds = map[string][]string{
		recordKey(storedUser): {
			`{"role":"r","access_key_id":"AKIAIOSFODNN7EXAMPLE","display_name":"token","entity_id":"","issued":"2026-01-02T03:04:05Z","ends":"2026-01-02T04:04:05Z","written":"2026-01-02T03:04:05Z"}`,
			`{"role":"r","issued":"0001-01-01T00:00:00Z","ends":"9999-12-31T23:59:59Z","ending":"2026-01-02T03:04:05Z"}`,
			`{"ends":"0000-01-01T00:00:00Z","issued":"9999-12-31T23:59:59Z"}`, `{"role":["r"]}`, `{"issued":"yesterday"}`, `"` + fuzzSecret + `"`,
		},
		engine.KeyUsersConfig: {`{"max_users":3,"ownership_tags":true}`, `{"max_users":-1}`, `{"max_users":"many"}`, `{"ownership_tags":7}`},
		engine.KeyHeartbeat: {
			`{"since":"2026-01-02T03:04:05Z","seen":"2026-01-02T03:05:05Z"}`, `{"since":"9999-12-31T23:59:59Z","seen":"0000-01-01T00:00:00Z"}`, `{"seen":1}`,
		},
		engine.KeyAutoTidy: {
			`{"enabled":true,"interval_duration":43200000000000,"delete":true,"safety_buffer":3600000000000}`,
			`{"enabled":true,"interval_duration":-1,"safety_buffer":-9223372036854775808}`, `{"enabled":"yes"}`,
		},
		engine.KeyTidyStatus: {
			`{"state":"running","started":"2026-01-02T03:04:05Z"}`, `{"state":"finished","found":[{"username":"x"}],"users_seen":-1}`, `{"state":7}`, `[]`,
		},
	}
)

func init() {
	storedKeys = append(storedKeys, registerKeys...)
	for key, seeds := range registerSeeds {
		storedSeeds[key] = seeds
	}
}
