// SPDX-License-Identifier: MPL-2.0

package backend

// Wrong requests to roles/, policies and names apart.

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"
)

func TestBadInputToRoles(t *testing.T) {
	t.Parallel()
	for _, cases := range [][]badInput{badTypes, badGroupsAndPaths, badTags, badLegacy} {
		for i := range cases {
			cases[i].path = "roles/developer-access"
		}
		refuse(t, cases)
	}
}

var badTypes = []badInput{
	{name: "unknown credential type", data: map[string]any{"credential_type": "root_user"}, field: "credential_type"},
	{name: "two credential types", data: map[string]any{"credential_type": "iam_user,federation_token"}, field: "credential_type"},
	{name: "credential type in capitals", data: map[string]any{"credential_type": "IAM_USER"}, field: "credential_type"},
	{name: "empty credential type", data: map[string]any{"credential_type": ""}, field: "credential_type"},
	{name: "credential type is a list", data: map[string]any{"credential_type": []string{"iam_user"}}, field: "credential_type"},
	{name: "default TTL in words", data: map[string]any{"default_ttl": "soon"}, field: "default_ttl"},
	{name: "default TTL is negative", data: map[string]any{"default_ttl": -60}, field: "default_ttl"},
	{name: "default TTL is a list", data: map[string]any{"default_ttl": []string{"1h"}}, field: "default_ttl"},
	{name: "default TTL above the longest", data: map[string]any{"default_ttl": "2h", "max_ttl": "1h"}, field: "default_ttl"},
	{name: "default TTL that wraps around", data: map[string]any{"default_ttl": 18446744134}, field: "default_ttl"},
	{name: "longest TTL is negative", data: map[string]any{"max_ttl": "-1h"}, field: "max_ttl"},
	{name: "longest TTL is a map", data: map[string]any{"max_ttl": map[string]any{"hours": 1}}, field: "max_ttl"},
	{name: "longest TTL is a flag", data: map[string]any{"max_ttl": true}, field: "max_ttl"},
}

var badGroupsAndPaths = []badInput{
	{name: "11 groups", field: "iam_groups",
		data: map[string]any{"iam_groups": each(11, func(i int) string { return fmt.Sprintf("group-%d", i) })}},
	{name: "group of 129 characters", data: map[string]any{"iam_groups": strings.Repeat("g", 129)}, field: "iam_groups"},
	{name: "group as an ARN", data: map[string]any{"iam_groups": "arn:aws:iam::123456789012:group/readers"}, field: "iam_groups"},
	{name: "group with a space", data: map[string]any{"iam_groups": []string{"all readers"}}, field: "iam_groups"},
	{name: "groups are a map", data: map[string]any{"iam_groups": map[string]any{"readers": true}}, field: "iam_groups"},
	{name: "groups in a list of lists", data: map[string]any{"iam_groups": [][]string{{"readers"}}}, field: "iam_groups"},
	{name: "path of 513 characters", data: map[string]any{"user_path": "/" + strings.Repeat("p", 511) + "/"}, field: "user_path"},
	{name: "path without slashes", data: map[string]any{"user_path": "vault"}, field: "user_path"},
	{name: "path without its last slash", data: map[string]any{"user_path": "/vault"}, field: "user_path"},
	{name: "path with a space", data: map[string]any{"user_path": "/all users/"}, field: "user_path"},
	{name: "path with a letter that IAM has not", data: map[string]any{"user_path": "/größe/"}, field: "user_path"},
	{name: "path is a list", data: map[string]any{"user_path": []string{"/vault/"}}, field: "user_path"},
}

func tags(n int) map[string]string {
	all := make(map[string]string, n)
	for i := range n {
		all[fmt.Sprintf("key-%d", i)] = "value"
	}
	return all
}

