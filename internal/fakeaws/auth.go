// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"cmp"
	"crypto/hmac"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// This file says whose a request is, or why AWS would not believe it.

// maxSkew is how far a request's clock may be off. IAM User Guide, "Troubleshoot Signature Version 4".
const maxSkew = 15 * time.Minute

// credential is what a request claims about its signature.
type credential struct {
	accessKeyID string
	scope       scope
	signed      []string
	signature   string
	token       string
	at          time.Time
}

var credentialPattern = regexp.MustCompile(`^([\w]+)/(\d{8})/([\w-]+)/([\w-]+)/aws4_request$`)

// readCredential takes the Authorization header apart.
func readCredential(r *http.Request) (credential, *Refusal) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return credential{}, &Refusal{http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token"}
	}
	fields, ok := strings.CutPrefix(header, sigAlgorithm+" ")
	if !ok {
		return credential{}, incompleteSignature("Unsupported Authorization algorithm.")
	}
	parts := map[string]string{}
	for field := range strings.SplitSeq(fields, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		parts[name] = value
	}
	for _, name := range []string{"Credential", "Signature", "SignedHeaders"} {
		if parts[name] == "" {
			return credential{}, incompleteSignature("Authorization header requires '%s' parameter.", name)
		}
	}
	match := credentialPattern.FindStringSubmatch(parts["Credential"])
	if match == nil {
		return credential{}, incompleteSignature("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'", parts["Credential"])
	}
	at, err := time.Parse(sigTime, r.Header.Get("X-Amz-Date"))
	if err != nil {
		return credential{}, incompleteSignature("Date must be in ISO-8601 'basic format'. Got '%s'. See http://en.wikipedia.org/wiki/ISO_8601", r.Header.Get("X-Amz-Date"))
	}
	return credential{
		accessKeyID: match[1],
		scope:       scope{match[2], match[3], match[4]},
		signed:      strings.Split(parts["SignedHeaders"], ";"),
		signature:   parts["Signature"],
		token:       r.Header.Get("X-Amz-Security-Token"),
		at:          at,
	}, nil
}

// check compares a credential with the clock and with the service that it is used at.
func (c credential) check(service string, now time.Time) *Refusal {
	now = now.UTC()
	at := c.at.Format(sigTime)
	switch {
	case c.at.Before(now.Add(-maxSkew)):
		return signatureMismatch("Signature expired: %s is now earlier than %s (%s - 15 min.)", at, now.Add(-maxSkew).Format(sigTime), now.Format(sigTime))
	case c.at.After(now.Add(maxSkew)):
		return signatureMismatch("Signature not yet current: %s is still later than %s (%s + 15 min.)", at, now.Add(maxSkew).Format(sigTime), now.Format(sigTime))
	case c.scope.date != c.at.Format(sigDate):
		return signatureMismatch("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.", c.scope.date, c.at.Format(sigDate), at)
	case c.scope.service != service:
		return signatureMismatch("Credential should be scoped to correct service: '%s'. ", service)
	case !slices.Contains(c.signed, "host"):
		return signatureMismatch("'Host' must be a 'SignedHeader' in the AWS Authorization.")
	case !slices.Contains(c.signed, "x-amz-date"):
		return signatureMismatch("'X-Amz-Date' must be a 'SignedHeader' in the AWS Authorization.")
	case !slices.IsSorted(c.signed):
		return signatureMismatch("SignedHeaders must be sorted.")
	}
	return nil
}

// authenticate finds the key that signed a request and whose it is.
func (a *account) authenticate(r *http.Request, body []byte, service string, now time.Time) (principal, *Refusal) {
	c, refusal := readCredential(r)
	if refusal != nil {
		return principal{}, refusal
	}
	key, ok := a.keys[c.accessKeyID]
	old := a.oldKeys[c.accessKeyID]
	if !ok && old != nil && old.signs(now) {
		key, ok = old, true
	}
	if !ok || (key.inactive && key != old && !key.signs(now)) || key.usable.late("", now) || !hmac.Equal([]byte(key.token), []byte(c.token)) {
		return principal{}, invalidToken()
	}
	if !key.expires.IsZero() && !now.Before(key.expires) {
		return principal{}, expiredToken()
	}
	caller := a.principalOf(key)
	caller.since = key.created
	if u := caller.user; u != nil && u != a.owner && key != old && a.users[fold(u.name)] != u {
		return principal{}, invalidToken() // whom the session spoke as is gone
	}
	if refusal := c.check(service, now); refusal != nil {
		return principal{}, refusal
	}
	if refusal := c.scopedTo(cmp.Or(regionOf(r.Host), a.region)); refusal != nil {
		return principal{}, refusal
	}
	if !hmac.Equal([]byte(signatureOf(r, body, c.signed, c.scope, key.secret)), []byte(c.signature)) {
		return principal{}, signatureMismatch("The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	key.use(use{now, service, c.scope.region}, a.lag.use)
	return caller, nil
}

// may refuses what the kind of credentials rules out, whatever policies say: IAM User Guide, "Compare AWS STS
// credentials", and "Permissions" in the AWS STS API Reference, GetFederationToken and GetSessionToken.
func (p principal) may(q request, service string) *Refusal {
	s, name := p.session, q.params.Get("Action")
	switch {
	case s == nil || name == "GetCallerIdentity":
		return nil
	case name == "GetFederationToken" || name == "GetSessionToken":
		return accessDenied("Cannot call %s with session credentials", name)
	case s.role != nil:
		return nil
	case service == "iam" && !s.mfa:
		return invalidToken() // IAM does not even know it
	case service == "sts" && s.user == nil:
		return accessDenied("User: %s is not authorized to perform: sts:%s", p.arn, name)
	}
	return nil
}
