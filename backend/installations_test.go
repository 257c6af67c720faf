// SPDX-License-Identifier: MPL-2.0

package backend

// Installations that are not AWS: LocalStack, moto, MinIO, Ceph. Keys, regions and ARNs that AWS
// would refuse are theirs, so they are refused only where AWS is called.

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/roles"
)

// written is a write whose values no AWS has, and the fields that are odd.
type written struct {
	path string
	data map[string]any
	odd  string
}

var elsewhereOnly = map[string]written{
	"moto's key":                {"config/root", map[string]any{"access_key": "test", "secret_key": "test"}, "access_key"},
	"MinIO's key and region":    {"config/root", map[string]any{"access_key": "minioadmin", "secret_key": "minioadmin", "region": "default"}, "access_key, region"},
	"Garage's region":           {"config/root", map[string]any{"region": "garage"}, "region"},
	"regions of STS":            {"config/root", map[string]any{"sts_region": "local", "sts_fallback_regions": "Zone1,Zone2"}, "sts_region, sts_fallback_regions"},
	"a temporary key":           {"config/root", map[string]any{"access_key": "ASIAIOSFODNN7EXAMPLE", "secret_key": "x"}, "access_key"},
	"a zone":                    {"config/root", map[string]any{"region": "eu-west-1a"}, "region"},
	"a role without account":    {"config/root", map[string]any{"role_arn": "arn:aws:iam:::role/app"}, "role_arn"},
	"all at once":               {"config/root", map[string]any{"access_key": "x", "secret_key": "y", "region": "z", "role_arn": "arn:minio:iam:::role/app"}, "access_key, region, role_arn"},
	"Ceph's role":               {"roles/r", map[string]any{"credential_type": "assumed_role", "role_arns": "arn:aws:iam:::role/app"}, "role_arns"},
	"MinIO's role":              {"roles/r", map[string]any{"credential_type": "assumed_role", "role_arns": "arn:minio:iam:::role/idmp"}, "role_arns"},
	"MinIO's role of no form":   {"roles/r", map[string]any{"credential_type": "assumed_role", "role_arns": "arn:xxx:xxx:xxx:xxxx"}, "role_arns"},
	"Ceph's policies":           {"roles/r", map[string]any{"policy_arns": "arn:aws:iam:::policy/a,arn:aws:iam::tenant:policy/b"}, "policy_arns"},
	"a boundary":                {"roles/r", map[string]any{"policy_arns": readOnly, "permissions_boundary_arn": "arn:minio:iam:::policy/b"}, "permissions_boundary_arn"},
	"the deprecated form":       {"roles/r", map[string]any{"arn": "arn:minio:iam:::policy/b"}, "policy_arns"},
	"the role of another place": {"static-roles/s", map[string]any{"username": "app", "rotation_period": "24h", "assume_role_arn": "arn:aws:iam:::role/rotator"}, "assume_role_arn"},
}

// ofElsewhere are the warnings that a value is not as AWS has it.
func ofElsewhere(resp *logical.Response) (found []string) {
	if resp == nil {
		return nil
	}
	for _, w := range resp.Warnings {
		if strings.Contains(w, "is not AWS") {
			found = append(found, w)
		}
	}
	return found
}

func TestElsewhereAnyKeyRegionAndARNGoesWithOneWarning(t *testing.T) {
	t.Parallel()
	for name, c := range elsewhereOnly {
		t.Run(name, func(t *testing.T) {
			m := newStrictMount(t, "configured")
			host := strings.TrimPrefix(m.aws.URL(), "http://")
			if strings.HasPrefix(c.path, "static-roles/") { // it would be adopted at once
				text := m.fails(logical.UpdateOperation, c.path, asSent(t, c.data))
				if strings.HasPrefix(text, "assume_role_arn: ") {
					t.Errorf("refused for its form: %s", text)
				}
				return
			}
			got := ofElsewhere(m.write(c.path, asSent(t, c.data)))
			if len(got) != 1 || !strings.HasPrefix(got[0], c.odd+": ") || !strings.Contains(got[0], host) {
				t.Errorf("warned %q, want one of %s", got, c.odd)
			}
			for field, value := range c.data {
				if now := m.read(c.path)[field]; field != "secret_key" && field != "arn" && strings.HasSuffix(field, "_arn") && now != value {
					t.Errorf("%s is %v now", field, now)
				}
			}
		})
	}
}

func TestAtAWSTheyAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range elsewhereOnly {
		t.Run(name, func(t *testing.T) {
			m := newStrictMount(t, "configured")
			m.leadToAWS()
			before := m.storage.dump(t)
			text := m.refused(logical.UpdateOperation, c.path, asSent(t, c.data))
			for field := range strings.SplitSeq(c.odd, ", ") {
				if !strings.Contains(text, field+": ") {
					t.Errorf("the refusal does not name %s: %s", field, text)
				}
			}
			m.untouched(before, text)
		})
	}
}

