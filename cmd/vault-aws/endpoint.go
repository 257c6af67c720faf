// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// endpointAhead is how long before its end a credential is replaced: AWS's SDKs ask for a new one up to 15 minutes
	// ahead. One that is short from the start is replaced in its last third.
	endpointAhead = 20 * time.Minute
	// requestTime is how long the endpoint asks Vault.
	requestTime = 30 * time.Second
	// patience is how long an SDK waits for the next credential while the one in hand works: SDKs give up after one second
	// or two, and that credential is as good.
	patience = time.Second / 2
)

// endpoint answers AWS's SDKs on loopback as a container's endpoint does (AWS SDKs and Tools Reference Guide,
// "Container credential provider").
type endpoint struct {
	url, token string
	renew      func(context.Context) (*credential, error)
	server     *http.Server

	mu      sync.Mutex
	now     *credential // the one that is answered
	renewal *renewal    // under way; nil if none is
	closed  bool
}

// renewal is one request to Vault, for all who wait for it. Its fields are set when done is closed.
type renewal struct {
	done chan struct{}
	got  *credential
	err  error
}

// containerCredentials is the answer.
type containerCredentials struct {
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	Token           string
	Expiration      string
}

// serveCredentials starts an endpoint that answers a credential, and what renew returns before that ends.
func serveCredentials(ctx context.Context, c *credential, renew func(context.Context) (*credential, error)) (*endpoint, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("opening an endpoint on loopback: %w", err)
	}
	e := &endpoint{
		url: "http://" + listener.Addr().String() + "/credentials", token: rand.Text() + rand.Text(),
		renew: renew, now: c,
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /credentials", e.answer)
	e.server = &http.Server{Handler: mux, ReadHeaderTimeout: requestTime}
	go func() { _ = e.server.Serve(listener) }() // it ends with close
	return e, nil
}

// close stops the endpoint, and waits for a request to Vault that is under way: its lease is to be revoked too.
func (e *endpoint) close() {
	e.mu.Lock()
	e.closed = true
	last := e.renewal
	e.mu.Unlock()
	_ = e.server.Close() // nobody is left to answer
	if last != nil {
		select {
		case <-last.done:
		case <-time.After(signalGrace):
		}
	}
}

// answer is one request of an SDK.
func (e *endpoint) answer(w http.ResponseWriter, r *http.Request) {
	if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte(e.token)) != 1 {
		reply(w, http.StatusForbidden, map[string]string{"code": "AccessDenied", "message": "this endpoint is for the command that vault-aws exec started"})
		return
	}
	c, err := e.current(r.Context())
	if err != nil {
		reply(w, http.StatusServiceUnavailable, map[string]string{"code": "VaultRefused", "message": err.Error()})
		return
	}
	reply(w, http.StatusOK, containerCredentials{
		AccessKeyID: c.accessKey, SecretAccessKey: c.secretKey, Token: c.sessionToken, Expiration: c.ends.UTC().Format(time.RFC3339),
	})
}

// current is the credential that is answered now. Where Vault gives no new one, or takes its time, the old one serves to
// its end.
func (e *endpoint) current(ctx context.Context) (*credential, error) {
	c, next := e.look(ctx)
	if next == nil {
		return c, nil
	}
	var enough <-chan time.Time
	if left := time.Until(c.ends); left > 0 {
		enough = time.After(min(patience, left))
	}
	select {
	case <-next.done:
	case <-enough:
		return c, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for credentials: %w", ctx.Err())
	}
	switch {
	case next.err == nil:
		return next.got, nil
	case time.Now().Before(c.ends):
		return c, nil
	}
	return nil, next.err
}

// look is the credential in hand, and the renewal that is to replace it; nil if it has time.
func (e *endpoint) look(ctx context.Context) (*credential, *renewal) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.now
	if e.closed || time.Until(c.ends) > c.ahead() {
		return c, nil
	}
	if e.renewal == nil {
		e.renewal = &renewal{done: make(chan struct{})}
		// SDKs give up and ask again: what Vault is asked for meanwhile is for that request.
		go e.replace(context.WithoutCancel(ctx), e.renewal)
	}
	return c, e.renewal
}

// replace asks Vault for the next credential.
func (e *endpoint) replace(ctx context.Context, r *renewal) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	r.got, r.err = e.renew(ctx)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.renewal = nil; r.err == nil {
		e.now = r.got
	}
	close(r.done)
}

// reply writes an answer.
func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that has gone hears nothing
}
