// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// This file computes Signature Version 4, for the server that checks it and for the client that makes it. The
// steps and their names are those of the IAM User Guide, "Create a signed AWS API request".

const (
	sigAlgorithm = "AWS4-HMAC-SHA256"
	sigTime      = "20060102T150405Z"
	sigDate      = "20060102"
)

// Key is an AWS credential. SessionToken is empty unless the key is temporary.
type Key struct{ AccessKeyID, SecretAccessKey, SessionToken string }

// scope is what a signature is good for: a day, a region and a service.
type scope struct{ date, region, service string }

func (s scope) String() string {
	return s.date + "/" + s.region + "/" + s.service + "/aws4_request"
}

// Sign signs the request, whose body is given beside it, for a service ("iam", "sts") in a region, at a time.
func (k Key) Sign(r *http.Request, body []byte, service, region string, at time.Time) {
	at = at.UTC()
	r.Header.Set("X-Amz-Date", at.Format(sigTime))
	if k.SessionToken != "" {
		r.Header.Set("X-Amz-Security-Token", k.SessionToken)
	}
	signed := []string{"host"}
	for name := range r.Header {
		signed = append(signed, strings.ToLower(name))
	}
	slices.Sort(signed)
	where := scope{at.Format(sigDate), region, service}
	signature := signatureOf(r, body, signed, where, k.SecretAccessKey)
	r.Header.Set("Authorization", sigAlgorithm+" Credential="+k.AccessKeyID+"/"+where.String()+
		", SignedHeaders="+strings.Join(signed, ";")+", Signature="+signature)
}

// signatureOf is the signature that a request should carry. X-Amz-Date must be among its headers.
func signatureOf(r *http.Request, body []byte, signed []string, where scope, secret string) string {
	canonical := sha256.Sum256([]byte(canonicalRequest(r, body, signed)))
	toSign := sigAlgorithm + "\n" + r.Header.Get("X-Amz-Date") + "\n" + where.String() + "\n" + hex.EncodeToString(canonical[:])
	key := []byte("AWS4" + secret)
	for _, part := range []string{where.date, where.region, where.service, "aws4_request", toSign} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}

// canonicalRequest is the request in the one form that both sides sign.
func canonicalRequest(r *http.Request, body []byte, signed []string) string {
	payload := sha256.Sum256(body)
	return strings.Join([]string{
		r.Method,
		canonicalPath(r.URL),
		canonicalQuery(r.URL.RawQuery),
		canonicalHeaders(r, signed),
		strings.Join(signed, ";"),
		hex.EncodeToString(payload[:]),
	}, "\n")
}

// canonicalPath encodes the path that is on the wire once more: every service but S3 signs it encoded twice.
func canonicalPath(u *url.URL) string {
	path := u.EscapedPath()
	if path == "" {
		return "/"
	}
	return uriEncode(path, true)
}

// canonicalQuery sorts the parameters by their encoded names, then values.
func canonicalQuery(raw string) string {
	if raw == "" {
		return ""
	}
	var pairs []string
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		pairs = append(pairs, recode(name)+"="+recode(value))
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// recode encodes anew what came encoded in somebody else's way.
func recode(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		s = plain
	}
	return uriEncode(s, false)
}

// canonicalHeaders lists the signed headers with trimmed values; Go's server keeps host and content-length
// apart from the others.
func canonicalHeaders(r *http.Request, signed []string) string {
	var b strings.Builder
	for _, name := range signed {
		values := r.Header.Values(name)
		switch {
		case name == "host" && r.Host != "":
			values = []string{r.Host}
		case name == "host":
			values = []string{r.URL.Host}
		case name == "content-length" && len(values) == 0:
			values = []string{strconv.FormatInt(r.ContentLength, 10)}
		}
		trimmed := make([]string, len(values))
		for i, value := range values {
			trimmed[i] = strings.Join(strings.Fields(value), " ")
		}
		b.WriteString(name + ":" + strings.Join(trimmed, ",") + "\n")
	}
	return b.String()
}

// uriEncode is RFC 3986 with capital hex digits, byte by byte, which makes it right for UTF-8.
func uriEncode(s string, keepSlash bool) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', strings.IndexByte("-_.~", c) >= 0, c == '/' && keepSlash:
			b.WriteByte(c)
		default:
			const digits = "0123456789ABCDEF"
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}
