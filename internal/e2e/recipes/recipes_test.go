// SPDX-License-Identifier: MPL-2.0

package recipes

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
)

// This file runs the commands of docs/recipes.md, taken out of the page itself, in the shell of `make dev`.

// recipe is a block of commands, and what the page says that they print.
type recipe struct {
	commands string
	refused  bool // the last command must fail: the block begins with "```shell refused"
	printed  string
}

var fencedBlock = regexp.MustCompile("(?ms)^```(shell refused|shell|text)\n(.*?)^```$")

// readRecipes reads a page. A block of text belongs to the commands before it.
func readRecipes(t *testing.T, page string) []recipe {
	t.Helper()
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var all []recipe
	for _, block := range fencedBlock.FindAllStringSubmatch(string(content), -1) {
		if kind := block[1]; kind != "text" {
			all = append(all, recipe{commands: block[2], refused: kind != "shell"})
			continue
		}
		if len(all) == 0 || all[len(all)-1].printed != "" {
			t.Fatalf("%s: no commands print this:\n%s", page, block[2])
		}
		all[len(all)-1].printed = block[2]
	}
	if fences := strings.Count(string(content), "\n```") / 2; len(all) == 0 || fences != len(fencedBlock.FindAllString(string(content), -1)) {
		t.Fatalf("%s has blocks that are neither commands nor what they print", page)
	}
	return all
}

// matches reports whether the end of an output is what the page says: … is any text of a line, and alone any lines. Vault
// indents some errors, and puts empty lines behind them.
func (r recipe) matches(output string) bool {
	pattern := regexp.QuoteMeta(strings.TrimSpace(r.printed))
	pattern = regexp.MustCompile(`(?m)^ *…\n`).ReplaceAllString(pattern, `(?:.*\n)*?`)
	pattern = strings.ReplaceAll(pattern, "…", ".*?")
	return regexp.MustCompile(`(?:^|\n)[ \t]*` + pattern + `\s*$`).MatchString(output)
}

// script is one shell script of all blocks, so that each has what those before it have set. Before each stands its
// number on a line of its own.
func script(all []recipe) string {
	var text strings.Builder
	text.WriteString("exec 2>&1\nset -e\n")
	for i, r := range all {
		fmt.Fprintf(&text, "echo '%s%d'\n", recipeMark, i)
		if r.refused {
			fmt.Fprintf(&text, "if (\n%s); then echo 'This was not refused.'; exit 1; fi\n", r.commands)
		} else {
			text.WriteString(r.commands)
		}
	}
	return text.String()
}

const recipeMark = "@@ recipe "

func TestRecipes(t *testing.T) {
	t.Parallel()
	all := readRecipes(t, programs.Repository+"/docs/recipes.md")
	file := filepath.Join(t.TempDir(), "recipes.sh")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+script(all)), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), startStay(t))
	cmd.Env = append(os.Environ(), "SHELL="+file, "HOME="+t.TempDir())
	output, err := cmd.Output()
	_, rest, _ := strings.Cut(string(output), recipeMark)
	outputs := strings.Split(rest, recipeMark)
	for i, text := range outputs {
		_, text, _ = strings.Cut(text, "\n")
		if !all[i].matches(text) {
			t.Errorf("the page says of\n%s\nthat it prints\n%s\nand it prints\n%s", all[i].commands, all[i].printed, text)
		}
	}
	if err != nil || len(outputs) != len(all) {
		t.Fatalf("the page stops at its block %d of %d, %v:\n%s", len(outputs), len(all), err, all[len(outputs)-1].commands)
	}
}

// startStay runs `make dev` until the test ends, and returns the program that begins its shell.
func startStay(t *testing.T) (shell string) {
	t.Helper()
	root, err := filepath.Abs(programs.Repository)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := programs.Output(t.Context(), "make", "-s", "-C", root, "build"); err != nil {
		t.Fatal(err)
	}
	caches, err := programs.Output(t.Context(), "go", "env", "GOCACHE", "GOMODCACHE") // which are below HOME
	if err != nil {
		t.Fatal(err)
	}
	build, modules, _ := strings.Cut(strings.TrimSpace(caches), "\n")
	cmd := exec.CommandContext(t.Context(), filepath.Join(root, "scripts", "demo.sh"), "--stay")
	cmd.Env = append(os.Environ(), "GOCACHE="+build, "GOMODCACHE="+modules, "VAULT_BIN="+programs.Built.Vault, "HOME="+t.TempDir(), "TMPDIR="+t.TempDir())
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 15 * time.Second
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting the demo: %v", err)
	}
	said := make(chan string, 1)
	go func() {
		var text strings.Builder
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			fmt.Fprintln(&text, lines.Text())
			if strings.HasPrefix(lines.Text(), "Ctrl-C") {
				break
			}
		}
		said <- text.String()
		_, _ = io.Copy(io.Discard, stdout) // until its end
	}()
	t.Cleanup(func() { _ = cmd.Wait() }) // it was told to end, and how it does says nothing
	text := <-said
	found := regexp.MustCompile(`(?m)^  (/\S*/shell)$`).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("the demo names no shell:\n%s", text)
	}
	return found[1]
}
