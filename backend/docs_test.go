// SPDX-License-Identifier: MPL-2.0

package backend

// What stands in docs/ is checked against what the code does: the API document
// against the schema, the IAM policy against the calls in internal/awscreds, and
// every block of JSON against a parser.

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/roles"
)

const iamDoc = "../docs/iam-policy.md"

func TestDocsAPI(t *testing.T) {
	sections := apiSections(t)
	paths := newMount(t).b.(*backend).Paths
	var known []string
	for _, p := range paths {
		names := documentedPaths(t, p)
		known = append(known, names...)
		for _, name := range names {
			t.Run(name, func(t *testing.T) {
				section, ok := sections[name]
				if !ok {
					t.Fatalf("%s has no section ## `%s`", apiDocs, name)
				}
				checkVerbs(t, section, name, names, p)
				checkFields(t, section, p)
			})
		}
	}
	for name := range sections {
		if !slices.Contains(known, name) {
			t.Errorf("%s describes the path %s, which does not exist", apiDocs, name)
		}
	}
	for name, page := range apiPages(t) {
		checkPathsNamed(t, name, page, known)
		checkWords(t, name, page, paths)
	}
}

// An answer that is shown must have the keys that there are.
func TestDocsAPIAnswers(t *testing.T) {
	m := newConsoleMount(t)
	m.write("config/lease", map[string]any{"lease": "1h"})
	m.entityID = "entity-1"
	creds := m.creds("developer-access")
	m.entityID = ""
	defer m.revoke(creds)
	defer m.aws.SetRolePolicy("deploy", "vault-denied-sessions-"+mountID, "")
	m.addBareUser("app")
	m.write("static-roles/app", daily)
	m.aws.Adopt(rootUser)
	m.age(2 * time.Hour)
	actual := map[string]map[string]any{
		"config/root":        m.read("config/root"),
		"config/rotate-root": m.rotateRoot().Data,
		"config/lease":       m.read("config/lease"),
		"config/users":       m.read("config/users"),
		"config/iam-policy":  m.read("config/iam-policy"),
		"config/auto-tidy":   m.read("config/auto-tidy"),
		"config/gap":         m.read("config/gap"),
		"config/check":       m.write("config/check", nil).Data,
		"roles/:name/check":  m.write("roles/developer-access/check", nil).Data,
		"status":             m.read("status"),
		"tidy":               m.write("tidy", nil).Data,
		"tidy/status":        m.tidied(),
		"tidy/cancel":        m.cancelled(),
		"issued":             m.do(logical.ListOperation, "issued/", nil).Data,
		"issued/role/:role":  m.do(logical.ListOperation, "issued/role/developer-access", nil).Data,
		"issued/entity/:id":  m.do(logical.ListOperation, "issued/entity/entity-1", nil).Data,
		"issued/:username":   m.read("issued/" + m.user(creds)),
		"roles":              m.do(logical.ListOperation, "roles/", nil).Data,
		"roles/:name":        m.read("roles/developer-access"),
		"creds/:name":        creds.Data,
		"sts/:name":          creds.Data, // the same section
		"console/:name":      m.read("console/deploy"),

		"roles/:name/revoke-sessions": m.write("roles/deploy/revoke-sessions", nil).Data,

		"static-roles":              m.do(logical.ListOperation, "static-roles/", nil).Data,
		"static-roles/:name":        m.read("static-roles/app"),
		"static-roles/:name/rotate": m.write("static-roles/app/rotate", nil).Data,
		"static-creds/:name":        m.read("static-creds/app"),
		"sdk/creds/:name":           m.sdkKeys("creds/deploy"),
		"sdk/static-creds/:name":    m.sdkKeys("static-creds/app"),
	}
	// Paths that show more answers than one show these after the first.
	session := []map[string]any{m.read("sts/deploy")}
	more := map[string][]map[string]any{"creds/:name": session, "sts/:name": session}
	for name, section := range apiSections(t) {
		blocks := fenced(section, "json")
		answers := slices.Concat([]map[string]any{actual[name]}, more[name])
		if len(blocks) != len(answers) {
			t.Errorf("%s: want %d answers in JSON, got %d", name, len(answers), len(blocks))
			continue
		}
		for i, answer := range answers {
			var shown struct{ Data map[string]any }
			into := any(&shown)
			if strings.HasPrefix(name, "sdk/") { // which has no word of Vault's around it
				into = &shown.Data
			}
			if err := json.Unmarshal([]byte(blocks[i]), into); err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			want, got := slices.Sorted(maps.Keys(answer)), slices.Sorted(maps.Keys(shown.Data))
			if !slices.Equal(got, want) {
				t.Errorf("%s shows an answer with the keys\n%v, and it has\n%v", name, got, want)
			}
		}
	}
}

