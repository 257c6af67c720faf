// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"errors"
	"slices"
	"testing"
)

// TestSteps tells of both steps of a call, and keeps the work from being done where the first one says so.
func TestSteps(t *testing.T) {
	t.Parallel()
	var s *Server
	var told []string
	s, err := Start("127.0.0.1:0", WithSteps(func(c Call, done bool) bool {
		_, there := s.User("ann")
		if there != (done && c.User == "ann") {
			t.Errorf("%s of %s, done: %v, and ann is there: %v", c.Action, c.User, done, there)
		}
		told = append(told, c.Action+" "+c.User)
		return c.User != "bob"
	}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := root(s).Do(t.Context(), "iam", "CreateUser", params("UserName", "bob")); err == nil || errors.As(err, new(*Refusal)) {
		t.Errorf("a call that never arrived was answered: %v", err)
	}
	do(t, root(s), "CreateUser", "UserName", "ann")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	// The connection of the first one was cut before its answer, and nothing tried again.
	if want := []string{"CreateUser bob", "CreateUser ann", "CreateUser ann"}; !slices.Equal(told, want) {
		t.Errorf("told of %q, want %q", told, want)
	}
	if users := s.Users(); !slices.Equal(users, []string{"ann"}) {
		t.Errorf("AWS has %q", users)
	}
}
