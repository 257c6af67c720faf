// SPDX-License-Identifier: MPL-2.0

package differential

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file looks into the accounts after each request: which users changed and how, and which sessions were asked for.

// observeAWS adds what the request did to the account.
func (s *side) observeAWS(seen map[string]string) {
	before := s.users
	s.users = s.describeUsers()
	var changes []string
	for _, user := range s.users {
		if !slices.Contains(before, user) {
			changes = append(changes, "now "+user)
		}
	}
	for _, user := range before {
		if !slices.Contains(s.users, user) {
			changes = append(changes, "no more "+user)
		}
	}
	slices.Sort(changes)
	if len(changes) > 0 {
		seen["AWS users"] = s.anonymous(strings.Join(changes, "; "))
	}
	if tags := s.newOwnershipTags(); tags != "" {
		seen["AWS ownership tags"] = tags
	}
	handed := s.account.Sessions()
	for i, session := range handed[s.sessions:] {
		seen[fmt.Sprintf("AWS session %d", i+1)] = s.anonymous(describeSession(session))
	}
	s.sessions = len(handed)
}

// ownership is how the keys of the tags begin that say whose a user is. They are on every user, and so are looked at
// apart from the role's own.
const ownership = "vault-"

// newOwnershipTags are the keys of those tags on the users that are new.
func (s *side) newOwnershipTags() string {
	var keys []string
	for _, name := range s.account.Users() {
		if slices.Contains(s.tagged, name) {
			continue
		}
		s.tagged = append(s.tagged, name)
		user, _ := s.account.User(name)
		for key := range user.Tags {
			if strings.HasPrefix(key, ownership) {
				keys = append(keys, key)
			}
		}
	}
	slices.Sort(keys)
	return strings.Join(slices.Compact(keys), ",")
}

// describeUsers is a line for each user, with its real name, so that two users of a role are two.
func (s *side) describeUsers() []string {
	var lines []string
	names := append(s.account.Users(), "vault-root", "one-key", "two-keys", "shared", "cross", "schedule")
	for _, name := range names {
		if user, ok := s.account.User(name); ok {
			lines = append(lines, s.describeUser(user))
		}
	}
	slices.Sort(lines)
	return lines
}

func (s *side) describeUser(u fakeaws.User) string {
	// Which of its keys a user has matters, their ids do not: the first that it ever had is 1.
	var keys []string
	for _, id := range u.AccessKeys {
		if !slices.Contains(s.keys[u.Name], id) {
			s.keys[u.Name] = append(s.keys[u.Name], id)
		}
		keys = append(keys, fmt.Sprintf("key%d", 1+slices.Index(s.keys[u.Name], id)))
	}
	inline := map[string]string{}
	for name, document := range u.InlinePolicies {
		inline[name] = canonical(document)
	}
	maps.DeleteFunc(u.Tags, func(key, _ string) bool { return strings.HasPrefix(key, ownership) })
	line := []string{u.Path + u.Name, "with", strings.Join(keys, ",")}
	for _, part := range []struct{ what, value string }{
		{"boundary", u.PermissionsBoundary}, {"tags", joined(u.Tags)}, {"attached", strings.Join(u.AttachedPolicies, ",")},
		{"inline", joined(inline)}, {"groups", strings.Join(u.Groups, ",")},
	} {
		if part.value != "" {
			line = append(line, part.what+" "+part.value)
		}
	}
	return strings.Join(line, " ")
}

func describeSession(session fakeaws.Session) string {
	arns := slices.Sorted(slices.Values(session.PolicyARNs))
	line := []string{session.Kind, session.ARN, "for", session.Duration.String()}
	for _, part := range []struct{ what, value string }{
		{"tags", joined(session.Tags)}, {"policy", canonical(session.Policy)}, {"arns", strings.Join(arns, ",")}, {"external", session.ExternalID},
	} {
		if part.value != "" {
			line = append(line, part.what+" "+part.value)
		}
	}
	if session.MFA {
		line = append(line, "with MFA")
	}
	return strings.Join(line, " ")
}

// canonical is a JSON text without white space and in order; a text that is none is itself.
func canonical(document string) string {
	var value any
	if json.Unmarshal([]byte(document), &value) != nil {
		return document
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return document
	}
	return string(encoded)
}
