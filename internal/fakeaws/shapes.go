// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"vault-plugin-secrets-aws-dyn/internal/awsmodel"
)

// This file checks the shape of parameters before anything is looked up, as AWS does: by AWS's own API model, which
// internal/awsmodel has. What the model does not say is in validate.go.

// ownWords are IAM's sentences for values that break a pattern of the model; all other rules it tells as STS does.
var ownWords = map[string]string{
	`[\w+=,.@-]+`: "It must contain only alphanumeric characters and/or the following: +=,.@_-",
	`(\u002F)|(\u002F[\u0021-\u007E]+\u002F)`: "It must begin and end with / and contain only alphanumeric characters and/or / characters.",
	`[\u0009\u000A\u000D\u0020-\u00FF]+`:      "It must contain only printable ASCII characters.",
}

// shaped refuses parameters that break the shape of the action's members. AWS names all that do.
func shaped(service, action string, params url.Values) *Refusal {
	var broken []string
	for _, member := range awsmodel.Load().Actions[action] {
		for _, param := range instances(member.Name, params) {
			rules := broke(member, param, params)
			own := ownWords[member.Pattern]
			if service == "iam" && own != "" && len(rules) == 1 && strings.HasSuffix(rules[0], "pattern: "+member.Pattern) {
				return validationError("The specified value for %s is invalid. %s", memberName(param), own)
			}
			broken = append(broken, rules...)
		}
	}
	if len(broken) == 0 {
		return nil
	}
	noun := "errors"
	if len(broken) == 1 {
		noun = "error"
	}
	return validationError("%d validation %s detected: %s", len(broken), noun, strings.Join(broken, "; "))
}

// instances are the parameters that a member stands for: one, or one for each element that the request has.
func instances(member string, params url.Values) []string {
	list, rest, inList := strings.Cut(member, ".N")
	if !inList {
		return []string{member}
	}
	var names []string
	for n := 1; n <= elements(list, params); n++ {
		names = append(names, fmt.Sprintf("%s.%d%s", list, n, rest))
	}
	return names
}

// elements counts what a list has: Tags.member.1 and on, or their members.
func elements(list string, params url.Values) int {
	for n := 1; ; n++ {
		element := fmt.Sprintf("%s.%d", list, n)
		if params.Has(element) {
			continue
		}
		found := false
		for param := range params {
			found = found || strings.HasPrefix(param, element+".")
		}
		if !found {
			return n - 1
		}
	}
}

// broke lists the rules that a parameter breaks, each as AWS tells it.
func broke(member awsmodel.Member, param string, params url.Values) []string {
	value, has := fmt.Sprintf("'%s'", params.Get(param)), params.Has(param)
	var rules []string
	if member.Type == "list" {
		n := elements(param+".member", params)
		value, has, rules = fmt.Sprintf("'[%d elements]'", n), n > 0, member.BrokenBy(n)
	} else if has {
		rules = member.Broken(params.Get(param))
	}
	switch {
	case !has && member.Required:
		value, rules = "null", []string{"Member must not be null"}
	case !has:
		return nil
	case slices.Contains(secretParams, param):
		value = "'***'"
	}
	for i, rule := range rules {
		rules[i] = fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: %s", value, memberName(param), rule)
	}
	return rules
}
