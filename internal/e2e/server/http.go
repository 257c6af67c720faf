// SPDX-License-Identifier: MPL-2.0

package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"time"
)

// This file speaks to Vault over plain HTTP: no client library that retries, translates or leaves out.

// Answer is what Vault said to one request.
type Answer struct {
	Status int
	Text   string         // the body as it came
	Body   map[string]any // the same, decoded; nil if there was none
}

// Data is one value of the answer's data, nil if it is not there.
func (a Answer) Data(key string) any {
	data, _ := a.Body["data"].(map[string]any)
	return data[key]
}

// Lease is the id of the lease that the answer came with.
func (a Answer) Lease() string {
	id, _ := a.Body["lease_id"].(string)
	return id
}

// Request sends a request to a path below /v1/. It is safe to call from any goroutine.
func (v *Server) Request(method, path string, body any) (Answer, error) {
	return v.RequestWithin(v.T.Context(), method, path, body)
}

// RequestWithin is Request for a client that goes away when ctx ends.
func (v *Server) RequestWithin(ctx context.Context, method, path string, body any) (Answer, error) {
	var content io.Reader = http.NoBody
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return Answer{}, fmt.Errorf("encoding the body of %s %s: %w", method, path, err)
		}
		content = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, v.Address()+"/v1/"+path, content)
	if err != nil {
		return Answer{}, fmt.Errorf("making the request %s %s: %w", method, path, err)
	}
	req.Header.Set("X-Vault-Token", v.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return Answer{}, fmt.Errorf("asking Vault: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return Answer{}, fmt.Errorf("reading the answer to %s %s: %w", method, path, err)
	}
	a := Answer{Status: resp.StatusCode, Text: string(text)}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &a.Body); err != nil {
			return Answer{}, fmt.Errorf("decoding the answer to %s %s: %w", method, path, err)
		}
	}
	return a, nil
}

// Call sends a request and demands one of the given statuses, or any 2xx if none is given.
func (v *Server) Call(method, path string, body any, statuses ...int) Answer {
	v.T.Helper()
	a, err := v.Request(method, path, body)
	if err != nil {
		v.T.Fatal(err)
	}
	if len(statuses) == 0 && a.Status >= 200 && a.Status < 300 {
		return a
	}
	for _, status := range statuses {
		if a.Status == status {
			return a
		}
	}
	v.T.Fatalf("%s %s: status %d, expected %v: %s", method, path, a.Status, statuses, a.Text)
	return a
}

// Demand is Request for what has to succeed, from any goroutine.
func (v *Server) Demand(method, path string, body any) (Answer, error) {
	a, err := v.Request(method, path, body)
	if err == nil && a.Status >= 300 {
		err = fmt.Errorf("%s %s: status %d: %s", method, path, a.Status, a.Text)
	}
	return a, err
}

// WaitForStatus waits until Vault's health answers so: 200 active, 501 not initialized, 503 sealed.
func (v *Server) WaitForStatus(status int) {
	v.T.Helper()
	WaitFor(v.T, time.Minute, fmt.Sprintf("Vault's health at status %d", status), func() bool {
		select {
		case <-v.Exited:
			v.T.Fatal("Vault ended by itself")
		default:
		}
		a, err := v.Request(http.MethodGet, "sys/health", nil)
		return err == nil && a.Status == status
	})
}

// Empty says whether a value from JSON is what a field is when nobody set it.
func Empty(value any) bool {
	switch v := value.(type) {
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return value == nil || reflect.ValueOf(value).IsZero()
}

// AsJSON is a value as JSON.
func AsJSON(value any) string {
	encoded, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(encoded)
}
