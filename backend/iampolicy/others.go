// SPDX-License-Identifier: MPL-2.0

package iampolicy

import "slices"

// static allows the keys of existing users to be rotated. Their paths are not known.
func (b *builder) static() {
	for _, u := range b.Static {
		_, p, in := b.at(u.By)
		p.allow("RotateStaticUsers", []string{"iam:GetUser", "iam:ListAccessKeys", "iam:CreateAccessKey", "iam:DeleteAccessKey", "iam:GetAccessKeyLastUsed"},
			in.anywhere("user", u.Name), nil)
	}
}

// tidy allows a search for users that no record speaks for, in all accounts in which there may be
// some. What it finds it deletes with what users allows.
func (b *builder) tidy() {
	if len(b.Tags) == 0 {
		return
	}
	var done []string
	for _, u := range b.Users {
		name, p, in := b.at(u.By)
		if slices.Contains(done, name) {
			continue
		}
		done = append(done, name)
		p.allow("ListUsersForTidy", []string{"iam:ListUsers"}, []string{"*"}, nil)
		p.allow("ReadUsersForTidy", []string{"iam:GetUser"}, []string{in.arn("user/*")}, nil)
	}
}

// ownKey allows the engine to rotate its own key, whoever its user is.
func (b *builder) ownKey() {
	if b.OwnKey {
		b.identity(Root).allow("RotateOwnKey", []string{"iam:GetUser", "iam:ListAccessKeys", "iam:CreateAccessKey", "iam:DeleteAccessKey", "iam:GetAccessKeyLastUsed"},
			b.root.anywhere("user", "${aws:username}"), nil)
	}
}
