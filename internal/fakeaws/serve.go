// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"crypto/rand"
	"encoding/hex"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// This file takes one request through its life: read, held, decided, worked, answered. No step keeps the
// account while it waits.

// maxBody bounds a request; the largest that IAM can mean is a policy document of some kilobytes.
const maxBody = 1 << 20

// serve sends a request to the service that it is for.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if !s.calls.enter() {
		cut(w)
		return
	}
	defer s.calls.leave()
	switch {
	case s.control && strings.HasPrefix(r.URL.Path, "/_"):
		s.serveControl(w, r)
	case strings.HasPrefix(r.URL.Path, "/latest/"):
		s.serveMetadata(w, r)
	case r.URL.Path == containerPath:
		s.serveContainer(w, r)
	case isConsole(r.Host):
		s.serveConsole(w, r)
	case r.URL.Path == signinPath:
		s.serveSignin(w, r)
	default:
		s.serveQuery(w, r)
	}
}

// serveQuery answers a call to IAM or STS, which share the AWS Query protocol: a form in, XML out.
func (s *Server) serveQuery(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		cut(w) // half a request asks for nothing
		return
	}
	s.calls.begin()
	call := &Call{Start: time.Now()}
	out := s.answer(r, body, call)
	call.End = time.Now()
	s.calls.end(*call)
	if out == nil {
		cut(w)
		return
	}
	w.Header().Set("Content-Type", out.kind)
	s.date(w)
	if out.requestID != "" {
		w.Header().Set("x-amzn-RequestId", out.requestID)
	}
	w.WriteHeader(out.status)
	_, _ = w.Write(out.body) // a client that has gone hears nothing
}

// reply is an answer as it goes on the wire. No reply means that the connection is cut.
type reply struct {
	status    int
	kind      string // the media type
	requestID string // of AWS; "" if somebody else answers
	body      []byte
}

// answer does what the call asks, as far as the network lets it, and completes the call.
func (s *Server) answer(r *http.Request, body []byte, call *Call) *reply {
	act, request, refusal := s.understand(r, body, call)
	overlaps, done := s.claim(act, call)
	defer done()

	held := s.network.hold(r.Context(), call)
	v := s.network.decide(call, time.Now())
	v.lack(s.account.installation, call)
	s.network.pause(call.Start, v.latency)
	met := append(held, v.names...)
	defer func() { call.Fault = strings.Join(met, ", ") }()

	if v.cut {
		return nil
	}
	var result any
	if v.refusal != nil {
		refusal = v.refusal
	} else if refusal == nil && !v.undone {
		var natural string
		if !s.stepped(call, func() { result, natural, refusal = s.work(r, body, act, request, overlaps) }) {
			return nil
		}
		if natural != "" {
			met = append(met, natural)
		}
	}
	for _, i := range v.after {
		i.hit()
		i.wait(r.Context())
	}
	if v.lost {
		return nil
	}
	if v.foreign != nil {
		call.Status = v.foreign.status
		return v.foreign
	}
	return encode(call, result, refusal)
}

// understand reads the form: which service and action it asks for, and about whom.
func (s *Server) understand(r *http.Request, body []byte, call *Call) (action, request, *Refusal) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		form = url.Values{}
	}
	call.Action, call.Params = form.Get("Action"), redact(form)
	claimed, _ := readCredential(r)
	call.AccessKeyID = claimed.accessKeyID
	version := form.Get("Version")
	call.Service = serviceOf(version, claimed.scope.service)
	call.Account = s.accountOf(call)

	act, known := actions[call.Action]
	if act.service != call.Service {
		known = false
	}
	call.User = form.Get("UserName")
	if call.User == "" && known && act.ofCaller {
		s.withSigner(call.AccessKeyID, func(a *account) {
			if key := a.keys[call.AccessKeyID]; key != nil {
				if u := a.principalOf(key).user; u != nil {
					call.User = u.name
				}
			}
		})
	}
	q := request{params: form, userName: call.User, at: s.now()}
	switch {
	case r.Method != http.MethodPost || err != nil || call.Action == "":
		return act, q, &Refusal{http.StatusBadRequest, "MissingAction", "The request must be a POST of a form with an Action."}
	case version == "":
		return act, q, invalidAction(call.Action, "NO_VERSION_SPECIFIED")
	case !known:
		return act, q, invalidAction(call.Action, version)
	}
	return act, q, nil
}

// serviceOf tells the service by the version of its API, or else by what the signature says.
func serviceOf(version, scoped string) string {
	switch {
	case version == stsVersion, version != iamVersion && scoped == "sts":
		return "sts"
	}
	return "iam"
}

// work lets the action loose on the account, if the caller may and the account can see the user. It names what
// AWS itself put in the way: lag or a conflict.
func (s *Server) work(r *http.Request, body []byte, act action, q request, overlaps bool) (result any, natural string, refusal *Refusal) {
	claimed, _ := readCredential(r)
	s.withSigner(claimed.accessKeyID, func(a *account) {
		if !act.unsigned {
			if q.caller, refusal = a.authenticate(r, body, act.service, q.at); refusal != nil {
				return
			}
			if refusal = q.caller.may(q, act.service); refusal != nil {
				return
			}
			if refusal = q.caller.deniedSession(q, act.service); refusal != nil {
				return
			}
		}
		if refusal = shaped(act.service, q.params.Get("Action"), q.params); refusal != nil {
			return
		}
		if !act.unsigned { // that the shape of parameters comes before policies, and lag after them, is a guess
			if refusal = a.judge(q); refusal != nil {
				return
			}
		}
		if u := a.users[fold(q.userName)]; u != nil && a.hides(u, act, q.at) {
			natural, refusal = Lagging.String(), noSuchUser(q.userName)
			return
		}
		if overlaps {
			natural, refusal = Conflict.String(), concurrentModification()
			return
		}
		u := a.users[fold(q.userName)]
		before := a.remember(u, act)
		defer a.look(act, &q)()
		if result, refusal = act.work(a, q); refusal == nil {
			a.took(u, before, q.at)
		}
	})
	return result, natural, refusal
}

// secretParams are what a transcript must not remember.
var secretParams = []string{"Password", "WebIdentityToken", "TokenCode", "AuthenticationCode1", "AuthenticationCode2", "Session", "SigninToken"}

// redact copies a form without its secrets.
func redact(form url.Values) url.Values {
	form = maps.Clone(form)
	for _, name := range secretParams {
		if form.Has(name) {
			form[name] = []string{"(redacted)"}
		}
	}
	return form
}

// cut closes the connection without a word.
func cut(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // net/http's own way to cut, where HTTP/1.1 has no connection to give away
	}
	_ = conn.Close()
}

// newRequestID is the id that AWS gives every call.
func newRequestID() string {
	b := make([]byte, 16)
	rand.Read(b) // it never fails: crypto/rand
	h := hex.EncodeToString(b)
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}
