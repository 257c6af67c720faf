// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Something answers in AWS's place: as the test says, before the work or after it, and once.
func TestForeignAnswers(t *testing.T) {
	for _, tc := range []struct {
		fault  Fault
		status int
		kind   string
		done   bool
	}{
		{Fault{Kind: Foreign}, 200, "text/html", false},
		{Fault{Kind: Foreign, Status: 403, Body: "no", Type: "text/plain"}, 403, "text/plain", false},
		{Fault{Kind: ForeignAfter, Status: 504, Body: "late"}, 504, "text/html", true},
	} {
		s := newServer(t)
		tc.fault.Action, tc.fault.Times = "CreateUser", 1
		i := s.Inject(tc.fault)
		hear := &listener{t: t}
		c := root(s)
		c.HTTP = &http.Client{Transport: hear}
		_, _ = c.Do(t.Context(), "iam", "CreateUser", url.Values{"UserName": {"ann"}}) // what it says of such an answer is its own affair
		if hear.status != tc.status || hear.body != tc.fault.Body || hear.kind != tc.kind {
			t.Errorf("%+v: heard %+v", tc.fault, hear)
		}
		if _, ok := s.User("ann"); ok != tc.done || i.Hits() != 1 || s.Calls()[0].Status != tc.status {
			t.Errorf("%+v: the user is there: %v; %+v", tc.fault, ok, s.Calls())
		}
	}
}

// listener notes what comes back.
type listener struct {
	t          *testing.T
	status     int
	kind, body string
}

func (l *listener) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		l.t.Error(err)
	}
	l.status, l.kind, l.body = response.StatusCode, response.Header.Get("Content-Type"), string(body)
	response.Body = io.NopCloser(strings.NewReader(l.body))
	return response, nil
}
