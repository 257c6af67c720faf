// SPDX-License-Identifier: MPL-2.0

package main

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
)

// This file plays the web.

// web is a server with an archive, and two files of sums: with the archive's, and with another.
type web struct {
	server      *httptest.Server
	sums, wrong string
}

// playWeb packs the Vault, and serves it under the name of any release of this platform below /good/. All else is 404.
func playWeb(ctx context.Context, dir, vault string) (web, error) {
	archive := filepath.Join(dir, "vault.zip")
	sum, err := pack(archive, vault)
	if err != nil {
		return web{}, fmt.Errorf("packing %s: %w", vault, err)
	}
	version, err := output(ctx, "go", "list", "-C", "scripts/vault", "-m", "-f", "{{slice .Version 1}}", "github.com/hashicorp/vault")
	if err != nil {
		return web{}, err
	}
	platform, err := output(ctx, "sh", "-c", "echo $(go env GOHOSTOS)_$(go env GOHOSTARCH)")
	if err != nil {
		return web{}, err
	}
	name := "vault_" + version + "_" + platform + ".zip"
	w := web{sums: filepath.Join(dir, "SHA256SUMS"), wrong: filepath.Join(dir, "SHA256SUMS.wrong")}
	for file, sum := range map[string][]byte{w.sums: sum, w.wrong: make([]byte, sha256.Size)} {
		if err := os.WriteFile(file, fmt.Appendf(nil, "%x  %s\n", sum, name), 0o600); err != nil {
			return web{}, fmt.Errorf("writing the sums: %w", err)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc(path.Join("/good/vault", version, name), func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, archive) })
	w.server = httptest.NewServer(mux)
	return w, nil
}

// pack makes a zip of one file, and gives back the sum of the zip.
func pack(archive, binary string) ([]byte, error) {
	from, err := os.Open(binary) //nolint:gosec // it is the Vault of this checkout
	if err != nil {
		return nil, err
	}
	defer func() { _ = from.Close() }()
	to, err := os.Create(archive) //nolint:gosec // it is in the directory of this run
	if err != nil {
		return nil, err
	}
	defer func() { _ = to.Close() }()
	hash := sha256.New()
	packed := zip.NewWriter(io.MultiWriter(to, hash))
	file, err := packed.Create("vault")
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(file, from); err != nil {
		return nil, err
	}
	if err := packed.Close(); err != nil {
		return nil, err
	}
	return hash.Sum(nil), nil
}
