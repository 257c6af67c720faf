// SPDX-License-Identifier: MPL-2.0

package main

// A binary as it is released: bare, since Vault registers the sum of the bare binary; in an archive, with the licences;
// and with a bill of materials beside it.

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// entry is a file of an archive. Whoever unpacks it owns it.
type entry struct {
	name    string
	mode    int64
	content []byte
}

// pack writes all that is released of a binary.
func (r *release) pack(ctx context.Context, dir string, b binary, texts []entry) error {
	content, err := os.ReadFile(b.path)
	if err != nil {
		return fmt.Errorf("reading what was built: %w", err)
	}
	bare := filepath.Join(dir, b.file(b.name))
	if err := os.WriteFile(bare, content, 0o755); err != nil { //nolint:gosec // a program for everybody
		return fmt.Errorf("writing the binary: %w", err)
	}
	_, err = output(ctx, dir, r.sbom, "bin", "-json", "-noserial", "-notimestamp", "-std", "-licenses", "-version", r.version,
		"-output", filepath.Join(dir, b.name+".cdx.json"), bare)
	if err != nil {
		return err
	}
	write, suffix := writeTarGz, ".tar.gz"
	if b.os == "windows" {
		write, suffix = writeZip, ".zip"
	}
	entries := append([]entry{{b.file(b.program), 0o755, content}}, texts...)
	return create(filepath.Join(dir, b.name+suffix), func(w io.Writer) error { return write(w, entries, r.made) })
}

// writeTarGz writes the same bytes for the same entries.
func writeTarGz(w io.Writer, entries []entry, made time.Time) error {
	compressed, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return fmt.Errorf("compressing: %w", err)
	}
	if err := writeTar(compressed, entries, made); err != nil {
		return err
	}
	return compressed.Close() //nolint:wrapcheck // create says what was written
}

func writeTar(w io.Writer, entries []entry, made time.Time) error {
	archive := tar.NewWriter(w)
	for _, e := range entries {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: e.name, Mode: e.mode, Size: int64(len(e.content)), ModTime: made}
		if err := archive.WriteHeader(header); err != nil {
			return fmt.Errorf("writing %s: %w", e.name, err)
		}
		if _, err := archive.Write(e.content); err != nil {
			return fmt.Errorf("writing %s: %w", e.name, err)
		}
	}
	return archive.Close() //nolint:wrapcheck // create says what was written
}

func writeZip(w io.Writer, entries []entry, made time.Time) error {
	archive := zip.NewWriter(w)
	for _, e := range entries {
		header := &zip.FileHeader{Name: e.name, Method: zip.Deflate, Modified: made.UTC()}
		header.SetMode(os.FileMode(e.mode)) //nolint:gosec // permissions
		file, err := archive.CreateHeader(header)
		if err != nil {
			return fmt.Errorf("writing %s: %w", e.name, err)
		}
		if _, err := file.Write(e.content); err != nil {
			return fmt.Errorf("writing %s: %w", e.name, err)
		}
	}
	return archive.Close() //nolint:wrapcheck // create says what was written
}

// create writes a file for everybody to read.
func create(path string, write func(io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("creating a file of the release: %w", err)
	}
	if err := write(file); err != nil {
		_ = file.Close() // the first error counts
		return fmt.Errorf("writing %s: %w", filepath.Base(path), err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("closing %s: %w", filepath.Base(path), err)
	}
	return nil
}
