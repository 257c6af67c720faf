// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// This file has the few words in which the tests of the package speak to the fake.

const allowAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

// newServer starts a fake whose leftovers the test does not mind.
func newServer(t *testing.T, opts ...Option) *Server {
	t.Helper()
	s, err := Start("127.0.0.1:0", opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// as is a client with a key and a connection pool of its own.
func as(s *Server, key Key) Client {
	return Client{Endpoint: s.URL(), Key: key, HTTP: &http.Client{Transport: &http.Transport{}}}
}

func root(s *Server) Client { return as(s, s.RootKey()) }

// params reads name, value, name, value.
func params(pairs ...string) url.Values {
	form := url.Values{}
	for pair := range slices.Chunk(pairs, 2) {
		form.Set(pair[0], pair[1])
	}
	return form
}

// serviceFor finds the service of an action.
func serviceFor(action string) string {
	if act, ok := actions[action]; ok {
		return act.service
	}
	return "iam"
}

// do makes a call that must go well.
func do(t *testing.T, c Client, action string, pairs ...string) string {
	t.Helper()
	body, err := c.Do(t.Context(), serviceFor(action), action, params(pairs...))
	if err != nil {
		t.Fatalf("%s %v: %v", action, pairs, err)
	}
	return string(body)
}

// refused makes a call that must be refused with a status, a code and words.
func refused(t *testing.T, c Client, status int, code, words, action string, pairs ...string) {
	t.Helper()
	_, err := c.Do(t.Context(), serviceFor(action), action, params(pairs...))
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("%s %v: got %v, want %s", action, pairs, err, code)
	}
	if refusal.Status != status || refusal.Code != code || !strings.Contains(refusal.Message, words) {
		t.Errorf("%s %v: got %d %v, want %d %s: …%s…", action, pairs, refusal.Status, refusal, status, code, words)
	}
}

// background makes a call whose end is told on a channel.
func background(ctx context.Context, c Client, action string, pairs ...string) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := c.Do(ctx, serviceFor(action), action, params(pairs...))
		done <- err
	}()
	return done
}

// soon fails the test if the channel has nothing for ten seconds.
func soon[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(10 * time.Second):
		t.Fatalf("waited in vain for %s", what)
	}
	var none T
	return none
}

// field is the text of the first element of a name.
func field(t *testing.T, body, name string) string {
	t.Helper()
	match := regexp.MustCompile("<" + name + ">([^<]*)</" + name + ">").FindStringSubmatch(body)
	if match == nil {
		t.Fatalf("no %s in %s", name, body)
	}
	var text string
	if err := xml.Unmarshal([]byte("<x>"+match[1]+"</x>"), &text); err != nil {
		t.Fatal(err)
	}
	return text
}

// newUser makes a user with a key over the wire.
func newUser(t *testing.T, s *Server, name string) Client {
	t.Helper()
	do(t, root(s), "CreateUser", "UserName", name)
	body := do(t, root(s), "CreateAccessKey", "UserName", name)
	return as(s, Key{AccessKeyID: field(t, body, "AccessKeyId"), SecretAccessKey: field(t, body, "SecretAccessKey")})
}

// managed is the ARN of the nth AWS managed policy.
func managed(n int) string { return fmt.Sprintf("arn:aws:iam::aws:policy/Managed%d", n) }
