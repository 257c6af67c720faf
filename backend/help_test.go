// SPDX-License-Identifier: MPL-2.0

package backend

// What the engine says of itself: help for operators and the OpenAPI document for
// programs.

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
)

// examples are one path for each pattern.
var examples = []string{
	"config/root", "config/lease", "config/users", "config/iam-policy", "config/auto-tidy", "config/gap", "config/rotate-root", "config/check", "roles/example/check", "roles/", "roles/example", "creds/example", "console/example", "sdk/creds/example", "sdk/static-creds/example",
	"issued/", "issued/role/example", "issued/entity/example", "roles/example/revoke-sessions", "issued/example", "issued/example/forget", "status", "tidy", "tidy/status", "tidy/cancel",
	"static-roles/", "static-roles/example", "static-roles/example/rotate", "static-creds/example",
}

// help asks for the help of a path as "vault path-help" does.
func (m *mount) help(path string) (text string, doc *framework.OASDocument) {
	m.t.Helper()
	resp := m.askHelp(path, nil)
	text, _ = resp.Data["help"].(string)
	doc, ok := resp.Data["openapi"].(*framework.OASDocument)
	if text == "" || !ok {
		m.t.Fatalf("help of %q: %v", path, resp.Data)
	}
	return text, doc
}

// askHelp sends a request for help. The document wants to know Vault's version.
func (m *mount) askHelp(path string, data map[string]any) *logical.Response {
	m.t.Helper()
	m.system.(*logical.StaticSystemView).PluginEnvironment = &logical.PluginEnvironment{VaultVersion: "1.21.0"}
	return m.do(logical.HelpOperation, path, data)
}

func TestEveryPathAndFieldIsDescribed(t *testing.T) {
	t.Parallel()
	paths := newMount(t).b.(*backend).Paths
	if len(paths) != len(examples) {
		t.Errorf("%d paths: teach this test the new ones", len(paths))
	}
	sentence := regexp.MustCompile(`^[A-Z0-9](?s:.*)\.$`)
	for _, path := range paths {
		if text := strings.TrimSpace(path.HelpDescription); !strings.HasSuffix(text, ".") {
			t.Errorf("%s: the description does not end: %q", path.Pattern, text)
		}
		texts := map[string]string{"synopsis": path.HelpSynopsis}
		for name, field := range path.Fields {
			texts["field "+name] = field.Description
		}
		for op, handler := range path.Operations {
			texts["summary of "+string(op)] = handler.Properties().Summary
		}
		for what, text := range texts {
			if !sentence.MatchString(text) {
				t.Errorf("%s: the %s is not a sentence: %q", path.Pattern, what, text)
			}
		}
	}
}

func TestHelpOfAPathHasItsFields(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	for _, path := range examples {
		text, doc := m.help(path)
		route := m.b.(*backend).Route(path)
		wanted := []string{route.HelpSynopsis}
		for name, field := range route.Fields {
			wanted = append(wanted, name+" (", field.Description)
		}
		wanted = append(wanted, strings.Split(strings.TrimSpace(route.HelpDescription), "\n")...)
		for _, want := range wanted {
			if !strings.Contains(text, want) {
				t.Errorf("the help of %s lacks %q", path, want)
			}
		}
		if len(doc.Paths) == 0 || strings.Contains(text, "<no ") {
			t.Errorf("the help of %s is not whole: %d paths in OpenAPI", path, len(doc.Paths))
		}
	}
}

// Lines of help are about as long as each other: none is cut off in the middle of a sentence, and none runs out of a terminal.
func TestHelpIsWrapped(t *testing.T) {
	t.Parallel()
	const least, most = 70, 100
	for _, path := range newMount(t).b.(*backend).Paths {
		lines := strings.Split(strings.TrimSpace(path.HelpDescription), "\n")
		for i, line := range lines {
			if len(line) > most {
				t.Errorf("%s: a line of %d characters: %s", path.Pattern, len(line), line)
			}
			if i+1 == len(lines) || line == "" {
				continue
			}
			if next, _, _ := strings.Cut(lines[i+1], " "); next != "" && len(line)+1+len(next) < least {
				t.Errorf("%s: a line ends early: %s", path.Pattern, line)
			}
		}
	}
}

func TestRootHelpHasItsPaths(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	text, _ := m.help("")
	for _, want := range []string{"config/root", "roles/<name>", "creds/<name>", "vault lease revoke"} {
		if !strings.Contains(text, want) {
			t.Errorf("the help does not speak of %s", want)
		}
	}
	for _, path := range m.b.(*backend).Paths {
		if !strings.Contains(text, path.HelpSynopsis) {
			t.Errorf("the help lacks the path %s", path.Pattern)
		}
	}
}

