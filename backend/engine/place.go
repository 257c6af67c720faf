// SPDX-License-Identifier: MPL-2.0

package engine

// Where a mount calls, as far as it decides what may be written. AWS has rules for its keys,
// regions and ARNs; LocalStack, moto, MinIO and Ceph have others, or none.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// Place is where IAM and STS are called. The zero value is AWS, in a partition that nobody knows.
type Place struct {
	Host   string // an endpoint that is not AWS's; empty: AWS
	Region string
}

// Partition is AWS's that calls go to; empty where that is not AWS.
func (p Place) Partition() string {
	if p.Host != "" || p.Region == "" {
		return ""
	}
	return awsrules.RegionPartition(p.Region)
}

// Place is where the mount calls now, by config/root and by the environment. It calls nobody, and
// is the zero value where config/root cannot be used: that is no mistake of who writes a role.
func (m *Mount) Place(ctx context.Context, s logical.Storage) Place {
	if client := m.KnownClient(); client != nil {
		return placeOf(client)
	}
	cfg, err := LoadOr(ctx, s, KeyRootConfig, NewRootConfig)
	if err != nil {
		return Place{}
	}
	at, err := PlaceOf(ctx, cfg) // the client of the mount is made when it is needed: the environment's files may come later
	if err != nil {
		return Place{}
	}
	return at
}

// PlaceOf is where a configuration leads. An error is one of the environment's.
func PlaceOf(ctx context.Context, c *RootConfig) (Place, error) {
	where := c.AWS()
	if c.IdentityTokenAudience != "" || c.TokenFile != "" {
		where.Token = func(context.Context) (string, error) { return "", errors.New("nobody asks") }
	}
	client, err := awscreds.New(ctx, where)
	if err != nil {
		return Place{}, err
	}
	return placeOf(client), nil
}

func placeOf(c *awscreds.Client) Place { return Place{Host: c.ForeignHost(), Region: c.Region()} }

// Forms gathers what is not as AWS has it: mistakes where AWS is called, and one warning elsewhere.
type Forms struct {
	Place
	mistakes *Mistakes
	odd      []string            // fields whose values AWS would refuse
	fields   map[string][]string // partition: the fields with ARNs of it
}

// NewForms adds mistakes to m.
func NewForms(at Place, m *Mistakes) *Forms {
	return &Forms{Place: at, mistakes: m, fields: map[string][]string{}}
}

// Check takes what keeps a value from having AWS's form.
func (f *Forms) Check(field string, err error) {
	switch {
	case err == nil:
	case f.Host == "":
		f.mistakes.Add(field, "%v", err)
	case !slices.Contains(f.odd, field):
		f.odd = append(f.odd, field)
	}
}

// CheckARN checks the ARN of a resource of a type, "policy" or "role".
func (f *Forms) CheckARN(field, arn, resource string) {
	if f.Host != "" {
		if err := awsrules.CheckForeignARN(arn); err != nil {
			f.mistakes.Add(field, "%v", err)
			return
		}
	}
	f.Check(field, awsrules.CheckARN(arn, resource))
	f.InPartition(field, arn)
}

// InPartition remembers the partition of an ARN, if it is one of AWS's.
func (f *Forms) InPartition(field, arn string) {
	p := awsrules.ARNPartition(arn)
	if p != "" && f.Host == "" && !slices.Contains(f.fields[p], field) {
		f.fields[p] = append(f.fields[p], field)
	}
}

// Finish compares the partitions, none of which knows anything of another, and returns warnings.
func (f *Forms) Finish() (warnings []string) {
	var names []string
	for name := range f.fields {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(names) > 1 {
		var all []string
		for _, name := range names {
			all = append(all, strings.Join(f.fields[name], " and ")+" of "+name)
		}
		f.mistakes.Add(f.fields[names[1]][0], "has ARNs of several AWS partitions: %s; a role works in one", strings.Join(all, ", "))
	}
	if here := f.Partition(); here != "" && len(names) == 1 && here != names[0] {
		warnings = append(warnings, fmt.Sprintf("%s: is of the AWS partition %s, and the region %s that config/root leads to is in the partition %s, which does not have it",
			strings.Join(f.fields[names[0]], ", "), names[0], f.Region, here))
	}
	if len(f.odd) > 0 {
		warnings = append(warnings, fmt.Sprintf("%s: not as AWS has it; taken, because %s is not AWS", strings.Join(f.odd, ", "), f.Host))
	}
	return warnings
}
