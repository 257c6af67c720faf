// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// This file answers STS: who the caller is, and sessions of roles.

var (
	sessionPattern = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	rolePattern    = regexp.MustCompile(`^arn:(aws|aws-cn|aws-us-gov):iam::\d{12}:role/([!-~]+/)?([\w+=,.@-]{1,64})$`)
)

const (
	shortestSession = 900   // seconds; AWS STS API Reference, AssumeRole
	longestSession  = 43200 // seconds, if the role allows it, which all roles here do
	longestChained  = 3600  // seconds for a session that a session asks for: IAM User Guide, "Role chaining"
	defaultSession  = 3600
	maxSessionText  = 2048 // characters of a session policy
	maxSessionARNs  = 10
)

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

type assumedRoleXML struct {
	AssumedRoleID string `xml:"AssumedRoleId"`
	ARN           string `xml:"Arn"`
}

// sessionKey is a session's key as every STS action that makes one answers it.
func sessionKey(key *accessKey) credentialsXML {
	return credentialsXML{key.id, key.secret, key.token, stamp(key.expires)}
}

// checkSession reads what the AssumeRole actions share: the role, the session's name, its length and policies.
func (a *account) checkSession(q request) (roleName, sessionName string, ttl time.Duration, refusal *Refusal) {
	arn, refusal := sized(q.params, "RoleArn", 20, maxARN)
	if refusal != nil {
		return "", "", 0, refusal
	}
	sessionName, refusal = sized(q.params, "RoleSessionName", 2, 64)
	if refusal != nil {
		return "", "", 0, refusal
	}
	if !sessionPattern.MatchString(sessionName) {
		return "", "", 0, constraint("RoleSessionName", sessionName, `Member must satisfy regular expression pattern: [\w+=,.@-]*`)
	}
	seconds, refusal := numberOf(q.params, "DurationSeconds", shortestSession, longestSession, defaultSession)
	if refusal != nil {
		return "", "", 0, refusal
	}
	match := rolePattern.FindStringSubmatch(arn)
	if match == nil {
		return "", "", 0, validationError("%s is invalid", arn)
	}
	if q.caller.session != nil && seconds > longestChained {
		return "", "", 0, validationError("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	}
	return match[3], sessionName, time.Duration(seconds) * time.Second, a.checkSessionPolicies(q)
}

// checkSessionPolicies refuses session policies that could not be; those that could be change nothing here.
func (a *account) checkSessionPolicies(q request) *Refusal {
	if document := q.params.Get("Policy"); document != "" {
		if _, refusal := sized(q.params, "Policy", 1, maxSessionText); refusal != nil {
			return refusal
		}
		if refusal := checkPolicy(document); refusal != nil {
			return refusal
		}
	}
	for n := 1; ; n++ {
		param := fmt.Sprintf("PolicyArns.member.%d.arn", n)
		if !q.params.Has(param) {
			return nil
		}
		if n > maxSessionARNs {
			return validationError("The number of managed session policies exceeds the limit of %d", maxSessionARNs)
		}
		if _, refusal := a.policyOf(q.params, param, noSuchPolicy); refusal != nil {
			return validationError("%s", refusal.Message)
		}
	}
}

type assumeRoleXML struct {
	SubjectFromToken string `xml:"SubjectFromWebIdentityToken,omitempty"`
	Provider         string `xml:",omitempty"`
	Audience         string `xml:",omitempty"`
	Credentials      credentialsXML
	AssumedRoleUser  assumedRoleXML
	PackedPolicySize int    `xml:",omitempty"`
	SourceIdentity   string `xml:",omitempty"`
}

// assume makes the session of a role, once it is clear that the caller may have it.
func (a *account) assume(r *role, sessionName string, ttl time.Duration, q request) assumeRoleXML {
	key := a.addSession(a.assumed(r, sessionName), q.at, ttl)
	who := a.principalOf(key)
	return assumeRoleXML{
		Credentials:     sessionKey(key),
		AssumedRoleUser: assumedRoleXML{who.id, who.arn},
		SourceIdentity:  q.params.Get("SourceIdentity"),
	}
}

func assumeRole(a *account, q request) (any, *Refusal) {
	roleName, sessionName, ttl, refusal := a.checkSession(q)
	if refusal != nil {
		return nil, refusal
	}
	r, ok := a.roles[roleName]
	if !ok || !strings.HasPrefix(q.params.Get("RoleArn"), "arn:aws:iam::"+a.id+":") {
		return nil, accessDenied("User: %s is not authorized to perform: sts:AssumeRole on resource: %s", q.caller.arn, q.params.Get("RoleArn"))
	}
	return a.assume(r, sessionName, ttl, q), nil
}

func assumeRoleWithWebIdentity(a *account, q request) (any, *Refusal) {
	roleName, sessionName, ttl, refusal := a.checkSession(q)
	if refusal != nil {
		return nil, refusal
	}
	token, refusal := sized(q.params, "WebIdentityToken", 4, 20000)
	if refusal != nil {
		return nil, refusal
	}
	r, ok := a.roles[roleName]
	switch {
	case a.webToken == "" || token != a.webToken:
		return nil, &Refusal{400, "InvalidIdentityToken", "The web identity token that was passed could not be validated."}
	case !ok:
		return nil, accessDenied("Not authorized to perform sts:AssumeRoleWithWebIdentity")
	}
	answer := a.assume(r, sessionName, ttl, q)
	answer.SubjectFromToken, answer.Provider, answer.Audience = "fake-subject", "fake-provider", "sts.amazonaws.com"
	return answer, nil
}

// SetWebIdentityToken sets the token that AssumeRoleWithWebIdentity accepts; "" is none.
func (s *Server) SetWebIdentityToken(token string) {
	s.with(func(a *account) { a.webToken = token })
}
