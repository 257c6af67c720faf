// SPDX-License-Identifier: MPL-2.0

package backend

// The tags that say whose an IAM user is.

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
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
	if tags[tagMount] != "aws-dyn/"+mountID || tags[tagRole] != "developer-access" || tags["team"] != "payments" || len(tags) != 1+len(engine.OwnTags) {
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
	if tags := m.tags(); len(tags) != 0 {
		t.Errorf("tried again at once: %v", tags)
	}
	m.write("config/root", map[string]any{"region": "us-east-1"}) // perhaps the policy was mended
	if tags := m.tags(); len(tags) != len(engine.OwnTags) {
		t.Errorf("tags: %v", tags)
	}
	denied := m.aws.Inject(fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.Refuse})
	if text := m.refused(logical.ReadOperation, "creds/developer-access", nil); !strings.Contains(text, "AccessDenied") {
		t.Errorf("refused with %s", text)
	}
	denied.Remove()
	if tags := m.tags(); len(tags) != len(engine.OwnTags) {
		t.Errorf("a refusal that was not about tags took them away: %v", tags)
	}
}

// Tags that were refused are tried again after some minutes, by one request.
func TestTagsAreTriedAgain(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	created := func() (n int) {
		for _, action := range m.aws.Actions() {
			if action == "CreateUser" {
				n++
			}
		}
		m.aws.ResetCalls()
		return n
	}
	refuse := func() { m.aws.Inject(fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.Refuse, Times: 1}) }
	refuse()
	m.tags()
	created()
	for _, attempts := range []int{2, 1} { // once more in vain, and then not at once
		if attempts == 2 {
			m.pass(tagPause)
			refuse()
		}
		if tags, n := m.tags(), created(); len(tags) != 0 || n != attempts {
			t.Errorf("tags %v after %d attempts, want %d", tags, n, attempts)
		}
	}
	m.warns(m.write("config/auto-tidy", map[string]any{"enabled": true}), "AWS refuses the tags")
	told := func() string { return fmt.Sprint(m.read("status")["warnings"]) }
	if text := told(); !strings.Contains(text, "AWS refuses the tags") || !strings.Contains(text, "of the roles developer-access") {
		t.Errorf("status warns of %s", text)
	}
	m.pass(tagPause)
	if tags, n := m.tags(), created(); len(tags) != len(engine.OwnTags) || n != 1 {
		t.Errorf("tags %v after %d attempts", tags, n)
	}
	if text := told(); strings.Contains(text, "AWS refuses the tags") {
		t.Errorf("status still warns of %s", text)
	}
	if resp := m.write("config/auto-tidy", map[string]any{"enabled": true}); resp != nil && len(resp.Warnings) > 0 {
		t.Errorf("warned: %v", resp.Warnings)
	}
}

// Where AWS's refusal names tags, only those are left out.
func TestOnlyTheTagsThatAWSNamesAreLeftOut(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t, noRetries)
	m.aws.Inject(fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.Refuse, Times: 1, Message: "Tag key 'vault-role' is not allowed for user/vault-created-1"})
	for range 2 {
		if tags := m.tags(); len(tags) != len(engine.OwnTags)-1 || tags[tagRole] != "" || tags[tagProof] == "" {
			t.Errorf("tags: %v", tags)
		}
	}
	m.pass(tagPause)
	m.aws.Inject(fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.Refuse, Times: 2, Message: "Tag key 'vault-role' is not allowed"}) // and the others neither
	if tags := m.tags(); len(tags) != 0 {
		t.Errorf("tags: %v", tags)
	}
}

// An installation that is not AWS may know no tags.
func TestUsersAreMadeWithoutTagsWhereThereAreNone(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	m.aws.Inject(fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.Refuse, Code: "NotImplemented", Status: http.StatusNotImplemented, Times: 1})
	if tags := m.tags(); len(tags) != 0 {
		t.Errorf("tags: %v", tags)
	}
}

func TestOwnershipTagsKeepToAWSsLimit(t *testing.T) {
	t.Parallel()
	m := newConfiguredMount(t)
	full := map[string]any{}
	for i := range awsrules.MostTags - len(engine.OwnTags) {
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
