// SPDX-License-Identifier: MPL-2.0

package backend

// config/root keeps what a write does not name, never shows its secret, and takes
// what the Vault UI and Terraform send.

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
)

// fullRoot has a value that is not the default in every field, and otherRoot
// another one.
var (
	fullRoot = map[string]any{
		"access_key": goodAccessKey, "secret_key": goodSecretKey, "region": "eu-central-1",
		"iam_endpoint": "https://iam.example.com", "sts_endpoint": "https://sts.example.com", "sts_region": "eu-west-1",
		"sts_fallback_endpoints": []any{"https://sts2.example.com"}, "sts_fallback_regions": []any{"eu-west-2"}, "signin_endpoint": "https://signin.example.com",
		"max_retries": 3.0, "username_template": "custom-{{random 20}}", "role_arn": "arn:aws:iam::123456789012:role/vault",
	}
	otherRoot = map[string]any{
		"access_key": "AKIAI44QH8DHBEXAMPLE", "secret_key": "another/secret/of+its/own/0123456789abcd", "region": "us-gov-west-1",
		"iam_endpoint": "https://iam.example.org", "sts_endpoint": "https://sts.example.org", "sts_region": "eu-north-1",
		"sts_fallback_endpoints": []any{"https://sts2.example.org"}, "sts_fallback_regions": []any{"eu-south-1"}, "signin_endpoint": "https://signin.example.org",
		"max_retries": 0.0, "username_template": "other-{{random 20}}", "role_arn": "arn:aws:iam::123456789012:role/other",
	}
)

// fields are the names in the schema of a path.
func (m *mount) fields(path string) []string {
	return slices.Sorted(maps.Keys(m.b.(*backend).Route(path).Fields))
}

// rootFields are the fields of config/root but those of the rotation's timing and of
// identity tokens, which exclude each other and have tests of their own
// (root_schedule_fields_test.go, root_identity_test.go).
func (m *mount) rootFields() []string {
	return slices.DeleteFunc(m.fields("config/root"), func(field string) bool {
		return strings.HasPrefix(field, "rotation_") || field == "disable_automated_rotation" || strings.Contains(field, "identity_token_")
	})
}

// stored is what storage holds under a key.
func (m *mount) stored(key string) map[string]any {
	m.t.Helper()
	text, ok := m.storage.dump(m.t)[key]
	if !ok {
		m.t.Fatalf("nothing is stored at %s", key)
	}
	data := map[string]any{}
	if err := json.Unmarshal([]byte(text), &data); err != nil {
		m.t.Fatal(err)
	}
	return data
}

// same checks that two maps agree in a list of fields.
func same(t *testing.T, got, want map[string]any, fields []string) {
	t.Helper()
	for _, field := range fields {
		if !reflect.DeepEqual(got[field], want[field]) {
			t.Errorf("%s is %v, want %v", field, got[field], want[field])
		}
	}
}

// TestRootConfigHasEmptyLists: not null, which a client cannot iterate over.
func TestRootConfigHasEmptyLists(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.write("config/root", map[string]any{"region": "eu-central-1"})
	read, stored := m.read("config/root"), m.stored("config/root")
	for _, field := range []string{"sts_fallback_endpoints", "sts_fallback_regions"} {
		if read[field] == nil || reflect.ValueOf(read[field]).IsNil() || stored[field] == nil {
			t.Errorf("%s is answered as %#v and stored as %#v", field, read[field], stored[field])
		}
	}
}

func TestRootConfigIsNilUntilWritten(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	if data := m.read("config/root"); data != nil {
		t.Errorf("an answer before anything was written: %v", data)
	}
	m.do(logical.DeleteOperation, "config/root", nil)
	m.write("config/root", fullRoot)
	m.do(logical.DeleteOperation, "config/root", nil)
	if data := m.read("config/root"); data != nil {
		t.Errorf("an answer after it was deleted: %v", data)
	}
	if all := m.storage.dump(t); len(all) > 0 {
		t.Errorf("left in storage: %v", slices.Collect(maps.Keys(all)))
	}
}

