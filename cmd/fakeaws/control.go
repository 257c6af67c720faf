// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// This file asks a fake account what no AWS would tell or do, so that scripts need no curl.

// sessions prints what each session was given with.
func sessions(ctx context.Context, args []string, out, errs io.Writer) error {
	endpoint, err := endpointOf(flag.NewFlagSet("fakeaws sessions", flag.ContinueOnError), "AWS_ENDPOINT_URL_STS", args, errs)
	if err != nil {
		return err
	}
	return control(ctx, http.MethodGet, endpoint, "/_sessions", "", out)
}

// lag sets for how long a new key is not known.
func lag(ctx context.Context, args []string, errs io.Writer) error {
	flags := flag.NewFlagSet("fakeaws lag", flag.ContinueOnError)
	endpoint, err := endpointOf(flags, "AWS_ENDPOINT_URL_IAM", args, errs)
	if err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("name one duration, such as: fakeaws lag 3s")
	}
	return control(ctx, http.MethodPost, endpoint, "/_lag", fmt.Sprintf(`{"key":%q}`, flags.Arg(0)), io.Discard)
}

// control asks a path of those that fakeaws serves beside AWS's own, and copies the answer.
func control(ctx context.Context, method, endpoint, path, body string, out io.Writer) error {
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(endpoint, "/")+path, strings.NewReader(body))
	if err != nil {
		return fmt.Errorf("making the request: %w", err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("asking the fake account: %w", err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("reading the answer to %s: %w", path, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, strings.TrimSpace(string(answer)))
	}
	_, err = out.Write(answer)
	return err
}
