// SPDX-License-Identifier: MPL-2.0

package backend

// The API document is a folder: one page a topic, and an index that leads to each path.

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const apiDocs = "../docs/api"

// apiPages are its pages by their names.
func apiPages(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(apiDocs + "/*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("no pages in %s: %v", apiDocs, err)
	}
	pages := map[string]string{}
	for _, file := range files {
		pages[filepath.Base(file)] = readDoc(t, file)
	}
	return pages
}

// apiSections are the sections of all pages whose heading is a path; no path has two.
func apiSections(t *testing.T) map[string]string {
	t.Helper()
	sections := map[string]string{}
	for name, page := range apiPages(t) {
		for path, section := range pathSections(page) {
			if sections[path] != "" {
				t.Errorf("%s/%s describes the path %s, as another page does", apiDocs, name, path)
			}
			sections[path] = section
		}
	}
	return sections
}

// The index leads to the page and the section of each path, and to every page.
func TestDocsAPIIndex(t *testing.T) {
	t.Parallel()
	pages := apiPages(t)
	index := pages["README.md"]
	linked := map[string]string{} // page by path
	for _, m := range regexp.MustCompile(`(?m)^\| \[([^\]]+)\]\(([\w-]+\.md)#[\w-]+\) \|`).FindAllStringSubmatch(index, -1) {
		for _, path := range backticked(m[1]) {
			linked[path] = m[2]
		}
	}
	for name, page := range pages {
		if name != "README.md" && !strings.Contains(index, "]("+name+") |") {
			t.Errorf("the index does not lead to %s", name)
		}
		for path := range pathSections(page) {
			if linked[path] != name {
				t.Errorf("the index leads to %q for %s, which is in %s", linked[path], path, name)
			}
			delete(linked, path)
		}
	}
	for path := range linked {
		t.Errorf("the index has %s, which no page describes", path)
	}
}
