// SPDX-License-Identifier: MPL-2.0

package backend

// Any request that Vault may pass on: every path of the table of contents, those that
// join it later included, every operation, any field of any type. A refusal is a 4xx
// that names something and leaves no trace; no secret ever comes back.

import (
	"bytes"
	"encoding/json"
	"maps"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/roles"
)

// fuzzOps are the operations that Vault passes on from its clients.
var fuzzOps = []logical.Operation{
	logical.UpdateOperation, logical.ReadOperation, logical.DeleteOperation, logical.ListOperation, logical.PatchOperation, logical.HelpOperation,
}

// awkward are values for fields of any type.
var awkward = []any{
	nil, "", " ", "x", "0", "-1", 0, -1, 1e30, json.Number("9223372036854775807"), json.Number("1e999"), true, []any{}, []any{nil}, []any{"", 7, []any{}}, map[string]any{},
	map[string]any{"": nil}, map[string]any{"a": map[string]any{"b": "c"}}, "\x00", "\xff\xfe", "a\nb", "1h", "20m", "-5s", "24h30m", "99999999999999999999h", "2562047h", "* * * * *",
	"0 3 * * 6", "TZ=", "CRON_TZ=UTC * * * * *", "@every 1s", readOnly, "arn:aws:iam::123456789012:role/deploy", "arn:aws:iam::123456789012:policy/DoesNotExist",
	[]any{readOnly, readOnly}, "iam_user", "assumed_role", "federation_token", "session_token", "iam_user,federation_token", goodPolicy, "{}", "developers", "../x", "/", "/a/", "//",
	goodAccessKey, "http://127.0.0.1:1", "https://user:" + fuzzSecret + "@host/", "https://host/?k=" + fuzzSecret, "ftp://x", "://", "eu-central-1", "{{random 20}}", "{{range 1000000000000}}{{end}}",
	"/dev/null", "app", "fresh", "vault-root", "aws:x=y", "k=v", "k=v,K=w", map[string]any{"k": "v", "K": "w"}, map[string]any{"aws:k": "v", "": "x"}, strings.Repeat("x", 3000), "ä", "123456",
}

func FuzzRequest(f *testing.F) {
	m := newFuzzMount(f, furnishAll)
	paths := fuzzPaths(f)
	for route := range len(paths) + 1 {
		for op := range fuzzOps {
			f.Add(uint8(route), uint8(op), "user", []byte(`{}`), []byte{})
		}
		for _, name := range []string{"fed", "deploy", "own", "old", "app", "new", "..", "\xff", ""} {
			f.Add(uint8(route), uint8(0), name, []byte(`{"policy_arns":"`+readOnly+`","username":"fresh","rotation_period":"1h","region":"us-east-1"}`), []byte{0, 0})
		}
		f.Add(uint8(route), uint8(0), "user", []byte(`{"secret_key":["x"],"access_key":"`+goodAccessKey+`"}`), []byte{1, 1, 2, 13, 3, 16})
		f.Add(uint8(route), uint8(0), "user", []byte(`{"secret_key":["x"],"access_key":"`+goodAccessKey+`"}`), []byte{})
		f.Add(uint8(route), uint8(0), "user", []byte(`{"secret_key":"x","access_key":"`+goodAccessKey+`","iam_endpoint":"https://user:`+fuzzSecret+`@host/"}`), []byte{})
	}
	f.Add(uint8(len(paths)), uint8(slices.Index(fuzzOps, logical.HelpOperation)), "", []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, route, op uint8, name string, body, picks []byte) {
		m.fresh(t)
		r := m.requestOf(paths, route, op, name)
		r.data = fuzzData(r.fields, body, picks)
		m.sends(r)
	})
}

// fuzzed is a request of a fuzz target.
type fuzzed struct {
	op     logical.Operation
	path   string
	fields []string // that the path has
	data   map[string]any
}

// furnishAll makes one of everything that a mount can have.
func furnishAll(m *mount) {
	m.aws.AddUser("app")
	m.aws.Adopt("app")
	m.aws.AddUser("bystander")
	m.aws.AddGroup("developers")
	m.aws.AddRole("deploy")
	m.configure(noRetries)
	m.write("config/lease", map[string]any{"lease": "1h", "lease_max": "24h"})
	m.write("roles/user", map[string]any{"policy_arns": readOnly, "iam_groups": "developers", "policy_document": goodPolicy})
	m.write("roles/fed", map[string]any{"credential_type": roles.FederationToken, "policy_arns": readOnly})
	m.write("roles/deploy", map[string]any{"credential_type": roles.AssumedRole, "role_arns": "arn:aws:iam::123456789012:role/deploy"})
	m.write("roles/own", map[string]any{"credential_type": roles.SessionToken})
	m.write("roles/old", map[string]any{"arn": readOnly})
	m.write("static-roles/app", map[string]any{"username": "app", "rotation_period": "1h"})
}

