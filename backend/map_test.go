// SPDX-License-Identifier: MPL-2.0

package backend

// The package comments are the map of the house: a newcomer finds every file there.

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// rooms are the directories of the backend.
var rooms = []string{".", "engine", "awsrules", "iampolicy", "roles", "rootkey", "sessions", "sharing", "staticrole", "status", "tidy", "users"}

func TestPackageCommentsNameEveryFile(t *testing.T) {
	main := packageComment(t, ".")
	for _, dir := range rooms {
		if dir != "." && !strings.Contains(main, "backend/"+dir) {
			t.Errorf("the package comment of backend does not name backend/%s", dir)
		}
		comment := packageComment(t, dir)
		for _, file := range sources(t, dir) {
			if name := filepath.Base(file); !regexp.MustCompile(`(^|[^a-z_])` + regexp.QuoteMeta(name)).MatchString(comment) {
				t.Errorf("the package comment of backend/%s does not name %s", dir, name)
			}
		}
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && len(sources(t, e.Name())) > 0 && !strings.Contains(main, "backend/"+e.Name()) {
			t.Errorf("the package comment of backend does not name the room backend/%s", e.Name())
		}
	}
}

// No room grows back into one that nobody can overlook: the main room has few files, and no type too many methods. The same
// goes for the client of AWS.
func TestRoomsStaySmall(t *testing.T) {
	const mostFiles, mostMethods = 30, 60
	if n := len(sources(t, ".")); n > mostFiles {
		t.Errorf("backend has %d files, more than %d; give what belongs together a room", n, mostFiles)
	}
	for _, dir := range append(slices.Clone(rooms), "../internal/awscreds") {
		methods := map[string]int{}
		for _, file := range sources(t, dir) {
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range parsed.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil {
					methods[receiver(f)]++
				}
			}
		}
		for name, n := range methods {
			if n > mostMethods {
				t.Errorf("%s in backend/%s has %d methods, more than %d; part it", name, dir, n, mostMethods)
			}
		}
	}
}

// receiver is the name of the type that a method is of.
func receiver(f *ast.FuncDecl) string {
	of := f.Recv.List[0].Type
	if p, ok := of.(*ast.StarExpr); ok {
		of = p.X
	}
	if g, ok := of.(*ast.IndexExpr); ok {
		of = g.X
	}
	name, ok := of.(*ast.Ident)
	if !ok {
		return ""
	}
	return name.Name
}

// What docs/design.md, CONTRIBUTING.md and the package comments call by name has to exist.
func TestNamedFilesExist(t *testing.T) {
	known := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".go") {
			known[filepath.Base(path)] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{"docs/design.md": readDoc(t, "../docs/design.md"), "CONTRIBUTING.md": readDoc(t, "../CONTRIBUTING.md")}
	for _, dir := range rooms {
		texts["the package comment of backend/"+dir] = packageComment(t, dir)
	}
	for where, text := range texts {
		for _, name := range regexp.MustCompile(`[a-z_]+\.go\b`).FindAllString(text, -1) {
			if !known[name] {
				t.Errorf("%s names %s, which does not exist", where, name)
			}
		}
	}
}

// sources are the files of a package, tests left out.
func sources(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(files, func(file string) bool { return strings.HasSuffix(file, "_test.go") })
}

// packageComment is the comment of the package in a directory, which one file has.
func packageComment(t *testing.T, dir string) string {
	t.Helper()
	var text strings.Builder
	for _, file := range sources(t, dir) {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString(parsed.Doc.Text())
	}
	return text.String()
}
