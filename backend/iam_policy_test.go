// SPDX-License-Identifier: MPL-2.0

package backend

// The generated policies are enough, and not more: with them all goes well; with any one action
// left out, what needs it fails and names it, and nothing else does.

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

var policyWhole = flag.Bool("policy.whole", false, "try all things without each action, also those that do not ask for it")

// row is a policy without one action of one statement, and what becomes of each thing.
type row struct {
	name, action string
	policies     map[string]json.RawMessage
	cells        []string
}

// What a cell says.
const (
	fine    = "."
	fails   = "X" // and names the action
	less    = "-" // fails in a way that docs/iam-policy.md tells, and names nothing
	without = "o" // asks, is denied, and does without
	untried = " " // in this run
)

// mutants are the policies, each without one action of one statement.
func mutants(t testing.TB, policies map[string]json.RawMessage) (rows []*row) {
	t.Helper()
	for _, identity := range slices.Sorted(maps.Keys(policies)) {
		var doc struct {
			Version   string
			Statement []map[string]any
		}
		if err := json.Unmarshal(policies[identity], &doc); err != nil {
			t.Fatal(err)
		}
		for i, statement := range doc.Statement {
			actions, several := statement["Action"].([]any)
			if !several {
				actions = []any{statement["Action"]}
			}
			for _, action := range actions {
				left, all := maps.Clone(statement), slices.Clone(doc.Statement)
				left["Action"] = slices.DeleteFunc(slices.Clone(actions), func(a any) bool { return a == action })
				if all[i] = left; len(actions) == 1 {
					all = slices.Delete(all, i, i+1)
				}
				text, err := json.Marshal(map[string]any{"Version": doc.Version, "Statement": all})
				if err != nil {
					t.Fatal(err)
				}
				r := &row{action: action.(string), policies: maps.Clone(policies)}
				r.policies[identity] = text
				r.name = fmt.Sprint(statement["Sid"], ":", r.action[len("iam:"):])
				if name := identity[strings.LastIndexByte(identity, '/')+1:]; name != "root" {
					r.name += "@" + name
				}
				rows = append(rows, r)
			}
		}
	}
	return rows
}

// needed are the actions that a call needs.
func needed(c fakeaws.Call) []string {
	actions := []string{c.Service + ":" + c.Action}
	if c.Params.Has("Tags.member.1.Key") {
		actions = append(actions, map[string]string{"iam": "iam:TagUser", "sts": "sts:TagSession"}[c.Service])
	}
	if c.Params.Has("SourceIdentity") {
		actions = append(actions, "sts:SetSourceIdentity")
	}
	return actions
}

// once does a thing under the policies of a row.
func (r *row) once(w *judged, one thing) (calls []fakeaws.Call, denied bool, err error) {
	w.judgeBy(r.policies)
	if r.action == "sts:AssumeRole" {
		w.b.(*backend).ResetAWS() // with the sessions that there are
	}
	w.aws.ResetCalls()
	err = one.do(w)
	calls = w.aws.Calls()
	return calls, slices.ContainsFunc(calls, func(c fakeaws.Call) bool { return c.Code == "AccessDenied" }), err
}

// do does a thing under the policies of a row, and says how that went.
func (r *row) do(w *judged, one thing) (cell string, calls []fakeaws.Call) {
	calls, denied, err := r.once(w, one)
	named := func() bool { return err != nil && r.action != "" && strings.Contains(err.Error(), r.action) }
	if err != nil && !denied && !named() { // no policy did that: a busy machine, and a request without time
		w.t.Logf("%s, without %s, is done once more: %v", one.name, r.name, err)
		w.mend(one)
		calls, denied, err = r.once(w, one)
	}
	switch {
	case named():
		cell = fails
	case err != nil:
		cell = less
		w.t.Logf("%s, without %s: %v", one.name, r.name, err)
	case denied:
		cell = without
	default:
		return fine, calls
	}
	w.mend(one)
	return cell, calls
}

// try does all things. Where uses says which actions each asks for when it may do all, those that do
// not ask for the one of the row are fine without: they make no call that the row decides.
func (r *row) try(w *judged, list []thing, uses map[string]map[string]bool) {
	for _, one := range list {
		cell := fine
		switch lists := strings.HasPrefix(r.action, "iam:List") && r.action != "iam:ListUsers" || r.action == "iam:GetLoginProfile"; {
		case r.action == "sts:AssumeRole" && one.name == "schedule":
			cell = untried // whether one of its ticks works as the role meanwhile is chance: the rotation does not
		case *policyWhole, r.action == "sts:AssumeRole": // of which there are sessions already
			cell, _ = r.do(w, one)
		case !uses[one.name][r.action]:
		case strings.HasSuffix(r.name, "@hub") && !strings.HasPrefix(r.name, "Rotate"):
			cell = untried // what makes the statements of config/root makes these
		case lists && (strings.HasPrefix(one.name, "tidy") || one.name == "added there"):
			cell = untried // it tries for longer than a test should last
		default:
			cell, _ = r.do(w, one)
		}
		r.cells = append(r.cells, cell)
	}
}