// fuzzPaths are the paths of the engine, as it lists them.
func fuzzPaths(f *testing.F) []*framework.Path {
	f.Helper()
	b, err := New(Options{})(f.Context(), &logical.BackendConfig{System: &logical.StaticSystemView{}})
	if err != nil {
		f.Fatal(err)
	}
	return b.(*backend).Paths
}

// requestOf picks a path, one beyond the last being the name as it is, and an operation.
func (fm *fuzzMount) requestOf(paths []*framework.Path, route, op uint8, name string) fuzzed {
	r := fuzzed{op: fuzzOps[int(op)%len(fuzzOps)], path: name}
	if i := int(route) % (len(paths) + 1); i < len(paths) {
		pattern, err := syntax.Parse(paths[i].Pattern, syntax.Perl)
		if err != nil {
			fm.t.Fatal(err)
		}
		r.path = fitting(pattern, name, int(op)/len(fuzzOps))
	}
	if path := fm.b.(*backend).Route(r.path); path != nil {
		r.fields = slices.Sorted(maps.Keys(path.Fields))
	}
	return r
}

// fitting is a path of a pattern, with a name wherever the pattern takes any. which
// picks among alternatives.
func fitting(pattern *syntax.Regexp, name string, which int) string {
	switch pattern.Op {
	case syntax.OpLiteral:
		return string(pattern.Rune)
	case syntax.OpCapture:
		if pattern.Name != "" {
			return name
		}
		return fitting(pattern.Sub[0], name, which)
	case syntax.OpAlternate:
		return fitting(pattern.Sub[which%len(pattern.Sub)], name, which)
	case syntax.OpQuest:
		return strings.Repeat(fitting(pattern.Sub[0], name, which), which%2)
	case syntax.OpConcat:
		var path strings.Builder
		for _, part := range pattern.Sub {
			path.WriteString(fitting(part, name, which))
		}
		return path.String()
	case syntax.OpBeginText, syntax.OpEndText, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpEmptyMatch:
		return ""
	}
	return name
}

// fuzzData is what a body says, if it is an object, and what picks add: by turns a
// field of the path and a value. What is given as a secret key becomes the secret.
func fuzzData(fields []string, body, picks []byte) map[string]any {
	data := map[string]any{}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if decoder.Decode(&data) != nil || data == nil {
		data = map[string]any{}
	}
	for ; len(picks) > 1 && len(fields) > 0; picks = picks[2:] {
		value := any(string(body))
		if i := int(picks[1]) % (len(awkward) + 1); i < len(awkward) {
			value = awkward[i]
		}
		data[fields[int(picks[0])%len(fields)]] = value
	}
	if secret, given := data["secret_key"]; given {
		data["secret_key"] = planted(secret)
	}
	return data
}

// planted puts the secret into every text of a value, of whatever type it is.
func planted(v any) any {
	switch v := v.(type) {
	case string:
		if strings.Contains(v, " ") { // a mistake that the refusal tells
			return fuzzSecret + v
		}
		return fuzzSecret
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = planted(v[i])
		}
		return list
	case map[string]any:
		fields := map[string]any{fuzzSecret: 1}
		for key := range v {
			fields[key] = planted(v[key])
		}
		return fields
	}
	return v
}

// sends sends a request and looks at the answer, and at what it has done.
func (fm *fuzzMount) sends(r fuzzed) {
	fm.t.Helper()
	before := fm.storage.dump(fm.t)
	what := string(r.op) + " " + strconv.Quote(shortened(r.path)) + " " + shortened(jsonOf(r.data))
	resp, err := fm.asVault(fm.request(r.op, r.path, maps.Clone(r.data)))
	status, text := fm.answered(what, resp, err)
	open := r.secretSentOpenly()
	if !open {
		fm.secretless(what, text)
	}
	fm.knownStatus(what, r, status, text)
	switch {
	case status >= 400 && status < 500:
		fm.unchanged(what, before)
		fm.awsUnchanged(what)
	case resp != nil && resp.Secret != nil:
		fm.ends(what, resp)
	case status == 200 && r.op == logical.UpdateOperation:
		fm.readsBack(what, r, open)
		fm.uses(what, r)
	}
}

