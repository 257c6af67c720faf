// SPDX-License-Identifier: MPL-2.0

package main

// What has to be true of the image.

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// checkImage reads the image as a registry would, and looks what a container of it would run.
func (r *release) checkImage(dist string, sums map[string]string) error {
	dir, err := os.MkdirTemp("", "aws-dyn-image-")
	if err != nil {
		return fmt.Errorf("making a directory for the image: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := unpack(filepath.Join(dist, pluginName+"_"+r.version+"_oci.tar"), dir); err != nil {
		return err
	}
	outer, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return fmt.Errorf("reading the image: %w", err)
	}
	top, err := outer.IndexManifest()
	if err != nil {
		return fmt.Errorf("reading the image: %w", err)
	}
	if n := len(top.Manifests); n != 1 {
		return fmt.Errorf("the layout should hold one image for all systems, and holds %d", n)
	}
	index, err := outer.ImageIndex(top.Manifests[0].Digest)
	if err != nil {
		return fmt.Errorf("reading the image: %w", err)
	}
	systems, err := index.IndexManifest()
	if err != nil {
		return fmt.Errorf("reading the image: %w", err)
	}
	for _, system := range systems.Manifests {
		image, err := index.Image(system.Digest)
		if err != nil {
			return fmt.Errorf("reading the image: %w", err)
		}
		want := sums[strings.Join([]string{pluginName, r.version, system.Platform.OS, system.Platform.Architecture}, "_")]
		if err := checkLayer(image, want); err != nil {
			return fmt.Errorf("the image for %s: %w", system.Platform, err)
		}
		say("the image's layer holds one file, for %s: /%s, sha256 %s", system.Platform, pluginName, want)
	}
	return nil
}

// checkLayer reads an image, which has to have one layer with one file, the plugin of the sum.
func checkLayer(image v1.Image, want string) error {
	config, err := image.ConfigFile()
	if err != nil {
		return fmt.Errorf("reading its configuration: %w", err)
	}
	if !slices.Equal(config.Config.Entrypoint, []string{"/" + pluginName}) || config.Config.User != nobody {
		return fmt.Errorf("runs %q as %q", config.Config.Entrypoint, config.Config.User)
	}
	layers, err := image.Layers()
	if err != nil {
		return fmt.Errorf("reading its layers: %w", err)
	}
	if len(layers) != 1 {
		return fmt.Errorf("it has %d layers", len(layers))
	}
	content, err := layers[0].Uncompressed()
	if err != nil {
		return fmt.Errorf("reading its layer: %w", err)
	}
	files, err := readTar(content)
	_ = content.Close() // read to its end
	if err != nil {
		return fmt.Errorf("reading its layer: %w", err)
	}
	if len(files) != 1 || files[0].name != pluginName || files[0].mode != 0o755 {
		return fmt.Errorf("its layer holds %d files, the first of which is %s, mode %o", len(files), files[0].name, files[0].mode)
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(files[0].content)); sum != want {
		return fmt.Errorf("its plugin has the sum %s, and the released one %s", sum, want)
	}
	return nil
}

// readTar reads a tar file of regular files, of which there has to be one at least.
func readTar(r io.Reader) ([]entry, error) {
	var entries []entry
	archive := tar.NewReader(r)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) && len(entries) > 0 {
			return entries, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading a tar file: %w", err)
		}
		if header.Typeflag != tar.TypeReg {
			return nil, fmt.Errorf("%s is not a regular file", header.Name)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", header.Name, err)
		}
		entries = append(entries, entry{header.Name, header.Mode, content})
	}
}

// unpack unpacks a tar file that this program wrote.
func unpack(path, dir string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading the image: %w", err)
	}
	entries, err := readTar(bytes.NewReader(content))
	if err != nil {
		return err
	}
	for _, e := range entries {
		file := filepath.Join(dir, e.name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return fmt.Errorf("unpacking the image: %w", err)
		}
		if err := os.WriteFile(file, e.content, 0o600); err != nil {
			return fmt.Errorf("unpacking the image: %w", err)
		}
	}
	return nil
}