// patience is how long requests may take: what AWS does not let be listed is tried again until then.
func (r *row) patience() time.Duration {
	if strings.HasPrefix(r.action, "iam:List") || r.action == "iam:GetLoginProfile" {
		return 3 * time.Second
	}
	return 0
}

// rowsOfMount are how many rows are tried in one mount, one after another.
const rowsOfMount = 6

// policyTable is what comes of every row.
func policyTable(t *testing.T, asWorker bool, list []thing, which func(*row) bool) []*row {
	w := newJudged(t, asWorker, 0)
	policies := w.generated()
	all, uses := &row{name: "(nothing left out)", policies: policies}, map[string]map[string]bool{}
	for _, one := range list {
		cell, calls := all.do(w, one)
		all.cells = append(all.cells, cell)
		uses[one.name] = map[string]bool{}
		for _, c := range calls {
			for _, action := range needed(c) {
				uses[one.name][action] = true
			}
		}
	}
	w.mend(thing{})
	if slices.ContainsFunc(all.cells, func(cell string) bool { return cell != fine }) {
		t.Errorf("with the whole policy: %q", all.cells)
	}
	rows := slices.DeleteFunc(mutants(t, policies), func(r *row) bool { return !which(r) })
	t.Run("without", func(t *testing.T) {
		for chunk := range slices.Chunk(slices.SortedStableFunc(slices.Values(rows), func(a, b *row) int { return int(a.patience() - b.patience()) }), rowsOfMount) {
			t.Run(chunk[0].name, func(t *testing.T) {
				t.Parallel()
				w := newJudged(t, asWorker, chunk[len(chunk)-1].patience())
				for _, r := range chunk {
					r.try(w, list, uses)
				}
				w.mend(thing{})
			})
		}
	})
	return append([]*row{all}, rows...)
}

// printed is a table: a line for each thing, and for each action that is left out one with a cell for
// each thing.
func printed(list []thing, rows []*row) string {
	var b strings.Builder
	for i, one := range list {
		fmt.Fprintf(&b, "%-56s %s%s\n", "", strings.Repeat("| ", i), one.name)
	}
	for _, r := range rows {
		fmt.Fprintf(&b, "%-56s %s\n", r.name, strings.Join(r.cells, " "))
	}
	return b.String()
}

func TestGeneratedPolicy(t *testing.T) {
	byRole := slices.DeleteFunc(slices.Clone(things), func(one thing) bool {
		return slices.Contains([]string{"own tags", "tidy", "tidy there", "federate", "federate-tags", "session"}, one.name)
	})
	rows := policyTable(t, false, things, func(*row) bool { return true })
	more := policyTable(t, true, byRole, func(r *row) bool {
		return r.action == "iam:GetUser" || strings.HasPrefix(r.name, "BecomeRole") || strings.HasPrefix(r.name, "RotateOwnKey")
	})
	noneIdle(t, slices.Concat(rows, more))
	table := "As the user of config/root:\n\n" + printed(things, rows) + "\nBy role_arn, and without ownership tags, what is not the same:\n\n" + printed(byRole, more)
	const golden = "testdata/iam-policy.txt"
	if os.Getenv("UPDATE_DOCS") != "" && *policyWhole {
		if err := os.WriteFile(golden, []byte(table), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Log("\n" + table)
	want, got := strings.Split(readDoc(t, golden), "\n"), strings.Split(table, "\n")
	for i := range max(len(want), len(got)) {
		if i >= len(want) || i >= len(got) || !sameCells(want[i], got[i]) {
			t.Errorf("line %d of the table is not that of %s; -policy.whole with UPDATE_DOCS=1 writes it", i+1, golden)
			break
		}
	}
}

// noneIdle checks that each action of each kind of statement is asked for by something.
func noneIdle(t *testing.T, rows []*row) {
	t.Helper()
	asked := map[string]bool{}
	for _, r := range rows[1:] {
		name, _, _ := strings.Cut(r.name, "@")
		sid, action, _ := strings.Cut(name, ":")
		name = strings.TrimRight(sid, "0123456789") + ":" + action
		asked[name] = asked[name] || slices.ContainsFunc(r.cells, func(cell string) bool { return cell != fine && cell != untried })
	}
	for name, is := range asked {
		if !is && name != "(nothing left out):" {
			t.Errorf("nothing asks for %s", name)
		}
	}
}

// sameCells compares lines of tables, but for cells that were not tried.
func sameCells(want, got string) bool {
	if len(want) != len(got) {
		return want == strings.TrimRight(got, " ")
	}
	for i := range got {
		if tried := i <= 56 || got[i:i+1] != untried; tried && want[i] != got[i] {
			return false
		}
	}
	return true
}
