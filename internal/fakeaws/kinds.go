// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"fmt"
	"strings"
)

// This file names the ways for a call to go wrong.

// Kind is a way for a call to go wrong.
type Kind int

const (
	// Refuse answers an error of the test's choice, AccessDenied 403 by default; nothing is done.
	Refuse Kind = iota
	// ServerError answers 500 InternalFailure; nothing is done, but the client cannot know.
	ServerError
	// Unavailable answers 503 ServiceUnavailable; nothing is done, but the client cannot know.
	Unavailable
	// Throttle answers 400 Throttling; nothing is done.
	Throttle
	// LostAnswer does the work and then closes the connection without an answer.
	LostAnswer
	// Cut closes the connection before the work.
	Cut
	// Hang holds the call before the work until it is released or the client goes away. Either way the work
	// is then done, as AWS would do it.
	Hang
	// HangAfter does the work and holds the answer until it is released or the client goes away.
	HangAfter
	// Delay makes the call take at least Fault.Latency.
	Delay
	// Conflict answers 409 ConcurrentModification; nothing is done.
	Conflict
	// Lagging answers 404 NoSuchEntity for the user, as a part of AWS does that has not heard of it yet;
	// nothing is done.
	Lagging
	// Foreign answers Fault.Body with Fault.Status, 200 by default: something in front of AWS, such as a proxy,
	// answers in its place; nothing is done.
	Foreign
	// ForeignAfter does the work and then answers like Foreign, as a gateway does that did not wait for AWS.
	ForeignAfter
	// Unsupported answers that the server does not have the action: MethodNotAllowed 405 by default, or Fault.Code
	// (NotImplemented, InvalidAction) with the status that goes with it; nothing is done.
	Unsupported
)

// kinds are the names of the kinds, and what each does, in the order of the constants.
var kinds = []struct{ name, does string }{
	{"refuse", "answers code and status (AccessDenied 403), not done"},
	{"server error", "answers 500 InternalFailure, not done"},
	{"unavailable", "answers 503 ServiceUnavailable, not done"},
	{"throttle", "answers 400 Throttling, not done"},
	{"lost answer", "is done, and the connection is cut"},
	{"cut", "the connection is cut, not done"},
	{"hang", "waits until the fault is removed or the client goes, and is then done"},
	{"hang after", "is done, and the answer waits as in hang"},
	{"delay", "takes latency at least"},
	{"conflict", "answers 409 ConcurrentModification, not done"},
	{"lagging", "answers 404 NoSuchEntity for the user, not done"},
	{"foreign", "a proxy answers body, type (text/html) and status (200), not done"},
	{"foreign after", "is done, and a proxy answers as in foreign"},
	{"unsupported", "answers code (MethodNotAllowed, NotImplemented or InvalidAction), not done"},
}

// Kinds lists them for people, one a line.
var Kinds = listKinds()

func listKinds() string {
	lines := make([]string, len(kinds))
	for i, k := range kinds {
		lines[i] = fmt.Sprintf("  %-14s %s", k.name, k.does)
	}
	return strings.Join(lines, "\n")
}

// String names the kind in words: "lost answer".
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kinds) {
		return fmt.Sprintf("kind %d", int(k))
	}
	return kinds[k].name
}

// ParseKind finds a kind by what String says of it.
func ParseKind(name string) (Kind, error) {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		if k.name == name {
			return Kind(i), nil
		}
		names[i] = k.name
	}
	return 0, fmt.Errorf("kind %q is unknown: use one of %q", name, names)
}
