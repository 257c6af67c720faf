// SPDX-License-Identifier: MPL-2.0

package awsrules

// Templates in a policy. A policy is rendered on its tree, string by string: a value can add
// neither a key nor a statement, nor end a string, nor widen what its string matches.

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// elementsWithTemplates are those whose values may hold templates.
var elementsWithTemplates = []string{"Action", "NotAction", "Resource", "NotResource", "Condition"}

// CheckPolicyTemplate is [CheckPolicy] for a policy with templates. What depends on their
// values is left to [RenderPolicy].
func CheckPolicyTemplate(text string, most int) (compact string, warnings []string, mistakes []error) {
	root, err := readPolicy(text)
	if err != nil {
		return "", nil, []error{err}
	}
	compact = (&Policy{root: root}).String()
	c := &policyChecker{text: text}
	saved := 0
	eachString(root, func(at policyPlace, v *jsonValue) bool {
		saved += c.fillIn(at, v)
		return true
	})
	if len(c.mistakes) > 0 { // the rest cannot be judged
		return "", nil, c.mistakes
	}
	return c.judge(root, compact, saved, most)
}

// fillIn judges the templates of a string and puts a stand-in in the place of each, of one
// character. It returns how much shorter the string is then.
func (c *policyChecker) fillIn(at policyPlace, v *jsonValue) (saved int) {
	if !HasTemplate(v.text) {
		return 0
	}
	path := strings.Join(at.Path, ": ")
	t, _, err := policyTemplate(at, v.text)
	if err != nil {
		c.refuse(path, v, "%v", err)
		return 0
	}
	for i, part := range t.parts[1:] {
		if strings.HasPrefix(part.literal, "*") && t.parts[i].placeholder != nil {
			c.warn(path, v, "%s is followed by *, so a value such as anna matches what is annabel's too; put a character such as / between them", t.parts[i].placeholder)
		}
	}
	v.written, v.text = v.text, Sample(v.text)
	return len([]rune(v.written)) - len([]rune(v.text))
}

// policyTemplate reads the template of a string of a policy, and says which values may stand
// in it.
func policyTemplate(at policyPlace, text string) (Template, Values, error) {
	t, err := ParseTemplate(text)
	switch {
	case at.Key:
		return t, Values{}, errors.New("a template cannot stand in the operator or the key of a condition, only in values")
	case !slices.Contains(elementsWithTemplates, at.Element):
		return t, Values{}, fmt.Errorf("a template cannot stand in %s; it can in values of %s", Abridged(at.Element), strings.Join(elementsWithTemplates, ", "))
	case err != nil:
		return t, Values{}, err
	case t.inVariable():
		return t, Values{}, errors.New("a template cannot stand within a variable ${…}, nor directly after $")
	}
	literals := t.literals()
	if isARN(at, literals) {
		if strings.Count(t.parts[0].literal, ":") < 3 {
			return t, Values{}, errors.New("a template cannot stand for a whole ARN, nor for its partition or service, since a value may have no colon; write the ARN, with templates in its last three parts, such as arn:aws:s3:::bucket/{{identity.entity.name}}")
		}
		return t, policyValues(":/"), nil
	}
	if at.Element != "Condition" {
		return t, policyValues(":/"), nil
	}
	if form, _ := operatorForm(operatorOf(at)); form.words == addressForm.words {
		return addressTemplate(t, literals)
	}
	separators := ""
	for _, char := range ":/" {
		if strings.ContainsRune(literals, char) {
			separators += string(char)
		}
	}
	return t, policyValues(separators), nil
}

// addressTemplate is policyTemplate where addresses are compared. How many addresses a range has is the template's to say: a value
// has no length, and after one it cannot change what the length is of, an address of version 4 or 6.
func addressTemplate(t Template, literals string) (Template, Values, error) {
	length := false
	for _, part := range t.parts {
		if length && part.placeholder != nil {
			return t, Values{}, errors.New("a template cannot stand for the length of a range of addresses; write the length, such as {{identity.entity.metadata.address}}/32")
		}
		length = length || strings.Contains(part.literal, "/")
	}
	if strings.ContainsAny(literals, ":/") {
		return t, policyValues(":/"), nil
	}
	return t, policyValues("/"), nil
}

// operatorOf is the operator of the condition that a string stands in.
func operatorOf(at policyPlace) string { return at.Path[len(at.Path)-min(len(at.Path), 2)] }

// isARN reports whether a string of a policy is an ARN, by where it stands or how it begins.
func isARN(at policyPlace, literals string) bool {
	switch at.Element {
	case "Resource", "NotResource":
		return true
	case "Condition":
		operator := operatorOf(at)
		return strings.HasPrefix(literals, "arn:") || strings.HasPrefix(operator[strings.LastIndexByte(operator, ':')+1:], "Arn")
	}
	return false
}

// inVariable reports whether a placeholder stands where it would be a part of a policy
// variable, or make one of what follows.
func (t Template) inVariable() bool {
	before := ""
	for _, part := range t.parts {
		if part.placeholder == nil {
			before += part.literal
			continue
		}
		if open := strings.LastIndex(before, "${"); strings.HasSuffix(before, "$") || open >= 0 && !strings.Contains(before[open:], "}") {
			return true
		}
	}
	return false
}

// PolicyNeeds reports whether the templates of a policy ask about the entity, and about groups, and
// which of them cannot be read or stand where they do. A policy without any is AWS's to judge.
func PolicyNeeds(text string) (entity, groups bool, mistakes []error) {
	const begins = "{{" // which JSON has within strings alone
	root, err := readPolicy(text)
	switch {
	case err != nil && strings.Contains(text, begins):
		return false, false, []error{err}
	case err != nil:
		return false, false, nil
	}
	eachString(root, func(at policyPlace, v *jsonValue) bool {
		if !HasTemplate(v.text) {
			return true
		}
		t, _, err := policyTemplate(at, v.text)
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s: %w", Abridged(strings.Join(at.Path, ": ")), err))
		}
		_, g := t.Needs()
		entity, groups = true, groups || g
		return len(mistakes) < mostFindings
	})
	if !entity && strings.Contains(text, begins) {
		mistakes = []error{errors.New("a template cannot stand in the name of an element, only in values")}
	}
	return entity, groups, mistakes
}

// RenderPolicy puts the values of an identity in place of the templates of a policy, and checks what AWS then gets. The rest
// stays as it was written. Mistakes repeat no value, but the template of a string: who asks may not know
// the metadata of a group.
func RenderPolicy(text string, id Identity, most int) (string, []error) {
	root, err := readPolicy(text)
	if err != nil {
		return "", []error{err}
	}
	var mistakes []error
	eachString(root, func(at policyPlace, v *jsonValue) bool {
		if !HasTemplate(v.text) {
			return true
		}
		t, allowed, err := policyTemplate(at, v.text)
		if err == nil {
			v.written = v.text
			v.text, err = t.Render(id, allowed)
		}
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s: %w", Abridged(strings.Join(at.Path, ": ")), err))
			return len(mistakes) < mostFindings
		}
		v.raw = quoteJSON(v.text)
		return true
	})
	if len(mistakes) > 0 {
		return "", mistakes
	}
	rendered, _, mistakes := (&policyChecker{text: text, rendered: true}).judge(root, (&Policy{root: root}).String(), 0, most)
	for i, mistake := range mistakes {
		mistakes[i] = fmt.Errorf("%w, with the values of the caller", mistake)
	}
	return rendered, mistakes
}
