// SPDX-License-Identifier: MPL-2.0

package fakeaws

import "time"

// This file hands out the sessions that an IAM user asks for without a role. Both actions want long-term
// credentials, which principal.may has seen to.

// tokenSession is how long they last: "with a default of 43,200 seconds (12 hours)" (AWS STS API Reference,
// GetSessionToken and GetFederationToken).
const tokenSession = 12 * time.Hour

type federatedUserXML struct {
	FederatedUserID string `xml:"FederatedUserId"`
	ARN             string `xml:"Arn"`
}

// getFederationToken takes no policy as well as one: the session then may nothing (AWS STS API Reference,
// GetFederationToken).
func getFederationToken(a *account, q request) (any, *Refusal) {
	name := q.params.Get("Name")
	var t terms
	t.readTTL(q, tokenSession)
	if refusal := t.readPolicies(a, q); refusal != nil {
		return nil, refusal
	}
	if refusal := t.readTags(q); refusal != nil {
		return nil, refusal
	}
	t.ofOwner(a, q)
	who := &session{arn: a.sessionARN("federated-user/" + name), id: a.id + ":" + name}
	if refusal := a.mayTag(t, q, who.arn); refusal != nil {
		return nil, refusal
	}
	key := a.hand("GetFederationToken", name, who, t, q)
	return struct {
		Credentials      credentialsXML
		FederatedUser    federatedUserXML
		PackedPolicySize int
	}{sessionKey(key), federatedUserXML{who.id, who.arn}, t.packed}, nil
}

// getSessionToken makes a session that speaks as the user itself.
func getSessionToken(a *account, q request) (any, *Refusal) {
	var t terms
	t.readTTL(q, tokenSession)
	if refusal := t.readMFA(a, q); refusal != nil {
		return nil, refusal
	}
	t.ofOwner(a, q)
	key := a.hand("GetSessionToken", "", &session{user: q.caller.user}, t, q)
	return struct{ Credentials credentialsXML }{sessionKey(key)}, nil
}
