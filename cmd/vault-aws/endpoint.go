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
	"time"
)

const (
	// endpointAhead is how long before its end a credential is replaced: AWS's SDKs ask for a new one up to 15 minutes
	// ahead. One that is short from the start is replaced in its last third.
	endpointAhead = 20 * time.Minute
	// requestTime is how long the endpoint asks Vault.
	requestTime = 30 * time.Second
)

// endpoint answers AWS's SDKs on loopback as a container's endpoint does (AWS SDKs and Tools Reference Guide,
// "Container credential provider").
type endpoint struct {
	url, token string
	renew      func(context.Context) (*credential, error)
	now        chan *credential // holds the one that is answered; whoever took it may replace it
	server     *http.Server
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
		renew: renew, now: make(chan *credential, 1),
	}
	e.now <- c
	mux := http.NewServeMux()
	mux.HandleFunc("GET /credentials", e.answer)
	e.server = &http.Server{Handler: mux, ReadHeaderTimeout: requestTime}
	go func() { _ = e.server.Serve(listener) }() // it ends with close
	return e, nil
}

// close stops the endpoint, and waits for a request to Vault that is under way: its lease is to be revoked too.
func (e *endpoint) close() {
	_ = e.server.Close() // nobody is left to answer
	select {
	case <-e.now:
	case <-time.After(signalGrace):
	}
}

// answer is one request of an SDK.
func (e *endpoint) answer(w http.ResponseWriter, r *http.Request) {
	if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte(e.token)) != 1 {
		reply(w, http.StatusForbidden, map[string]string{"code": "AccessDenied", "message": "this endpoint is for the command that vault-aws exec started"})
		return
	}
	// SDKs wait for some seconds, and ask again: what Vault is asked for meanwhile is for that request.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), requestTime)
	defer cancel()
	c, err := e.current(ctx)
	if err != nil {
		reply(w, http.StatusServiceUnavailable, map[string]string{"code": "VaultRefused", "message": err.Error()})
		return
	}
	reply(w, http.StatusOK, containerCredentials{
		AccessKeyID: c.accessKey, SecretAccessKey: c.secretKey, Token: c.sessionToken, Expiration: c.ends.UTC().Format(time.RFC3339),
	})
}

// current is the credential that is answered now. Where Vault gives no new one, the old one serves to its end.
func (e *endpoint) current(ctx context.Context) (*credential, error) {
	var c *credential
	select {
	case c = <-e.now:
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for the credentials that another request asked for: %w", ctx.Err())
	}
	defer func() { e.now <- c }()
	left := time.Until(c.ends)
	if left > min(endpointAhead, c.ends.Sub(c.made)/3) {
		return c, nil
	}
	fresh, err := e.renew(ctx)
	if err == nil {
		c = fresh
	} else if left <= 0 {
		return nil, err
	}
	return c, nil
}

// reply writes an answer.
func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that has gone hears nothing
}
