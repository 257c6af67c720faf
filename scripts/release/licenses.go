// SPDX-License-Identifier: MPL-2.0

package main

// The texts that go along with a binary: its own licence, the README, and the licences of the modules in it, most of
// which ask for that.

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// licenseFile is what a module calls its licence, and what else it asks to pass on.
var licenseFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([-.].*)?$`)

// texts are the files that every archive holds beside the binary.
func (r *release) texts(ctx context.Context, source string, built []binary) ([]entry, error) {
	third, err := thirdParties(ctx, source, built)
	if err != nil {
		return nil, err
	}
	entries := []entry{{"THIRD_PARTY_LICENSES.txt", 0o644, third}}
	for _, name := range []string{"LICENSE", "README.md"} {
		content, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return nil, fmt.Errorf("reading a text of the release: %w", err)
		}
		entries = append(entries, entry{name, 0o644, content})
	}
	return entries, nil
}

// thirdParties are the licences of all modules that any of the binaries was built from, and of Go's.
func thirdParties(ctx context.Context, source string, built []binary) ([]byte, error) {
	modules := map[string]bool{}
	for _, b := range built {
		info, err := buildinfo.ReadFile(b.path)
		if err != nil {
			return nil, fmt.Errorf("reading what %s was built from: %w", b.name, err)
		}
		for _, dependency := range info.Deps {
			if dependency.Replace != nil {
				return nil, fmt.Errorf("%s is replaced; a release is built from what the module proxy serves", dependency.Path)
			}
			modules[dependency.Path] = true
		}
	}
	list, err := output(ctx, source, "go", "list", "-m", "-f", "{{.Path}} {{.Version}} {{.Dir}}", "all")
	if err != nil {
		return nil, err
	}
	goroot, err := output(ctx, source, "go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	errs := []error{appendLicenses(&text, "Go's standard library", goroot)}
	for _, line := range slices.Sorted(strings.Lines(list + "\n")) {
		words := strings.SplitN(strings.TrimSpace(line), " ", 3)
		if len(words) == 3 && modules[words[0]] {
			errs = append(errs, appendLicenses(&text, words[0]+" "+words[1], words[2]))
		}
	}
	return text.Bytes(), errors.Join(errs...)
}

// appendLicenses adds the texts of one module.
func appendLicenses(text *bytes.Buffer, module, dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("reading the licences of %s: %w", module, err)
	}
	found := false
	for _, file := range files {
		if file.IsDir() || !licenseFile.MatchString(file.Name()) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil {
			return fmt.Errorf("reading the licences of %s: %w", module, err)
		}
		found = true
		fmt.Fprintf(text, "==== %s: %s ====\n\n%s\n\n", module, file.Name(), bytes.TrimSpace(content))
	}
	if !found {
		return fmt.Errorf("%s has no licence at its root", module)
	}
	return nil
}
