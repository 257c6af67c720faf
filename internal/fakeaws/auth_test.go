// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestSignatureOfAWSExample(t *testing.T) {
	// The example of the AWS General Reference, "Signature Version 4 signing process".
	r, err := http.NewRequest(http.MethodGet, "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	key := Key{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
	key.Sign(r, nil, "iam", "us-east-1", time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC))
	const want = "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
	if got := r.Header.Get("Authorization"); !strings.HasSuffix(got, want) {
		t.Errorf("got %s, want …%s", got, want)
	}
}

func TestCanonicalForms(t *testing.T) {
	r, err := http.NewRequest(http.MethodPost, "http://h/a%20b/é?b=2&a=%7e+x&a=", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Two", "  a   b ")
	r.Header.Add("X-Two", "c")
	if got, want := canonicalPath(r.URL), "/a%2520b/%25C3%25A9"; got != want {
		t.Errorf("path: got %s, want %s", got, want)
	}
	if got, want := canonicalQuery(r.URL.RawQuery), "a=&a=~%20x&b=2"; got != want {
		t.Errorf("query: got %s, want %s", got, want)
	}
	if got, want := canonicalHeaders(r, []string{"host", "x-two"}), "host:h\nx-two:a b,c\n"; got != want {
		t.Errorf("headers: got %q, want %q", got, want)
	}
}

func TestKeysThatAreRefused(t *testing.T) {
	s := newServer(t)
	s.AddRole("deploy")
	deleted, inactive := s.AddUser("deleted"), s.AddUser("inactive")
	do(t, root(s), "DeleteAccessKey", "UserName", "deleted", "AccessKeyId", deleted.AccessKeyID)
	do(t, root(s), "UpdateAccessKey", "UserName", "inactive", "AccessKeyId", inactive.AccessKeyID, "Status", "Inactive")
	wrong := s.RootKey()
	wrong.SecretAccessKey += "x"
	s.SetInstanceRole("box", time.Hour)
	var session Key
	s.with(func(a *account) { session = a.credentials(time.Now()).key() })
	noToken, otherToken := session, session
	noToken.SessionToken, otherToken.SessionToken = "", "other"
	longTerm := s.RootKey()
	longTerm.SessionToken = "needless"

	for _, tc := range []struct {
		name, code string
		key        Key
	}{
		{"unknown", "InvalidClientTokenId", Key{AccessKeyID: "AKIANOBODY", SecretAccessKey: "x"}},
		{"deleted", "InvalidClientTokenId", deleted},
		{"inactive", "InvalidClientTokenId", inactive},
		{"session without its token", "InvalidClientTokenId", noToken},
		{"session with another token", "InvalidClientTokenId", otherToken},
		{"user's key with a token", "InvalidClientTokenId", longTerm},
		{"wrong secret", "SignatureDoesNotMatch", wrong},
		{"none", "MissingAuthenticationToken", Key{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			refused(t, as(s, tc.key), 403, tc.code, "", "GetCallerIdentity")
		})
	}
	do(t, as(s, session), "GetCallerIdentity")
	s.ExpireInstanceCredentials()
	refused(t, as(s, session), 403, "ExpiredToken", "expired", "GetCallerIdentity")
}

func TestSignaturesThatAreRefused(t *testing.T) {
	s := newServer(t)
	authorization := func(from, to string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), from, to, 1))
		}
	}
	for _, tc := range []struct {
		name, code, words, service string
		status                     int
		off                        time.Duration
		spoil                      func(*http.Request)
	}{
		{name: "good"},
		{name: "slightly late", off: -14 * time.Minute},
		{name: "too late", off: -16 * time.Minute, status: 403, code: "SignatureDoesNotMatch", words: "Signature expired: "},
		{name: "too early", off: 16 * time.Minute, status: 403, code: "SignatureDoesNotMatch", words: "Signature not yet current: "},
		{name: "other service", service: "s3", status: 403, code: "SignatureDoesNotMatch", words: "correct service: 'iam'"},
		{name: "changed header", spoil: func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }, status: 403, code: "SignatureDoesNotMatch", words: "we calculated"},
		{name: "unsigned host", spoil: authorization("host;", ""), status: 403, code: "SignatureDoesNotMatch", words: "'Host'"},
		{name: "unsigned date", spoil: authorization(";x-amz-date", ""), status: 403, code: "SignatureDoesNotMatch", words: "'X-Amz-Date'"},
		{name: "no signature", spoil: authorization("Signature=", "Sig="), status: 400, code: "IncompleteSignature", words: "'Signature'"},
		{name: "no scope", spoil: authorization("/aws4_request", ""), status: 400, code: "IncompleteSignature", words: "5 slash-delimited"},
		{name: "other algorithm", spoil: authorization("HMAC", "CMAC"), status: 400, code: "IncompleteSignature"},
		{name: "other date", spoil: func(r *http.Request) { r.Header.Set("X-Amz-Date", "yesterday") }, status: 400, code: "IncompleteSignature", words: "ISO-8601"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			body := []byte(url.Values{"Action": {"GetUser"}, "Version": {iamVersion}, "UserName": {rootUser}}.Encode())
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/", bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
			service := "iam"
			if tc.service != "" {
				service = tc.service
			}
			s.RootKey().Sign(r, body, service, "eu-west-1", time.Now().Add(tc.off))
			if tc.spoil != nil {
				tc.spoil(r)
			}
			_, err = root(s).send(r, "GetUser")
			var refusal *Refusal
			switch {
			case tc.code == "":
				if err != nil {
					t.Error(err)
				}
			case !errors.As(err, &refusal) || refusal.Code != tc.code || refusal.Status != tc.status || !strings.Contains(refusal.Message, tc.words):
				t.Errorf("got %v, want %d %s: …%s…", err, tc.status, tc.code, tc.words)
			}
		})
	}
}

func TestUnknownActions(t *testing.T) {
	s := newServer(t)
	refused(t, root(s), 400, "InvalidAction", "Could not find operation Nonsense for version 2010-05-08", "Nonsense")
	refused(t, root(s), 400, "InvalidAction", "NO_VERSION_SPECIFIED", "GetUser", "Version", "")
	refused(t, root(s), 400, "InvalidAction", "", "GetUser", "Version", stsVersion)
	refused(t, root(s), 400, "MissingAction", "", "GetUser", "Action", "")
}
