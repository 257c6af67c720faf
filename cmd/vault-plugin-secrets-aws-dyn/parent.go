// SPDX-License-Identifier: MPL-2.0

package main

// The process ends with Vault. Vault asks its plugins to end when it stops, but one that
// is killed, or gives up waiting under load, asks nobody: the plugin would go on under
// another parent, for ever, with the AWS key in its memory. Its storage went with Vault,
// so there is nothing left that it could finish: what was under way is written down
// there, and the next Vault sees it through.

import (
	"os"
	"time"

	"github.com/hashicorp/go-hclog"
)

const (
	// parentInterval is how often the parent is looked at. It costs one system call.
	parentInterval = time.Second
	// lastWordTimeout is how long the last line may take: nobody may be reading it.
	lastWordTimeout = time.Second
)

// exitWithParent ends the process soon after the one that started it is gone. A process
// whose parent ended is given another one, so only a change counts: in a container Vault
// is process 1 as a rule. The parent death signal of Linux is no help: it comes when
// the thread that started us ends, which in Vault says nothing.
func exitWithParent(logger hclog.Logger) {
	parent := os.Getppid()
	go func() {
		for range time.Tick(parentInterval) {
			if now := os.Getppid(); now != parent {
				lastWord(func() {
					logger.Error("the server that started this plugin is gone; the plugin ends", "parent", parent, "parent_now", now)
				})
				os.Exit(1)
			}
		}
	}()
}

// lastWord lets a line be written, if it can be.
func lastWord(write func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		write()
	}()
	select {
	case <-done:
	case <-time.After(lastWordTimeout):
	}
}
