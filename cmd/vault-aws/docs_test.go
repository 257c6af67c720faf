// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docs/vault-aws.md has a chapter for each verb, with its arguments and flags, and no flag that is none.
func TestDocsNameVerbsAndFlags(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../../docs/vault-aws.md")
	if err != nil {
		t.Fatal(err)
	}
	flags := []string{"-h", "-version"}
	for _, v := range verbs() {
		_, chapter, ok := strings.Cut(string(content), "\n## `"+v.name+"`\n")
		if !ok {
			t.Errorf("there is no chapter %s", v.name)
			continue
		}
		chapter, _, _ = strings.Cut(chapter, "\n## ")
		if !strings.Contains(chapter, v.usage()+"\n") {
			t.Errorf("the chapter %s lacks %q", v.name, v.usage())
		}
		eachFlag(v, func(name, _ string, _ bool) {
			flags = append(flags, "-"+name)
			if !strings.Contains(chapter, "`-"+name) && !slices.Contains([]string{"mount", "address", "namespace"}, name) {
				t.Errorf("the chapter %s lacks -%s", v.name, name)
			}
		})
	}
	for _, found := range regexp.MustCompile("`(-[a-z]+)[`=]").FindAllStringSubmatch(string(content), -1) {
		if !slices.Contains(flags, found[1]) {
			t.Errorf("vault-aws has no flag %s", found[1])
		}
	}
	for _, common := range []string{"`-mount=aws`", "`-address=…`", "`-namespace=…`"} {
		if !strings.Contains(string(content), common) {
			t.Errorf("the page lacks %s", common)
		}
	}
}

// The completions of all shells name each verb and each of its flags.
func TestCompletionsAreWhole(t *testing.T) {
	t.Parallel()
	for shell, text := range map[string]string{"bash": bashCompletion(), "zsh": zshCompletion(), "fish": fishCompletion()} {
		for _, v := range verbs() {
			if !strings.Contains(text, v.name) {
				t.Errorf("%s knows no %s", shell, v.name)
			}
			eachFlag(v, func(name, _ string, _ bool) {
				if !regexp.MustCompile(`(-|-o )` + name + `\b`).MatchString(text) {
					t.Errorf("%s knows no -%s of %s", shell, name, v.name)
				}
			})
		}
	}
}