func TestRootConfigReadsBackWithoutItsSecret(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	if resp := m.write("config/root", fullRoot); resp != nil {
		t.Errorf("a clean write is answered %v", resp)
	}
	data := through(t, m.read("config/root"))
	want := maps.Clone(fullRoot)
	delete(want, "secret_key")
	same(t, data, want, slices.Collect(maps.Keys(want)))
	if _, read := data["secret_key"]; read {
		t.Error("the secret key is read back")
	}
}

// A write of one field leaves all others alone, whichever it is.
func TestPartialWriteOfRootConfigKeepsTheRest(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	fields := m.rootFields()
	if !slices.Equal(fields, slices.Sorted(maps.Keys(fullRoot))) || len(otherRoot) != len(fullRoot) {
		t.Fatalf("the fields are %v: teach this test the new ones", fields)
	}
	for _, field := range fields {
		t.Run(field, func(t *testing.T) {
			m.write("config/root", fullRoot)
			partial := map[string]any{field: otherRoot[field]}
			if field == "access_key" {
				partial["secret_key"] = otherRoot["secret_key"]
			}
			m.write("config/root", partial)
			want := maps.Clone(fullRoot)
			maps.Copy(want, partial)
			same(t, m.stored("config/root"), want, fields)
		})
	}
	m.write("config/root", fullRoot)
	before := m.storage.dump(t)
	m.write("config/root", map[string]any{})
	if !maps.Equal(before, m.storage.dump(t)) {
		t.Error("an empty write has changed something")
	}
}

// null, and where a field can be empty the empty value, bring the default back.
func TestRootConfigFieldsCanBeCleared(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.write("config/root", map[string]any{})
	defaults := m.stored("config/root")
	if defaults["max_retries"] != -1.0 || defaults["username_template"] != awsrules.DefaultNameTemplate || defaults["region"] != "" {
		t.Errorf("defaults: %v", defaults)
	}
	defaults["sts_fallback_endpoints"], defaults["sts_fallback_regions"] = []any{}, []any{}
	for _, field := range m.rootFields() {
		for name, empty := range map[string]any{"null": nil, "empty": ""} {
			if field == "secret_key" { // it cannot go without its access key
				continue
			}
			t.Run(field+" "+name, func(t *testing.T) {
				m.write("config/root", fullRoot)
				m.write("config/root", map[string]any{field: empty})
				want := maps.Clone(fullRoot)
				want[field] = defaults[field]
				if field == "access_key" {
					want["secret_key"] = ""
				}
				same(t, m.stored("config/root"), want, m.rootFields())
			})
		}
	}
}

// A key and its secret belong together: a new key without one is refused, a new
// secret for the same key is taken, and the same key again keeps its secret.
func TestAccessKeyAndItsSecret(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.write("config/root", fullRoot)
	before := m.storage.dump(t)
	text := m.refused(logical.UpdateOperation, "config/root", map[string]any{"access_key": otherRoot["access_key"]})
	if !strings.Contains(text, "secret_key") || strings.Contains(text, goodSecretKey) || !maps.Equal(before, m.storage.dump(t)) {
		t.Errorf("a new access key without its secret: %s", text)
	}
	m.write("config/root", map[string]any{"access_key": goodAccessKey, "region": "eu-west-3"})
	same(t, m.stored("config/root"), fullRoot, []string{"access_key", "secret_key"})
	m.write("config/root", map[string]any{"secret_key": otherRoot["secret_key"]})
	same(t, m.stored("config/root"), otherRoot, []string{"secret_key"})
}

func TestRootConfigIsCreatedOnceAndThenUpdated(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	for _, want := range []bool{false, true} {
		for _, op := range []logical.Operation{logical.CreateOperation, logical.UpdateOperation} {
			checked, exists, err := m.b.HandleExistenceCheck(m.ctx, m.request(op, "config/root", fullRoot))
			if err != nil || !checked || exists != want {
				t.Errorf("%s: checked %v, exists %v, want %v: %v", op, checked, exists, want, err)
			}
		}
		m.write("config/root", fullRoot)
	}
}
