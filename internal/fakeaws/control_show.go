// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// This file has the controls that show what AWS was given with a session, and that change how far AWS is behind.

// showSessions writes what CloudTrail would say of each session, and its policy, which CloudTrail has with the call.
func (s *Server) showSessions(w http.ResponseWriter) {
	var text strings.Builder
	s.withAll(func(a *account) {
		for _, session := range a.handed {
			text.WriteString(session.String())
		}
	})
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprint(w, text.String()) // a client that has gone hears nothing
}

// String is the ARN of the session, and on lines of their own what it came with.
func (s Session) String() string {
	var text strings.Builder
	fmt.Fprintln(&text, s.ARN)
	if s.SourceIdentity != "" {
		fmt.Fprintf(&text, "  source identity %s\n", s.SourceIdentity)
	}
	for _, key := range slices.Sorted(maps.Keys(s.Tags)) {
		fmt.Fprintf(&text, "  tag %s=%s\n", key, s.Tags[key])
	}
	for _, arn := range s.PolicyARNs {
		fmt.Fprintf(&text, "  policy %s\n", arn)
	}
	if s.Policy != "" {
		fmt.Fprintf(&text, "  policy %s\n", s.Policy)
	}
	return text.String()
}

// changeLag reads for how long new keys are not known.
func (s *Server) changeLag(r *http.Request) error {
	var wire struct{ Key string }
	dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	dec.DisallowUnknownFields()
	err := dec.Decode(&wire)
	var key time.Duration
	if err == nil {
		key, err = time.ParseDuration(wire.Key)
	}
	if err == nil && key < 0 {
		err = fmt.Errorf("key must not be negative, and is %s", key)
	}
	if err != nil {
		return fmt.Errorf("reading the lag, which must be JSON such as {\"key\":\"3s\"}: %w", err)
	}
	s.withAll(func(a *account) { a.lag.key.time = key })
	return nil
}
