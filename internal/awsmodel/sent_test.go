// SPDX-License-Identifier: MPL-2.0

package awsmodel

// The table has all that the engine sends, as far as the source of internal/awscreds tells: what stands in the SDK's
// inputs, and what is assigned to them.

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// sent finds the members that a file sets, by action.
func sent(file *ast.File, found func(action, member string)) {
	for _, decl := range file.Decls {
		inputs := map[string]string{} // the actions, by variable
		ast.Inspect(decl, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				assigned(n, inputs, found)
			case *ast.CompositeLit:
				action := actionOf(n)
				if action == "" {
					return true
				}
				found(action, "")
				for _, element := range n.Elts {
					found(action, element.(*ast.KeyValueExpr).Key.(*ast.Ident).Name)
				}
			}
			return true
		})
	}
}

// assigned looks at one assignment: of an input to a variable, or of a value to its member.
func assigned(n *ast.AssignStmt, inputs map[string]string, found func(action, member string)) {
	if name, ok := n.Lhs[0].(*ast.Ident); ok {
		if address, ok := n.Rhs[0].(*ast.UnaryExpr); ok {
			if literal, ok := address.X.(*ast.CompositeLit); ok {
				inputs[name.Name] = actionOf(literal)
			}
		}
	}
	if member, ok := n.Lhs[0].(*ast.SelectorExpr); ok {
		if name, ok := member.X.(*ast.Ident); ok && inputs[name.Name] != "" {
			found(inputs[name.Name], member.Sel.Name)
		}
	}
}

// actionOf is the action of an input such as iam.CreateUserInput{}.
func actionOf(literal *ast.CompositeLit) string {
	kind, ok := literal.Type.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	service, ok := kind.X.(*ast.Ident)
	action, isInput := strings.CutSuffix(kind.Sel.Name, "Input")
	if !ok || !isInput || service.Name != "iam" && service.Name != "sts" {
		return ""
	}
	return action
}

func TestTableHasAllThatTheEngineSends(t *testing.T) {
	files, err := filepath.Glob("../awscreds/*.go")
	if err != nil {
		t.Fatal(err)
	}
	actions, members := map[string]bool{}, 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		sent(file, func(action, member string) {
			actions[action] = true
			if _, known := Load().Actions[action]; !known {
				t.Errorf("%s sends %s, which model.json does not have: add it to generate/actions.go", name, action)
			}
			if member == "" {
				return
			}
			members++
			if _, known := Load().Member(action, member); !known {
				t.Errorf("%s sends %s of %s, which AWS's model does not have", name, member, action)
			}
		})
	}
	if len(actions) < 25 || members < 40 {
		t.Errorf("found %d actions with %d members only", len(actions), members)
	}
	t.Logf("%d actions with %d members are sent", len(actions), members)
}
