// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// This file asks the server, and gives up when it is silent.

// get asks for the URL and hands the body to use. One watch covers all of it, from the name's resolution on.
func (r request) get(ctx context.Context, use func(body io.Reader, size int64) error) error {
	address, err := url.Parse(r.url)
	if err != nil || address.Host == "" {
		return fmt.Errorf("%q is no URL: write one such as https://releases.hashicorp.com/vault/", r.url)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(r.answer, func() { cancel(fmt.Errorf("no answer within %s", r.answer)) })
	defer watch.Stop()

	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", r.url, err)
	}
	answer, err := http.DefaultClient.Do(ask)
	if err != nil {
		return fmt.Errorf("%s: %w", address.Host, reason(ctx, err))
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", r.url, answer.Status)
	}
	watch.Stop()
	silence := time.AfterFunc(r.silence, func() { cancel(fmt.Errorf("nothing more within %s", r.silence)) })
	defer silence.Stop()
	body := reader(func(p []byte) (int, error) {
		n, err := answer.Body.Read(p)
		if n > 0 {
			silence.Reset(r.silence)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			err = fmt.Errorf("%s: %w", address.Host, reason(ctx, err))
		}
		return n, err
	})
	return use(body, answer.ContentLength)
}

// reason is why the request was given up, if it was, else the innermost word of the error.
func reason(ctx context.Context, err error) error {
	if given := context.Cause(ctx); given != nil {
		return given
	}
	if inner, ok := errors.AsType[*net.OpError](err); ok {
		return inner
	}
	if outer, ok := errors.AsType[*url.Error](err); ok {
		return outer.Err
	}
	return err
}

// reader is a function that reads.
type reader func(p []byte) (int, error)

func (r reader) Read(p []byte) (int, error) { return r(p) }
