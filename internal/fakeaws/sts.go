// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"slices"
	"time"
)

// This file answers who the caller is, and remembers the sessions that STS hands out.

func getCallerIdentity(a *account, q request) (any, *Refusal) {
	return struct {
		ARN     string `xml:"Arn"`
		UserID  string `xml:"UserId"`
		Account string
	}{q.caller.arn, q.caller.id, a.id}, nil
}

type credentialsXML struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      string
}

// sessionKey is a session's key as every STS action that makes one answers it.
func sessionKey(key *accessKey) credentialsXML {
	return credentialsXML{key.id, key.secret, key.token, stamp(key.expires)}
}

// Session is what STS handed out: whose it is and what it was limited to.
type Session struct {
	Kind              string // the action: AssumeRole, AssumeRoleWithWebIdentity, GetFederationToken or GetSessionToken
	ARN               string // what GetCallerIdentity says of it
	AccessKeyID       string
	Policy            string            // as sent, "" if none was
	PolicyARNs        []string          // as sent
	Tags              map[string]string // those inherited from the caller's session included
	TransitiveTagKeys []string          // likewise
	ExternalID        string            // as sent, whether or not the role asks for one
	SessionName       string            // RoleSessionName, or the Name of a federated user
	Duration          time.Duration
	SourceIdentity    string
	MFA               bool // a device's code was sent, and right
}

// hand makes the key of a session and notes what it is.
func (a *account) hand(kind, name string, who *session, t terms, q request) *accessKey {
	who.mfa, who.source = t.mfa, t.source
	for _, x := range t.tags {
		if x.transitive {
			who.transitive = append(who.transitive, x.tag)
		}
	}
	if a.sessionLife > 0 {
		t.ttl = min(t.ttl, a.sessionLife)
	}
	key := a.addSession(who, q.at, t.ttl)
	noted := Session{
		Kind: kind, ARN: a.principalOf(key).arn, AccessKeyID: key.id, SessionName: name,
		Policy: t.policy, PolicyARNs: t.arns, Tags: map[string]string{}, ExternalID: t.externalID,
		Duration: t.ttl, SourceIdentity: t.source, MFA: t.mfa,
	}
	for _, x := range t.tags {
		noted.Tags[x.Key] = x.Value
	}
	for _, x := range who.transitive {
		noted.TransitiveTagKeys = append(noted.TransitiveTagKeys, x.Key)
	}
	a.handed = append(a.handed, noted)
	return key
}

// Sessions returns what STS handed out, in order. What instance metadata hands out is not among it.
func (s *Server) Sessions() []Session {
	var sessions []Session
	s.with(func(a *account) { sessions = append(sessions, a.handed...) })
	return sessions
}

// ExpireSessions ends sessions that STS handed out, from now on: those of some keys, or all.
func (s *Server) ExpireSessions(accessKeyIDs ...string) {
	now := s.now()
	s.withAll(func(a *account) {
		for _, session := range a.handed {
			named := len(accessKeyIDs) == 0 || slices.Contains(accessKeyIDs, session.AccessKeyID)
			if key := a.keys[session.AccessKeyID]; key != nil && named { // its role may be gone
				key.expires = now
			}
		}
	})
}

// SetSessionLife has STS hand out sessions that last so long at most, however long a session was asked for; zero ends
// that. AWS hands out none shorter than 15 minutes, for which no test can wait.
func (s *Server) SetSessionLife(life time.Duration) {
	s.withAll(func(a *account) { a.sessionLife = life })
}
