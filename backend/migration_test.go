// SPDX-License-Identifier: MPL-2.0

package backend

// docs/migration.md names a test for each bug of the built-in engine.

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestDocsNameATestForEachBug(t *testing.T) {
	t.Parallel()
	doc := readDoc(t, "../docs/migration.md")
	for row := 1; row <= 26; row++ {
		if !regexp.MustCompile(fmt.Sprintf(`(?m)^\| B%d \| .+ \| .*Test`, row)).MatchString(doc) {
			t.Errorf("B%d has no test", row)
		}
	}
}

// What no longer counts, or no longer protects, after the mount went back to the built-in engine is in the table of
// migration.md: every field of ours, of roles of both kinds and of the configurations.
func TestDocsNameWhatTheBuiltInEngineIgnores(t *testing.T) {
	t.Parallel()
	_, table, found := strings.Cut(readDoc(t, "../docs/migration.md"), "| Of this engine | Under the built-in one |")
	table, _, ended := strings.Cut(table, "\n\n")
	if !found || !ended {
		t.Fatal("the table is not there")
	}
	m := newMount(t)
	for path, builtIn := range map[string][]string{
		"roles/r": {
			"name", "credential_type", "policy_arns", "policy_document", "iam_groups", "iam_tags", "user_path", "permissions_boundary_arn", "role_arns",
			"session_tags", "external_id", "default_sts_ttl", "max_sts_ttl", "mfa_serial_number", "arn", "policy",
		},
		"static-roles/r": {"name", "username", "rotation_period", "assume_role_session_name", "external_id", "replace_access_key", "force", "last_used"}, // the last three are not stored
		"config/users":   nil,
		"config/root": {
			"access_key", "secret_key", "region", "iam_endpoint", "sts_endpoint", "sts_region", "sts_fallback_endpoints", "sts_fallback_regions", "max_retries", "username_template",
			"role_arn", "identity_token_audience", "identity_token_ttl", "rotation_window", "rotation_policy", "disable_automated_rotation",
		},
	} {
		fields := m.fields(path)
		for _, field := range builtIn {
			if !slices.Contains(fields, field) {
				t.Errorf("%s has no %s", path, field)
			}
		}
		for _, field := range fields {
			if !slices.Contains(builtIn, field) && !strings.Contains(table, "`"+field+"`") {
				t.Errorf("%s of %s is not in the table of what is lost on the way back", field, path)
			}
		}
	}
}
