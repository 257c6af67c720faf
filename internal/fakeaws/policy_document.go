// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"
)

// This file reads policy documents as far as IAM refuses bad ones when they are stored: IAM User Guide, "IAM
// JSON policy element reference" and "Grammar of the IAM JSON policy language".

// statement is the part of a policy statement that is checked. An element that is absent is nil.
type statement struct {
	Sid          *string
	Effect       *string
	Action       json.RawMessage
	NotAction    json.RawMessage
	Resource     json.RawMessage
	NotResource  json.RawMessage
	Principal    json.RawMessage
	NotPrincipal json.RawMessage
	Condition    json.RawMessage
}

var sidPattern = regexp.MustCompile(`^[0-9A-Za-z]*$`)

// checkPolicy refuses what is no identity policy.
func checkPolicy(document string) *Refusal {
	var policy struct {
		Version   *string
		ID        *string `json:"Id"`
		Statement json.RawMessage
	}
	if !json.Valid([]byte(document)) {
		return malformedPolicy("This policy contains invalid Json")
	}
	if !strict(document, &policy) || len(policy.Statement) == 0 {
		return malformedPolicy("Syntax errors in policy.")
	}
	if v := policy.Version; v != nil && *v != "2012-10-17" && *v != "2008-10-17" {
		return malformedPolicy("Syntax errors in policy.")
	}
	var statements []statement
	if policy.Statement[0] == '{' {
		policy.Statement = append(append([]byte{'['}, policy.Statement...), ']')
	}
	if !strict(string(policy.Statement), &statements) || len(statements) == 0 {
		return malformedPolicy("Syntax errors in policy.")
	}
	sids := map[string]bool{}
	for _, s := range statements {
		if refusal := s.check(); refusal != nil {
			return refusal
		}
		if s.Sid == nil || *s.Sid == "" {
			continue
		}
		if sids[*s.Sid] {
			return malformedPolicy("Statement IDs (SID) in a single policy must be unique.")
		}
		sids[*s.Sid] = true
	}
	return nil
}

// strict decodes JSON that has nothing unknown in it and nothing after it.
func strict(document string, into any) bool {
	dec := json.NewDecoder(bytes.NewReader([]byte(document)))
	dec.DisallowUnknownFields()
	if dec.Decode(into) != nil {
		return false
	}
	_, err := dec.Token()
	return err == io.EOF
}

// check says what is wrong with one statement.
func (s statement) check() *Refusal {
	switch {
	case s.Effect == nil || (*s.Effect != "Allow" && *s.Effect != "Deny"):
		return malformedPolicy("Syntax errors in policy.")
	case s.Sid != nil && !sidPattern.MatchString(*s.Sid):
		return malformedPolicy("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*")
	case s.Principal != nil || s.NotPrincipal != nil:
		return malformedPolicy("Policy document should not specify a principal.")
	case (s.Action == nil) == (s.NotAction == nil):
		return malformedPolicy("Policy statement must contain actions.")
	case (s.Resource == nil) == (s.NotResource == nil):
		return malformedPolicy("Policy statement must contain resources.")
	}
	for _, list := range []json.RawMessage{s.Action, s.NotAction, s.Resource, s.NotResource} {
		if list != nil && !isWords(list) {
			return malformedPolicy("Syntax errors in policy.")
		}
	}
	return nil
}

// isWords says whether an element is a string or a list of strings.
func isWords(element json.RawMessage) bool {
	var one string
	var many []string
	return json.Unmarshal(element, &one) == nil || (json.Unmarshal(element, &many) == nil && len(many) > 0)
}