// What is no ARN, no key and no region anywhere is refused everywhere.
func TestElsewhereNotEverythingGoes(t *testing.T) {
	t.Parallel()
	for field, values := range map[string][]string{
		"access_key": {"has space", "line\n", "größe", strings.Repeat("k", 129)},
		"region":     {"two words", "a_b", "a.b", strings.Repeat("r", 64)},
		"role_arn":   {"app", "arn:", "arn:aws:iam:::role/a b", "arn:" + strings.Repeat("x", 2045)},
	} {
		for _, value := range values {
			m := newStrictMount(t, "configured")
			data := map[string]any{field: value}
			if field == "access_key" {
				data["secret_key"] = "x"
			}
			if text := m.refused(logical.UpdateOperation, "config/root", data); !strings.HasPrefix(text, field+": ") {
				t.Errorf("%s %q: %s", field, value, text)
			}
		}
	}
}

// Without config/root, the environment says where calls go.
func TestElsewhereByTheEnvironment(t *testing.T) {
	role := map[string]any{"credential_type": "assumed_role", "role_arns": "arn:aws:iam:::role/app"}
	user := map[string]any{"credential_type": roles.IAMUser, "policy_arns": "arn:aws:iam:::policy/app"}
	for _, c := range []struct {
		name, value string
		odd         map[string]any
		elsewhere   bool
	}{
		{"AWS_ENDPOINT_URL", "http://127.0.0.1:4566", role, true},
		{"AWS_ENDPOINT_URL_IAM", "http://localhost:8000", role, false}, // STS is AWS's
		{"AWS_ENDPOINT_URL_IAM", "http://localhost:8000", user, true},
		{"AWS_ENDPOINT_URL_STS", "http://localhost:8000", user, false},
		{"AWS_ENDPOINT_URL_STS", "https://minio.example.com:9000", role, true},
		{"AWS_ENDPOINT_URL_STS", "https://ec2-192-0-2-1.compute-1.amazonaws.com:9000", role, true}, // a customer's server
		{"AWS_ENDPOINT_URL_STS", "https://sts.eu-central-1.amazonaws.com", role, false},
		{"AWS_ENDPOINT_URL_STS", "https://vpce-0a1b.sts.eu-central-1.vpce.amazonaws.com", role, false},
		{"AWS_ENDPOINT_URL_IAM", "https://iam.cn-north-1.amazonaws.com.cn", role, false},
		{"AWS_REGION", "eu-central-1", role, false},
	} {
		t.Run(c.name+" "+c.value+" "+c.odd["credential_type"].(string), func(t *testing.T) {
			m := newMount(t)
			t.Setenv(c.name, c.value)
			_, status := outcome(m.ask(logical.UpdateOperation, "roles/r", maps.Clone(c.odd)))
			if want := map[bool]int{true: 200, false: 400}[c.elsewhere]; status != want {
				t.Errorf("answered %d, want %d", status, want)
			}
		})
	}
}

// What another engine stored and we would refuse is in the way of no write of another field.
func TestStoredRootConfigDoesNotBlockOtherFields(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ stored, field string }{
		"key":      {`{"access_key":"test","secret_key":"test"}`, "access_key"},
		"secret":   {`{"access_key":"AKIAIOSFODNN7EXAMPLE","secret_key":"a b"}`, "secret_key"},
		"region":   {`{"region":"Europe"}`, "region"},
		"endpoint": {`{"iam_endpoint":"ftp://x"}`, "iam_endpoint"},
		"role":     {`{"role_arn":"vault"}`, "role_arn"},
		"template": {`{"username_template":"{{"}`, "username_template"},
		"fallback": {`{"sts_fallback_endpoints":["https://a.example.com"],"sts_fallback_regions":["a-b-1","c-d-1"]}`, "sts_fallback_regions"},
		"rotation": {`{"access_key":"AKIAIOSFODNN7EXAMPLE","secret_key":"x","rotation_window":5000000000}`, "rotation_window"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMount(t)
			m.put("config/root", json.RawMessage(c.stored))
			m.warns(m.write("config/root", map[string]any{"max_retries": 3}), c.field+": ")
			if got := m.read("config/root")["max_retries"]; got != 3 {
				t.Errorf("max_retries is %v", got)
			}
			again := map[string]any{c.field: m.read("config/root")[c.field]}
			if c.field == "secret_key" {
				again[c.field] = "a b"
			}
			if text := m.refused(logical.UpdateOperation, "config/root", again); !strings.Contains(text, c.field+": ") {
				t.Errorf("a write that names it is told: %s", text)
			}
		})
	}
}

// Where IAM is AWS's, its forms count, whoever answers for STS.
func TestForeignFallbackOfSTSChangesNoFormsOfIAM(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	m.write("config/root", map[string]any{"region": "eu-central-1", "sts_fallback_endpoints": "https://sts.example.com"})
	m.refused(logical.UpdateOperation, "roles/x", map[string]any{"credential_type": roles.IAMUser, "policy_arns": "arn:aws:iam::12345:policy/short"})
	m.refused(logical.UpdateOperation, "roles/x", map[string]any{"credential_type": "assumed_role", "role_arns": "arn:aws:iam:::role/app"})
	m.write("config/root", map[string]any{"sts_endpoint": "https://sts.example.com"})
	m.refused(logical.UpdateOperation, "roles/x", map[string]any{"credential_type": roles.IAMUser, "policy_arns": "arn:aws:iam::12345:policy/short"})
	m.write("roles/x", map[string]any{"credential_type": "assumed_role", "role_arns": "arn:aws:iam:::role/app"})
}