var badTags = []badInput{
	{name: "51 tags", data: map[string]any{"iam_tags": tags(51)}, field: "iam_tags"},
	{name: "tag key of 129 characters", data: map[string]any{"iam_tags": map[string]any{strings.Repeat("k", 129): "v"}}, field: "iam_tags"},
	{name: "tag value of 257 characters", data: map[string]any{"iam_tags": map[string]any{"k": strings.Repeat("v", 257)}}, field: "iam_tags"},
	{name: "tag without a key", data: map[string]any{"iam_tags": map[string]any{"": "v"}}, field: "iam_tags"},
	{name: "tag that AWS keeps for itself", data: map[string]any{"iam_tags": map[string]any{"AWS:user": "v"}}, field: "iam_tags"},
	{name: "tag keys that differ in case alone", data: map[string]any{"iam_tags": map[string]any{"Team": "a", "team": "b"}}, field: "iam_tags"},
	{name: "tag key with a character that IAM has not", data: map[string]any{"iam_tags": map[string]any{"a#b": "v"}}, field: "iam_tags"},
	{name: "tag value with a character that IAM has not", data: map[string]any{"iam_tags": map[string]any{"k": "a;b"}}, field: "iam_tags"},
	{name: "tag value is a map", data: map[string]any{"iam_tags": map[string]any{"k": map[string]any{"a": "b"}}}, field: "iam_tags"},
	{name: "tags in a list without =", data: map[string]any{"iam_tags": []string{"team"}}, field: "iam_tags"},
	{name: "tags in a list without a key", data: map[string]any{"iam_tags": []string{"=payments"}}, field: "iam_tags"},
	{name: "two tags in one text", data: map[string]any{"iam_tags": "team=payments,cost-center=42"}, field: "iam_tags"},
	{name: "tags are a number", data: map[string]any{"iam_tags": 42}, field: "iam_tags"},
}

var badLegacy = []badInput{
	{name: "arn and policy together", data: map[string]any{"arn": readOnly, "policy": goodPolicy}, field: "arn and policy"},
	{name: "arn with policy_arns", data: map[string]any{"arn": readOnly, "policy_arns": readOnly}, field: "policy_arns"},
	{name: "arn with a credential type", data: map[string]any{"arn": readOnly, "credential_type": "iam_user"}, field: "credential_type"},
	{name: "policy with a path", data: map[string]any{"policy": goodPolicy, "user_path": "/x/"}, field: "user_path"},
	{name: "arn with a cap", data: map[string]any{"arn": readOnly, "max_users": 2}, field: "max_users"},
	{name: "policy with a TTL", data: map[string]any{"policy": goodPolicy, "max_ttl": "1h"}, field: "max_ttl"},
	{name: "arn of a user", data: map[string]any{"arn": "arn:aws:iam::123456789012:user/x"}, field: "arn"},
	{name: "arn is a list", data: map[string]any{"arn": []string{readOnly}}, field: "arn"},
	{name: "policy is cut short", data: map[string]any{"policy": `{"Version":`}, field: "policy"},
	{name: "policy is an object", data: map[string]any{"policy": map[string]any{"Version": "2012-10-17"}}, field: "policy"},
	{name: "policy without a statement", data: map[string]any{"policy": `{}`}, field: "policy"},
}

// One answer tells of everything that is wrong with a request.
func TestAllMistakesAreToldAtOnce(t *testing.T) {
	t.Parallel()
	for path, wrong := range map[string]map[string]any{
		"roles/developer-access": {
			"credential_type": "root_user", "policy_arns": "x", "policy_document": "x", "iam_groups": "a b", "user_path": "x",
			"iam_tags": map[string]any{"#": "#"}, "permissions_boundary_arn": "x", "default_ttl": "2h", "max_ttl": "1h",
		},
		"config/root": {
			"access_key": "x", "secret_key": goodSecretKey + " ", "region": "X", "sts_region": "Y", "iam_endpoint": "ftp://x", "sts_endpoint": "ftp://y",
			"sts_fallback_endpoints": "ftp://z", "sts_fallback_regions": "Z", "signin_endpoint": "ftp://x", "max_retries": -2, "username_template": "{{", "role_arn": "x",
		},
		"config/lease": {"lease": "x", "lease_max": "y"},
	} {
		t.Run(path, func(t *testing.T) {
			m := newStrictMount(t, "configured")
			m.leadToAWS()
			before := m.storage.dump(t)
			text := m.refused(logical.UpdateOperation, path, asSent(t, wrong))
			for field := range wrong {
				if !strings.Contains(text, field) {
					t.Errorf("%s is not named: %s", field, text)
				}
			}
			m.untouched(before, text)
		})
	}
}