// The keys that the answer of each credential type has.
func TestDocsAPIKeysOfTypes(t *testing.T) {
	m := newSessionMount(t)
	named := map[string]string{roles.IAMUser: "developer-access", roles.AssumedRole: "deploy", roles.FederationToken: "fed", roles.SessionToken: "own"}
	rows := table(apiSections(t)["creds/:name"], "Key", "Types", "Meaning")
	for _, kind := range roles.Types {
		creds := m.creds(named[kind])
		m.revoke(creds)
		var got []string
		for _, row := range rows {
			if row[1] == "all" || slices.Contains(backticked(row[1]), kind) {
				got = append(got, strings.Trim(row[0], "`"))
			}
		}
		slices.Sort(got)
		if want := slices.Sorted(maps.Keys(creds.Data)); !slices.Equal(got, want) {
			t.Errorf("the document gives to the answer of %s the keys\n%v, and it has\n%v", kind, got, want)
		}
	}
}

// The fields that a role of each credential type has. Others earn a warning where the built-in
// engine keeps them, and are refused where it does not.
func TestDocsAPIFieldsOfTypes(t *testing.T) {
	m := newMount(t)
	values := map[string]any{
		"policy_arns": readOnly, "policy_document": s3Only, "iam_groups": "developers", "iam_tags": "team=payments",
		"user_path": "/vault/", "permissions_boundary_arn": readOnly, "default_ttl": "1h", "max_ttl": "1h", "max_users": 10,
		"wait_until_usable": true, "wait_timeout": "5s",
		"disabled": true, "disabled_reason": "leaked", "disabled_renewals": true,
		"role_arns": deployARN, "session_tags": "team=payments", "external_id": "external-1",
		"assume_role_arn": otherHub, "assume_role_session_name": "vault-hub", "assume_role_external_id": "tenant", "mfa_serial_number": mfaOfVault,
		"default_sts_ttl": "1h", "max_sts_ttl": "1h", "revoke_sessions": true,
		"templates": true, "require_entity": true, "session_name": "vault", "allow_session_name": false, "source_identity": "vault",
		"transitive_tag_keys": "team", "allowed_request_tags": "ticket", "share_for": "5m",
	}
	heading := []string{"Field"}
	for _, kind := range roles.Types {
		heading = append(heading, "`"+kind+"`")
	}
	said := map[string][]string{}
	for _, row := range table(apiSections(t)["roles/:name"], heading...) {
		said[strings.Trim(row[0], "`")] = row[1:]
	}
	for field := range roles.Fields() {
		types := roles.TypesOf(field)
		if types == nil {
			continue
		}
		if len(said[field]) != len(roles.Types) || values[field] == nil {
			t.Errorf("%s does not say which credential types have %s, or the test has no value for it", apiDocs, field)
			continue
		}
		for i, kind := range roles.Types {
			data := map[string]any{"credential_type": kind, field: values[field]}
			if field == "external_id" && kind == roles.IAMUser { // to which no other role is assumed
				data["assume_role_arn"] = values["assume_role_arn"]
			}
			if field == "transitive_tag_keys" {
				data["session_tags"] = values["session_tags"]
			}
			resp, err := m.ask(logical.UpdateOperation, "roles/"+kind+"-"+field, data)
			text, status := outcome(resp, err)
			if has := slices.Contains(types, kind); has != (said[field][i] == "yes") {
				t.Errorf("the table gives %s to %s: %v, and the document says %q", field, kind, has, said[field][i])
			}
			want := "yes"
			if status == 400 && strings.Contains(text, field+": is not supported") {
				want = "no"
			} else if status == 200 && resp != nil && slices.ContainsFunc(resp.Warnings, func(w string) bool { return strings.HasPrefix(w, field+": is not used by") }) {
				want = "ignored"
			} else if status != 200 {
				t.Errorf("%s in a role of the type %s: %d %s", field, kind, status, text)
			}
			if said[field][i] != want {
				t.Errorf("does a role of the type %s have %s? %s, and the document says %q", kind, field, want, said[field][i])
			}
		}
	}
	for field := range said {
		if values[field] == nil {
			t.Errorf("the document has a field %s, and roles have none", field)
		}
	}
}

