// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"crypto/hmac"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// This file signs people in to the console: IAM User Guide, "Enable custom identity broker access to the AWS console",
// which "the page" is below. A session becomes a token, and a link with the token leads to a page of the console. Texts and
// statuses of refusals are guesses, but for "Invalid Credentials Parameter", which Bridgewater/holochrome#8 quotes.

const (
	signinPath     = "/federation"
	signinTokenTTL = 15 * time.Minute // "valid for 15 minutes from the time it is created", says the page
)

// consoles are the domains of the console by partition: facts of AWS's pages in each partition.
var consoles = map[string]string{
	"aws": "console.aws.amazon.com", "aws-cn": "console.amazonaws.cn",
	"aws-us-gov": "console.amazonaws-us-gov.com", "aws-eusc": "console.amazonaws-eusc.eu",
}

// signin is a token that was made of a session.
type signin struct {
	key       *accessKey
	arn       string
	partition string
	made      time.Time
	lasts     time.Duration // of the console
	said      bool          // by SessionDuration
	used      bool
}

// Login is somebody who opened a link.
type Login struct {
	ARN         string // of the session
	Destination string
	Issuer      string
	Lasts       time.Duration // the session in the console, from its making
	SaidSo      bool          // by SessionDuration, and not by the session's own end
}

// serveSignin answers both actions of the path.
func (s *Server) serveSignin(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		cut(w)
		return
	}
	s.calls.begin()
	call := &Call{Service: "signin", Action: r.Form.Get("Action"), Params: redact(r.Form), Start: time.Now()}
	out := s.answerSignin(r, call)
	call.End = time.Now()
	if out != nil {
		call.Status = out.status
	}
	s.calls.end(*call)
	switch {
	case out == nil:
		cut(w)
		return
	case out.location != "":
		w.Header().Set("Location", out.location)
	}
	w.Header().Set("Content-Type", out.kind)
	w.WriteHeader(out.status)
	_, _ = w.Write(out.body) // a client that has gone hears nothing
}

// answerSignin does what is asked, as far as the network lets it.
func (s *Server) answerSignin(r *http.Request, call *Call) *signinReply {
	held := s.network.hold(r.Context(), call)
	v := s.network.decide(call, time.Now())
	s.network.pause(call.Start, v.latency)
	call.Fault = strings.Join(append(held, v.names...), ", ")
	switch {
	case v.cut, v.lost:
		return nil
	case v.foreign != nil:
		return &signinReply{reply: *v.foreign}
	case v.refusal != nil:
		return refuseSignin(v.refusal.Status, v.refusal.Message)
	case call.Action == "getSigninToken":
		return s.makeSigninToken(r)
	case call.Action == "login":
		return s.login(r)
	}
	return refuseSignin(http.StatusBadRequest, "Invalid Action Parameter")
}

// signinReply is an answer, perhaps with the place that it leads to.
type signinReply struct {
	reply
	location string
}

func refuseSignin(status int, text string) *signinReply {
	return &signinReply{reply: reply{status: status, kind: "text/html", body: []byte("<html><body>" + strconv.Itoa(status) + ": " + text + "</body></html>")}}
}

// makeSigninToken takes the keys of a session from the body of a POST alone. AWS takes them from a URL too, where logs and proxies
// see them: who does so must not succeed here.
func (s *Server) makeSigninToken(r *http.Request) *signinReply {
	if r.Method != http.MethodPost || r.URL.RawQuery != "" {
		return refuseSignin(http.StatusMethodNotAllowed, "The fake wants a POST with all parameters in its body")
	}
	var sent struct{ SessionID, SessionKey, SessionToken string }
	if err := json.Unmarshal([]byte(r.PostForm.Get("Session")), &sent); err != nil {
		return refuseSignin(http.StatusBadRequest, "Invalid Session Parameter")
	}
	var out *signinReply
	s.withSigner(sent.SessionID, func(a *account) {
		key := a.keys[sent.SessionID]
		if key == nil || !hmac.Equal([]byte(key.secret), []byte(sent.SessionKey)) || !hmac.Equal([]byte(key.token), []byte(sent.SessionToken)) {
			out = refuseSignin(http.StatusBadRequest, "Invalid Credentials Parameter")
			return
		}
		out = a.signinToken(key, r.PostForm, s.now())
	})
	return out
}

