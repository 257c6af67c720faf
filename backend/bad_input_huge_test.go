// SPDX-License-Identifier: MPL-2.0

package backend

// Requests much larger than anybody means: refused like others, with an answer
// that is not huge in turn.

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"
)

const megabyte = 1 << 20

func TestBadInputHugeRoles(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("x", megabyte)
	cases := []badInput{
		{name: "policy of a megabyte", data: map[string]any{"policy_document": policyOf(megabyte)}, field: "policy_document"},
		{name: "policy of a megabyte of nonsense", data: map[string]any{"policy_document": huge}, field: "policy_document"},
		{name: "legacy policy of a megabyte of nonsense", data: map[string]any{"policy": huge}, field: "policy"},
		{name: "legacy ARN of a megabyte", data: map[string]any{"arn": "arn:" + huge}, field: "arn"},
		{name: "ARN of a megabyte", data: map[string]any{"policy_arns": huge}, field: "policy_arns"},
		{name: "10,000 policies", data: map[string]any{"policy_arns": each(10000, policyARN)}, field: "policy_arns"},
		{name: "10,000 wrong policies", data: map[string]any{"policy_arns": each(10000, func(i int) string { return fmt.Sprint("p", i) })}, field: "policy_arns"},
		{name: "10,000 wrong groups", data: map[string]any{"iam_groups": each(10000, func(i int) string { return fmt.Sprint("#", i) })}, field: "iam_groups"},
		{name: "group of a megabyte", data: map[string]any{"iam_groups": huge}, field: "iam_groups"},
		{name: "10,000 tags", data: map[string]any{"iam_tags": tags(10000)}, field: "iam_tags"},
		{name: "tag key of a megabyte", data: map[string]any{"iam_tags": map[string]any{huge: "v"}}, field: "iam_tags"},
		{name: "tag value of a megabyte", data: map[string]any{"iam_tags": map[string]any{"k": huge}}, field: "iam_tags"},
		{name: "path of a megabyte", data: map[string]any{"user_path": "/" + huge + "/"}, field: "user_path"},
		{name: "boundary of a megabyte", data: map[string]any{"permissions_boundary_arn": huge}, field: "permissions_boundary_arn"},
		{name: "credential type of a megabyte", data: map[string]any{"credential_type": huge}, field: "credential_type"},
	}
	for i := range cases {
		cases[i].path = "roles/developer-access"
	}
	refuseHuge(t, cases)
}

// refuseHuge sends requests to one mount alone: they take their time.
func refuseHuge(t *testing.T, cases []badInput) {
	t.Helper()
	for i := range cases {
		cases[i].only = "configured"
	}
	refuse(t, cases)
}

func TestBadInputHugeNames(t *testing.T) {
	t.Parallel()
	name := strings.Repeat("r", megabyte)
	refuseHuge(t, []badInput{
		{name: "role", path: "roles/" + name, data: map[string]any{"policy_arns": readOnly}, field: "name"},
		{name: "credentials", op: logical.ReadOperation, path: "creds/" + name, field: "name"},
	})
}

func TestBadInputHugeConfig(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("x", megabyte)
	refuseHuge(t, []badInput{
		{name: "access key of a megabyte", path: "config/root", data: map[string]any{"access_key": huge, "secret_key": goodSecretKey}, field: "access_key"},
		{name: "region of a megabyte", path: "config/root", data: map[string]any{"region": huge}, field: "region"},
		{name: "endpoint of a megabyte", path: "config/root", data: map[string]any{"iam_endpoint": "ftp://" + huge}, field: "iam_endpoint"},
		{name: "role ARN of a megabyte", path: "config/root", data: map[string]any{"role_arn": huge}, field: "role_arn"},
		{name: "template of a megabyte", path: "config/root", data: map[string]any{"username_template": huge}, field: "username_template"},
		{name: "template of a megabyte of nonsense", path: "config/root", data: map[string]any{"username_template": "{{" + huge + "}}"}, field: "username_template"},
		{name: "10,000 fallback regions", path: "config/root", field: "sts_fallback_regions",
			data: map[string]any{"sts_fallback_regions": each(10000, func(i int) string { return fmt.Sprint("R", i) })}},
		{name: "lease of a megabyte", path: "config/lease", data: map[string]any{"lease": huge}, field: "lease"},
	})
}