func TestDocsJSON(t *testing.T) {
	blocks := 0
	for file, page := range documents(t) {
		for i, block := range fenced(page, "json") {
			blocks++
			var v any
			if err := json.Unmarshal([]byte(block), &v); err != nil {
				t.Errorf("%s, JSON block %d: %v\n%s", file, i+1, err, block)
			}
		}
	}
	if blocks == 0 {
		t.Error("no JSON found: is the test looking in the right place?")
	}
}

// allowedUncalled are actions that AWS asks for though nobody calls them.
var allowedUncalled = map[string]string{
	"iam:TagUser":           "CreateUser with tags",
	"sts:TagSession":        "AssumeRole and GetFederationToken with tags",
	"sts:SetSourceIdentity": "AssumeRole with a source identity",
}

// needNoPermission are called, and AWS allows them to everybody.
var needNoPermission = []string{"sts:GetCallerIdentity", "sts:GetSessionToken"}

// conditionKeys look like actions and are none.
var conditionKeys = []string{"iam:PermissionsBoundary", "iam:PolicyARN", "sts:ExternalId"}

func TestDocsIAMPolicy(t *testing.T) {
	doc := readDoc(t, iamDoc)
	called := calledActions(t)
	granted := map[string]bool{}
	for _, block := range fenced(doc, "json") {
		var v any
		if err := json.Unmarshal([]byte(block), &v); err != nil {
			t.Fatal(err)
		}
		grants(v, granted)
	}
	named := map[string]bool{}
	for _, action := range regexp.MustCompile(`\b(?:iam|sts):[A-Z]\w*`).FindAllString(doc, -1) {
		if !slices.Contains(conditionKeys, action) {
			named[action] = true
		}
	}
	prose := doc
	for _, block := range fenced(doc, "json") {
		prose = strings.Replace(prose, block, "", 1)
	}
	for _, action := range slices.Sorted(maps.Keys(called)) {
		switch free := slices.Contains(needNoPermission, action); {
		case !granted[action] && !free:
			t.Errorf("internal/awscreds calls %s, and no policy in %s allows it", action, iamDoc)
		case granted[action] && free:
			t.Errorf("a policy in %s allows %s, which needs no permission", iamDoc, action)
		}
		if !strings.Contains(prose, "`"+action+"`") {
			t.Errorf("internal/awscreds calls %s, and %s does not say what for", action, iamDoc)
		}
	}
	for _, action := range needNoPermission {
		if !called[action] {
			t.Errorf("internal/awscreds does not call %s", action)
		}
	}
	for _, action := range slices.Sorted(maps.Keys(named)) {
		if !called[action] && allowedUncalled[action] == "" {
			t.Errorf("%s names %s, which internal/awscreds does not call", iamDoc, action)
		}
	}
}

// calledActions reads the source of internal/awscreds. A call of the AWS SDK takes
// an input that is named after the action, in the package of the service.
func calledActions(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("../internal/awscreds/*.go")
	if err != nil {
		t.Fatal(err)
	}
	called := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			service, ok := sel.X.(*ast.Ident)
			if !ok || service.Name != "iam" && service.Name != "sts" {
				return true
			}
			if action, ok := strings.CutSuffix(sel.Sel.Name, "Input"); ok {
				called[service.Name+":"+action] = true
			}
			if action, ok := strings.CutSuffix(sel.Sel.Name, "Paginator"); ok {
				called[service.Name+":"+strings.TrimPrefix(action, "New")] = true
			}
			return true
		})
	}
	for _, sure := range []string{"iam:CreateUser", "iam:ListAccessKeys", "sts:AssumeRole"} {
		if !called[sure] {
			t.Fatalf("%s not found in the source: is the test looking in the right place? Found %v", sure, called)
		}
	}
	return called
}

// grants collects the actions of all statements that allow something, in a policy,
// a list of statements or one.
func grants(v any, into map[string]bool) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			grants(item, into)
		}
	case map[string]any:
		grants(v["Statement"], into)
		if v["Effect"] != "Allow" {
			return
		}
		switch action := v["Action"].(type) {
		case string:
			into[action] = true
		case []any:
			for _, a := range action {
				into[fmt.Sprint(a)] = true
			}
		}
	}
}