// operations are the names by which generated clients call us. They are the
// built-in engine's, but for what it has not: the deletion of config/root, the rotation
// of a static role on request, config/users, config/iam-policy, what AWS SDKs read, the register and tidy.
var operations = map[string]string{
	"/config/lease get":              "aws-read-lease-configuration",
	"/config/lease post":             "aws-configure-lease",
	"/config/check post":             "aws-check-configuration",
	"/roles/{name}/check post":       "aws-check-role",
	"/config/users get":              "aws-read-users-configuration",
	"/config/users post":             "aws-configure-users",
	"/config/iam-policy get":         "aws-read-iam-policy",
	"/config/auto-tidy get":          "aws-read-auto-tidy-configuration",
	"/config/auto-tidy post":         "aws-configure-auto-tidy",
	"/config/gap get":                "aws-read-gap-configuration",
	"/config/gap post":               "aws-configure-gap",
	"/config/rotate-root post":       "aws-rotate-root-iam-credentials",
	"/config/root get":               "aws-read-root-iam-credentials-configuration",
	"/config/root post":              "aws-configure-root-iam-credentials",
	"/config/root delete":            "aws-delete-root-iam-credentials-configuration",
	"/creds/{name} get":              "aws-generate-credentials",
	"/creds/{name} post":             "aws-generate-credentials-with-parameters",
	"/console/{name} get":            "aws-generate-console-link",
	"/console/{name} post":           "aws-generate-console-link-with-parameters",
	"/sts/{name} get":                "aws-generate-sts-credentials",
	"/sts/{name} post":               "aws-generate-sts-credentials-with-parameters",
	"/sdk/creds/{name} get":          "aws-generate-credentials-for-sdk",
	"/sdk/static-creds/{name} get":   "aws-read-static-creds-for-sdk",
	"/issued/ get":                   "aws-list-issued-users",
	"/issued/role/{role}/ get":       "aws-list-issued-users-of-role",
	"/issued/entity/{id}/ get":       "aws-list-issued-users-of-entity",
	"/issued/{username} get":         "aws-read-issued-user",
	"/issued/{username} delete":      "aws-delete-issued-user",
	"/issued/{username}/forget post": "aws-forget-issued-user",
	"/tidy post":                     "aws-start-tidy",
	"/tidy/status get":               "aws-read-tidy-status",
	"/status get":                    "aws-read-status",
	"/tidy/cancel post":              "aws-cancel-tidy",
	"/roles/ get":                    "aws-list-roles",
	"/roles/{name} get":              "aws-read-role",
	"/roles/{name} post":             "aws-write-role",
	"/roles/{name} delete":           "aws-delete-role",

	"/roles/{name}/revoke-sessions post": "aws-revoke-role-sessions",

	"/static-roles/ get":               "aws-list-static-roles",
	"/static-roles/{name} get":         "aws-read-static-roles-name",
	"/static-roles/{name} post":        "aws-write-static-roles-name",
	"/static-roles/{name} delete":      "aws-delete-static-roles-name",
	"/static-roles/{name}/rotate post": "aws-rotate-static-role",
	"/static-creds/{name} get":         "aws-read-static-creds-name",
}

// The names do not follow the name that the plugin is registered under.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	for _, registered := range []string{"", "aws", "aws-dyn"} {
		resp := m.askHelp("", map[string]any{"requestResponsePrefix": registered})
		raw, err := json.Marshal(resp.Data["openapi"]) // as it leaves the plugin
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Paths map[string]map[string]json.RawMessage
		}
		if err := json.Unmarshal(raw, &doc); err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for path, verbs := range doc.Paths {
			for _, verb := range []string{"get", "post", "delete"} {
				var op struct{ OperationID string }
				if json.Unmarshal(verbs[verb], &op) == nil {
					got[path+" "+verb] = op.OperationID
				}
			}
		}
		if !maps.Equal(got, operations) {
			t.Errorf("registered as %q:\n%v\nwant\n%v", registered, got, operations)
		}
	}
}

// Every field that a write takes is in its schema in the document.
func TestOpenAPIHasTheFields(t *testing.T) {
	t.Parallel()
	m := newMount(t)
	_, doc := m.help("")
	for _, path := range []string{"config/root", "config/lease", "config/auto-tidy", "tidy", "roles/{name}", "creds/{name}", "sts/{name}", "console/{name}", "static-roles/{name}"} {
		item := doc.Paths["/"+path]
		if item == nil || item.Post == nil || item.Post.RequestBody == nil {
			t.Errorf("%s takes nothing in OpenAPI", path)
			continue
		}
		schema := item.Post.RequestBody.Content["application/json"].Schema // in its place: Vault loses references
		var want []string
		for name := range m.b.(*backend).Route(strings.Replace(path, "{name}", "x", 1)).Fields {
			if name != "name" { // it is in the path
				want = append(want, name)
			}
		}
		slices.Sort(want)
		if got := slices.Sorted(maps.Keys(schema.Properties)); !slices.Equal(got, want) {
			t.Errorf("%s takes %v in OpenAPI, and %v", path, got, want)
		}
	}
}
