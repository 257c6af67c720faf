// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// This file calls IAM and STS without an SDK: for this package's tests and for the program's whoami and users.

// Client calls one endpoint with one key.
type Client struct {
	Endpoint string
	Key      Key // the zero Key signs nothing
	HTTP     *http.Client
}

// clientRegion is what calls are scoped to: "IAM is a global service" with its home there (IAM User Guide).
const clientRegion = "us-east-1"

// Do makes a call and returns the XML of the answer. An answer that is an error is a [*Refusal].
func (c Client) Do(ctx context.Context, service, action string, params url.Values) ([]byte, error) {
	form := url.Values{"Action": {action}, "Version": {iamVersion}}
	if service == "sts" {
		form.Set("Version", stsVersion)
	}
	for name, values := range params {
		form[name] = values
	}
	body := []byte(form.Encode())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.Endpoint, "/")+"/", bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	if c.Key != (Key{}) {
		c.Key.Sign(r, body, service, clientRegion, time.Now())
	}
	return c.send(r, action)
}

// send sends a request and reads the answer.
func (c Client) send(r *http.Request, action string) ([]byte, error) {
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	response, err := client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("calling %s: %w", action, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the answer to %s: %w", action, err)
	}
	if response.StatusCode == http.StatusOK {
		return answer, nil
	}
	var problem struct{ Error errorBody }
	if err := xml.Unmarshal(answer, &problem); err != nil {
		return nil, fmt.Errorf("reading the error that %s answered with status %d: %w", action, response.StatusCode, err)
	}
	return nil, &Refusal{response.StatusCode, problem.Error.Code, problem.Error.Message}
}

// CallerARN asks STS who the key belongs to.
func (c Client) CallerARN(ctx context.Context) (string, error) {
	var answer struct {
		ARN string `xml:"GetCallerIdentityResult>Arn"`
	}
	body, err := c.Do(ctx, "sts", "GetCallerIdentity", nil)
	if err != nil {
		return "", err
	}
	if err := xml.Unmarshal(body, &answer); err != nil {
		return "", fmt.Errorf("reading the answer to GetCallerIdentity: %w", err)
	}
	return answer.ARN, nil
}

// UserNames asks IAM for all users, page by page.
func (c Client) UserNames(ctx context.Context) ([]string, error) {
	var names []string
	params := url.Values{}
	for {
		var answer struct {
			Names       []string `xml:"ListUsersResult>Users>member>UserName"`
			IsTruncated bool     `xml:"ListUsersResult>IsTruncated"`
			Marker      string   `xml:"ListUsersResult>Marker"`
		}
		body, err := c.Do(ctx, "iam", "ListUsers", params)
		if err != nil {
			return nil, err
		}
		if err := xml.Unmarshal(body, &answer); err != nil {
			return nil, fmt.Errorf("reading the answer to ListUsers: %w", err)
		}
		names = append(names, answer.Names...)
		if !answer.IsTruncated {
			return names, nil
		}
		params.Set("Marker", answer.Marker)
	}
}
