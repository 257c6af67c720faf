// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"
)

// browserTime is how long a browser may take to start and ask for the link.
const browserTime = time.Minute

// console opens a sign-in link to the AWS console, or prints it.
func console(ctx context.Context, c *call) error {
	if c.request().static() {
		return usagef("console: %s: there is no console of a static role; use a role of the type assumed_role or federation_token", c.args[0])
	}
	v, err := c.connect()
	if err != nil {
		return err
	}
	path := v.path("console", c.request().role())
	secret, err := v.ask(ctx, path, c.request().parameters)
	if err != nil {
		return err
	}
	for _, warning := range secret.Warnings {
		say(c.errs, "warning: %s", warning)
	}
	link := text(secret, "login_url")
	if parsed, err := url.Parse(link); err != nil || parsed.Host == "" {
		return errors.Join(fmt.Errorf("%s: Vault's answer holds no link", path), v.giveBack(ctx, secret.LeaseID))
	}
	if c.print {
		fmt.Fprintln(c.out, link)
		return nil
	}
	return openLink(ctx, link)
}

// openLink has a browser open a link. Everybody on this machine sees the arguments of a process, and whoever has the
// link is signed in: so the browser is told of a page on loopback, which passes the link on once, to a process of this user.
func openLink(ctx context.Context, link string) error {
	program, arguments, err := browser()
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("opening a page on loopback: %w", err)
	}
	page := "/" + rand.Text()
	fetched := make(chan struct{})
	var once sync.Once
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+page, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet { // a HEAD comes here too, and opens nothing
			w.Header().Set("Allow", http.MethodGet)
			http.Error(w, "Open this page with GET.", http.StatusMethodNotAllowed)
			return
		}
		if !isOurs(r.RemoteAddr, listener.Addr().String()) {
			http.Error(w, "This page is for the user who runs vault-aws: use vault-aws console -print.", http.StatusForbidden)
			return
		}
		code := http.StatusGone
		once.Do(func() { code = http.StatusFound; defer close(fetched) })
		if code == http.StatusGone {
			http.Error(w, "This link was opened already: run vault-aws console again.", code)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		http.Redirect(w, r, link, code)
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: browserTime}
	go func() { _ = server.Serve(listener) }() // it ends with Shutdown
	ended := make(chan error, 1)
	cmd := exec.CommandContext(ctx, program, append(arguments, "http://"+listener.Addr().String()+page)...) //nolint:gosec // what the user has for a browser
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w; -print prints the link", program, err)
	}
	go func() { ended <- cmd.Wait() }()
	return waitForBrowser(ctx, server, program, fetched, ended)
}

// waitForBrowser waits until the link was asked for. A browser may end at once, having told another one.
func waitForBrowser(ctx context.Context, server *http.Server, program string, fetched <-chan struct{}, ended <-chan error) error {
	timeout := time.NewTimer(browserTime)
	defer timeout.Stop()
	for {
		select {
		case <-fetched:
			return server.Shutdown(ctx) // once the answer is out
		case err := <-ended:
			if err != nil {
				return fmt.Errorf("running %s: %w; -print prints the link", program, err)
			}
			ended = nil
		case <-timeout.C:
			return fmt.Errorf("%s did not open the link within %s; -print prints it", program, browserTime)
		}
	}
}

// browser is what opens links: the first program of BROWSER, else the desktop's.
func browser() (program string, arguments []string, err error) {
	first, _, _ := strings.Cut(os.Getenv("BROWSER"), ":")
	words := strings.Fields(strings.ReplaceAll(first, "%s", ""))
	switch {
	case len(words) > 0:
	case runtime.GOOS == "darwin":
		words = []string{"open"}
	default:
		words = []string{"xdg-open"}
	}
	if program, err = exec.LookPath(words[0]); err != nil {
		return "", nil, errors.Join(errors.New("no browser: set BROWSER, or print the link with -print"), err)
	}
	return program, words[1:], nil
}
