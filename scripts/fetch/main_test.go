// SPDX-License-Identifier: MPL-2.0

package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// This file lets a local server play the web: well, badly, and not at all.

const archiveName = "vault_1.2.3_linux_amd64.zip"

// archive is a zip with one file, of more than two megabytes that do not shrink away: their sum is of the archive.
func archive(t *testing.T, name string) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	file, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(bytes.Repeat([]byte("vault"), 500_000)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

func TestInstall(t *testing.T) {
	t.Parallel()
	good, other := archive(t, "vault"), archive(t, "LICENSE.txt")
	hang := make(chan struct{})
	mux := http.NewServeMux()
	serve := func(body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			_, _ = w.Write(body)
		}
	}
	mux.HandleFunc("/good/"+archiveName, serve(good))
	mux.HandleFunc("/changed/"+archiveName, serve(append([]byte("x"), good...)))
	mux.HandleFunc("/other/other.zip", serve(other))
	mux.HandleFunc("/text/text.zip", serve([]byte("no archive")))
	mux.HandleFunc("/good/unlisted.zip", serve(good))
	mux.HandleFunc("/hanging/"+archiveName, func(http.ResponseWriter, *http.Request) { <-hang })
	mux.HandleFunc("/halfway/"+archiveName, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(good)))
		_, _ = w.Write(good[:len(good)/2])
		w.(http.Flusher).Flush()
		<-hang
	})
	mux.HandleFunc("/cut/"+archiveName, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(good)))
		_, _ = w.Write(good[:len(good)/2])
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(hang) }) // before the server waits for its handlers

	sums := filepath.Join(t.TempDir(), "SHA256SUMS")
	text := fmt.Sprintf("%x  %s\n%x *other.zip\n%x  text.zip\n", sha256.Sum256(good), archiveName, sha256.Sum256(other), sha256.Sum256([]byte("no archive")))
	if err := os.WriteFile(sums, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, want string }{
		{"/good/" + archiveName, ""},
		{"/changed/" + archiveName, "it is not used"},
		{"/missing/" + archiveName, "404 Not Found"},
		{"/hanging/" + archiveName, "no answer within 100ms"},
		{"/halfway/" + archiveName, "nothing more within 200ms"},
		{"/cut/" + archiveName, "unexpected EOF"},
		{"/other/other.zip", "has no file vault"},
		{"/text/text.zip", "not a valid zip file"},
		{"/good/unlisted.zip", "has no sha256 of unlisted.zip"},
	} {
		t.Run(strings.ReplaceAll(strings.Trim(c.path, "/"), "/", " "), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			out := filepath.Join(dir, "vault")
			answer, silence := "30s", "30s"
			switch {
			case strings.HasPrefix(c.path, "/hanging"):
				answer = "100ms"
			case strings.HasPrefix(c.path, "/halfway"):
				silence = "200ms"
			}
			var said bytes.Buffer
			err := run(t.Context(), []string{"-sums", sums, "-unpack", "vault", "-out", out, "-answer", answer, "-silence", silence, server.URL + c.path}, io.Discard, &said)
			left, readErr := os.ReadDir(dir)
			if readErr != nil {
				t.Fatal(readErr)
			}
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) || len(left) != 0 {
					t.Fatalf("it says %v, expected %q; it leaves %v", err, c.want, left)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if said.String() != "1 of 2 MB\n2 of 2 MB\n" {
				t.Errorf("it tells of its progress: %q", said.String())
			}
			info, err := os.Stat(out)
			if err != nil || info.Size() != 2_500_000 || info.Mode().Perm() != 0o755 || len(left) != 1 {
				t.Errorf("it leaves %v, %v, %v", info, err, left)
			}
		})
	}
}

func TestPrint(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "a page") }))
	t.Cleanup(server.Close)
	var out bytes.Buffer
	if err := run(t.Context(), []string{server.URL}, &out, io.Discard); err != nil || out.String() != "a page" {
		t.Fatalf("it prints %q, %v", out.String(), err)
	}
	closed := httptest.NewServer(nil)
	closed.Close()
	for _, c := range []struct {
		want string
		args []string
	}{
		{"connection refused", []string{closed.URL}},
		{"give one URL, not 0", nil},
		{"is no URL", []string{"releases.hashicorp.com/vault"}},
		{"go together", []string{"-out", "vault", server.URL}},
	} {
		if err := run(t.Context(), c.args, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, expected %q", c.args, err, c.want)
		}
	}
}
