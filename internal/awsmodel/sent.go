// SPDX-License-Identifier: MPL-2.0

package awsmodel

// What the engine sends, as far as the source of internal/awscreds tells: what stands in the SDK's inputs, and what is
// assigned to them.

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
)

// Sent reads the source in a directory and lists the members that it sends, by action. The parts of a structure that it
// puts into a list are not told apart.
func Sent(dir string) (map[string][]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	all := map[string][]string{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			return nil, err
		}
		sent(file, func(action string, members ...string) {
			all[action] = slices.Compact(slices.Sorted(slices.Values(append(all[action], members...))))
		})
	}
	return all, nil
}

// sent finds the members that a file sets, by action.
func sent(file *ast.File, found func(action string, members ...string)) {
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
				found(action)
				for _, element := range n.Elts {
					found(action, element.(*ast.KeyValueExpr).Key.(*ast.Ident).Name)
				}
			}
			return true
		})
	}
}

// assigned looks at one assignment: of an input to a variable, or of a value to its member.
func assigned(n *ast.AssignStmt, inputs map[string]string, found func(action string, members ...string)) {
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
