// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// witness is a testing.TB that remembers instead of failing.
type witness struct {
	testing.TB
	errors   []string
	cleanups []func()
}

func (w *witness) Helper()          {}
func (w *witness) Cleanup(f func()) { w.cleanups = append(w.cleanups, f) }
func (w *witness) Errorf(format string, a ...any) {
	w.errors = append(w.errors, fmt.Sprintf(format, a...))
}

func TestNewReportsLeftovers(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(t *testing.T, s *Server)
		want string
	}{
		{"nothing", func(t *testing.T, s *Server) { s.AddUser("ann"); s.Dirty("ann"); s.Forgive() }, ""},
		{"deleted", func(t *testing.T, s *Server) {
			do(t, root(s), "CreateUser", "UserName", "ann")
			do(t, root(s), "DeleteUser", "UserName", "ann")
		}, ""},
		{"user", func(t *testing.T, s *Server) { newUser(t, s, "ann") }, "user /ann with 1 access keys"},
		{"key of a seeded user", func(t *testing.T, s *Server) { do(t, root(s), "CreateAccessKey") }, "of user vault-root"},
		{"forgiven", func(t *testing.T, s *Server) { newUser(t, s, "ann"); s.Forgive() }, ""},
		{"removed", func(t *testing.T, s *Server) { newUser(t, s, "ann"); s.Dirty("ann"); s.RemoveUser("ann") }, ""},
		{"what hangs", func(t *testing.T, s *Server) {
			i := s.Inject(Fault{Action: "CreateUser", Kind: Hang})
			background(t.Context(), root(s), "CreateUser", "UserName", "late")
			soon(t, "the hang", i.Reached())
		}, "user /late with nothing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := &witness{TB: t}
			s := New(w)
			tc.do(t, s)
			for _, cleanup := range w.cleanups {
				cleanup()
			}
			got := strings.Join(w.errors, "\n")
			if (tc.want == "") != (got == "") || !strings.Contains(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestStartRefusesTheNetwork(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:80", "example.com:80", "nonsense"} {
		if s, err := Start(addr); err == nil {
			_ = s.Close()
			t.Errorf("%s was taken", addr)
		}
	}
}

func TestTranscript(t *testing.T) {
	s := newServer(t)
	s.AddUser("ann")
	do(t, root(s), "CreateLoginProfile", "UserName", "ann", "Password", "hunter2hunter2")
	refused(t, root(s), 404, "NoSuchEntity", "", "GetUser", "UserName", "bob")
	calls := s.Calls()
	if got := s.Actions(); !slices.Equal(got, []string{"CreateLoginProfile", "GetUser"}) {
		t.Fatalf("actions %v", got)
	}
	first, second := calls[0], calls[1]
	if first.Params.Get("Password") != "(redacted)" || first.User != "ann" || first.Service != "iam" || first.Status != 200 || first.AccessKeyID != s.RootKey().AccessKeyID {
		t.Errorf("got %+v", first)
	}
	if second.Status != 404 || second.Code != "NoSuchEntity" || second.Start.Before(first.End) || second.End.Before(second.Start) {
		t.Errorf("got %+v", second)
	}
	s.ResetCalls()
	if len(s.Calls()) != 0 {
		t.Error("calls are still there")
	}
}

func TestWaves(t *testing.T) {
	at := func(action string, start, end int) Call {
		return Call{Action: action, Start: time.Unix(int64(start), 0), End: time.Unix(int64(end), 0)}
	}
	waves := Waves([]Call{at("d", 6, 7), at("a", 0, 1), at("b", 1, 3), at("c", 2, 5)})
	var got []string
	for _, wave := range waves {
		names := ""
		for _, c := range wave {
			names += c.Action
		}
		got = append(got, names)
	}
	if !slices.Equal(got, []string{"a", "bc", "d"}) {
		t.Errorf("waves %v", got)
	}
	if Waves(nil) != nil {
		t.Error("no calls make a wave")
	}
}

// get fetches a path and returns status and body.
func get(t *testing.T, method, address, body string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for pair := range slices.Chunk(header, 2) {
		r.Header.Set(pair[0], pair[1])
		if pair[0] == "Host" {
			r.Host = pair[1]
		}
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func TestControl(t *testing.T) {
	s := newServer(t, WithControl())
	do(t, root(s), "CreateUser", "UserName", "ann")
	if status, body := get(t, "GET", s.URL()+"/_state", ""); status != 200 || !strings.Contains(body, `"Name": "ann"`) {
		t.Errorf("%d %s", status, body)
	}
	if status, body := get(t, "GET", s.URL()+"/_calls", ""); status != 200 || !strings.Contains(body, "CreateUser") {
		t.Errorf("%d %s", status, body)
	}
	if status, body := get(t, "POST", s.URL()+"/_faults", `{"action":"GetUser","kind":"server error","times":1,"latency":"1ms"}`); status != 200 || body != "injected: server error at GetUser\n" {
		t.Errorf("%d %s", status, body)
	}
	refused(t, root(s), 500, "InternalFailure", "", "GetUser")
	for bad, words := range map[string]string{
		`{"kind":"nonsense"}`: `"lost answer"`, `{}`: `kind ""`, `{`: `such as {"action"`, `{"kind":"delay","latency":"soon"}`: "latency", `{"what":1}`: "what",
		`{"kind":"cut","action":"MakeUser"}`: "MakeUser", `{"kind":"cut","times":-1}`: "times",
	} {
		if status, body := get(t, "POST", s.URL()+"/_faults", bad); status != 400 || !strings.Contains(body, words) {
			t.Errorf("%s: %d %s", bad, status, body)
		}
	}
	get(t, "POST", s.URL()+"/_faults", `{"kind":"refuse"}`)
	if status, _ := get(t, "DELETE", s.URL()+"/_faults", ""); status != 200 {
		t.Errorf("%d", status)
	}
	for bad, words := range map[string]string{`{"key":"soon"}`: "soon", `{"key":"-1s"}`: "negative", `{`: `such as {"key"`, `{"user":"1s"}`: "user"} {
		if status, body := get(t, "POST", s.URL()+"/_lag", bad); status != 400 || !strings.Contains(body, words) {
			t.Errorf("%s: %d %s", bad, status, body)
		}
	}
	do(t, root(s), "CreateAccessKey")
	get(t, "POST", s.URL()+"/_reset", "")
	if len(s.Users()) != 0 || len(s.Calls()) != 0 || len(s.Leftovers()) != 0 {
		t.Errorf("after the reset: %v %v", s.Users(), s.Leftovers())
	}
	if status, _ := get(t, "GET", s.URL()+"/_state", "", "Host", "evil.example"); status != 403 {
		t.Errorf("foreign host: %d", status)
	}
	if status, body := get(t, "GET", s.URL()+"/_nonsense", ""); status != 404 || !strings.Contains(body, "/_state") {
		t.Errorf("%d %s", status, body)
	}
	without := newServer(t)
	if status, _ := get(t, "GET", without.URL()+"/_state", ""); status == 200 {
		t.Error("control without the option")
	}
}

func TestURL(t *testing.T) {
	u, err := url.Parse(newServer(t).URL())
	if err != nil || u.Scheme != "http" || u.Hostname() != "127.0.0.1" || u.Path != "" {
		t.Errorf("URL %v, %v", u, err)
	}
}
