// SPDX-License-Identifier: MPL-2.0

package awsrules

// What a policy of a user or a session may consist of: IAM User Guide, "IAM JSON policy
// element reference" and "Grammar of the IAM JSON policy language". The names of
// actions, resources and conditions are AWS's to judge.

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// The elements of a policy and of a statement.
var (
	policyElements    = []string{"Version", "Id", "Statement"}
	statementElements = []string{
		"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition",
	}
	sidForm = regexp.MustCompile(`^[0-9A-Za-z]*$`)
)

// statement is one statement of a policy.
type statement struct {
	Sid                     string
	Effect                  string
	Action, NotAction       any
	Resource, NotResource   any
	Principal, NotPrincipal any
	Condition               map[string]map[string]any
}

// readPolicy reads a policy without judging its statements. No version is "".
func readPolicy(compact string) (version string, statements []statement, err error) {
	var elements map[string]json.RawMessage
	if json.Unmarshal([]byte(compact), &elements) != nil || elements == nil {
		return "", nil, errors.New(`is not a policy; a policy is a JSON object such as {"Version":"2012-10-17","Statement":[…]}`)
	}
	if err := checkElements(elements, policyElements); err != nil {
		return "", nil, err
	}
	var doc struct {
		Version   *string
		ID        string `json:"Id"`
		Statement json.RawMessage
	}
	if err := json.Unmarshal([]byte(compact), &doc); err != nil {
		return "", nil, errors.New(`has a Version or an Id that is not a text`)
	}
	statements, err = readStatements(doc.Statement)
	switch {
	case err != nil || doc.Version == nil:
		return "", statements, err
	case *doc.Version == "":
		return "", nil, errors.New(`has an empty Version; use "2012-10-17"`)
	}
	return *doc.Version, statements, nil
}

// readStatements reads one statement or a list of them.
func readStatements(raw json.RawMessage) ([]statement, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, errors.New("has no Statement")
	}
	if raw[0] == '{' {
		raw = json.RawMessage("[" + string(raw) + "]")
	}
	var list []map[string]json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, errors.New("has a Statement that is neither an object nor a list of objects")
	}
	if len(list) == 0 {
		return nil, errors.New("has an empty Statement")
	}
	for i, elements := range list {
		if err := checkElements(elements, statementElements); err != nil {
			return nil, fmt.Errorf("statement %d %w", i+1, err)
		}
	}
	var statements []statement
	if err := json.Unmarshal(raw, &statements); err != nil {
		return nil, errors.New("has a Statement with a Sid or an Effect that is not a text, or a Condition that is not of the form {operator: {key: value}}")
	}
	return statements, nil
}

// checkElements refuses elements that there are not, and those without a value, which
// the grammar has not either.
func checkElements(elements map[string]json.RawMessage, known []string) error {
	for _, name := range slices.Sorted(maps.Keys(elements)) {
		if !slices.ContainsFunc(known, func(other string) bool { return strings.EqualFold(name, other) }) {
			return fmt.Errorf("has the element %q, which is none; there are %s", Abridged(name), strings.Join(known, ", "))
		}
		if string(elements[name]) == "null" {
			return fmt.Errorf("has null for %s; omit it instead", name)
		}
	}
	return nil
}

// checkStatements checks each statement, and that no two have one Sid.
func checkStatements(statements []statement) error {
	seen := map[string]bool{}
	for i, st := range statements {
		err := st.check()
		if err == nil && st.Sid != "" && seen[st.Sid] {
			err = fmt.Errorf("has the Sid %q of an earlier one", Abridged(st.Sid))
		}
		if err != nil {
			return fmt.Errorf("statement %d %w", i+1, err)
		}
		seen[st.Sid] = true
	}
	return nil
}

func (s statement) check() error {
	switch {
	case s.Effect != "Allow" && s.Effect != "Deny":
		return fmt.Errorf(`has the Effect %q; use "Allow" or "Deny"`, Abridged(s.Effect))
	case !sidForm.MatchString(s.Sid):
		return fmt.Errorf("has the Sid %q; use letters and digits alone", Abridged(s.Sid))
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

// texts reports whether an element of a statement is absent, a text or a list of some texts.
func texts(element any) bool {
	switch v := element.(type) {
	case nil, string:
		return true
	case []any:
		return len(v) > 0 && !slices.ContainsFunc(v, func(item any) bool { _, ok := item.(string); return !ok })
	}
	return false
}
