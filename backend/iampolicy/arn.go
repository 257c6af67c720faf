// SPDX-License-Identifier: MPL-2.0

package iampolicy

import (
	"cmp"
	"slices"
	"strings"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
)

// place is the account that an identity works in.
type place struct{ partition, account string }

// arn is the ARN of something in IAM.
func (p place) arn(resource string) string {
	return "arn:" + p.partition + ":iam::" + cmp.Or(p.account, awsrules.Any) + ":" + resource
}

// anywhere are ARNs of something whose name is known and whose path is not.
func (p place) anywhere(kind string, names ...string) (arns []string) {
	for _, name := range names {
		arns = append(arns, p.arn(kind+"/"+name), p.arn(kind+"/*/"+name))
	}
	return arns
}

// placeOf is the account of a role.
func placeOf(arn string, otherwise place) place {
	partition := cmp.Or(awsrules.ARNPartition(arn), otherwise.partition)
	return place{partition, awsrules.ARNAccount(arn)}
}

// literal is a text in a resource of a policy: wildcards and variables in it are characters (IAM
// User Guide, "IAM policy elements: Variables and tags", "Special characters").
func literal(text string) string {
	return strings.NewReplacer("*", "${*}", "?", "${?}", "$", "${$}").Replace(text)
}

// path is the path of users in a resource, without the slash before it.
func (u Users) path() string {
	text := []string{u.Path}
	if u.Templates {
		text = awsrules.Pieces(u.Path)
	}
	for i := range text {
		text[i] = literal(text[i])
	}
	return strings.TrimPrefix(strings.Join(text, awsrules.Any), "/")
}

// made are the users as CreateUser names them, and found as AWS may name them later: without their
// path, once they are gone.
func (u Users) made(in place) string { return in.arn("user/" + u.path() + u.Name) }

func (u Users) found(in place) []string {
	return slices.Compact([]string{u.made(in), in.arn("user/" + u.Name)})
}

// resources are the roles of sessions.
func (s Sessions) resources() []string {
	arns := make([]string, len(s.ARNs))
	for i, arn := range s.ARNs {
		if slash := strings.LastIndexByte(arn, '/') + 1; s.Patterns {
			arns[i] = literal(arn[:slash]) + arn[slash:] // a name has neither ? nor $
		} else {
			arns[i] = literal(arn)
		}
	}
	return arns
}
