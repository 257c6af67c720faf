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
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// This file runs scripts/vault.sh in a tree of its own, where a script plays the go command: nothing is built for real.
// What the script runs by `go run ./scripts/fetch` is this test binary.

const asFetch = "AWSDYN_TEST_AS_FETCH"

func TestMain(m *testing.M) {
	if os.Getenv(asFetch) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// fakeGo plays the go command. With -n it tells what a build would compile. A build leaves $TREE/built, which TERM removes
// again, and ends when $TREE/go-on is there, if $TREE/wait is.
const fakeGo = `#!/bin/sh
case $1 in
env)
	case $2 in
	GOHOSTOS) echo linux ;;
	GOHOSTARCH) echo "${ARCH:-amd64}" ;;
	*) echo -buildvcs=false ;;
	esac
	;;
run)
	shift 2
	` + asFetch + `=yes exec "$FETCH" -answer "${ANSWER:-30s}" "$@"
	;;
build)
	case $GOFLAGS in
	*' -n')
		printf 'go: downloading example.org/c v1.0.0\n#\n# example.org/a\n#\ncompile\n#\n# example.org/b\n#\n#\n# example.org/c\n#\n' >&2
		exit
		;;
	*' -v') ;;
	*) exit 3 ;;
	esac
	echo yes >"$TREE/built"
	trap 'rm "$TREE/built"; exit 143' TERM
	printf 'go: downloading example.org/d v1.0.0\nexample.org/a\nexample.org/b\n' >&2
	if [ -f "$TREE/wait" ]; then
		until [ -f "$TREE/go-on" ]; do sleep 0.1; done
	fi
	if [ -f "$TREE/broken" ]; then
		echo "b.go:1: it is broken" >&2
		exit 1
	fi
	while [ "$1" != -o ]; do shift; done
	printf '#!/bin/sh\necho "Vault v1.21.0 (built), built today"\n' >"$2"
	chmod 755 "$2"
	;;
esac
`

// vaultScript is a program that says it is a Vault.
func vaultScript(version string) string {
	return "#!/bin/sh\necho 'Vault v" + version + " (0123), built today'\n"
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// tree is a directory with the scripts and the fake go command.
func tree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"vault.sh", "with-progress.sh", "kill-tree.sh"} {
		text, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "scripts", name), string(text))
	}
	write(t, filepath.Join(dir, "scripts", "vault", "go.mod"), "require (\n\tgithub.com/hashicorp/vault v1.21.0\n)\n")
	write(t, filepath.Join(dir, "bin", "go"), fakeGo)
	return dir
}

// command is for a script of the tree. Of the caller's environment it sees PATH alone.
func command(t *testing.T, dir, script string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/bin/sh", append([]string{filepath.Join(dir, "scripts", script)}, args...)...)
	cmd.Dir = dir
	cmd.Env = []string{"TREE=" + dir, "FETCH=" + self, "PATH=" + filepath.Join(dir, "bin") + ":" + os.Getenv("PATH")}
	return cmd
}

