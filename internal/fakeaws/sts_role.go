// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"net/http"
	"regexp"
	"strings"
	"time"
)

// This file assumes roles. The rules are those of the AWS STS API Reference, AssumeRole and
// AssumeRoleWithWebIdentity. A role may be in another account than whoever asks: its sessions then work there.

var rolePattern = regexp.MustCompile(`^arn:(` + partitionPattern + `):iam::\d{12}:role/(?:[!-~]+/)?([\w+=,.@-]{1,64})$`)

// roleSession is how long a session of a role lasts if nobody has said so: MaxSessionDuration of a role is 3,600 seconds to
// begin with (IAM API Reference, CreateRole).
const roleSession = time.Hour

// longestChained bounds a session that the session of a role asks for: "Role chaining limits your AWS CLI or AWS API
// role session to a maximum of one hour" (IAM User Guide, "Role chaining").
const longestChained = time.Hour

type assumedRoleXML struct {
	AssumedRoleID string `xml:"AssumedRoleId"`
	ARN           string `xml:"Arn"`
}

type assumeRoleXML struct {
	SubjectFromToken string `xml:"SubjectFromWebIdentityToken,omitempty"`
	Provider         string `xml:",omitempty"`
	Audience         string `xml:",omitempty"`
	Credentials      credentialsXML
	AssumedRoleUser  assumedRoleXML
	PackedPolicySize int    `xml:",omitempty"` // not there without policies
	SourceIdentity   string `xml:",omitempty"`
}

// assumption is a role that somebody asks for, and what for.
type assumption struct {
	arn, name string   // of the role; of the session
	in        *account // that the role would be in
	role      *role    // nil if that account has no such role
	terms
}

// assumptionOf reads what the actions share: the role, the session's name, its length and its policies.
func (a *account) assumptionOf(q request) (x assumption, refusal *Refusal) {
	x.arn, x.name = q.params.Get("RoleArn"), q.params.Get("RoleSessionName")
	x.readTTL(q, roleSession)
	x.in = a.accountIn(x.arn)
	if x.role, refusal = x.in.roleOf(x.arn); refusal != nil {
		return x, refusal
	}
	if refusal = x.inLimits(q.caller.session); refusal != nil {
		return x, refusal
	}
	return x, x.readPolicies(x.in, q)
}

// inLimits compares the length of a session with what the role allows, and with the bound of a chain. That AWS looks at the
// chain first is a guess.
func (x assumption) inLimits(caller *session) *Refusal {
	switch {
	case caller != nil && caller.role != nil && x.ttl > longestChained:
		return validationError("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	case x.role != nil && x.role.maxSession > 0 && x.ttl > x.role.maxSession:
		return validationError("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return nil
}

// roleOf finds the role that an ARN names; nil is none. Ceph has ARNs of accounts that are no twelve digits, and of none.
// MinIO looks at no ARN: its AssumeRole in cmd/sts-handlers.go does not read it.
func (a *account) roleOf(arn string) (*role, *Refusal) {
	switch a.installation {
	case MinIO:
		return &role{}, nil
	case Ceph:
		return a.roles[arn[strings.LastIndexAny(arn, "/:")+1:]], nil
	}
	match := rolePattern.FindStringSubmatch(arn)
	if match == nil {
		return nil, validationError("%s is invalid", arn)
	}
	if match[1] != a.partition {
		return nil, validationError("Request ARN is invalid") // as people report who take arn:aws to another partition
	}
	if !strings.HasPrefix(arn, a.arn("role", "/", "")) {
		return nil, nil
	}
	return a.roles[match[2]], nil
}

// assume makes the session of a role, once it is clear that the caller may have it.
func (x assumption) assume(kind string, q request) assumeRoleXML {
	who := x.in.assumed(x.role, x.name)
	who.chained, who.timed = q.caller.session != nil, q.params.Has("DurationSeconds")
	key := x.in.hand(kind, x.name, who, x.terms, q)
	named := assumedRoleXML{who.id, who.arn}
	if x.in.installation == MinIO {
		named = assumedRoleXML{} // it answers with empty elements
	}
	return assumeRoleXML{
		Credentials:      sessionKey(key),
		AssumedRoleUser:  named,
		PackedPolicySize: x.packed,
		SourceIdentity:   x.source,
	}
}

func assumeRole(a *account, q request) (any, *Refusal) {
	if refusal := a.mayAssume(q.caller); refusal != nil {
		return nil, refusal
	}
	x, refusal := a.assumptionOf(q)
	if refusal != nil {
		return nil, refusal
	}
	if refusal := x.readTags(q); refusal != nil {
		return nil, refusal
	}
	if refusal := x.readTransitive(q); refusal != nil {
		return nil, refusal
	}
	if refusal := x.readSource(q); refusal != nil {
		return nil, refusal
	}
	x.externalID = q.params.Get("ExternalId")
	if refusal := x.readMFA(a, q); refusal != nil {
		return nil, refusal
	}
	if x.role == nil || !x.role.trusts(a.id, x.externalID) {
		return nil, x.denied(q)
	}
	if refusal := a.mayGive(x, q); refusal != nil {
		return nil, refusal
	}
	return x.assume("AssumeRole", q), nil
}

// denied is what AWS says whether there is no such role or its trust policy wants something else.
func (x assumption) denied(q request) *Refusal {
	return accessDenied("User: %s is not authorized to perform: sts:AssumeRole on resource: %s", q.caller.arn, x.arn)
}

// readSource reads the source identity, which lasts through a chain: "The value that is set cannot be changed
// during the role session" (IAM User Guide, "Monitor and control actions taken with assumed roles").
func (x *assumption) readSource(q request) *Refusal {
	x.source = q.params.Get("SourceIdentity")
	s := q.caller.session
	if s == nil || s.source == "" {
		return nil
	}
	if x.source != "" && x.source != s.source {
		return x.denied(q)
	}
	x.source = s.source
	return nil
}

func assumeRoleWithWebIdentity(a *account, q request) (any, *Refusal) {
	x, refusal := a.assumptionOf(q)
	if refusal != nil {
		return nil, refusal
	}
	switch token := q.params.Get("WebIdentityToken"); {
	case a.webToken == "" || token != a.webToken:
		return nil, &Refusal{http.StatusBadRequest, "InvalidIdentityToken", "The web identity token that was passed could not be validated."}
	case x.role == nil:
		return nil, accessDenied("Not authorized to perform sts:AssumeRoleWithWebIdentity")
	}
	answer := x.assume("AssumeRoleWithWebIdentity", q)
	answer.SubjectFromToken, answer.Provider, answer.Audience = "fake-subject", "fake-provider", "sts.amazonaws.com"
	return answer, nil
}

// SetWebIdentityToken sets the token that AssumeRoleWithWebIdentity accepts; "" is none.
func (s *Server) SetWebIdentityToken(token string) {
	s.with(func(a *account) { a.webToken = token })
}