var (
	captured = regexp.MustCompile(`\(\?P<(\w+)>[^()]*\)`)
	choice   = regexp.MustCompile(`\((\w+(?:\|\w+)+)\)`)
)

// documentedPaths are the paths of a pattern as the document has them: roles/:name.
// A choice between words, (creds|sts), makes a path of each.
func documentedPaths(t *testing.T, p *framework.Path) []string {
	t.Helper()
	name := captured.ReplaceAllString(p.Pattern, ":$1")
	name = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(name, "$"), "^"), "/?")
	names := []string{name}
	if m := choice.FindStringSubmatch(name); m != nil {
		names = nil
		for _, word := range strings.Split(m[1], "|") {
			names = append(names, strings.Replace(name, m[0], word, 1))
		}
	}
	for _, name := range names {
		if regexp.QuoteMeta(name) != name {
			t.Fatalf("do not know how the pattern %q should stand in %s", p.Pattern, apiDocs)
		}
	}
	return names
}

// pathSections are the parts of the document whose heading is a path, or several
// with "and" between them.
func pathSections(doc string) map[string]string {
	sections := map[string]string{}
	for _, part := range strings.Split(doc, "\n## ")[1:] {
		heading, body, _ := strings.Cut(part, "\n")
		for _, part := range strings.Split(heading, " and ") {
			if name := strings.Trim(part, "`"); "`"+name+"`" == part {
				sections[name] = body
			}
		}
	}
	return sections
}

// table returns the rows of the table whose heading begins with the given cells.
func table(section string, heading ...string) [][]string {
	var rows [][]string
	inside := false
	for line := range strings.Lines(section) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			inside = false
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), " | ")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case inside && !strings.HasPrefix(line, "|---"):
			rows = append(rows, cells)
		case len(cells) >= len(heading) && slices.Equal(cells[:len(heading)], heading):
			inside = true
		}
	}
	return rows
}

// checkVerbs checks the methods of one path; the table may have those of its
// siblings as well.
func checkVerbs(t *testing.T, section, name string, siblings []string, p *framework.Path) {
	t.Helper()
	want := map[string][]string{} // capabilities by method
	for op := range p.Operations {
		switch op {
		case logical.ReadOperation:
			want["GET"] = append(want["GET"], "read")
		case logical.UpdateOperation, logical.CreateOperation:
			want["POST"] = append(want["POST"], string(op))
		case logical.DeleteOperation:
			want["DELETE"] = append(want["DELETE"], "delete")
		case logical.ListOperation:
			want["LIST"] = append(want["LIST"], "list")
		default:
			t.Errorf("the test does not know the operation %s", op)
		}
	}
	got := map[string]bool{}
	for _, row := range table(section, "Method", "Path", "What it does", "ACL capability") {
		method, path, capability := row[0], row[1], row[3]
		if path != "`"+name+"`" {
			if !slices.Contains(siblings, strings.Trim(path, "`")) {
				t.Errorf("the table of methods names the path %s", path)
			}
			continue
		}
		got[method] = true
		slices.Sort(want[method])
		if capabilities := backticked(capability); !slices.Equal(capabilities, want[method]) {
			t.Errorf("%s needs the capabilities %v, and the document says %v", method, want[method], capabilities)
		}
	}
	for method := range want {
		if !got[method] {
			t.Errorf("%s is not documented", method)
		}
	}
}

func backticked(text string) []string {
	var words []string
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(text, -1) {
		words = append(words, m[1])
	}
	return words
}

// fieldTypes are the document's names for the types of fields.
var fieldTypes = map[framework.FieldType]string{
	framework.TypeString:           "string",
	framework.TypeInt:              "integer",
	framework.TypeBool:             "boolean",
	framework.TypeDurationSecond:   "duration",
	framework.TypeCommaStringSlice: "list of strings",
	framework.TypeKVPairs:          "map of strings",
}

