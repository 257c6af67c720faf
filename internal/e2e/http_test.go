// SPDX-License-Identifier: MPL-2.0

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// This file speaks to Vault over plain HTTP: no client library that retries, translates or leaves out.

// answer is what Vault said to one request.
type answer struct {
	status int
	text   string         // the body as it came
	body   map[string]any // the same, decoded; nil if there was none
}

// data is one value of the answer's data, nil if it is not there.
func (a answer) data(key string) any {
	data, _ := a.body["data"].(map[string]any)
	return data[key]
}

// lease is the id of the lease that the answer came with.
func (a answer) lease() string {
	id, _ := a.body["lease_id"].(string)
	return id
}

// request sends a request to a path below /v1/. It is safe to call from any goroutine.
func (v *server) request(method, path string, body any) (answer, error) {
	return v.requestWithin(v.t.Context(), method, path, body)
}

// requestWithin is request for a client that goes away when ctx ends.
func (v *server) requestWithin(ctx context.Context, method, path string, body any) (answer, error) {
	var content io.Reader = http.NoBody
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return answer{}, fmt.Errorf("encoding the body of %s %s: %w", method, path, err)
		}
		content = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, v.address()+"/v1/"+path, content)
	if err != nil {
		return answer{}, fmt.Errorf("making the request %s %s: %w", method, path, err)
	}
	req.Header.Set("X-Vault-Token", v.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, fmt.Errorf("asking Vault: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, fmt.Errorf("reading the answer to %s %s: %w", method, path, err)
	}
	a := answer{status: resp.StatusCode, text: string(text)}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &a.body); err != nil {
			return answer{}, fmt.Errorf("decoding the answer to %s %s: %w", method, path, err)
		}
	}
	return a, nil
}

// call sends a request and demands one of the given statuses, or any 2xx if none is given.
func (v *server) call(method, path string, body any, statuses ...int) answer {
	v.t.Helper()
	a, err := v.request(method, path, body)
	if err != nil {
		v.t.Fatal(err)
	}
	if len(statuses) == 0 && a.status >= 200 && a.status < 300 {
		return a
	}
	for _, status := range statuses {
		if a.status == status {
			return a
		}
	}
	v.t.Fatalf("%s %s: status %d, expected %v: %s", method, path, a.status, statuses, a.text)
	return a
}

// demand is request for what has to succeed, from any goroutine.
func (v *server) demand(method, path string, body any) (answer, error) {
	a, err := v.request(method, path, body)
	if err == nil && a.status >= 300 {
		err = fmt.Errorf("%s %s: status %d: %s", method, path, a.status, a.text)
	}
	return a, err
}

// waitForStatus waits until Vault's health answers so: 200 active, 501 not initialized, 503 sealed.
func (v *server) waitForStatus(status int) {
	v.t.Helper()
	waitFor(v.t, time.Minute, fmt.Sprintf("Vault's health at status %d", status), func() bool {
		select {
		case <-v.exited:
			v.t.Fatal("Vault ended by itself")
		default:
		}
		a, err := v.request(http.MethodGet, "sys/health", nil)
		return err == nil && a.status == status
	})
}
