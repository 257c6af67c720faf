// SPDX-License-Identifier: MPL-2.0

package roles

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// What a change of config/root means for the roles that are there.

// WarnOfPartition names the first role whose ARNs are of another partition than calls go to now.
func WarnOfPartition(ctx context.Context, s logical.Storage, at engine.Place) []string {
	return warnOfRoles(ctx, s, "region", func(r *Role) []string {
		forms := engine.NewForms(at, new(engine.Mistakes))
		for _, arn := range slices.Concat(r.PolicyARNs, r.RoleARNs, []string{r.PermissionsBoundaryARN}) {
			forms.InPartition(at.Host(), "its ARN "+arn, arn)
		}
		return forms.Finish()
	})
}

// warnOfRoles warns of the first role that a field of config/root does not suit. A storage that
// fails is no failure of the write.
func warnOfRoles(ctx context.Context, s logical.Storage, field string, complaints func(*Role) []string) []string {
	names, err := s.List(ctx, engine.PrefixRole)
	if err != nil {
		return nil
	}
	for _, name := range names {
		r, err := Load(ctx, s, name)
		if err != nil || r == nil {
			continue
		}
		if found := complaints(r); len(found) > 0 {
			return []string{fmt.Sprintf("%s: role %q, and perhaps others: %s", field, name, found[0])}
		}
	}
	return nil
}

// WarnOfIdentity warns of the first role that a session as the engine's own identity does not
// serve as it is written.
func WarnOfIdentity(ctx context.Context, s logical.Storage) []string {
	return warnOfRoles(ctx, s, "role_arn", func(r *Role) []string {
		if more := r.warnOfBounds(true); len(more) > len(r.warnOfBounds(false)) {
			return more
		}
		return nil
	})
}
