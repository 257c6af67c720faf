// SPDX-License-Identifier: MPL-2.0

package e2e

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

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file does with a release what docs/install.md says. make release runs it on what it made; make test on what make
// build made.

// TestUpgradeAndDowngrade gives a mount with live leases to this version, back to v0.1.0 and to this version again. After
// each step every credential works, is renewed and revoked, and in the end nothing is left.
func TestUpgradeAndDowngrade(t *testing.T) {
	t.Parallel()
	v := startRaft(t)
	earlier := v.registerFirst("aws")
	v.register("aws", slices.Concat(editionFlags, []string{"-version=" + programs.version})...)
	m := newRolled(t, v, earlier, lastChange)
	for now := first; now <= lastChange; now++ {
		m.enter(now)
	}
	m.end()
}

// TestPluginOfTheImage takes the plugin out of the image, as OpenBao does, and has a Vault run it.
func TestPluginOfTheImage(t *testing.T) {
	t.Parallel()
	name := pluginName + "-of-image"
	content := pluginOf(t, imageFile(t))
	if err := os.WriteFile(filepath.Join(filepath.Dir(programs.plugin), name), content, 0o700); err != nil {
		t.Fatal(err)
	}
	v, account := startDev(t), fakeaws.New(t)
	v.cli("plugin", "register", "-sha256="+programs.sha256, "-command="+name, "-version="+programs.version, "secret", "aws")
	v.cli("secrets", "enable", "-path=aws-dyn", "aws")
	configureRoot(v, account)
	writeRole(v)
	issued := v.call("GET", "aws-dyn/creds/developer-access", nil)
	mustWork(t, account, issued.key())
	v.revoke(issued.lease())
	mustBeRefused(t, account, issued.key())
}

// imageFile is the image of the release, or else one of the binary under test.
func imageFile(t *testing.T) string {
	t.Helper()
	if file := os.Getenv("PLUGIN_IMAGE"); file != "" {
		return file
	}
	file := filepath.Join(t.TempDir(), "oci.tar")
	release := filepath.Join("..", "..", "scripts", "release")
	if _, err := output(t.Context(), "env", "GOWORK=off", "go", "run", "-C", release, ".", "-version="+programs.version, "-image-of="+programs.plugin, "-out="+file); err != nil {
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
	if c := config.Config; !slices.Equal(c.Entrypoint, []string{"/" + pluginName}) || c.User == "" || strings.HasPrefix(c.User, "0") || strings.HasPrefix(c.User, "root") {
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
	if len(files) != 1 || files[pluginName] == nil {
		t.Fatalf("the layer has %d files, or no %s", len(files), pluginName)
	}
	return files[pluginName]
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