// secretSentOpenly reports whether the secret stands where a request has none: then it
// is nothing that the engine could know to be one.
func (r fuzzed) secretSentOpenly() bool {
	for name, value := range r.data {
		switch {
		case name == "secret_key":
		case strings.Contains(name, "_endpoint") && strings.ContainsAny(jsonOf(value), "@?"): // a password in a URL
		case strings.Contains(name+jsonOf(value), fuzzSecret):
			return true
		}
	}
	return strings.Contains(r.path, fuzzSecret)
}

// knownStatus checks that the answer is one that a client can do something with.
func (fm *fuzzMount) knownStatus(what string, r fuzzed, status int, text string) {
	fm.t.Helper()
	switch status {
	case 200, 404, 405:
		return
	case 502:
		if strings.Contains(text, "AWS") || strings.Contains(text, "request ID") {
			return
		}
	case 400:
		names := append([]string{"secret_key", "role", "config/", "tidy", "request ID", strconv.Quote(r.path)}, r.fields...)
		if slices.ContainsFunc(names, func(name string) bool { return strings.Contains(text, name) }) {
			return
		}
	}
	fm.t.Errorf("%s: answered %d %s", what, status, text)
}

// awsUnchanged checks that a refused request has made, and taken, nothing in AWS.
func (fm *fuzzMount) awsUnchanged(what string) {
	fm.t.Helper()
	if before, after := jsonOf(fm.state), jsonOf(fm.users()); before != after {
		fm.t.Errorf("%s: was refused, and AWS changed from %s to %s", what, before, after)
	}
}

// ends revokes what was issued; then nothing is left of it.
func (fm *fuzzMount) ends(what string, issued *logical.Response) {
	fm.t.Helper()
	if issued.Secret.TTL < 0 || issued.Secret.MaxTTL < 0 {
		fm.t.Errorf("%s: a lease of %v, at most %v", what, issued.Secret.TTL, issued.Secret.MaxTTL)
	}
	fm.revoke(issued)
	if users := fm.aws.Users(); len(users) > 0 {
		fm.t.Errorf("%s: left in AWS: %v", what, users)
	}
}

// readsBack reads what was written.
func (fm *fuzzMount) readsBack(what string, r fuzzed, open bool) {
	fm.t.Helper()
	resp, err := fm.asVault(fm.request(logical.ReadOperation, r.path, nil))
	status, text := fm.answered("reading after "+what, resp, err)
	if status != 200 && status != 405 && status != 404 {
		fm.t.Errorf("%s: and then cannot be read: %d %s", what, status, text)
	}
	if !open && resp != nil && resp.Secret == nil {
		fm.secretless("reading after "+what, jsonOf(resp))
	}
	if resp != nil && resp.Secret != nil {
		fm.ends(what, resp)
	}
}

// uses issues a credential with what was written. What AWS then finds wrong with the
// form of a name or a document, the write should have refused.
func (fm *fuzzMount) uses(what string, r fuzzed) {
	fm.t.Helper()
	path := "creds/user"
	if name, is := strings.CutPrefix(r.path, "roles/"); is {
		path = "creds/" + name
	}
	if r.path == engine.KeyRootConfig {
		fm.leadRootHome()
	}
	resp, err := fm.asVault(fm.request(logical.ReadOperation, path, nil))
	status, text := fm.answered("using "+what, resp, err)
	if resp != nil && resp.Secret != nil {
		fm.ends(what, resp)
	}
	if !r.secretSentOpenly() {
		fm.secretless("using "+what, text)
	}
	for _, code := range []string{"ValidationError", "MalformedPolicyDocument", "InvalidInput", "InvalidParameterValue"} {
		if strings.Contains(text, code+":") {
			fm.t.Errorf("%s: was accepted, and then AWS says %s", what, text)
		}
	}
	if status >= 500 && status != 502 {
		fm.t.Errorf("using %s: answered %d %s", what, status, text)
	}
}

// leadRootHome makes config/root lead to the fake whatever was written: a test calls
// nobody else.
func (fm *fuzzMount) leadRootHome() {
	fm.t.Helper()
	entry, err := fm.storage.Get(fm.ctx, engine.KeyRootConfig)
	if err != nil || entry == nil {
		fm.t.Fatalf("config/root was written, and is not there: %v", err)
	}
	fields := map[string]any{}
	if err := json.Unmarshal(entry.Value, &fields); err != nil {
		fm.t.Fatal(err)
	}
	fm.put(engine.KeyRootConfig, jsonOf(fm.leadHome(fields)))
	fm.b.(*backend).ResetAWS()
}
