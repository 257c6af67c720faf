// SPDX-License-Identifier: MPL-2.0

//go:build unix && !linux

package main

import (
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// isOurs reports whether a connection on loopback was opened by this user: lsof, which macOS has, lists a process of ours
// that holds the client's side of it.
func isOurs(from, to string) bool {
	at, err := netip.ParseAddrPort(from)
	if err != nil {
		return false
	}
	out, err := exec.Command("lsof", "-nP", "-a", "-u", strconv.Itoa(os.Getuid()), "-iTCP:"+strconv.Itoa(int(at.Port())), "-sTCP:ESTABLISHED", "-Fn").Output() //nolint:gosec,noctx // numbers alone
	return err == nil && slices.Contains(strings.Split(string(out), "\n"), "n"+from+"->"+to)
}
