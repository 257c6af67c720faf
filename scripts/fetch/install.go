// SPDX-License-Identifier: MPL-2.0

package main

import (
	"archive/zip"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// This file gets an archive, and unpacks it only if its sum is the one that is written down.

const megabyte = 1 << 20

// install gets the archive beside the path it is unpacked to, and removes it again.
func (r request) install(ctx context.Context, errs io.Writer) error {
	want, err := r.sum()
	if err != nil {
		return err
	}
	archive, err := os.CreateTemp(filepath.Dir(r.out), ".fetch-*")
	if err != nil {
		return fmt.Errorf("making room for the archive: %w", err)
	}
	defer func() {
		_ = archive.Close()
		_ = os.Remove(archive.Name())
	}()
	hash := sha256.New()
	err = r.get(ctx, func(body io.Reader, size int64) error {
		_, err := io.Copy(io.MultiWriter(archive, hash, &progress{size: size, out: errs}), body)
		return err
	})
	if err != nil {
		return err
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != want {
		return fmt.Errorf("%s has the sha256\n  %s, and %s says\n  %s: it is not used", r.url, got, r.sums, want)
	}
	return r.take(archive)
}

// sum finds the sha256 of the archive in the file of sums.
func (r request) sum() (string, error) {
	file, err := os.Open(r.sums)
	if err != nil {
		return "", fmt.Errorf("reading the sums: %w", err)
	}
	defer func() { _ = file.Close() }()
	name := path.Base(r.url)
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if words := strings.Fields(lines.Text()); len(words) == 2 && strings.TrimPrefix(words[1], "*") == name {
			return strings.ToLower(words[0]), nil
		}
	}
	if err := lines.Err(); err != nil {
		return "", fmt.Errorf("reading the sums: %w", err)
	}
	return "", fmt.Errorf("%s has no sha256 of %s", r.sums, name)
}

// take unpacks the one file under a temporary name first, so that nobody ever runs half a binary.
func (r request) take(archive *os.File) error {
	size, err := archive.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("reading the archive: %w", err)
	}
	files, err := zip.NewReader(archive, size)
	if err != nil {
		return fmt.Errorf("reading the archive: %w", err)
	}
	packed, err := files.Open(r.unpack)
	if err != nil {
		return fmt.Errorf("the archive has no file %s: %w", r.unpack, err)
	}
	defer func() { _ = packed.Close() }()
	unpacked, err := os.CreateTemp(filepath.Dir(r.out), ".fetch-*")
	if err != nil {
		return fmt.Errorf("making room for %s: %w", r.unpack, err)
	}
	_, err = io.Copy(unpacked, packed)
	if failed := unpacked.Close(); err == nil {
		err = failed
	}
	if err == nil {
		err = os.Chmod(unpacked.Name(), 0o755) //nolint:gosec // it is a program
	}
	if err == nil {
		err = os.Rename(unpacked.Name(), r.out)
	}
	if err != nil {
		_ = os.Remove(unpacked.Name())
		return fmt.Errorf("unpacking %s: %w", r.unpack, err)
	}
	return nil
}

// progress prints a line such as "12 of 160 MB" for each megabyte, which scripts/with-progress.sh draws.
type progress struct {
	size, done int64
	out        io.Writer
}

func (p *progress) Write(piece []byte) (int, error) {
	before := p.done / megabyte
	p.done += int64(len(piece))
	if now := p.done / megabyte; now > before && p.size > 0 {
		fmt.Fprintf(p.out, "%d of %d MB\n", now, p.size/megabyte)
	}
	return len(piece), nil
}
