// SPDX-License-Identifier: MPL-2.0

package backend

// The tags that say whose an IAM user is.

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// tags are those of the user of a credential of the role developer-access.
func (m *mount) tags() map[string]string {
	m.t.Helper()
	creds := m.creds("developer-access")
	defer m.revoke(creds)
	user, _ := m.aws.User(m.user(creds))
	return user.Tags
}

func TestOwnershipTags(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.write("roles/developer-access", map[string]any{"iam_tags": "team=payments"})
	tags := m.tags()
	if tags[tagMount] != "aws-dyn/"+mountID || tags[tagRole] != "developer-access" || tags["team"] != "payments" || len(tags) != 1+len(ownTagKeys) {
		t.Errorf("tags: %v", tags)
	}
	moment(t, tags[tagCreated])
	m.write("config/users", map[string]any{"ownership_tags": false})
	if tags := m.tags(); len(tags) != 1 {
		t.Errorf("switched off, and tagged %v", tags)
	}
}

// An identity that was taken over may not be allowed to tag.
func TestUsersAreMadeWithoutTagsWhereAWSRefusesThem(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	m.aws.Inject(fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.Refuse, Times: 1})
	if tags := m.tags(); len(tags) != 0 {
		t.Errorf("tags: %v", tags)
	}
	m.aws.ResetCalls()
	if tags := m.tags(); len(tags) != 0 || m.aws.Calls()[1].Action == "CreateUser" {
		t.Errorf("tried again: %v, %v", tags, m.aws.Actions())
	}
	m.write("config/root", map[string]any{"region": "us-east-1"}) // perhaps the policy was mended
	if tags := m.tags(); len(tags) != len(ownTagKeys) {
		t.Errorf("tags: %v", tags)
	}
	denied := m.aws.Inject(fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.Refuse})
	if text := m.refused(logical.ReadOperation, "creds/developer-access", nil); !strings.Contains(text, "AccessDenied") {
		t.Errorf("refused with %s", text)
	}
	denied.Remove()
	if tags := m.tags(); len(tags) != len(ownTagKeys) {
		t.Errorf("a refusal that was not about tags took them away: %v", tags)
	}
}

func TestOwnershipTagsKeepToAWSsLimit(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	full := map[string]any{}
	for i := range awsrules.MostTags - len(ownTagKeys) {
		full[fmt.Sprintf("key-%d", i)] = "x"
	}
	if resp := m.write("roles/developer-access", map[string]any{"iam_tags": full}); resp != nil {
		t.Errorf("warned: %v", resp.Warnings)
	}
	if tags := m.tags(); len(tags) != awsrules.MostTags {
		t.Errorf("%d tags", len(tags))
	}
	full["one-more"] = "x"
	m.warns(m.write("roles/developer-access", map[string]any{"iam_tags": full}), "leave no room")
	if tags := m.tags(); len(tags) != len(full) {
		t.Errorf("%d tags", len(tags))
	}
	text := m.refused(logical.UpdateOperation, "roles/developer-access", map[string]any{"iam_tags": "Vault-Mount=mine"})
	if !strings.Contains(text, `iam_tags: "Vault-Mount" is a tag that the engine sets itself`) {
		t.Errorf("refused with %s", text)
	}
}
