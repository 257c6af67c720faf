// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// processCredentials is what AWS's SDKs read from a credential_process (AWS SDKs and Tools Reference Guide, "Process
// credential provider"). Without Expiration they would keep the key for as long as they run.
type processCredentials struct {
	Version         int
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string `json:",omitempty"`
	Expiration      string
}

// credentialProcess prints the credentials of a role for AWS's SDKs.
func credentialProcess(ctx context.Context, c *call) error {
	v, err := c.connect()
	if err != nil {
		return err
	}
	r := c.request()
	got, err := v.inTurn(ctx, c, r)
	if err != nil {
		return err
	}
	v.endWithToken(ctx, r, got)
	answer := processCredentials{
		Version: 1, AccessKeyID: got.accessKey, SecretAccessKey: got.secretKey, SessionToken: got.sessionToken,
		Expiration: got.ends.UTC().Format(time.RFC3339),
	}
	if err := json.NewEncoder(c.out).Encode(answer); err != nil { //nolint:gosec // to print them is what it is for
		return fmt.Errorf("printing the credentials: %w", err)
	}
	if !r.static() {
		v.tellUnshared(ctx, c, r, got)
	}
	return nil
}

// inTurn asks for a credential, one run after the other: then the first one's is there for the others, where the role
// has share_for.
func (v *vault) inTurn(ctx context.Context, c *call, r request) (*credential, error) {
	waiting, cancel := context.WithTimeout(ctx, lockTime)
	defer cancel()
	unlock, err := lock(waiting, v.Address(), v.Namespace(), v.path(r.path), fmt.Sprintf("%q", r.parameters))
	if err != nil {
		say(c.errs, "going on without a lock: %v", err)
		return v.credential(ctx, r)
	}
	defer unlock()
	return v.credential(ctx, r)
}

// tellUnshared says, once for each role, that every run makes a credential of its own. Whether it does is in the role,
// which not every token may read.
func (v *vault) tellUnshared(ctx context.Context, c *call, r request, got *credential) {
	subject := []string{v.Address(), v.Namespace(), v.path("roles", r.role()), "share_for"}
	if noted(subject...) {
		return
	}
	role, err := v.read(ctx, v.path("roles", r.role()), nil)
	if err != nil || !first(subject...) {
		return
	}
	if sharing, err := number(role.Data["share_for"]); err == nil && sharing > 0 {
		return
	}
	what := "asks AWS for a new session"
	if got.isUser() {
		what = fmt.Sprintf("makes a new IAM user, which stays until %s", got.ends.UTC().Format(time.RFC3339))
	}
	say(c.errs, "%s has no share_for, so each run %s; set share_for at the role to share one", v.path("roles", r.role()), what)
}
