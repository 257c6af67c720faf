// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// ask asks an endpoint as an SDK does.
func ask(t *testing.T, e *endpoint) (status int, answer map[string]string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, e.url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", e.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, answer
}

// An endpoint answers what it has until that nears its end, then what Vault gives; where Vault gives nothing, the old
// one to its end.
func TestEndpointRefreshes(t *testing.T) {
	t.Parallel()
	at := func(made, ends time.Duration) *credential {
		now := time.Now()
		return &credential{accessKey: "old", secretKey: "s", sessionToken: "t", made: now.Add(made), ends: now.Add(ends)}
	}
	fresh := at(0, time.Hour)
	fresh.accessKey = "new"
	for _, test := range []struct {
		what    string
		first   *credential
		refused error
		status  int
		key     string
	}{
		{"made just now", at(0, time.Hour), nil, 200, "old"},
		{"short, made just now", at(0, 15*time.Minute), nil, 200, "old"},
		{"short, in its last third", at(-11*time.Minute, 4*time.Minute), nil, 200, "new"},
		{"before an SDK would ask", at(-41*time.Minute, 19*time.Minute), nil, 200, "new"},
		{"ended", at(-time.Hour, -time.Second), nil, 200, "new"},
		{"before its end, and Vault is sealed", at(-41*time.Minute, 19*time.Minute), errors.New("sealed"), 200, "old"},
		{"ended, and Vault is sealed", at(-time.Hour, -time.Second), errors.New("sealed"), 503, ""},
	} {
		e, err := serveCredentials(t.Context(), test.first, func(context.Context) (*credential, error) { return fresh, test.refused })
		if err != nil {
			t.Fatal(err)
		}
		status, answer := ask(t, e)
		if status != test.status || answer["AccessKeyId"] != test.key {
			t.Errorf("%s: status %d, answer %v", test.what, status, answer)
		}
		if test.refused != nil && status != 200 && (answer["code"] == "" || !strings.Contains(answer["message"], "sealed")) {
			t.Errorf("%s: an SDK would show %v", test.what, answer)
		}
		e.close()
	}
}

// Many threads of a command that ask at once are answered what one of them asked Vault for.
func TestEndpointAsksOnce(t *testing.T) {
	t.Parallel()
	var asked int // guarded by the endpoint: one at a time
	e, err := serveCredentials(t.Context(), &credential{accessKey: "old"}, func(context.Context) (*credential, error) {
		asked++
		return &credential{accessKey: "new", made: time.Now(), ends: time.Now().Add(time.Hour)}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var threads sync.WaitGroup
	for range 16 {
		threads.Go(func() {
			if _, answer := ask(t, e); answer["AccessKeyId"] != "new" {
				t.Errorf("answered %v", answer)
			}
		})
	}
	threads.Wait()
	e.close()
	if asked != 1 {
		t.Errorf("Vault was asked %d times", asked)
	}
}

// Vault does not answer: a firewall drops packets, or a server hangs. Each SDK that asks meanwhile waits for half a minute,
// and SDKs give up after two seconds, though the credential in hand is good for 19 minutes more. What is in hand has to be
// answered while the next one is on its way.
func TestEndpointWhileVaultHangs(t *testing.T) {
	t.Parallel()
	asked, release := make(chan struct{}, 8), make(chan struct{})
	now := time.Now()
	e, err := serveCredentials(t.Context(), &credential{accessKey: "old", made: now.Add(-41 * time.Minute), ends: now.Add(19 * time.Minute)},
		func(context.Context) (*credential, error) {
			asked <- struct{}{}
			<-release
			return nil, context.DeadlineExceeded
		})
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan string, 2)
	get := func() {
		_, answer := ask(t, e)
		answered <- answer["AccessKeyId"]
	}
	go get()
	<-asked
	go get()
	select {
	case key := <-answered:
		if key != "old" {
			t.Errorf("answered %q", key)
		}
		close(release)
	case <-time.After(20 * time.Second):
		t.Error("nobody is answered while Vault hangs, though the credential works")
		close(release)
		<-answered
	}
	<-answered
	e.close()
}
