// SPDX-License-Identifier: MPL-2.0

package backend

// Policy documents and ARNs, as far as they can be judged without asking AWS.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// mostInline is how many characters, white space aside, the inline policies of a
// user may have together, and the policies of a session; AWS grants no more.
const mostInline = 2048

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

// statement is what we look at in a statement of a policy (IAM User Guide, "IAM
// JSON policy elements reference").
type statement struct {
	Effect                  string
	Action, NotAction       any
	Resource, NotResource   any
	Principal, NotPrincipal any
}

// checkPolicy checks a policy of a user or a session, which may have so many
// characters, and returns it without white space.
func checkPolicy(text string, most int) (compact string, warnings []string, err error) {
	compact, err = compactJSON(text)
	if err != nil {
		return "", nil, fmt.Errorf("is not JSON: %w", err)
	}
	if n := len([]rune(compact)) - strings.Count(compact, " "); n > most {
		return "", nil, fmt.Errorf("has %d characters; AWS allows %d to an inline policy of a user or a session, so make it a managed policy and name it in policy_arns", n, most)
	}
	var doc struct {
		Version   string
		Statement json.RawMessage
	}
	if err := json.Unmarshal([]byte(compact), &doc); err != nil {
		return "", nil, errors.New(`is not a policy; a policy is a JSON object such as {"Version":"2012-10-17","Statement":[…]}`)
	}
	statements, err := readStatements(doc.Statement)
	if err != nil {
		return "", nil, err
	}
	for i, st := range statements {
		if err := st.check(); err != nil {
			return "", nil, fmt.Errorf("statement %d %w", i+1, err)
		}
	}
	switch doc.Version {
	case "2012-10-17":
	case "", "2008-10-17":
		warnings = append(warnings, `policy_document: has not the Version "2012-10-17", so AWS does not replace variables such as ${aws:username} in it`)
	default:
		return "", nil, fmt.Errorf(`has the Version %q; AWS knows "2012-10-17" and "2008-10-17"`, abridged(doc.Version))
	}
	return compact, warnings, nil
}

// readStatements reads one statement or a list of them.
func readStatements(raw json.RawMessage) ([]statement, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, errors.New("has no Statement")
	}
	var list []statement
	if raw[0] == '{' {
		raw = json.RawMessage("[" + string(raw) + "]")
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, errors.New("has a Statement that is neither an object nor a list of objects")
	}
	if len(list) == 0 {
		return nil, errors.New("has an empty Statement")
	}
	return list, nil
}

func (s statement) check() error {
	switch {
	case s.Effect != "Allow" && s.Effect != "Deny":
		return fmt.Errorf(`has the Effect %q; use "Allow" or "Deny"`, abridged(s.Effect))
	case (s.Action == nil) == (s.NotAction == nil):
		return errors.New("needs either Action or NotAction")
	case (s.Resource == nil) == (s.NotResource == nil):
		return errors.New("needs either Resource or NotResource")
	case !texts(s.Action) || !texts(s.NotAction) || !texts(s.Resource) || !texts(s.NotResource):
		return errors.New("has an Action or a Resource that is neither a text nor a list of texts")
	case s.Principal != nil || s.NotPrincipal != nil:
		return errors.New("has a Principal, which a policy of a user cannot have: the user is the principal")
	}
	return nil
}

// texts reports whether an element of a statement is absent, a text or a list of texts.
func texts(element any) bool {
	switch v := element.(type) {
	case nil, string:
		return true
	case []any:
		return !slices.ContainsFunc(v, func(item any) bool { _, ok := item.(string); return !ok })
	}
	return false
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
			if sid := string(st["Sid"]); seen[sid] {
				delete(st, "Sid")
			} else if sid != "" {
				seen[sid] = true
			}
			joined.Statement = append(joined.Statement, st)
		}
	}
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // it would make the policy longer, and AWS counts
	if err := enc.Encode(joined); err != nil {
		return "", fmt.Errorf("joining policies: %w", err)
	}
	return strings.TrimSpace(text.String()), nil
}
