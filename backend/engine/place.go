// SPDX-License-Identifier: MPL-2.0

package engine

// Where a mount calls, as far as it decides what may be written. AWS has rules for its keys,
// regions and ARNs; LocalStack, moto, MinIO and Ceph have others, or none.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// Place is where IAM and STS are called. The zero value is AWS, in a partition that nobody knows.
type Place struct {
	IAM, STS string // hosts that are not AWS's; empty: AWS
	Region   string
}

// Host is the first that is not AWS's. Keys and regions are those of both services.
func (p Place) Host() string { return cmp.Or(p.IAM, p.STS) }

// Partition is AWS's that calls go to; empty where that is not AWS.
func (p Place) Partition() string {
	if p.Host() != "" || p.Region == "" {
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
	at, err := m.PlaceOf(ctx, cfg) // the client of the mount is made when it is needed: the environment's files may come later
	if err != nil {
		return Place{}
	}
	return at
}

// placeStands is for how long a place is remembered: who sets up a mount writes many roles in a row, and each look reads
// the files of the environment, certificate authorities included. That takes some ms.
const placeStands = 5 * time.Second

// places are where configurations led just now. The mutex guards the slice and is never held while anything else happens.
type places struct {
	mu    sync.Mutex
	known []knownPlace
}

type knownPlace struct {
	of    RootConfig
	at    Place
	until time.Time
}

func (p *places) get(c *RootConfig, now time.Time) (at Place, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known = slices.DeleteFunc(p.known, func(k knownPlace) bool { return !now.Before(k.until) || k.until.Sub(now) > placeStands })
	i := slices.IndexFunc(p.known, func(k knownPlace) bool { return reflect.DeepEqual(k.of, *c) })
	if i < 0 {
		return Place{}, false
	}
	return p.known[i].at, true
}

func (p *places) put(k knownPlace) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known = append(p.known, k)
}

// PlaceOf is where a configuration leads. An error is one of the environment's.
func (m *Mount) PlaceOf(ctx context.Context, c *RootConfig) (Place, error) {
	if at, known := m.places.get(c, m.Now()); known {
		return at, nil
	}
	at, err := placeIn(ctx, c)
	if err == nil {
		m.places.put(knownPlace{*c, at, m.Now().Add(placeStands)})
	}
	return at, err
}

func placeIn(ctx context.Context, c *RootConfig) (Place, error) {
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

func placeOf(c *awscreds.Client) Place {
	atIAM, atSTS := c.ForeignHosts()
	return Place{IAM: atIAM, STS: atSTS, Region: c.Region()}
}

// Forms gathers what is not as AWS has it: mistakes where AWS is called, and one warning elsewhere.
type Forms struct {
	Place
	mistakes *Mistakes
	odd      map[string][]string // host that is not AWS's: the fields whose values AWS would refuse
	fields   map[string][]string // partition: the fields with ARNs of it
}

// NewForms adds mistakes to m.
func NewForms(at Place, m *Mistakes) *Forms {
	return &Forms{Place: at, mistakes: m, odd: map[string][]string{}, fields: map[string][]string{}}
}

// Check takes what keeps a value from having AWS's form, where both services get it.
func (f *Forms) Check(field string, err error) { f.checkAt(f.Host(), field, err) }

func (f *Forms) checkAt(host, field string, err error) {
	switch {
	case err == nil:
	case host == "":
		f.mistakes.Add(field, "%v", err)
	case !slices.Contains(f.odd[host], field):
		f.odd[host] = append(f.odd[host], field)
	}
}

// CheckARN checks the ARN of a resource of a type, "policy" or "role", by the rules of the host that
// gets it, [Place].IAM or [Place].STS.
func (f *Forms) CheckARN(host, field, arn, resource string) {
	if host != "" {
		if err := awsrules.CheckForeignARN(arn); err != nil {
			f.mistakes.Add(field, "%v", err)
			return
		}
	}
	f.checkAt(host, field, awsrules.CheckARN(arn, resource))
	f.InPartition(host, field, arn)
}

// InPartition remembers the partition of an ARN, if it is one of AWS's.
func (f *Forms) InPartition(host, field, arn string) {
	p := awsrules.ARNPartition(arn)
	if p != "" && host == "" && !slices.Contains(f.fields[p], field) {
		f.fields[p] = append(f.fields[p], field)
	}
}

// Finish compares the partitions, none of which knows anything of another, and returns warnings.
func (f *Forms) Finish() (warnings []string) {
	names := slices.Sorted(maps.Keys(f.fields))
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
	for _, host := range slices.Sorted(maps.Keys(f.odd)) {
		warnings = append(warnings, fmt.Sprintf("%s: has a form that AWS would refuse; accepted, because %s is not AWS", strings.Join(f.odd[host], ", "), host))
	}
	return warnings
}
