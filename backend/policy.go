// SPDX-License-Identifier: MPL-2.0

package backend

// Policy documents and ARNs, as far as they can be judged without asking AWS.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// mostInline is how many characters, white space aside, the inline policies of a
// user may have together, and the policies of a session; AWS grants no more.
const mostInline = 2048

// mostPolicyText is the longest policy that IAM reads, white space included (IAM API
// Reference, PutUserPolicy). A longer one is not parsed.
const mostPolicyText = 131072

// checkPolicyText keeps to it.
func checkPolicyText(text string) error {
	if n := utf8.RuneCountInString(text); n > mostPolicyText {
		return fmt.Errorf("has %d characters with white space; AWS reads %d at most", n, mostPolicyText)
	}
	return nil
}

// arnForm is the shape of the ARN of a policy or a role, in any partition. An AWS
// managed policy has "aws" for its account.
var arnForm = regexp.MustCompile(`^arn:aws[a-z-]*:iam::(\d{12}|aws):([a-z-]+)/([\w+=,.@/-]+)$`)

// mostARN is the longest ARN that IAM takes (IAM API Reference, AttachUserPolicy).
const mostARN = 2048

// checkARN says what keeps text from being the ARN of an IAM resource of a type,
// "policy" or "role".
func checkARN(text, resource string) error {
	example := "arn:aws:iam::123456789012:" + resource + "/example"
	var parts []string
	if len(text) <= mostARN {
		parts = arnForm.FindStringSubmatch(text)
	}
	switch {
	case parts == nil:
		return fmt.Errorf("%q is not the ARN of a %s, such as %s", abridged(text), resource, example)
	case parts[2] != resource:
		return fmt.Errorf("%q is the ARN of a %s, not of a %s such as %s", abridged(text), parts[2], resource, example)
	case resource == "role" && parts[1] == "aws":
		return fmt.Errorf("%q has no account number, such as %s has", abridged(text), example)
	}
	return nil
}

// compactJSON takes white space out of a JSON text.
func compactJSON(text string) (string, error) {
	var out bytes.Buffer
	if err := json.Compact(&out, []byte(text)); err != nil {
		return "", err
	}
	return out.String(), nil
}

// checkPolicy checks a policy of a user or a session, which may have so many
// characters, and returns it without white space.
func checkPolicy(text string, most int) (compact string, warnings []string, err error) {
	if err := checkPolicyText(text); err != nil {
		return "", nil, err
	}
	compact, err = compactJSON(text)
	if err != nil {
		return "", nil, fmt.Errorf("is not JSON: %w", err)
	}
	if n := len([]rune(compact)) - strings.Count(compact, " "); n > most {
		return "", nil, fmt.Errorf("has %d characters; AWS allows %d to an inline policy of a user or a session, so make it a managed policy and name it in policy_arns", n, most)
	}
	if err := checkCharacters(compact); err != nil {
		return "", nil, err
	}
	version, statements, err := readPolicy(compact)
	if err != nil {
		return "", nil, err
	}
	if err := checkStatements(statements); err != nil {
		return "", nil, err
	}
	switch version {
	case "2012-10-17":
	case "", "2008-10-17":
		warnings = append(warnings, `policy_document: has not the Version "2012-10-17", so AWS does not replace variables such as ${aws:username} in it`)
	default:
		return "", nil, fmt.Errorf(`has the Version %q; AWS knows "2012-10-17" and "2008-10-17"`, abridged(version))
	}
	return compact, warnings, nil
}

// checkCharacters keeps to those that a policy may be sent in (IAM API Reference,
// PutUserPolicy; STS API Reference, AssumeRole).
func checkCharacters(compact string) error {
	for _, c := range compact {
		if c > '\u00ff' {
			return fmt.Errorf(`has the character %q; AWS takes a policy in Latin-1 only, and others as \uXXXX`, c)
		}
	}
	return nil
}

// joinPolicies makes one policy of the statements of several. The Sid of a statement
// has to be unique within a policy; one that comes again is left out.
func joinPolicies(documents []string) (string, error) {
	joined := struct {
		Version   string
		Statement []map[string]json.RawMessage
	}{Version: "2012-10-17"}
	seen := map[string]bool{}
	for _, document := range documents {
		if document == "" {
			continue
		}
		var doc struct{ Statement json.RawMessage }
		if err := json.Unmarshal([]byte(document), &doc); err != nil {
			return "", fmt.Errorf("joining policies: %w", err)
		}
		if len(doc.Statement) > 0 && doc.Statement[0] == '{' {
			doc.Statement = json.RawMessage("[" + string(doc.Statement) + "]")
		}
		var statements []map[string]json.RawMessage
		if err := json.Unmarshal(doc.Statement, &statements); err != nil {
			return "", fmt.Errorf("joining policies: %w", err)
		}
		for _, st := range statements {
			dropRepeatedSid(st, seen)
		}
		joined.Statement = append(joined.Statement, statements...)
	}
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // it would make the policy longer, and AWS counts
	if err := enc.Encode(joined); err != nil {
		return "", fmt.Errorf("joining policies: %w", err)
	}
	return strings.TrimSpace(text.String()), nil
}

// dropRepeatedSid takes the Sid out of a statement if it was seen before.
func dropRepeatedSid(st map[string]json.RawMessage, seen map[string]bool) {
	for name, raw := range st {
		var sid string
		if !strings.EqualFold(name, "Sid") || json.Unmarshal(raw, &sid) != nil {
			continue
		}
		if sid == "" || seen[sid] {
			delete(st, name)
		}
		seen[sid] = true
	}
}