func TestFourWays(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	file, err := w.Create("vault")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(file, vaultScript("1.21.0")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	sums := fmt.Sprintf("%x  vault_1.21.0_linux_amd64.zip\n", sha256.Sum256(packed.Bytes()))
	mux := http.NewServeMux()
	mux.HandleFunc("/good/vault/1.21.0/vault_1.21.0_linux_amd64.zip", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(packed.Bytes()) })
	mux.HandleFunc("/wrong/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "something else") })
	hang := make(chan struct{})
	mux.HandleFunc("/hanging/", func(http.ResponseWriter, *http.Request) { <-hang })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(hang) })
	closed := httptest.NewServer(nil)
	closed.Close()

	const release, built, onPath = ".tools/vault-release-v1.21.0", ".tools/vault-v1.21.0", "bin/vault"
	const building = "Building Vault v1.21.0 from source: about 11 minutes on 2 cores, once"
	for _, c := range []struct {
		name     string
		arg      string
		releases string            // where they are
		env      []string          // beside that
		files    map[string]string // in the tree
		want     string            // path that is printed; empty if it must fail
		says     []string
	}{
		{name: "VAULT_BIN is before all", arg: "demo", releases: server.URL + "/good", env: []string{"VAULT_BIN=own/vault"},
			files: map[string]string{"own/vault": vaultScript("1.19.2"), onPath: vaultScript("1.21.0"), built: vaultScript("1.21.0")}, want: "own/vault"},
		{name: "VAULT_BIN that is too old", arg: "demo", releases: server.URL + "/good", env: []string{"VAULT_BIN=own/vault"},
			files: map[string]string{"own/vault": vaultScript("1.17.6"), onPath: vaultScript("1.21.0")}, says: []string{"VAULT_BIN=own/vault will not do: older than 1.18"}},
		{name: "the demo takes a Vault from PATH", arg: "demo", releases: server.URL + "/good",
			files: map[string]string{onPath: vaultScript("1.18.0"), built: vaultScript("1.21.0")}, want: onPath},
		{name: "tests take none from PATH", releases: server.URL + "/good",
			files: map[string]string{onPath: vaultScript("1.18.0")}, want: release, says: []string{"Downloading Vault v1.21.0 from " + server.URL + "/good"}},
		{name: "one on PATH that is too old", arg: "demo", releases: server.URL + "/good",
			files: map[string]string{onPath: vaultScript("1.17.6")}, want: release, says: []string{"Passing over ", "older than 1.18: Vault v1.17.6"}},
		{name: "one on PATH that needs a licence", arg: "demo", releases: server.URL + "/good",
			files: map[string]string{onPath: vaultScript("1.21.0+ent")}, want: release, says: []string{"needs a licence"}},
		{name: "a release that was kept", releases: closed.URL,
			files: map[string]string{release: vaultScript("1.21.0"), built: vaultScript("1.21.0")}, want: release},
		{name: "a build that was kept", releases: server.URL + "/good", files: map[string]string{built: vaultScript("1.21.0")}, want: built},
		{name: "a release with another sum", releases: server.URL + "/wrong", want: built, says: []string{"it is not used", building}},
		{name: "a release that is missing", releases: server.URL + "/none", want: built, says: []string{"404 Not Found", building}},
		{name: "a server that hangs", releases: server.URL + "/hanging", env: []string{"ANSWER=100ms"}, want: built, says: []string{"no answer within 100ms", building}},
		{name: "no way to the web", releases: closed.URL, want: built, says: []string{"connection refused", building}},
		{name: "a platform without a sum", releases: server.URL + "/good", env: []string{"ARCH=arm64"}, want: built,
			says: []string{"The sha256 of vault_1.21.0_linux_arm64.zip is not known", building}},
		{name: "a build that fails", releases: server.URL + "/none", files: map[string]string{"broken": ""},
			says: []string{"building Vault v1.21.0 failed", "b.go:1: it is broken"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := tree(t)
			write(t, filepath.Join(dir, "scripts", "vault", "SHA256SUMS"), sums)
			for path, text := range c.files {
				write(t, filepath.Join(dir, path), text)
			}
			cmd := command(t, dir, "vault.sh", strings.Fields(c.arg)...)
			cmd.Env = append(append(cmd.Env, c.env...), "AWSDYN_RELEASES="+c.releases)
			var said bytes.Buffer
			cmd.Stderr = &said
			printed, err := cmd.Output()
			for _, want := range c.says {
				if !strings.Contains(said.String(), want) {
					t.Errorf("it should say %q, and says\n%s", want, said.String())
				}
			}
			if c.want == "" {
				if err == nil || len(printed) > 0 {
					t.Errorf("it should fail, and prints %s", printed)
				}
				return
			}
			if got := strings.TrimSpace(string(printed)); err != nil || got != filepath.Join(dir, c.want) {
				t.Fatalf("it prints %q, %v, expected %s; it says\n%s", got, err, c.want, said.String())
			}
			if _, err := os.Stat(filepath.Join(dir, "built")); (err == nil) != strings.Contains(said.String(), building) {
				t.Errorf("it built: %v; it says\n%s", err == nil, said.String())
			}
			if version, err := exec.CommandContext(t.Context(), filepath.Join(dir, c.want), "version").Output(); err != nil || !strings.HasPrefix(string(version), "Vault v1.") {
				t.Errorf("what it prints is no Vault: %s, %v", version, err)
			}
		})
	}
}

// TestBar: the bar knows how many packages there are, though modules are named among them; and TERM ends the build too.
func TestBar(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"done", "TERM"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			dir := tree(t)
			write(t, filepath.Join(dir, "wait"), "")
			cmd := command(t, dir, "with-progress.sh", "packages", "building it", "go", "build", "-o", filepath.Join(dir, "it"))
			cmd.Env = append(cmd.Env, "PROGRESS=terminal")
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			const bar = "building it: [#############-------] 2 of 3 packages"
			said := ""
			for piece := make([]byte, 512); !strings.Contains(said, bar); {
				n, err := stderr.Read(piece)
				if said += string(piece[:n]); err != nil {
					t.Fatalf("it draws no %q:\n%s", bar, said)
				}
			}
			if end == "done" {
				write(t, filepath.Join(dir, "go-on"), "")
			} else if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, stderr); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); (err == nil) != (end == "done") {
				t.Errorf("after %s it exits with %v", end, err)
			}
			for range 1000 {
				if _, err := os.Stat(filepath.Join(dir, "built")); (err == nil) == (end == "done") {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			if _, err := os.Stat(filepath.Join(dir, "built")); (err == nil) != (end == "done") {
				t.Errorf("after %s the build runs on: %v", end, err)
			}
			if left, err := filepath.Glob(filepath.Join(dir, ".tools", "*")); err != nil || len(left) > 0 {
				t.Errorf("it leaves %v, %v", left, err)
			}
		})
	}
}
