// SPDX-License-Identifier: MPL-2.0

package editions

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/e2e/programs"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
)

// This file finds the engines that a mount may come from and be given back to: the first edition of ours, built out of
// the history of this repository, and the built-in engine.

// firstCommit is the last commit of the first edition.
const firstCommit = "1ddd878541516634a6546ec127519b335e0dece4"

// firstVersion is what its binary is registered as.
const firstVersion = "v0.1.0"

// editionFlags make the time short in which AWS's word is doubted, and in which a user is left to Vault.
var editionFlags = []string{"-args=-wal-min-age=1s", "-args=-sweep-grace=1s"}

// earlierEngine is an engine that had the mount before the shipped one.
type earlierEngine struct {
	command string // its binary in the plugin directory
	version string // in the catalog
	first   bool   // it is the first edition, else the built-in engine
}

// buildFirst builds the first edition, once for all tests.
var buildFirst = sync.OnceValues(func() (sha256sum string, err error) {
	dir, err := os.MkdirTemp(filepath.Dir(programs.Built.Plugin), "first-edition-")
	if err != nil {
		return "", fmt.Errorf("making a directory for the first edition: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // its parent goes at the end
	// Not on a test's context: it serves those tests too that come after this one.
	ctx, archive := context.Background(), filepath.Join(dir, "source.tar")
	if _, err := programs.Output(ctx, "git", "-C", programs.Repository, "archive", "--format=tar", "--output="+archive, firstCommit); err != nil {
		return "", fmt.Errorf("the first edition, commit %s, is not in the history of this clone; fetch all of it with git fetch --unshallow: %w", firstCommit, err)
	}
	if _, err := programs.Output(ctx, "tar", "-xf", archive, "-C", dir); err != nil {
		return "", fmt.Errorf("unpacking the first edition: %w", err)
	}
	return programs.BuildIn(dir, programs.PluginName+"-first", "-ldflags", "-X main.version="+firstVersion, "./cmd/"+programs.PluginName)
})

// registerFirst puts the first edition into the catalog under a name.
func registerFirst(v *server.Server, name string) earlierEngine {
	v.T.Helper()
	sum, err := buildFirst()
	if err != nil {
		v.T.Fatal(err)
	}
	e := earlierEngine{programs.PluginName + "-first", firstVersion, true}
	v.CLI(slices.Concat([]string{"plugin", "register", "-sha256=" + sum, "-command=" + e.command, "-version=" + e.version}, editionFlags, []string{"secret", name})...)
	return e
}

// registerBuiltIn puts the built-in engine there.
func registerBuiltIn(v *server.Server, name string) earlierEngine {
	v.T.Helper()
	p := v.RegisterPeer(name)
	return earlierEngine{p.Command, p.Version, false}
}

// processOf is the id of the one process of a plugin below the server.
func processOf(t testing.TB, v *server.Server, command string) (pid int) {
	t.Helper()
	server.WaitFor(t, server.Soon, "one process of "+command+" below Vault", func() bool {
		all, err := server.Processes()
		if err != nil {
			t.Fatalf("listing processes: %v", err)
		}
		var pids []int
		for _, p := range all {
			if p.Parent == v.Process.Pid && filepath.Base(p.Command) == command {
				pids = append(pids, p.Pid)
			}
		}
		if len(pids) != 1 {
			return false
		}
		pid = pids[0]
		return true
	})
	return pid
}
