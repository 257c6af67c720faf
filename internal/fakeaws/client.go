// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// This file calls IAM and STS without an SDK: for this package's tests, and for what the program asks.

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

// UserNames asks IAM for all users.
func (c Client) UserNames(ctx context.Context) ([]string, error) {
	return c.List(ctx, "ListUsers", "UserName", nil)
}

// List asks IAM for a list, page by page, and returns the texts of its elements of a name.
func (c Client) List(ctx context.Context, action, element string, params url.Values) ([]string, error) {
	page := url.Values{}
	maps.Copy(page, params)
	var all []string
	for {
		body, err := c.Do(ctx, "iam", action, page)
		if err != nil {
			return nil, err
		}
		texts, err := textsOf(body)
		if err != nil {
			return nil, fmt.Errorf("reading the answer to %s: %w", action, err)
		}
		all = append(all, texts[element]...)
		if !slices.Contains(texts["IsTruncated"], "true") {
			return all, nil
		}
		page["Marker"] = texts["Marker"]
	}
}

// textsOf are the texts of a document's elements, by the name of the element.
func textsOf(body []byte) (map[string][]string, error) {
	texts := map[string][]string{}
	decoder := xml.NewDecoder(bytes.NewReader(body))
	name := ""
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return texts, nil
		}
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			name = token.Name.Local
		case xml.EndElement:
			name = ""
		case xml.CharData:
			if name != "" {
				texts[name] = append(texts[name], string(token))
			}
		}
	}
}
