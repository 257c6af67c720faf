// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// This file has the paths for people and scripts, which the program serves beside AWS's own.

// Controls says, one line each, what WithControl serves.
const Controls = `  GET    /_state     the users and what they own, as JSON
  GET    /_calls     every call: start, duration, action, user, status, code, fault
  GET    /_sessions  the sessions of all accounts: ARN, source identity, tags, policy
  POST   /_lag       {"key":"3s"}: for how long a key that is made from now on is not known yet
  POST   /_reset     forgets what was made over the wire, the faults and the calls
  POST   /_faults    {"action":"CreateUser","kind":"hang","user":"","code":"","message":"","status":0,"after":0,"every":0,"times":1,"latency":"50ms","body":"","type":""}
  POST   /_policies  {"name":"vault-root","policies":[...],"boundary":{...}} judges a user or role by IAM policies: without "policies" it may do everything, with an empty list nothing
  DELETE /_faults    removes all faults and releases what they hold`

// serveControl answers the paths that begin with /_. Names other than the loopback's are refused, so that a web
// page cannot reach them by a name that it rebinds.
func (s *Server) serveControl(w http.ResponseWriter, r *http.Request) {
	if !isLoopbackHost(r.Host) {
		http.Error(w, "this server answers to loopback names only", http.StatusForbidden)
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /_state":
		s.showState(w)
	case "GET /_calls":
		s.showCalls(w)
	case "GET /_sessions":
		s.showSessions(w)
	case "POST /_lag":
		if err := s.changeLag(r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	case "POST /_reset":
		s.ClearFaults()
		s.ResetCalls()
		s.withAll(func(a *account) { a.reset() })
	case "POST /_faults":
		fault, err := readFault(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.Inject(fault)
		_, _ = fmt.Fprintf(w, "injected: %s at %s\n", fault.Kind, cmp.Or(fault.Action, "every action")) // a client that has gone hears nothing
	case "POST /_policies":
		name, err := s.setPolicies(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_, _ = fmt.Fprintf(w, "set the policies of %s\n", name) // a client that has gone hears nothing
	case "DELETE /_faults":
		s.ClearFaults()
	default:
		http.Error(w, "there is:\n"+Controls, http.StatusNotFound)
	}
}

// isLoopbackHost reads a Host header.
func isLoopbackHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// showState writes all users, the seeded ones too.
func (s *Server) showState(w http.ResponseWriter) {
	users := []User{}
	s.with(func(a *account) {
		for _, u := range a.users {
			users = append(users, a.copyOf(u))
		}
	})
	slices.SortFunc(users, func(x, y User) int { return strings.Compare(x.Name, y.Name) })
	body, err := json.MarshalIndent(map[string]any{"Users": users}, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n')) // a client that has gone hears nothing
}

// showCalls writes the transcript, with times counted from the first call.
func (s *Server) showCalls(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	calls := s.Calls()
	for _, c := range calls {
		line := fmt.Sprintf("%8.1f ms %8.1f ms  %-28s %-40s %3d %s", millis(c.Start.Sub(calls[0].Start)), millis(c.End.Sub(c.Start)), c.Action, dash(c.User), c.Status, c.Code)
		if c.Fault != "" {
			line += " (" + c.Fault + ")"
		}
		_, _ = fmt.Fprintln(w, strings.TrimRight(line, " ")) // a client that has gone hears nothing
	}
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// readFault reads a Fault whose kind is a word and whose latency is a duration such as 50ms.
func readFault(r *http.Request) (Fault, error) {
	var wire struct {
		Action, User, Kind, Code, Message, Latency, Body, Type string
		Status, After, Every, Times                            int
	}
	dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&wire); err != nil {
		return Fault{}, fmt.Errorf("reading the fault, which must be JSON such as {\"action\":\"CreateUser\",\"kind\":\"throttle\",\"times\":1}: %w", err)
	}
	kind, err := ParseKind(wire.Kind)
	if err != nil {
		return Fault{}, err
	}
	if _, known := actions[wire.Action]; !known && wire.Action != "" && wire.Action != "*" {
		return Fault{}, fmt.Errorf("action %q is unknown: use a name such as CreateUser, or * for every action", wire.Action)
	}
	for name, n := range map[string]int{"after": wire.After, "every": wire.Every, "times": wire.Times} {
		if n < 0 {
			return Fault{}, fmt.Errorf("%s must not be negative, and is %d", name, n)
		}
	}
	var latency time.Duration
	if wire.Latency != "" {
		if latency, err = time.ParseDuration(wire.Latency); err != nil {
			return Fault{}, fmt.Errorf("reading the fault's latency: %w", err)
		}
	}
	return Fault{
		Action: wire.Action, User: wire.User, Kind: kind, Code: wire.Code, Message: wire.Message,
		Status: wire.Status, After: wire.After, Every: wire.Every, Times: wire.Times, Latency: latency,
		Body: wire.Body, Type: wire.Type,
	}, nil
}
