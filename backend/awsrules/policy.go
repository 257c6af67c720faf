// SPDX-License-Identifier: MPL-2.0

package awsrules

// Policy documents, as far as they can be judged without asking AWS.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// MostInline is how many characters, white space aside, the inline policies of a
// user may have together, and the policies of a session; AWS grants no more.
const MostInline = 2048

// MostPolicyText is the longest policy that IAM reads, white space included (IAM API
// Reference, PutUserPolicy). A longer one is not parsed.
const MostPolicyText = 131072

// CheckPolicyText keeps to it.
func CheckPolicyText(text string) error {
	if n := utf8.RuneCountInString(text); n > MostPolicyText {
		return fmt.Errorf("has %d characters with white space; AWS reads %d at most", n, MostPolicyText)
	}
	return nil
}

// CompactJSON takes white space out of a JSON text.
func CompactJSON(text string) (string, error) {
	var out bytes.Buffer
	if err := json.Compact(&out, []byte(text)); err != nil {
		return "", err
	}
	return out.String(), nil
}

// CheckPolicy checks a policy of a user or a session, which may have so many
// characters, and returns it without white space.
func CheckPolicy(text string, most int) (compact string, warnings []string, err error) {
	if err := CheckPolicyText(text); err != nil {
		return "", nil, err
	}
	compact, err = CompactJSON(text)
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
		warnings = append(warnings, `policy_document: its Version is not "2012-10-17", so AWS does not replace variables such as ${aws:username} in it`)
	default:
		return "", nil, fmt.Errorf(`has the Version %q; AWS knows "2012-10-17" and "2008-10-17"`, Abridged(version))
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

// JoinPolicies makes one policy of the statements of several. The Sid of a statement
// has to be unique within a policy; one that comes again is left out.
func JoinPolicies(documents []string) (string, error) {
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
