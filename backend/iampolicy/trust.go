// SPDX-License-Identifier: MPL-2.0

package iampolicy

import (
	"maps"
	"slices"
)

// Trust is the trust policy of a role that the engine assumes.
type Trust struct {
	Role       string // its ARN, or the pattern of several
	statements []trustStatement
}

// terms are how an identity assumes a role.
type terms struct {
	ids   []string // external IDs
	never bool     // it comes without, too
	needs []string // actions beside sts:AssumeRole
}

// assumes notes that an identity assumes a role.
func (b *builder) assumes(identity, arn, externalID string, needs []string) {
	if b.trusts[arn] == nil {
		b.trusts[arn] = map[string]*terms{}
	}
	t := b.trusts[arn][identity]
	if t == nil {
		t = new(terms)
		b.trusts[arn][identity] = t
	}
	if externalID == "" {
		t.never = true
	} else {
		t.ids = append(t.ids, externalID)
	}
	t.needs = append(t.needs, needs...)
}

// trustStatement is a statement of a trust policy.
type trustStatement struct {
	Sid       string `json:",omitempty"`
	Effect    string
	Principal map[string]string
	Action    list
	Condition map[string]map[string]list `json:",omitempty"`
}

// trust makes the trust policies. Whoever config/root is, only its account is known: its own policy
// says that it may assume the role, and nobody else's should.
func (b *builder) trust() (trusts []Trust) {
	untold := false
	for _, arn := range slices.Sorted(maps.Keys(b.trusts)) {
		trust := Trust{Role: arn}
		for _, name := range slices.Sorted(maps.Keys(b.trusts[arn])) {
			principal := name
			if name == Root {
				principal = "arn:" + b.root.partition + ":iam::" + b.root.account + ":root"
			}
			if name == Root && b.root.account == "" {
				untold = true
				continue
			}
			trust.statements = append(trust.statements, b.trusts[arn][name].statement(principal))
		}
		if len(trust.statements) > 0 {
			trusts = append(trusts, trust)
		}
	}
	if untold {
		b.warnings = append(b.warnings, "trust_policies: those that name the account of config/root are missing, because that account is not known")
	}
	return trusts
}

func (t *terms) statement(principal string) trustStatement {
	s := trustStatement{Effect: "Allow", Principal: map[string]string{"AWS": principal}}
	s.Action = slices.Compact(slices.Sorted(slices.Values(append([]string{"sts:AssumeRole"}, t.needs...))))
	if !t.never {
		s.Condition = map[string]map[string]list{"StringEquals": {"sts:ExternalId": slices.Compact(slices.Sorted(slices.Values(t.ids)))}}
	}
	return s
}

// TrustDocuments are the trust policies, by the ARNs of the roles.
func (p *Plan) TrustDocuments() (documents []Document) {
	for _, t := range p.Trusts {
		written := text(t.statements)
		documents = append(documents, Document{t.Role, written, size(written)})
	}
	return documents
}
