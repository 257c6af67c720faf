// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSection(t *testing.T) {
	t.Parallel()
	const changelog = "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-11-28\n\nThe second.\n\n### Added\n\n- It, see [there](docs/api.md#it).\n\n## [0.1.0]\n\n- The first.\n"
	for version, want := range map[string]string{
		"v0.2.0": "The second.\n\n### Added\n\n- It, see [there](docs/api.md#it).", "v0.2.0-dev": "The second.", "v0.1.0+build": "- The first.",
	} {
		if text, err := section(changelog, version); err != nil || !strings.HasPrefix(text, want) || strings.Contains(text, "## [") {
			t.Errorf("%s: %v %q", version, err, text)
		}
	}
	if text, err := section(changelog, "v0.3.0"); err == nil || !strings.Contains(err.Error(), "## [0.3.0]") {
		t.Errorf("a version without a section has the notes %q, %v", text, err)
	}
}

func TestNotesLinkIntoTheRepository(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	changelog, notes := filepath.Join(dir, "CHANGELOG.md"), filepath.Join(dir, "NOTES.md")
	write(t, changelog, "## [0.2.0]\n\n[a](docs/api.md#it) [b](https://example.com/x) [c](#here)\n")
	r := &release{version: "v0.2.0", links: "https://example.com/blob/v0.2.0/"}
	if err := r.writeNotes(changelog, notes); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(notes)
	if err != nil {
		t.Fatal(err)
	}
	if want := "[a](https://example.com/blob/v0.2.0/docs/api.md#it) [b](https://example.com/x) [c](#here)\n"; !strings.HasPrefix(string(text), want) {
		t.Errorf("the notes are %q", text)
	}
}

// An archive says nothing of when and where it was made.
func TestArchivesAreTheSame(t *testing.T) {
	t.Parallel()
	entries := []entry{{"plugin", 0o755, []byte("program")}, {"LICENSE", 0o644, []byte("text")}}
	for name, format := range map[string]func(*bytes.Buffer, time.Time) error{
		"tar.gz": func(b *bytes.Buffer, made time.Time) error { return writeTarGz(b, entries, made) },
		"zip":    func(b *bytes.Buffer, made time.Time) error { return writeZip(b, entries, made) },
	} {
		var one, two, later bytes.Buffer
		made := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
		for b, made := range map[*bytes.Buffer]time.Time{&one: made, &two: made.In(time.FixedZone("there", 3600)), &later: made.Add(time.Hour)} {
			if err := format(b, made); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(one.Bytes(), two.Bytes()) || bytes.Equal(one.Bytes(), later.Bytes()) {
			t.Errorf("%s: two of the same time are equal: %t", name, bytes.Equal(one.Bytes(), two.Bytes()))
		}
	}
}

func TestTwoBuildsThatDiffer(t *testing.T) {
	t.Parallel()
	one := map[string]string{"plugin": "1", "vault-aws": "2"}
	if err := differences(one, map[string]string{"plugin": "1", "vault-aws": "2"}); err != nil {
		t.Error(err)
	}
	err := differences(one, map[string]string{"plugin": "3", "notes": "4"})
	for _, name := range []string{"plugin", "vault-aws", "notes"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
}

// The check of the image finds what should not be there.
func TestCheckImage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := &release{version: "v0.2.0", made: time.Unix(0, 0)}
	plugin := filepath.Join(dir, "plugin")
	write(t, plugin, "program")
	image := filepath.Join(dir, pluginName+"_v0.2.0_oci.tar")
	if err := r.writeImage(image, []binary{{platform{"linux", "arm64"}, pluginName, plugin, ""}, {platform{"darwin", "arm64"}, pluginName, plugin, ""}}); err != nil {
		t.Fatal(err)
	}
	const sum = "72f53d65a8ea92de2ccb3eaedd0fd00d4f86f14c8a92ab9b0ef2c0c4a9aa81dc"
	name := pluginName + "_v0.2.0_linux_arm64"
	if err := r.checkImage(dir, map[string]string{name: sum}); err == nil || !strings.Contains(err.Error(), sum) {
		t.Errorf("a plugin of another sum is taken: %v", err)
	}
	sums, err := sumsOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.checkImage(dir, map[string]string{name: sums["plugin"]}); err != nil {
		t.Error(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
