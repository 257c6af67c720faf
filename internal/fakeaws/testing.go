// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"strings"
	"testing"
)

// This file makes every test that uses the fake a test of revocation.

// New starts a server for one test and closes it at the test's end. It then fails the test if [Server.Leftovers]
// has anything to say. What is still held at that time is let go first and waited for, so that a user which a
// given-up call creates late counts as well.
func New(t testing.TB, opts ...Option) *Server {
	t.Helper()
	s, err := Start("127.0.0.1:0", opts...)
	if err != nil {
		t.Fatalf("starting the fake AWS: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("fake AWS: %v", err)
		}
		if left := s.Leftovers(); len(left) > 0 {
			t.Errorf("left behind in AWS:\n\t%s", strings.Join(left, "\n\t"))
		}
	})
	return s
}