// signinToken makes a token of a session that is known.
func (a *account) signinToken(key *accessKey, form url.Values, now time.Time) *signinReply {
	who := a.principalOf(key)
	made := &signin{key: key, arn: who.arn, partition: a.partition, made: now, lasts: key.expires.Sub(now)} // the page: "defaults to the duration of the credentials"
	switch {
	case !key.expires.IsZero() && !now.Before(key.expires):
		return refuseSignin(http.StatusBadRequest, "Invalid Credentials Parameter")
	case who.session == nil || who.user != nil: // "call the AssumeRole (recommended) or GetFederationToken API operations"
		return refuseSignin(http.StatusBadRequest, "Invalid Credentials Parameter")
	case who.session.chained && who.session.timed: // "When you use DurationSeconds in an AssumeRole* operation, you must call it as an IAM user with long-term credentials"
		return refuseSignin(http.StatusBadRequest, "Invalid Credentials Parameter")
	}
	if form.Has("SessionDuration") {
		seconds, err := strconv.Atoi(form.Get("SessionDuration"))
		switch {
		case err != nil || seconds < 900 || seconds > 43200: // "from 900 seconds (15 minutes) to 43200 seconds (12 hours)"
			return refuseSignin(http.StatusBadRequest, "Invalid SessionDuration Parameter")
		case who.session.role == nil: // "Do not use the SessionDuration HTTP parameter if you got the temporary credentials with GetFederationToken"
			return refuseSignin(http.StatusBadRequest, "Invalid Credentials Parameter")
		case who.session.chained: // AWS Knowledge Center, "invalid-credentials-parameter": chained, "you receive an HTTP Status 400 error"
			return refuseSignin(http.StatusBadRequest, "Invalid Credentials Parameter")
		}
		made.lasts, made.said = time.Duration(seconds)*time.Second, true
	}
	token := newSecret(300)
	a.among.signinTokens[token] = made
	body, _ := json.Marshal(map[string]string{"SigninToken": token}) // a text always encodes
	return &signinReply{reply: reply{status: http.StatusOK, kind: "application/json", body: body}}
}

// login opens a link. That a token serves once, and not after the end of its session, and that a link leads to the console alone,
// are guesses.
func (s *Server) login(r *http.Request) *signinReply {
	var out *signinReply
	now, q := s.now(), r.URL.Query()
	s.with(func(a *account) {
		made, destination := a.among.signinTokens[q.Get("SigninToken")], q.Get("Destination")
		switch {
		case r.Method != http.MethodGet:
			out = refuseSignin(http.StatusMethodNotAllowed, "Invalid Request")
		case made == nil || made.used || !now.Before(made.made.Add(signinTokenTTL)) || !now.Before(made.key.expires):
			out = refuseSignin(http.StatusBadRequest, "Invalid SigninToken Parameter")
		case !onConsole(hostIn(destination), consoles[made.partition]):
			out = refuseSignin(http.StatusBadRequest, "Invalid Destination Parameter")
		default:
			made.used = true
			a.among.logins = append(a.among.logins, Login{
				ARN: made.arn, Destination: destination, Issuer: q.Get("Issuer"), Lasts: made.lasts,
				SaidSo: made.said,
			})
			out = &signinReply{reply: reply{status: http.StatusFound, kind: "text/html"}, location: destination}
		}
	})
	return out
}

// hostIn is where a browser goes that is sent to a URL; "" if that is not https.
func hostIn(link string) string {
	rest, https := strings.CutPrefix(link, "https://")
	if !https {
		return ""
	}
	host, _, _ := strings.Cut(strings.NewReplacer("?", "/", "#", "/", `\`, "/").Replace(rest), "/")
	return host
}

// onConsole reports whether a host is on the domain of a console.
func onConsole(host, domain string) bool {
	return domain != "" && (host == domain || strings.HasSuffix(host, "."+domain))
}

// serveConsole is a page of the console, for a client that reaches the server in its place.
func (s *Server) serveConsole(w http.ResponseWriter, r *http.Request) {
	_, _ = fmt.Fprintf(w, "console %s%s", r.Host, r.URL.Path) //nolint:gosec // a test reads it
}

// isConsole reports whether a request is for the console of some partition.
func isConsole(host string) bool {
	for _, domain := range consoles {
		if onConsole(host, domain) {
			return true
		}
	}
	return false
}

// Logins returns who opened links, in order.
func (s *Server) Logins() (all []Login) {
	s.with(func(a *account) { all = append(all, a.among.logins...) })
	return all
}
