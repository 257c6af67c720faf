// SPDX-License-Identifier: MPL-2.0

package editions

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file does with a release what docs/install.md says. make release runs it on what it made; make test on what make
// build made.

// TestUpgradeAndDowngrade gives a mount with live leases to this version, back to v0.1.0 and to this version again. After
// each step every credential works, is renewed and revoked, and in the end nothing is left.
func TestUpgradeAndDowngrade(t *testing.T) {
	t.Parallel()
	v := server.StartRaft(t)
	earlier := registerFirst(v, "aws")
	v.Register("aws", slices.Concat(editionFlags, []string{"-version=" + programs.Built.Version})...)
	m := newRolled(t, v, earlier, lastChange)
	for now := first; now <= lastChange; now++ {
		m.enter(now)
	}
	m.end()
}

// TestPluginOfTheImage takes the plugin out of the image, as OpenBao does, and has a Vault run it.
func TestPluginOfTheImage(t *testing.T) {
	t.Parallel()
	name := programs.PluginName + "-of-image"
	content := pluginOf(t, imageFile(t))
	if err := os.WriteFile(filepath.Join(filepath.Dir(programs.Built.Plugin), name), content, 0o700); err != nil {
		t.Fatal(err)
	}
	v, account := server.StartDev(t), fakeaws.New(t)
	v.CLI("plugin", "register", "-sha256="+programs.Built.SHA256, "-command="+name, "-version="+programs.Built.Version, "secret", "aws")
	v.CLI("secrets", "enable", "-path=aws-dyn", "aws")
	server.ConfigureRoot(v, account)
	server.WriteRole(v)
	issued := v.Call("GET", "aws-dyn/creds/developer-access", nil)
	server.MustWork(t, account, issued.Key())
	v.Revoke(issued.Lease())
	server.MustBeRefused(t, account, issued.Key())
}

// imageFile is the image of the release, or else one of the binary under test.
func imageFile(t *testing.T) string {
	t.Helper()
	if file := os.Getenv("PLUGIN_IMAGE"); file != "" {
		return file
	}
	file := filepath.Join(t.TempDir(), "oci.tar")
	release := filepath.Join(programs.Repository, "scripts", "release")
	if _, err := programs.Output(t.Context(), "env", "GOWORK=off", "go", "run", "-C", release, ".", "-version="+programs.Built.Version, "-image-of="+programs.Built.Plugin, "-out="+file); err != nil {
		t.Fatal(err)
	}
	return file
}

// descriptor is what OCI's image format names a blob with.
type descriptor struct {
	Digest   string
	Platform struct{ Architecture, OS string }
}

// pluginOf reads the only file of the only layer that the image has for this machine.
func pluginOf(t *testing.T, image string) []byte {
	t.Helper()
	blobs := layoutOf(t, image)
	read := func(name string, to any) {
		t.Helper()
		if err := json.Unmarshal(blobs[name], to); err != nil {
			t.Fatalf("%s of the image: %v", name, err)
		}
	}
	blob := func(d descriptor) string { return "blobs/" + strings.ReplaceAll(d.Digest, ":", "/") }
	var outer, index struct{ Manifests []descriptor }
	read("index.json", &outer)
	read(blob(outer.Manifests[0]), &index)
	at := slices.IndexFunc(index.Manifests, func(d descriptor) bool {
		return d.Platform.OS == "linux" && d.Platform.Architecture == runtime.GOARCH
	})
	if at < 0 {
		t.Fatalf("the image has nothing for linux/%s: %+v", runtime.GOARCH, index)
	}
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	read(blob(index.Manifests[at]), &manifest)
	var config struct {
		Config struct {
			Entrypoint []string
			User       string
		} `json:"config"`
	}
	read(blob(manifest.Config), &config)
	if c := config.Config; !slices.Equal(c.Entrypoint, []string{"/" + programs.PluginName}) || c.User == "" || strings.HasPrefix(c.User, "0") || strings.HasPrefix(c.User, "root") {
		t.Errorf("the image runs %q as %q", c.Entrypoint, c.User)
	}
	if n := len(manifest.Layers); n != 1 {
		t.Fatalf("the image has %d layers", n)
	}
	layer, err := gzip.NewReader(strings.NewReader(string(blobs[blob(manifest.Layers[0])])))
	if err != nil {
		t.Fatal(err)
	}
	files := filesOf(t, layer)
	if len(files) != 1 || files[programs.PluginName] == nil {
		t.Fatalf("the layer has %d files, or no %s", len(files), programs.PluginName)
	}
	return files[programs.PluginName]
}

// layoutOf are the files of an image.
func layoutOf(t *testing.T, image string) map[string][]byte {
	t.Helper()
	file, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }() // it was read
	return filesOf(t, file)
}

func filesOf(t *testing.T, r io.Reader) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for archive := tar.NewReader(r); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[header.Name], err = io.ReadAll(archive); err != nil {
			t.Fatal(err)
		}
	}
}
