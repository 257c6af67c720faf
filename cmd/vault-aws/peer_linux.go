// SPDX-License-Identifier: MPL-2.0

package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// isOurs reports whether a connection on loopback was opened by this user or by root, whom nothing is hidden from. The
// kernel names the user of each connection in /proc/net (proc_pid_net(5)).
func isOurs(from, to string) bool {
	client, server := inKernelsForm(from), inKernelsForm(to)
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} { // a browser may use the other family for the same
		table, err := os.ReadFile(file) //nolint:gosec // one of the two
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(table)) {
			const local, remote, state, uid = 1, 2, 3, 7
			fields := strings.Fields(line)
			if len(fields) <= uid || fields[state] != "01" { // an established connection; others have lost their user
				continue
			}
			if client != "" && strings.HasSuffix(fields[local], client) && strings.HasSuffix(fields[remote], server) {
				return fields[uid] == strconv.Itoa(os.Getuid()) || fields[uid] == "0"
			}
		}
	}
	return false
}

// inKernelsForm writes an IPv4 address and its port as the kernel does.
func inKernelsForm(address string) string {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().Is4() {
		return ""
	}
	ip := at.Addr().As4()
	return fmt.Sprintf("%08X:%04X", binary.NativeEndian.Uint32(ip[:]), at.Port())
}