func checkFields(t *testing.T, section string, p *framework.Path) {
	t.Helper()
	got := map[string]bool{}
	for _, row := range table(section, "Field", "Type", "Default", "Meaning and limits") {
		name := strings.Trim(row[0], "`")
		schema := p.Fields[name]
		if schema == nil {
			t.Errorf("the document has a field %s, and the schema has none", name)
			continue
		}
		got[name] = true
		if want := fieldTypes[schema.Type]; row[1] != want || want == "" {
			t.Errorf("%s is of the type %v (%q), and the document says %q", name, schema.Type, want, row[1])
		}
		checkDefault(t, section, name, row[2], schema, strings.Contains(p.Pattern, "(?P<"+name+">"))
		if schema.Deprecated != strings.HasPrefix(row[3], "Deprecated") {
			t.Errorf("%s: deprecated is %v, and the document says %q", name, schema.Deprecated, row[3])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Fields)) {
		if !got[name] {
			t.Errorf("the field %s is not documented", name)
		}
	}
}

func checkDefault(t *testing.T, section, name, cell string, schema *framework.FieldSchema, inPath bool) {
	t.Helper()
	if inPath {
		if cell != "in the path" {
			t.Errorf("%s stands in the path, and the document says of its default: %s", name, cell)
		}
		return
	}
	value := schema.DefaultOrZero()
	if text, ok := value.(string); ok && cell == "see below" {
		if blocks := fenced(section, "text"); !slices.Contains(blocks, text+"\n") {
			t.Errorf("%s: no block of text is the default, %s", name, text)
		}
		return
	}
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if cell != "`"+string(raw)+"`" {
		t.Errorf("%s has the default %s, and the document says %s", name, raw, cell)
	}
}

// checkPathsNamed looks for paths of the engine anywhere in the text.
func checkPathsNamed(t *testing.T, name, doc string, known []string) {
	t.Helper()
	forms := make([]string, len(known))
	for i, name := range known {
		forms[i] = regexp.MustCompile(`:\w+`).ReplaceAllString(regexp.QuoteMeta(name), `[^/]+`)
	}
	form := regexp.MustCompile("^(?:" + strings.Join(forms, "|") + ")/?$")
	for _, m := range regexp.MustCompile(`aws-dyn/((?:config|roles|creds|sts|static|issued|tidy)[\w/:.*-]*)`).FindAllStringSubmatch(doc, -1) {
		// A lease ID is the path of its credential and one part more.
		path := regexp.MustCompile(`^((?:creds|sts)/[^/]+)/\w{24}$`).ReplaceAllString(m[1], "$1")
		if !form.MatchString(path) {
			t.Errorf("%s/%s names the path %s, which does not exist", apiDocs, name, path)
		}
	}
}

// vaultWords look like fields and are Vault's, Go's or AWS's.
var vaultWords = []string{
	"default_lease_ttl", "max_lease_ttl", // of a mount
	"unix_time", "unix_time_millis", "truncate_sha256", // functions of templates
	"invalid_data", // of a role that nobody can read
}

// checkWords looks for words that look like fields anywhere in the text.
func checkWords(t *testing.T, name, doc string, paths []*framework.Path) {
	t.Helper()
	known := slices.Clone(vaultWords)
	for _, p := range paths {
		known = slices.AppendSeq(known, maps.Keys(p.Fields))
		for _, op := range p.Operations {
			for _, answers := range op.Properties().Responses {
				for _, answer := range answers {
					known = slices.AppendSeq(known, maps.Keys(answer.Fields))
				}
			}
		}
	}
	known = append(known, roles.Types...)
	known = append(known, "security_token")
	known = append(known, "last_vault_rotation", "next_vault_rotation", "rotation_error", "rotation_failed_at")
	known = append(known, "session_token")
	for _, span := range backticked(withoutBlocks(doc)) {
		for _, word := range regexp.MustCompile(`\b[a-z]+(?:_[a-z0-9]+)+\b`).FindAllString(span, -1) {
			if !slices.Contains(known, word) && !strings.Contains(span, " ") {
				t.Errorf("%s/%s names `%s`, which is not a field", apiDocs, name, span)
			}
		}
	}
}

var block = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")

// fenced returns the blocks of a language.
func fenced(doc, language string) []string {
	var blocks []string
	for _, m := range block.FindAllStringSubmatch(doc, -1) {
		if m[1] == language {
			blocks = append(blocks, m[2])
		}
	}
	return blocks
}

func withoutBlocks(doc string) string { return block.ReplaceAllString(doc, "") }

func readDoc(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
