// SPDX-License-Identifier: MPL-2.0

package backend

// What the Vault UI, Terraform and the built-in engine make of config/root, and
// where its secret may be.

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
)

// The Vault UI sends all that its form holds: on the first save with the secret,
// later without.
const (
	uiRoot = `{"access_key": "AKIAIOSFODNN7EXAMPLE", "disable_automated_rotation": false, "iam_endpoint": "", "identity_token_audience": "",
		"identity_token_ttl": 0, "max_retries": -1, "region": "eu-central-1", "role_arn": "", "rotation_period": 0, "rotation_schedule": "",
		"rotation_window": 0, "sts_endpoint": "", "sts_fallback_endpoints": [], "sts_fallback_regions": [], "sts_region": "", "username_template": ""}`
	terraformRoot = `{"access_key": "", "secret_key": "", "region": "us-east-1", "iam_endpoint": "", "sts_endpoint": "", "sts_region": "",
		"sts_fallback_endpoints": [], "sts_fallback_regions": [], "max_retries": -1, "username_template": ""}`
)

func TestRootConfigFromVaultUI(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	first := fromJSON(t, uiRoot)
	first["secret_key"] = goodSecretKey
	for _, body := range []map[string]any{first, fromJSON(t, uiRoot)} {
		resp := m.write("config/root", body)
		if resp != nil && resp.Data == nil {
			t.Error("the UI cannot read null")
		}
		stored := m.stored("config/root")
		if stored["secret_key"] != goodSecretKey || stored["region"] != "eu-central-1" || stored["username_template"] != awsrules.DefaultNameTemplate {
			t.Errorf("stored %v", stored)
		}
	}
	data := m.read("config/root")
	for _, field := range []string{"access_key", "region", "iam_endpoint", "sts_endpoint", "max_retries", "role_arn"} {
		if data[field] == nil {
			t.Errorf("the UI shows %s, and the answer has none", field)
		}
	}
}

func TestRootConfigFromTerraform(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	if resp := m.write("config/root", fromJSON(t, terraformRoot)); resp != nil {
		t.Errorf("answered %v", resp)
	}
	data := m.read("config/root")
	if data["max_retries"] != -1 || data["username_template"] != awsrules.DefaultNameTemplate || data["region"] != "us-east-1" || data["access_key"] != "" {
		t.Errorf("read %v", data) // anything else is a difference that Terraform shows for ever
	}
	m.write("config/root", fullRoot)
	m.write("config/root", map[string]any{"max_retries": 5}) // Terraform's update sends no empty secret
	if stored := m.stored("config/root"); stored["secret_key"] != goodSecretKey || stored["max_retries"] != 5.0 {
		t.Errorf("stored %v", stored)
	}
}

// What the built-in engine stored is read, and survives our writes as it is.
func TestRootConfigOfTheBuiltInEngine(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.leave("config/root", `{"access_key":"AKIAIOSFODNN7EXAMPLE","secret_key":"`+goodSecretKey+`","iam_endpoint":"","sts_endpoint":"","sts_region":"",
		"sts_fallback_endpoints":null,"sts_fallback_regions":null,"region":"eu-west-1","max_retries":-1,"username_template":"","role_arn":"",
		"identity_token_ttl":3600000000000,"identity_token_audience":"","rotation_schedule":"0 0 * * *","rotation_window":7200000000000,
		"rotation_period":0,"disable_automated_rotation":true,"rotation_policy":"slow"}`)
	if data := m.read("config/root"); data["access_key"] != goodAccessKey || data["max_retries"] != -1 {
		t.Errorf("read %v", data)
	}
	m.write("config/root", map[string]any{"region": "eu-west-2"})
	same(t, m.stored("config/root"), map[string]any{
		"region": "eu-west-2", "access_key": goodAccessKey, "secret_key": goodSecretKey,
		"identity_token_ttl": 3600000000000.0, "identity_token_audience": "", "rotation_schedule": "0 0 * * *",
		"rotation_window": 7200000000000.0, "disable_automated_rotation": true, "rotation_policy": "slow",
	}, []string{"region", "access_key", "secret_key", "identity_token_ttl", "identity_token_audience", "rotation_schedule",
		"rotation_window", "disable_automated_rotation", "rotation_policy"})
}

// leave stores a text as another engine left it.
func (m *mount) leave(key, value string) {
	m.t.Helper()
	if err := m.storage.Put(m.ctx, &logical.StorageEntry{Key: key, Value: []byte(value)}); err != nil {
		m.t.Fatal(err)
	}
}

func TestEndpointsWithoutEncryptionEarnAWarning(t *testing.T) {
	t.Parallel()
	for endpoint, warned := range map[string]bool{
		"http://iam.example.com":       true,
		"http://10.0.0.1:8080":         true,
		"http://[2001:db8::1]:8080":    true,
		"http://localhost.example.com": true,
		"http://localhost:8080":        false,
		"http://127.0.0.1:8080":        false,
		"http://127.1.2.3":             false,
		"http://[::1]:8080":            false,
		"https://iam.example.com":      false,
		"iam.example.com":              false,
		"iam.example.com:8443":         false,
		"":                             false,
	} {
		for _, field := range []string{"iam_endpoint", "sts_endpoint", "sts_fallback_endpoints"} {
			t.Run(field+" "+endpoint, func(t *testing.T) {
				m := newMount(t)
				resp := m.write("config/root", map[string]any{field: endpoint})
				if (resp != nil) != warned {
					t.Fatalf("answered %v", resp)
				}
				if warned {
					m.warns(resp, field)
				}
			})
		}
	}
}

// No key in storage holds the secret but those that the seal wraps once more, and
// no answer and no error holds it at all.
func TestSecretKeyIsSealedAndNeverShown(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	creds := m.creds("developer-access")
	defer m.revoke(creds)
	secret := m.aws.RootKey().SecretAccessKey
	sealed := m.b.SpecialPaths().SealWrapStorage
	if !slices.Contains(sealed, "config/root") {
		t.Errorf("sealed once more: %v", sealed)
	}
	for key, value := range m.storage.dump(t) {
		if strings.Contains(value, secret) && !slices.Contains(sealed, key) {
			t.Errorf("%s holds the secret key", key)
		}
	}
	for _, path := range []string{"config/root", "config/lease", "roles/developer-access"} {
		for field, value := range through(t, maps.Clone(m.read(path))) {
			if text, ok := value.(string); field == "secret_key" || ok && strings.Contains(text, secret) {
				t.Errorf("%s shows the secret key in %s", path, field)
			}
		}
	}
}

// Storage that was damaged is an error that tells where, and not what.
func TestDamagedRootConfigDoesNotShowItsSecret(t *testing.T) {
	t.Parallel()
	for _, damaged := range []string{
		`{"access_key":"` + goodAccessKey + `","secret_key":"` + goodSecretKey,
		`{"secret_key":["` + goodSecretKey + `"]}`,
		`{"secret_key":"` + goodSecretKey + `","max_retries":"` + goodSecretKey + `"}`,
		goodSecretKey,
	} {
		m := newMount(t)
		m.leave("config/root", damaged)
		for _, op := range []logical.Operation{logical.ReadOperation, logical.UpdateOperation} {
			text := m.fails(op, "config/root", map[string]any{"region": "eu-west-1"})
			if strings.Contains(text, goodSecretKey) || !strings.Contains(text, "config/root") {
				t.Errorf("%s of %s: %s", op, damaged, text)
			}
		}
		m.do(logical.DeleteOperation, "config/root", nil)
		m.write("config/root", fullRoot) // deleted, it can be written anew
	}
}
