// SPDX-License-Identifier: MPL-2.0

// Package fakeaws is a fake AWS: one or more accounts that answer IAM, STS and instance-metadata requests on a
// loopback address, with the real wire protocol.
//
// It is the only test double of this module. The engine reaches it as it reaches AWS, through
// iam_endpoint and sts_endpoint, so the code under test is the code that ships. It uses only the standard
// library, so that a mistake in the AWS SDK, or in how we call it, cannot be repeated here.
//
// A test starts a server with [New], which fails the test if a user or a key is left behind. A program starts
// one with [Start].
//
// # The life of a call
//
//  1. serve.go reads the form and records the start.
//  2. faults.go and network.go hold, delay or refuse it.
//  3. auth.go checks its signature.
//  4. judge.go decides whether policies allow what asks.go says it needs.
//  5. actions.go finds the function that does the work, in an iam_*.go or sts_*.go file, which has the account to itself.
//     (signin.go signs people in to the console, which is not a call of a service.)
//  6. transcript.go records the end, and the answer is written.
//
// # What it does not check
//
// The list is [Unchecked], which the program's help prints.
package fakeaws

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Unchecked says, one sentence a line, where the fake is less strict than AWS.
const Unchecked = `What the fake does not check:
  - It evaluates the identity-based policies and boundaries that a test or POST /_policies gives to a user or role, what an inline policy of a role denies to its sessions by aws:userid and aws:TokenIssueTime, and of trust policies no more than actions and external IDs: any other valid key may do anything.
  - Policies are checked for their grammar, not for services, actions and condition keys that do not exist.
  - Every AWS managed policy exists, unless its name contains "DoesNotExist".
  - A signature may be scoped to any region, unless the call names a host of AWS or the test sets the region.
  - Only header signatures (SigV4) are understood: no presigned URLs, no SigV4A.
  - Session policies and session tags are checked and remembered but change nothing.
  - The packed size of session policies and tags is AWS's secret: the plaintext of the policies stands for it.
  - A code that an MFA device shows may be used again, and by any user; EnableMFADevice takes any six digits.
  - SSH keys and certificates are checked for shape only.
  - A web identity token is a word that the test or the operator chose, not a signed JWT.`

// Server is an AWS account that answers IAM, STS and instance-metadata requests on a loopback address; [Server.Account] is
// another one at the same address.
type Server struct {
	url     string
	http    *http.Server
	control bool
	clock   clock
	now     func() time.Time // of clock
	network *network
	calls   *transcript
	step    Step // nil: calls are not stopped between their steps

	accounts *accounts
	account  *account // reached through with alone
}

// Option changes how a server starts.
type Option func(*Server)

// WithPageSize sets how many items a list answers at most. The default is 2, so that whoever forgets to page
// fails at once; AWS's default is 100.
func WithPageSize(n int) Option {
	return func(s *Server) { s.account.pageSize = max(n, 1) }
}

// WithAccount sets the account's twelve digits.
func WithAccount(id string) Option {
	return func(s *Server) { s.account.id = id }
}

// WithControl also serves the paths for people and scripts: [Controls].
func WithControl() Option {
	return func(s *Server) { s.control = true }
}

// Start serves on addr, which must be a loopback address such as 127.0.0.1:0: a server that anybody on the
// network can tell to make keys has no business there, even though its keys open nothing.
func Start(addr string, opts ...Option) (*Server, error) {
	if err := checkLoopback(addr); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", addr, err)
	}
	if at, ok := listener.Addr().(*net.TCPAddr); !ok || !at.IP.IsLoopback() {
		_ = listener.Close() // nothing was served
		return nil, fmt.Errorf("listen address %q resolved to %s, which is not a loopback address", addr, listener.Addr())
	}
	s := &Server{
		url:     "http://" + listener.Addr().String(),
		network: newNetwork(),
		calls:   newTranscript(),
		account: newAccount(),
	}
	s.now = s.clock.now
	s.accounts = &accounts{all: []*account{s.account}, signinTokens: map[string]*signin{}}
	s.account.among = s.accounts
	for _, opt := range opts {
		opt(s)
	}
	s.account.seed()
	s.http = &http.Server{Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		// It returns when Close closes the listener, and has nothing else to report.
		_ = s.http.Serve(listener)
	}()
	return s, nil
}

// checkLoopback refuses an address that another machine could reach.
func checkLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("reading listen address %q: %w", addr, err)
	}
	if host == "localhost" {
		return nil
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("listen address %q is not a loopback address: the fake AWS serves this machine only (try 127.0.0.1:0)", addr)
	}
	return nil
}

// closeLimit bounds the wait of Close for the calls under way.
const closeLimit = 10 * time.Second

// Close lets go of all that hangs, waits for the calls under way and stops serving. What a call that nobody
// waits for any more still does to the account is therefore done when Close returns.
func (s *Server) Close() error {
	s.calls.close()
	s.network.close()
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	waited := s.calls.wait(ctx)
	if err := s.http.Close(); err != nil {
		return fmt.Errorf("closing the fake AWS: %w", err)
	}
	return waited
}

// URL is the endpoint, for IAM, STS and instance metadata alike: http://127.0.0.1:port.
func (s *Server) URL() string { return s.url }

// with runs work on the account while nobody else can. Nothing in work may wait.
func (s *Server) with(work func(a *account)) {
	s.accounts.mu.Lock()
	defer s.accounts.mu.Unlock()
	work(s.account)
}
