// SPDX-License-Identifier: MPL-2.0

package main

// The image, for Vault's plugins in containers and OpenBao's plugin stanza: an OCI layout in a tar file, for the Linux
// systems that are released for. Its only layer has the plugin in the root directory and nothing else.

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// nobody is whom the plugin runs as in a container: no user of the host's, as in images of distroless.
const nobody = "65532:65532"

// imageOf writes the image of one plugin, for this system.
func (r *release) imageOf(plugin, out string) error {
	return r.writeImage(out, []binary{{platform: platform{"linux", runtime.GOARCH}, program: pluginName, path: plugin}})
}

// writeImage writes the image of the plugins for Linux.
func (r *release) writeImage(path string, built []binary) error {
	dir, err := os.MkdirTemp("", "aws-dyn-image-")
	if err != nil {
		return fmt.Errorf("making a directory for the image: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, b := range built {
		if b.os != "linux" || b.program != pluginName {
			continue
		}
		image, err := r.image(b)
		if err != nil {
			return fmt.Errorf("making the image for %s: %w", b.platform, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: b.os, Architecture: b.arch}},
		})
	}
	// One entry, with a name, so that tools which copy an image need not be told which.
	files, err := layout.Write(dir, empty.Index)
	if err != nil {
		return fmt.Errorf("writing the image: %w", err)
	}
	named := layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": r.version})
	if err := files.AppendIndex(index, named); err != nil {
		return fmt.Errorf("writing the image: %w", err)
	}
	var entries []entry
	err = fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(dir, name))
		entries = append(entries, entry{name, 0o644, content})
		return err //nolint:wrapcheck // wrapped below
	})
	if err != nil {
		return fmt.Errorf("reading the image: %w", err)
	}
	return create(path, func(w io.Writer) error { return writeTar(w, entries, r.made) })
}

// image is that of one system.
func (r *release) image(b binary) (v1.Image, error) {
	plugin, err := os.ReadFile(b.path)
	if err != nil {
		return nil, err //nolint:wrapcheck // writeImage says for what
	}
	var files bytes.Buffer
	if err := writeTar(&files, []entry{{pluginName, 0o755, plugin}}, r.made); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(files.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err //nolint:wrapcheck // writeImage says for what
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if image, err = mutate.AppendLayers(image, layer); err != nil {
		return nil, err //nolint:wrapcheck // writeImage says for what
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err //nolint:wrapcheck // writeImage says for what
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = b.os, b.arch, v1.Time{Time: r.made}
	config.Config = v1.Config{
		Entrypoint: []string{"/" + pluginName},
		User:       nobody,
		Labels: map[string]string{
			"org.opencontainers.image.title":    pluginName,
			"org.opencontainers.image.version":  r.version,
			"org.opencontainers.image.licenses": "MPL-2.0",
		},
	}
	return mutate.ConfigFile(image, config) //nolint:wrapcheck // writeImage says for what
}
