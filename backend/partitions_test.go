// SPDX-License-Identifier: MPL-2.0

package backend

// ARNs, regions and partitions of AWS itself.

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"
)

// TestARNs has what AWS's API model takes, and what it does not.
func TestARNs(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return strings.Repeat("a", n) }
	for arn, why := range map[string]string{ // an empty reason: it is taken
		"arn:aws:iam::123456789012:role/app":                                      "",
		"arn:aws:iam::123456789012:role/a:b/deploy":                               "", // a path has any printable character
		"arn:aws:iam::123456789012:role/!#$%&'()*;<>?[]^`{|}~/deploy":             "",
		"arn:aws:iam::123456789012:role/a//b/deploy":                              "",
		"arn:aws:iam::123456789012:role/aws-service-role/x.amazonaws.com/AWSRole": "",
		"arn:aws:iam::123456789012:role/x_+=,.@-":                                 "",
		"arn:aws:iam::123456789012:role/" + long(64):                              "",
		"arn:aws:iam::123456789012:role/" + long(510) + "/" + long(64):            "",
		"arn:aws-cn:iam::123456789012:role/app":                                   "",
		"arn:aws-us-gov:iam::123456789012:role/app":                               "",
		"arn:aws-eusc:iam::123456789012:role/app":                                 "",
		"arn:aws-iso:iam::123456789012:role/app":                                  "",
		"arn:aws-iso-b:iam::123456789012:role/app":                                "",
		"arn:aws-iso-e:iam::123456789012:role/app":                                "",
		"arn:aws-iso-f:iam::123456789012:role/app":                                "",
		"arn:aws:iam::123456789012:policy/team/p":                                 "",
		"arn:aws:iam::123456789012:policy/" + long(128):                           "",
		"arn:aws:iam::aws:policy/job-function/ViewOnlyAccess":                     "",
		"arn:aws:iam::aws:policy/service-role/AWSLambdaRole":                      "",

		"arn:aws:iam::123456789012:role//app":                          "path",
		"arn:aws:iam::123456789012:role/app/":                          "a name is missing",
		"arn:aws:iam::123456789012:role/":                              "a name is missing",
		"arn:aws:iam::123456789012:role":                               "role/ is missing",
		"arn:aws:iam::123456789012:role/a b/app":                       "path",
		"arn:aws:iam::123456789012:role/größe/app":                     "path",
		"arn:aws:iam::123456789012:role/a:b":                           "name",
		"arn:aws:iam::123456789012:role/größe":                         "name",
		"arn:aws:iam::123456789012:role/" + long(65):                   "65 characters",
		"arn:aws:iam::123456789012:role/" + long(511) + "/app":         "513 characters",
		"arn:aws:iam::12345:role/app":                                  "12 digits",
		"arn:aws:iam::1234567890123:role/app":                          "12 digits",
		"arn:aws:iam::aws:role/app":                                    "12 digits",
		"arn:aws:iam:eu-west-1:123456789012:role/app":                  "ARN of a role",
		"arn:awsome:iam::123456789012:role/app":                        "ARN of a role",
		"arn:aws:sts::123456789012:assumed-role/app/session":           "ARN of a role",
		"arn:aws:iam::123456789012:user/app":                           "ARN of a user",
		"arn:aws:iam::123456789012:policy/a//b":                        "path",
		"arn:aws:iam::123456789012:policy//b":                          "path",
		"arn:aws:iam::123456789012:policy/a:b/c":                       "path",
		"arn:aws:iam::123456789012:policy/" + long(129):                "129 characters",
		"arn:aws:iam::123456789012:policy/" + long(1000) + "/" + "app": "1002 characters",
	} {
		m := newMount(t)
		data := map[string]any{"credential_type": "assumed_role", "role_arns": []string{arn}}
		field := "role_arns"
		if strings.Contains(arn, ":policy") {
			data, field = map[string]any{"policy_arns": []string{arn}}, "policy_arns"
		}
		text, status := outcome(m.ask(logical.UpdateOperation, "roles/r", data))
		if why == "" && status >= 400 || why != "" && (status != 400 || !strings.HasPrefix(text, field+": ") || !strings.Contains(text, why)) {
			t.Errorf("%s: answered %d %s, want %q", shortened(arn), status, text, why)
		}
	}
}

// A partition knows nothing of another one.
func TestPartitionsOfOneRole(t *testing.T) {
	t.Parallel()
	const other = "arn:aws-cn:iam::123456789012:"
	for field, data := range map[string]map[string]any{
		"policy_arns":              {"policy_arns": []string{readOnly, other + "policy/p"}},
		"permissions_boundary_arn": {"policy_arns": readOnly, "permissions_boundary_arn": other + "policy/p"},
		"role_arns":                {"credential_type": "assumed_role", "policy_arns": readOnly, "role_arns": other + "role/r"},
		"mfa_serial_number":        {"credential_type": "session_token", "mfa_serial_number": other + "mfa/m", "policy_arns": readOnly},
	} {
		text := newMount(t).refused(logical.UpdateOperation, "roles/r", data)
		for _, want := range []string{field, " of aws,", " of aws-cn"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: the answer does not say %q: %s", field, want, text)
			}
		}
	}
}

