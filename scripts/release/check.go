// SPDX-License-Identifier: MPL-2.0

package main

// What has to be true of a release before anybody gets it.

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// sumsFile is in the form that sha256sum -c reads.
const sumsFile = "SHA256SUMS"

// check prints each thing that is true, and fails on the first that is not.
func (r *release) check(first, second string) error {
	sums, err := sumsOf(first)
	if err != nil {
		return err
	}
	again, err := sumsOf(second)
	if err != nil {
		return err
	}
	if err := differences(sums, again); err != nil {
		return err
	}
	say("two builds are equal: %d files", len(sums))
	written, err := os.ReadFile(filepath.Join(first, sumsFile))
	if err != nil {
		return fmt.Errorf("reading the sums: %w", err)
	}
	delete(sums, sumsFile)
	if formatSums(sums) != string(written) {
		return errors.New(sumsFile + " does not have the sums of the files")
	}
	say("sums check: %d files, each in %s", len(sums), sumsFile)
	return r.checkImage(first, sums)
}

// sumsOf are the sums of the files of a release.
func sumsOf(dir string) (map[string]string, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the release: %w", err)
	}
	sums := map[string]string{}
	for _, file := range files {
		content, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil {
			return nil, fmt.Errorf("reading the release: %w", err)
		}
		sums[file.Name()] = fmt.Sprintf("%x", sha256.Sum256(content))
	}
	return sums, nil
}

func formatSums(sums map[string]string) string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		fmt.Fprintf(&text, "%s  %s\n", sums[name], name)
	}
	return text.String()
}

// writeSums writes the sums of all files that are there.
func writeSums(dir string) error {
	sums, err := sumsOf(dir)
	if err != nil {
		return err
	}
	return create(filepath.Join(dir, sumsFile), func(w io.Writer) error {
		_, err := io.WriteString(w, formatSums(sums))
		return err //nolint:wrapcheck // create says what was written
	})
}

// differences names the files that are not equal in both builds.
func differences(first, second map[string]string) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(first)) {
		if second[name] != first[name] {
			errs = append(errs, fmt.Errorf("two builds differ in %s: %s and %s", name, first[name], second[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(second)) {
		if first[name] == "" {
			errs = append(errs, fmt.Errorf("the second build alone has %s", name))
		}
	}
	return errors.Join(errs...)
}
