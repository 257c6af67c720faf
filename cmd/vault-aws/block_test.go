// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"strings"
	"testing"
)

// What is cut out and pasted back is the same, and all around it stays as it is.
func TestBlockLeavesTheRestAlone(t *testing.T) {
	t.Parallel()
	b := block{"aws at https://vault:8200"}
	other := block{"aws-dyn at https://vault:8200"}
	const profiles = "[profile a]\ncredential_process = a\n"
	for _, around := range [][2]string{
		{"", ""}, {"[default]\n", ""}, {"", "[profile z]"}, {"# mine\r\n\r\n", "\n\n"},
		{other.begin() + profiles + other.end(), "# " + b.begin()},
	} {
		file := b.paste(around[0], profiles, around[1])
		before, inside, after, err := b.cut(file)
		if err != nil || before != around[0] || inside != profiles || after != around[1] {
			t.Errorf("%q: cut into %q, %q, %q: %v", file, before, inside, after, err)
		}
		if left := b.paste(before, "", after); left != around[0]+around[1] {
			t.Errorf("without profiles the file is %q", left)
		}
	}
	if got, want := b.paste("[default]", profiles, ""), "[default]\n"+b.begin()+profiles+b.end(); got != want {
		t.Errorf("after a last line without an end: %q, expected %q", got, want)
	}
	for _, broken := range []string{b.begin(), b.end(), b.end() + b.begin(), b.begin() + b.end() + b.begin() + b.end()} {
		if _, _, _, err := b.cut(broken); err == nil || !strings.Contains(err.Error(), "fix or remove them") {
			t.Errorf("%q: %v", broken, err)
		}
	}
}

// A file of AWS's names its sections in many ways, and a profile that is there twice makes the file useless.
func TestSectionOf(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"[default]": "default", "[profile app]": "app", " [ profile  app ] # mine\r\n": "app", `[profile "two words"]`: "two words", "[profile 'app']": "app",
	} {
		if got, ok := sectionOf(line); !ok || got != want {
			t.Errorf("%q begins %q, expected %q", line, got, want)
		}
	}
	for _, line := range []string{"# [profile app]", "region = [x]", ""} {
		if got, ok := sectionOf(line); ok {
			t.Errorf("%q begins %q, and is no section", line, got)
		}
	}
}