// The region decides the partition, so ARNs of another one lead nowhere.
func TestPartitionOfTheRegion(t *testing.T) {
	t.Parallel()
	for region, partition := range map[string]string{
		"": "aws", "eu-west-1": "aws", "aws-global": "aws", "fips-us-west-2": "aws", "cn-north-1": "aws-cn", "aws-cn-global": "aws-cn", "us-gov-west-1": "aws-us-gov", "eusc-de-east-1": "aws-eusc",
		"us-iso-east-1": "aws-iso", "us-isob-east-1": "aws-iso-b", "eu-isoe-west-1": "aws-iso-e", "us-isof-south-1": "aws-iso-f",
	} {
		m := newMount(t)
		if region != "" {
			m.write("config/root", map[string]any{"region": region})
		}
		for _, of := range []string{"aws", "aws-cn", "aws-us-gov", "aws-eusc", "aws-iso"} {
			resp := m.write("roles/r", map[string]any{"policy_arns": "arn:" + of + ":iam::aws:policy/ReadOnlyAccess"})
			if of == partition {
				if resp != nil {
					t.Errorf("%s, %s: warned %q", region, of, resp.Warnings)
				}
				continue
			}
			m.warns(resp, "policy_arns: is of the AWS partition "+of+", ")
			m.warns(resp, "in the partition "+partition+",")
		}
	}
	m := newMount(t)
	m.write("roles/a", map[string]any{"iam_groups": "g"})
	m.write("roles/b", map[string]any{"policy_arns": readOnly})
	m.warns(m.write("config/root", map[string]any{"region": "cn-north-1"}), `region: role "b", and perhaps others: its ARN `+readOnly+": is of the AWS partition aws, ")
	if resp := m.write("config/root", map[string]any{"region": "cn-northwest-1"}); resp != nil {
		t.Errorf("warned again in the same partition: %q", resp.Warnings)
	}
	m.warns(m.write("config/root", map[string]any{"region": "cn-north-1", "role_arn": "arn:aws:iam::123456789012:role/vault"}), "role_arn: is of the AWS partition aws, ")
}

func TestRegionsOfAWS(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]string{ // taken where there is nothing to say
		"eu-west-1": "", "us-gov-east-1": "", "eu-isoe-west-1": "", "mx-central-1": "", "aws-global": "", "us-east-1-fips": "",
		"eu-west-1a": "use its region, eu-west-1", "us-west-2-lax-1a": "use its region, us-west-2", "us-east-1-wl1-bos-wlz-1": "use its region, us-east-1",
		"EU-WEST-1": "such as eu-central-1", "default": "such as eu-central-1", "eu_west_1": "such as eu-central-1",
	} {
		m := newMount(t)
		for _, field := range []string{"region", "sts_region", "sts_fallback_regions"} {
			text, status := outcome(m.ask(logical.UpdateOperation, "config/root", map[string]any{field: region}))
			if want == "" && status != 200 || want != "" && (status != 400 || !strings.HasPrefix(text, field+": ") || !strings.Contains(text, want)) {
				t.Errorf("%s %s: answered %d %s", field, region, status, text)
			}
		}
	}
	m := newMount(t)
	m.warns(m.write("config/root", map[string]any{"region": "eu-central"}), `region: "eu-central" does not end in a number`)
}

// A mistake in the plugin's environment is told at the write and at the use, by the variable's name.
func TestMistakesInTheEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_PROFILE": "nobody", "AWS_CA_BUNDLE": filepath.Join(t.TempDir(), "none"), "AWS_MAX_ATTEMPTS": "many", "AWS_RETRY_MODE": "never",
		"AWS_USE_FIPS_ENDPOINT": "maybe", "AWS_WEB_IDENTITY_TOKEN_FILE": "/without/AWS_ROLE_ARN",
	} {
		t.Run(name, func(t *testing.T) {
			m := newUnconfiguredMount(t)
			t.Setenv(name, value)
			if text := m.refused(logical.ReadOperation, "creds/developer-access", nil); !strings.Contains(text, name) {
				t.Errorf("the answer does not name it: %s", text)
			}
			m.warns(m.write("config/root", map[string]any{"max_retries": 1}), name)
			m.write("roles/other", map[string]any{"policy_arns": readOnly})
			m.recorded(0)
		})
	}
}

// A file that holds no token yet earns a warning that is the same whatever is wrong with it.
func TestTokenFileThatIsNotThereEarnsAWarning(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	said := map[string]bool{}
	for _, path := range []string{filepath.Join(dir, "none"), dir, file("text", "root:x:0:0"), file("long", strings.Repeat("x", 1<<16))} {
		m := newMount(t)
		data := map[string]any{"role_arn": "arn:aws:iam::123456789012:role/vault", "web_identity_token_file": path}
		resp := m.write("config/root", data)
		m.warns(resp, "web_identity_token_file: there is no token")
		said[strings.Join(resp.Warnings, "\n")] = true
		if resp := m.write("config/root", map[string]any{"max_retries": 1}); resp != nil {
			t.Errorf("a write of another field warned %q", resp.Warnings)
		}
	}
	if len(said) != 1 {
		t.Errorf("the warnings differ: %v", said)
	}
}
