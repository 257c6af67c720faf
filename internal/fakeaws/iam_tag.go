// SPDX-License-Identifier: MPL-2.0

package fakeaws

import "slices"

// This file tags users and sets the permissions boundary of a user.

func tagUser(a *account, q request) (any, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, refusal
	}
	tags, refusal := tagsOf(q.params)
	if refusal != nil {
		return nil, refusal
	}
	merged := slices.Clone(u.tags)
	for _, t := range tags {
		i := slices.IndexFunc(merged, t.same)
		if i < 0 {
			merged = append(merged, t)
		} else {
			merged[i].Value = t.Value // the key keeps the case that it was made with
		}
	}
	if len(merged) > maxTags {
		return nil, overQuota("TagsPerUser", maxTags)
	}
	u.tags = merged
	return nil, nil
}

// same says whether two tags are one to IAM: "tag keys are case insensitive" (IAM User Guide, "Tags for IAM
// resources").
func (t tag) same(other tag) bool { return fold(t.Key) == fold(other.Key) }

func untagUser(a *account, q request) (any, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, refusal
	}
	for _, key := range listParam(q.params, "TagKeys") {
		u.tags = slices.DeleteFunc(u.tags, tag{Key: key}.same)
	}
	return nil, nil
}

func listUserTags(a *account, q request) (any, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, refusal
	}
	tags, page, refusal := paginate(a, q, slices.Clone(u.tags), func(t tag) string { return t.Key })
	if refusal != nil {
		return nil, refusal
	}
	return struct {
		Tags members[tag]
		pageXML
	}{listOf(tags), page}, nil
}

// boundaryOf reads the policy that bounds a user.
func (a *account) boundaryOf(q request) (string, *Refusal) {
	return a.policyOf(q.params, "PermissionsBoundary", "Scope ARN: %s does not exist or is not attachable.")
}

func putBoundary(a *account, q request) (any, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, refusal
	}
	boundary, refusal := a.boundaryOf(q)
	if refusal != nil {
		return nil, refusal
	}
	u.boundary = boundary
	return nil, nil
}

func deleteBoundary(a *account, q request) (any, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, refusal
	}
	if u.boundary == "" {
		return nil, noSuchEntity("User %s does not have a permissions boundary.", u.name)
	}
	u.boundary = ""
	return nil, nil
}
