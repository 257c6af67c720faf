// SPDX-License-Identifier: MPL-2.0

package awsrules

// Policy documents, as far as they can be judged without asking AWS.

import (
	"bytes"
	"encoding/json"
	"errors"
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

// CompactJSON takes white space out of a JSON text, whatever it holds.
func CompactJSON(text string) (string, error) {
	var out bytes.Buffer
	if err := json.Compact(&out, []byte(text)); err != nil {
		return "", err
	}
	return out.String(), nil
}

// Policy is a policy document that AWS accepts by its form.
type Policy struct {
	// Warnings say what AWS takes, and what is likely to be meant otherwise.
	Warnings []string

	root *jsonValue
}

// ParsePolicy reads a policy of a user or a session. The error holds all that is wrong.
func ParsePolicy(text string) (*Policy, error) {
	root, err := readPolicy(text)
	if err != nil {
		return nil, err
	}
	c := &policyChecker{text: text}
	c.check(root)
	if len(c.mistakes) > 0 {
		return nil, oneError(c.mistakes)
	}
	return &Policy{Warnings: c.warnings, root: root}, nil
}

// oneError is one line for several mistakes.
func oneError(mistakes []error) error {
	words := make([]string, len(mistakes))
	for i, mistake := range mistakes {
		words[i] = mistake.Error()
	}
	return errors.New(strings.Join(words, "; "))
}

// readPolicy reads a JSON object.
func readPolicy(text string) (*jsonValue, error) {
	if err := CheckPolicyText(text); err != nil {
		return nil, err
	}
	if err := explainText(text); err != nil {
		return nil, err
	}
	root, err := readJSON(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("is not JSON: %w", err)
	case root.kind != jsonObject:
		return nil, errors.New(notPolicy)
	}
	return root, nil
}

// String is the policy without white space, and otherwise as it was written.
func (p *Policy) String() string {
	var b strings.Builder
	p.root.write(&b)
	return b.String()
}

// CheckPolicy checks a policy of a user or a session, which may have so many
// characters, and returns it without white space, or all that is wrong with it.
func CheckPolicy(text string, most int) (compact string, warnings []string, mistakes []error) {
	root, err := readPolicy(text)
	if err != nil {
		return "", nil, []error{err}
	}
	return (&policyChecker{text: text}).judge(root, (&Policy{root: root}).String(), 0, most)
}

// judge checks a whole policy, of which so many characters will not be sent.
func (c *policyChecker) judge(root *jsonValue, compact string, less, most int) (string, []string, []error) {
	var mistakes []error
	if n := utf8.RuneCountInString(compact) - strings.Count(compact, " ") - less; n > most {
		mistakes = append(mistakes, fmt.Errorf("has %d characters; AWS allows %d to an inline policy of a user or a session, so make it a managed policy and name it in policy_arns", n, most))
	}
	c.check(root)
	if mistakes = append(mistakes, c.mistakes...); len(mistakes) > 0 {
		return "", nil, mistakes
	}
	return compact, c.warnings, nil
}
