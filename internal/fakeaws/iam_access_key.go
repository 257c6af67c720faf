// SPDX-License-Identifier: MPL-2.0

package fakeaws

// This file makes, changes and deletes access keys.

// maxAccessKeys is a quota that cannot be raised, which is what makes rotation a matter of order. IAM User
// Guide, "IAM and AWS STS quotas".
const maxAccessKeys = 2

type accessKeyXML struct {
	UserName        string
	AccessKeyID     string `xml:"AccessKeyId"`
	Status          string
	SecretAccessKey string `xml:",omitempty"`
	CreateDate      string
}

func (k *accessKey) status() string {
	if k.inactive {
		return "Inactive"
	}
	return "Active"
}

func (k *accessKey) xml() accessKeyXML {
	return accessKeyXML{UserName: k.owner.name, AccessKeyID: k.id, Status: k.status(), CreateDate: stamp(k.created)}
}

func createAccessKey(a *account, q request) (any, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, refusal
	}
	if len(q.seen.keys) >= maxAccessKeys {
		return nil, overQuota("AccessKeysPerUser", maxAccessKeys)
	}
	key := a.addKey(u, q.at)
	key.usable = a.lag.key.from(q.at)
	key.listed = a.lag.listing.from(q.at)
	key.expected = u.adopted
	answer := key.xml()
	answer.SecretAccessKey = key.secret // the only answer that ever has it
	return struct{ AccessKey accessKeyXML }{answer}, nil
}

// keyOf finds the user's key that the request names.
func (a *account) keyOf(q request) (*accessKey, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, refusal
	}
	id := q.params.Get("AccessKeyId")
	key, ok := a.keys[id]
	if !ok || key.owner != u {
		return nil, noSuchEntity("The Access Key with id %s cannot be found.", id)
	}
	return key, nil
}

func updateAccessKey(a *account, q request) (any, *Refusal) {
	key, refusal := a.keyOf(q)
	if refusal != nil {
		return nil, refusal
	}
	inactive := q.params.Get("Status") == "Inactive" // or Active
	if !key.inactive && inactive {
		key.ended = a.lag.oldKey.from(q.at)
	}
	key.inactive = inactive
	return nil, nil
}

func deleteAccessKey(a *account, q request) (any, *Refusal) {
	key, refusal := a.keyOf(q)
	if refusal != nil {
		return nil, refusal
	}
	a.endKey(key, q.at)
	return nil, nil
}

func listAccessKeys(a *account, q request) (any, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, refusal
	}
	var keys []accessKeyXML
	for _, key := range u.keys {
		if !key.listed.late("", q.at) {
			keys = append(keys, key.xml())
		}
	}
	keys, page, refusal := paginate(a, q, keys, func(k accessKeyXML) string { return k.AccessKeyID })
	if refusal != nil {
		return nil, refusal
	}
	return struct {
		UserName          string
		AccessKeyMetadata members[accessKeyXML]
		pageXML
	}{u.name, listOf(keys), page}, nil
}
