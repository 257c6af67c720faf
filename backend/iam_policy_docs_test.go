// SPDX-License-Identifier: MPL-2.0

package backend

// What docs/iam-policy.md shows of policies, and its tables, come from backend/iampolicy, as the
// answers of config/iam-policy do. UPDATE_DOCS=1 writes them.

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/iampolicy"
)

const exampleBoundary = "arn:aws:iam::123456789012:policy/vault-boundary"

// documented are the parts of the document that are made, by the names of their marks.
func documented(t *testing.T) map[string]string {
	t.Helper()
	config := func(change func(*iampolicy.Config)) iampolicy.Config {
		c := iampolicy.Config{Partition: "aws", Account: home}
		change(&c)
		return c
	}
	users := iampolicy.Users{Role: "app", Name: "vault-*", Path: "/", Policies: []string{readOnly}, Inline: true, Groups: []string{"developers"}}
	pathed := iampolicy.Users{Role: "job", Name: "vault-*", Path: "/vault/", Policies: []string{readOnly}}
	return map[string]string{
		"users": policyBlock(t, config(func(c *iampolicy.Config) { c.Tags, c.Users = engine.OwnTags, []iampolicy.Users{users, pathed} }), "Tidy"),
		"tidy": policyBlock(t, config(func(c *iampolicy.Config) { c.Tags, c.Users = engine.OwnTags, []iampolicy.Users{users} }),
			"CreateUsers", "TagUsers", "CreateKeys", "AttachPolicies", "PutInlinePolicies", "JoinAndLeaveGroups", "DeleteUsers", "FindWhat", "RemoveWhat", "RemoveVirtual"),
		"boundary": policyBlock(t, config(func(c *iampolicy.Config) {
			users.Boundary = exampleBoundary
			c.Users = []iampolicy.Users{users}
		}), "JoinAndLeave", "DeleteUsers", "FindWhat", "RemoveWhat", "RemoveVirtual", "CreateKeys"),
		"sessions": policyBlock(t, config(func(c *iampolicy.Config) {
			c.Sessions = []iampolicy.Sessions{{Role: "deploy", ARNs: []string{"arn:aws:iam::123456789012:role/audit", deployARN}, TagKeys: []string{"team"}, Source: true, Groups: []string{"developers"}}}
			c.Federated = []iampolicy.Federated{{Role: "fed", Name: "vault-*"}}
		})),
		"revoking": policyBlock(t, config(func(c *iampolicy.Config) {
			c.Sessions = []iampolicy.Sessions{{Role: "deploy", ARNs: []string{deployARN}, Revocable: true}}
		}), "AssumeRoles"),
		"static":  policyBlock(t, config(func(c *iampolicy.Config) { c.Static = []iampolicy.StaticUser{{Name: "billing-exporter"}} })),
		"own key": policyBlock(t, config(func(c *iampolicy.Config) { c.OwnKey = true })),

		"statements":       statementTable(),
		"user actions":     actionTable(iampolicy.UserActions),
		"tidy actions":     actionTable(iampolicy.TidyActions),
		"session actions":  actionTable(iampolicy.SessionActions),
		"revoking actions": actionTable(iampolicy.RevokingActions),
		"key actions":      actionTable(iampolicy.KeyActions),
	}
}

// policyBlock is the policy of config/root, but for statements whose Sids hold one of the texts.
func policyBlock(t *testing.T, c iampolicy.Config, but ...string) string {
	t.Helper()
	plan := iampolicy.Build(c)
	root := &plan.Identities[0]
	root.Statements = slices.DeleteFunc(root.Statements, func(s iampolicy.Statement) bool {
		return slices.ContainsFunc(but, func(text string) bool { return strings.Contains(s.Sid, text) })
	})
	documents, _ := plan.Documents()
	if len(documents) != 1 || !json.Valid([]byte(documents[0].Text)) {
		t.Fatalf("%d documents", len(documents))
	}
	return "```json\n" + documents[0].Text + "\n```\n"
}

func statementTable() string {
	var b strings.Builder
	b.WriteString("| Statement | What it is for |\n|---|---|\n")
	for _, sid := range slices.Sorted(maps.Keys(iampolicy.Reasons)) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", sid, iampolicy.Reasons[sid])
	}
	return b.String()
}

func actionTable(actions []iampolicy.Action) string {
	var b strings.Builder
	b.WriteString("| Action | For | Without it |\n|---|---|---|\n")
	for _, a := range actions {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", strings.Join(a.Names, "`, `"), a.For, a.Without)
	}
	return b.String()
}

var madePart = regexp.MustCompile(`(?s)(<!-- made: ([a-z ]+) -->\n)(.*?)(<!-- end -->\n)`)

func TestDocsIAMPolicyIsMade(t *testing.T) {
	t.Parallel()
	doc, parts := readDoc(t, iamDoc), documented(t)
	var found []string
	made := madePart.ReplaceAllStringFunc(doc, func(part string) string {
		m := madePart.FindStringSubmatch(part)
		found = append(found, m[2])
		return m[1] + "\n" + parts[m[2]] + "\n" + m[4]
	})
	slices.Sort(found)
	if want := slices.Sorted(maps.Keys(parts)); !slices.Equal(found, want) {
		t.Errorf("%s has the parts %v, want %v", iamDoc, found, want)
	}
	if made == doc {
		return
	}
	if os.Getenv("UPDATE_DOCS") == "" {
		t.Errorf("%s is not what backend/iampolicy makes; UPDATE_DOCS=1 go test ./backend -run TestDocsIAMPolicyIsMade writes it", iamDoc)
		return
	}
	if err := os.WriteFile(iamDoc, []byte(made), 0o600); err != nil {
		t.Fatal(err)
	}
}
