// SPDX-License-Identifier: MPL-2.0

package backend

// docs/migration.md names a test for each bug of the built-in engine. They have to be
// there.

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestDocsNameTestsThatExist(t *testing.T) {
	t.Parallel()
	var source strings.Builder
	for _, folder := range []string{".", "../internal/awscreds", "../internal/e2e"} {
		files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no tests in %s: %v", folder, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			source.Write(text)
		}
	}
	doc, err := os.ReadFile("../docs/migration.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(Test[A-Za-z]+)`").FindAllStringSubmatch(string(doc), -1)
	for _, name := range named {
		if !strings.Contains(source.String(), "\nfunc "+name[1]+"(") {
			t.Errorf("there is no %s", name[1])
		}
	}
	for row := 1; row <= 26; row++ {
		if !regexp.MustCompile(fmt.Sprintf(`(?m)^\| B%d \| .+ \| .*Test`, row)).Match(doc) {
			t.Errorf("B%d has no test", row)
		}
	}
}
