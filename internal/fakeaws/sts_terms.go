// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// This file reads what a session is asked to be like.

const (
	maxSessionText = 2048 // characters of the policy and the policy ARNs of a session together
	maxSessionARNs = 10
)

// terms are what a session was asked to be like. Not every action asks for all of them.
type terms struct {
	ttl        time.Duration
	policy     string
	arns       []string
	packed     int // percent of what a session may carry
	tags       []sessionTag
	mfa        bool
	externalID string
	source     string
}

// sessionTag is a tag of a session, which a further session may inherit.
type sessionTag struct {
	tag
	transitive bool
}

// readTTL reads how long the session shall last.
func (t *terms) readTTL(q request, otherwise time.Duration) {
	t.ttl = otherwise
	if seconds, err := strconv.Atoi(q.params.Get("DurationSeconds")); err == nil {
		t.ttl = time.Duration(seconds) * time.Second
	}
}

// readPolicies reads session policies and refuses those that could not be. Those that could be change nothing here.
func (t *terms) readPolicies(a *account, q request) *Refusal {
	if t.policy = q.params.Get("Policy"); t.policy != "" {
		// STS has words of its own here (vault issue 1113); since 2025 they are those of its parser.
		if !json.Valid([]byte(t.policy)) {
			return malformedPolicy("The policy is not in the valid JSON format.")
		}
		// That STS otherwise refuses a session policy as IAM does one of a user is a guess.
		if refusal := checkPolicy(a.partition, t.policy); refusal != nil {
			return refusal
		}
	}
	size := utf8.RuneCountInString(t.policy)
	for n := 1; q.params.Has(fmt.Sprintf("PolicyArns.member.%d.arn", n)); n++ {
		if n > maxSessionARNs {
			return validationError("The number of managed session policies exceeds the limit of %d", maxSessionARNs)
		}
		arn, refusal := a.policyOf(q.params, fmt.Sprintf("PolicyArns.member.%d.arn", n), noSuchPolicy)
		if refusal != nil {
			return validationError("%s", refusal.Message)
		}
		t.arns = append(t.arns, arn)
		size += utf8.RuneCountInString(arn)
	}
	// "The plaintext that you use for both inline and managed session policies can't exceed 2,048 characters" (AWS
	// STS API Reference, AssumeRole and GetFederationToken).
	t.packed = (100*size + maxSessionText - 1) / maxSessionText
	if t.packed > 100 {
		return &Refusal{http.StatusBadRequest, "PackedPolicyTooLarge", fmt.Sprintf("Packed policy consumes %d%% of allotted space, please use smaller policy.", t.packed)}
	}
	return nil
}

// readTags reads the tags of the session. STS says of them what IAM says, but by another code.
func (t *terms) readTags(q request) *Refusal {
	tags, refusal := tagsOf(q.params)
	if refusal != nil && refusal.Code == "InvalidInput" {
		return invalidParameterValue("%s", refusal.Message)
	}
	for _, x := range tags {
		t.tags = append(t.tags, sessionTag{tag: x})
	}
	return refusal
}

// readTransitive marks the tags that further sessions shall inherit, and adds those that this one inherits: IAM
// User Guide, "Chaining roles with session tags".
func (t *terms) readTransitive(q request) *Refusal {
	var inherited []sessionTag
	if s := q.caller.session; s != nil {
		for _, x := range s.transitive {
			if slices.ContainsFunc(t.tags, func(own sessionTag) bool { return x.same(own.tag) }) {
				return invalidParameterValue("One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
			}
			inherited = append(inherited, sessionTag{x, true})
		}
	}
	for _, key := range listParam(q.params, "TransitiveTagKeys") {
		i := slices.IndexFunc(t.tags, func(own sessionTag) bool { return own.same(tag{Key: key}) })
		if i < 0 {
			return invalidParameterValue("The specified transitive tag key must be included in the requested tags.")
		}
		t.tags[i].transitive = true
	}
	t.tags = append(inherited, t.tags...)
	return nil
}

// readMFA compares the code with what the device shows: "An incorrect MFA code causes the API to return an access
// denied error" (AWS STS API Reference, GetSessionToken).
func (t *terms) readMFA(a *account, q request) *Refusal {
	serial, code := q.params.Get("SerialNumber"), q.params.Get("TokenCode")
	shown, known := a.codes[serial]
	switch {
	case serial == "" && code == "":
		return nil
	case serial == "" || code == "":
		return accessDenied("MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.")
	case !known:
		return accessDenied("MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.")
	case code != shown:
		return accessDenied("MultiFactorAuthentication failed with invalid MFA one time pass code.")
	}
	t.mfa = true
	return nil
}
