// SPDX-License-Identifier: MPL-2.0

package iampolicy

import (
	"maps"
	"slices"
)

// Root is what the identity of config/root is called.
const Root = "config/root"

// Plan is all that has to be written in AWS.
type Plan struct {
	Identities []Identity
	Trusts     []Trust // by the ARN of the role
	Warnings   []string
}

// Identity is one that the engine works as, and what that has to be allowed.
type Identity struct {
	Name       string      // Root, or the ARN of a role
	Statements []Statement // Sids may repeat; see [Plan.Documents]
}

// Build makes the plan of a configuration.
func Build(c Config) *Plan {
	b := &builder{Config: c, root: place{c.Partition, c.Account}, policies: map[string]*policy{}, trusts: map[string]map[string]*terms{}}
	b.identity(Root)
	for _, feature := range features {
		feature(b)
	}
	plan := &Plan{Warnings: b.warnings}
	for _, name := range b.names() {
		plan.Identities = append(plan.Identities, Identity{name, b.policies[name].statements})
	}
	plan.Trusts, plan.Warnings = b.trust(), b.warnings
	return plan
}

// features are all that needs a permission, in the order of their statements. A new one goes here:
// it adds statements to the identities that it is done as.
var features = []func(*builder){
	(*builder).users, (*builder).sessions, (*builder).revocable, (*builder).federated, (*builder).static, (*builder).tidy, (*builder).ownKey, (*builder).signIn,
}

// builder gathers the policies of all identities.
type builder struct {
	Config
	root     place
	policies map[string]*policy
	trusts   map[string]map[string]*terms // how each role is assumed by identities
	warnings []string
}

// Worker is the identity that calls AWS where no other role is assumed.
func (c *Config) Worker() string {
	if c.RoleARN != "" {
		return c.RoleARN
	}
	return Root
}

// identity is the policy of an identity.
func (b *builder) identity(name string) *policy {
	if b.policies[name] == nil {
		b.policies[name] = new(policy)
	}
	return b.policies[name]
}

// at is the identity that works by way of a hub, and the account that it works in. The worker has to
// be allowed to assume the hub.
func (b *builder) at(hub Hub) (name string, p *policy, in place) {
	if hub.ARN == "" {
		name, in = b.Worker(), b.root
		if b.RoleARN != "" {
			in = placeOf(b.RoleARN, b.root)
		}
		return name, b.identity(name), in
	}
	b.identity(b.Worker()).allow("ReachAccounts", []string{"sts:AssumeRole"}, []string{literal(hub.ARN)}, nil)
	b.assumes(b.Worker(), hub.ARN, hub.ExternalID, nil)
	return hub.ARN, b.identity(hub.ARN), placeOf(hub.ARN, b.root)
}

// signIn lets the identity of config/root become role_arn.
func (b *builder) signIn() {
	if b.RoleARN == "" {
		return
	}
	if b.Token { // its trust policy allows that, and the identity is no principal of AWS
		b.warnings = append(b.warnings, "the trust policy of "+b.RoleARN+" names the issuer of the token, which the engine does not know; docs/iam-policy.md has an example")
		return
	}
	b.identity(Root).allow("BecomeRole", []string{"sts:AssumeRole"}, []string{literal(b.RoleARN)}, nil)
	b.assumes(Root, b.RoleARN, "", nil)
}

// names are the identities: that of config/root, role_arn, and hubs.
func (b *builder) names() []string {
	names := slices.Sorted(maps.Keys(b.policies))
	rank := func(name string) int { return slices.Index([]string{b.RoleARN, Root}, name) }
	slices.SortStableFunc(names, func(a, b string) int { return rank(b) - rank(a) })
	return slices.DeleteFunc(names, func(name string) bool { return len(b.policies[name].statements) == 0 })
}
