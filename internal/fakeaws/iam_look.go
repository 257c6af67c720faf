// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// This file answers who only looks: whether a policy or a role exists, and what an identity may do.

type policyXML struct {
	PolicyName   string
	PolicyID     string `xml:"PolicyId"`
	ARN          string `xml:"Arn"`
	Path         string
	IsAttachable bool
}

// getPolicy answers what the fake knows of a managed policy (IAM API Reference, GetPolicy: NoSuchEntity where there is none;
// the words of that are a guess, after those of AttachUserPolicy).
func getPolicy(a *account, q request) (any, *Refusal) {
	arn, refusal := a.policyOf(q.params, "PolicyArn", "Policy %s was not found.")
	if refusal != nil {
		return nil, refusal
	}
	return struct{ Policy policyXML }{policyXML{arn[strings.LastIndex(arn, "/")+1:], "ANPA" + strings.Repeat("A", 17), arn, "/", true}}, nil
}

type roleXML struct {
	Path               string
	RoleName           string
	RoleID             string `xml:"RoleId"`
	ARN                string `xml:"Arn"`
	CreateDate         string
	MaxSessionDuration int
}

// getRole answers what the fake knows of a role (IAM API Reference, GetRole).
func getRole(a *account, q request) (any, *Refusal) {
	name := q.params.Get("RoleName")
	r := a.roles[name]
	if r == nil {
		return nil, noSuchEntity("The role with name %s cannot be found.", name)
	}
	longest := r.maxSession
	if longest == 0 {
		longest = time.Hour
	}
	return struct{ Role roleXML }{roleXML{"/", r.name, r.id, a.arn("role", "/", r.name), stamp(q.at), int(longest / time.Second)}}, nil
}

type evaluationXML struct {
	EvalActionName   string
	EvalResourceName string
	EvalDecision     string
}

// simulatePrincipalPolicy says what the policies of an identity allow: "allowed", "explicitDeny" or "implicitDeny" (IAM API
// Reference, EvaluationResult). Nothing allows the actions of [Server.Forbid].
func simulatePrincipalPolicy(a *account, q request) (any, *Refusal) {
	source := q.params.Get("PolicySourceArn")
	name := source[strings.LastIndex(source, "/")+1:]
	var by permissions
	switch {
	case strings.Contains(source, ":user/") && a.users[fold(name)] != nil:
		by = a.users[fold(name)].permissions
	case strings.Contains(source, ":role/") && a.roles[name] != nil:
		by = a.roles[name].permissions
	case strings.Contains(source, ":user/"), strings.Contains(source, ":role/"):
		return nil, noSuchEntity("%s does not exist.", source) // the words are a guess
	default:
		return nil, invalidInput("Invalid Entity Arn: %s does not clearly define entity type and name.", source)
	}
	resources := listParam(q.params, "ResourceArns")
	if len(resources) == 0 {
		resources = []string{"*"} // "If this parameter is not provided, then the value defaults to *"
	}
	var results []evaluationXML
	for _, action := range listParam(q.params, "ActionNames") {
		for _, resource := range resources { // "Each API in the ActionNames parameter is evaluated for each resource in this list"
			decision := by.decision(ask{action, resource, simulated(source, q.params)})
			if slices.Contains(a.forbidden, action) {
				decision = "implicitDeny"
			}
			results = append(results, evaluationXML{action, resource, decision})
		}
	}
	results, page, refusal := paginate(a, q, results, func(r evaluationXML) string { return r.EvalActionName + " " + r.EvalResourceName })
	if refusal != nil {
		return nil, refusal
	}
	return struct {
		EvaluationResults members[evaluationXML]
		pageXML
	}{listOf(results), page}, nil
}

// decision is what policies say of an ask, in the words of EvaluationResult.
func (p permissions) decision(q ask) string {
	bounds := []policy{}
	if p.boundary != nil {
		bounds = append(bounds, *p.boundary)
	}
	switch {
	case !p.judged:
		return "allowed"
	case says(p.identity, "Deny", q), says(bounds, "Deny", q):
		return "explicitDeny"
	case p.denies(q) != "":
		return "implicitDeny"
	}
	return "allowed"
}

// simulated are the keys that a simulation is given (IAM API Reference, ContextEntry). The caller is the user
// that PolicySourceArn names, unless CallerArn names another (IAM API Reference, SimulatePrincipalPolicy).
func simulated(source string, params url.Values) keys {
	of := keys{}
	if _, name, user := strings.Cut(source, ":user/"); user {
		of.set("aws:username", name[strings.LastIndex(name, "/")+1:])
	}
	for n := 1; params.Has("ContextEntries.member." + strconv.Itoa(n) + ".ContextKeyName"); n++ {
		entry := "ContextEntries.member." + strconv.Itoa(n)
		of[fold(params.Get(entry+".ContextKeyName"))] = listParam(params, entry+".ContextKeyValues")
	}
	return of
}
