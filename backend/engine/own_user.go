// SPDX-License-Identifier: MPL-2.0

package engine

// Who the engine itself is in AWS. Nobody else may take over its user, and nothing but a
// rotation of the root key may delete its key.

import (
	"context"
	"strings"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// OwnUser is the IAM user whose key the engine works with, be it to assume role_arn. It is
// nil where the engine works with no key of an IAM user.
func (m *Mount) OwnUser(ctx context.Context, s logical.Storage) (*awscreds.UserInfo, error) {
	cfg, err := LoadOr(ctx, s, KeyRootConfig, NewRootConfig)
	if err != nil || m.token(cfg) != nil {
		return nil, err
	}
	var client *awscreds.Client
	if cfg.RoleARN == "" {
		client, err = m.AWS(ctx, s)
	} else {
		client, err = OwnClient(ctx, cfg)
	}
	if err != nil {
		return nil, err
	}
	info, err := client.LookUpUser(ctx, "")
	switch {
	case awscreds.IsRefused(err): // for a session it has to be; a user may not be allowed
		return callerUser(ctx, client)
	case err != nil:
		return nil, err
	case info.IsAccount():
		return nil, nil
	}
	return &info, nil
}

// callerUser asks STS, which answers without any permission (STS API Reference,
// GetCallerIdentity).
func callerUser(ctx context.Context, client *awscreds.Client) (*awscreds.UserInfo, error) {
	caller, err := client.WhoAmI(ctx)
	if err != nil {
		return nil, err
	}
	arn := caller.ARN
	if !strings.Contains(arn, ":user/") {
		return nil, nil
	}
	return &awscreds.UserInfo{Name: arn[strings.LastIndexByte(arn, '/')+1:], ID: caller.UserID, ARN: arn}, nil
}

// OwnKeys are the IDs of the access keys that are the engine's: the one in config/root,
// and while it is being rotated the one before and after as well.
func OwnKeys(ctx context.Context, s logical.Storage) (ids []string, err error) {
	cfg, err := LoadOr(ctx, s, KeyRootConfig, NewRootConfig)
	if err != nil {
		return nil, err
	}
	next, err := LoadOr(ctx, s, KeyRootNext, func() *keyOnItsWay { return new(keyOnItsWay) })
	if err != nil {
		return nil, err
	}
	for _, id := range []string{cfg.AccessKey, next.AccessKey, next.Old.AccessKey} {
		if id != "" {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// keyOnItsWay is what others may know of a root key that is being rotated.
type keyOnItsWay struct {
	AccessKey string `json:"access_key"`
	Old       struct {
		AccessKey string `json:"access_key"`
	} `json:"old"`
}
