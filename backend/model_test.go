// SPDX-License-Identifier: MPL-2.0

package backend

// The engine against AWS's API model: each member that a user of the engine decides, at its bounds, one beyond, and with
// characters outside its pattern. What AWS takes is taken at the write and reaches AWS as it was written; what AWS refuses is
// refused at the front door, with the name of the field, and never reaches AWS. The fake is held against the same cells by a
// test of its own. Which field is which member stands in model_routes_test.go.

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/awsmodel"
)

// walk is what a walk through the cells counts.
type walk struct {
	cells, explained, differences int
	why                           map[string]int // the explanations, with how many cells each has
}

func TestEngineAgreesWithTheModelInEveryCell(t *testing.T) {
	total := walk{why: map[string]int{}}
	for _, r := range routes {
		t.Run(r.field+" is "+r.action+"."+r.member, func(t *testing.T) {
			m := newModelMount(t)
			for _, c := range awsmodel.Load().Cells(r.action) {
				if c.Member == r.member {
					r.walk(m, c, &total)
				}
			}
		})
	}
	t.Logf("%d cells, %d of them explained, %d differences", total.cells, total.explained, total.differences)
	for _, why := range slices.Sorted(maps.Keys(total.why)) {
		t.Logf("explained, %d cells: %s", total.why[why], why)
	}
	if total.cells < 300 || total.explained*2 > total.cells {
		t.Errorf("%d cells, %d explained", total.cells, total.explained)
	}
}

// walk looks at one cell.
func (r route) walk(m *mount, c awsmodel.Cell, total *walk) {
	m.t.Helper()
	total.cells++
	problem := r.try(m, c)
	switch why := r.explained(c); {
	case problem == "":
	case why != "": // and nothing that does not fit has reached AWS, which try has looked at
		total.explained++
		total.why[fmt.Sprintf("%s as %s.%s: %s", r.field, c.Action, c.Member, why)]++
	default:
		total.differences++
		m.t.Errorf("%s, %.100q: %s", c, c.Value, problem)
	}
}

// explained is why the engine may differ in a cell.
func (r route) explained(c awsmodel.Cell) string {
	if why := r.but[c.Case]; why != "" {
		return why
	}
	switch {
	case c.Case == "absent":
		return "the engine never leaves it out"
	case strings.HasSuffix(r.member, "GroupName") && strings.TrimSpace(c.Value) == "":
		return blanksInLists
	}
	return ""
}

// try writes a value, asks for what sends it to AWS, and says what is wrong with what happens.
func (r route) try(m *mount, c awsmodel.Cell) (problem string) {
	m.t.Helper()
	value, data := r.value(c), map[string]any{}
	if r.exists != nil && c.Fits {
		r.exists(m, value)
	}
	m.aws.ResetCalls()
	defer m.fitsAll()
	path := r.path
	if path == "" {
		path = "roles/" + value
	}
	maps.Copy(data, r.more)
	if r.path != "" && !r.asked && c.Case != "absent" {
		data[r.field] = r.in(c, value)
	}
	resp, err := m.ask(logical.UpdateOperation, path, data)
	text, status := outcome(resp, err)
	if status == 200 && r.ask != "" {
		with := map[string]any{}
		maps.Copy(with, r.with)
		if r.asked && c.Case != "absent" {
			with[r.field] = value
		}
		resp, err = m.ask(logical.UpdateOperation, strings.ReplaceAll(r.ask, "{}", value), with)
		text, status = outcome(resp, err)
		if well(resp, err) && resp.Secret.InternalData["is_sts"] != true {
			m.revoke(resp)
		}
	}
	sent, reached := m.sent(c)
	if status == 200 && strings.HasPrefix(path, "static-roles/") {
		m.do(logical.DeleteOperation, path, nil)
	}
	switch {
	case status >= 500:
		return fmt.Sprintf("%d %s", status, text)
	case c.Fits && !reached:
		return fmt.Sprintf("AWS takes it, and does not get it: %d %s", status, text)
	case c.Fits && c.Elements == 0 && sent != value && sent != "(redacted)":
		return fmt.Sprintf("AWS gets %.100q", sent)
	case !c.Fits && reached:
		return fmt.Sprintf("AWS refuses it, and gets %.100q", sent)
	case !c.Fits && !strings.Contains(text, r.named()):
		return "refused without the name of the field: " + text
	}
	return ""
}

// sent is what AWS got of a member.
func (m *mount) sent(c awsmodel.Cell) (value string, reached bool) {
	m.t.Helper()
	param := strings.ReplaceAll(c.Member, ".N", ".1")
	if c.Elements > 0 {
		param = fmt.Sprintf("%s.member.%d.Key", c.Member, c.Elements)
	}
	for _, call := range m.aws.Calls() {
		if call.Action == c.Action && call.Params.Has(param) {
			return call.Params.Get(param), true
		}
	}
	return "", false
}

// fitsAll checks that all that AWS got fits the model.
func (m *mount) fitsAll() {
	m.t.Helper()
	for _, call := range m.aws.Calls() {
		for param, values := range call.Params {
			if param == "Action" || param == "Version" {
				continue
			}
			member, known := awsmodel.Load().Member(call.Action, param)
			if !known {
				m.t.Errorf("AWS got %s of %s, which the model does not have", param, call.Action)
			} else if broken := member.Broken(values[0]); len(broken) > 0 && values[0] != "(redacted)" {
				m.t.Errorf("AWS got %s=%.100q of %s: %v", param, values[0], call.Action, broken)
			}
		}
	}
}

// All that the engine sends is either walked through above or decided by nobody outside.
func TestEverySentMemberIsAccountedFor(t *testing.T) {
	t.Parallel()
	all, err := awsmodel.Sent("../internal/awscreds")
	if err != nil {
		t.Fatal(err)
	}
	routed, other := 0, 0
	for action, members := range all {
		for _, member := range members {
			isRoute := slices.ContainsFunc(routes, func(r route) bool {
				return r.action == action && (r.member == member || strings.HasPrefix(r.member, member+"."))
			})
			switch {
			case isRoute:
				routed++
			case notAsked[action+"."+member] != "" || notAsked[member] != "":
				other++
			default:
				t.Errorf("%s.%s is in no route, and nothing says where it comes from", action, member)
			}
		}
	}
	t.Logf("%d members are decided by fields of requests, %d are not", routed, other)
}
