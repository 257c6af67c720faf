// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// roles makes and deletes a role, which the fake account does not: IAM API Reference, CreateRole, ListRoles, DeleteRole. It
// stands before the account, and passes on all other calls.
type roles struct {
	account *fakeaws.Server

	mu        sync.Mutex
	made, now string
}

func (r *roles) before(t *testing.T, endpoint string) string {
	t.Helper()
	behind, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	// The host that was signed stays.
	pass := &httputil.ReverseProxy{Rewrite: func(q *httputil.ProxyRequest) {
		q.Out.URL.Scheme, q.Out.URL.Host = behind.Scheme, behind.Host
		q.Out.Host = q.In.Host
	}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		params, _ := url.ParseQuery(string(body)) // what is none is passed on
		if answer := r.answer(params); answer != "" {
			w.Header().Set("Content-Type", "text/xml")
			action := params.Get("Action")
			fmt.Fprintf(w, `<%[1]sResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>`, action, answer)
			return
		}
		q.Body = io.NopCloser(strings.NewReader(string(body)))
		pass.ServeHTTP(w, q)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func (r *roles) answer(params url.Values) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	shown := func() string {
		return fmt.Sprintf("<Path>%[1]s</Path><RoleName>%[2]s</RoleName><Arn>arn:aws:iam::123456789012:role%[1]s%[2]s</Arn>", path, r.now)
	}
	switch params.Get("Action") {
	case "CreateRole":
		r.now, r.made = params.Get("RoleName"), params.Get("RoleName")
		r.account.AddRole(r.now)
		return "<Role>" + shown() + "</Role>"
	case "ListRoles":
		if r.now == "" {
			return "<Roles/><IsTruncated>false</IsTruncated>"
		}
		return "<Roles><member>" + shown() + "</member></Roles><IsTruncated>false</IsTruncated>"
	case "DeleteRole":
		r.now = ""
		return " "
	}
	return ""
}
