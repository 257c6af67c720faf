// SPDX-License-Identifier: MPL-2.0

package engine

// Moments of credentials that leases have.

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// credentialOfUser is the credential_type of IAM users; all others are sessions of STS.
const credentialOfUser = "iam_user"

// CredsMoment begins a moment of a credential of a role.
func (m *Mount) CredsMoment(ctx context.Context, by Asked, role, credentialType string) (context.Context, *Moment) {
	ctx, o := m.Moment(ctx, by)
	o.Role, o.Type = role, credentialType
	o.Observed = map[string]any{"role_name": role, "credentials_type": credentialType, "is_sts": o.ofSession()}
	return ctx, o
}

// LeaseMoment begins a moment at the end of a lease, or of its term.
func (m *Mount) LeaseMoment(ctx context.Context, req *logical.Request, role string, session bool) (context.Context, *Moment) {
	credentialType := credentialOfUser
	if session {
		credentialType = "" // the lease does not tell which
	}
	ctx, o := m.CredsMoment(ctx, AskedBy(req), role, credentialType)
	o.Path = "creds/" + role
	return ctx, o
}

func (o *Moment) ofSession() bool { return o.Type != credentialOfUser }

// Made takes from an answer what identifies the credential.
func (o *Moment) Made(resp *logical.Response) {
	o.AccessKey, _ = resp.Data["access_key"].(string)
	if arn, ok := resp.Data["arn"].(string); ok {
		o.ARN, o.Account = arn, awsrules.ARNAccount(arn)
	}
}

// Issued tells that a lease has the credential. A session ends by itself, and nobody has to know.
func (o *Moment) Issued(text string, resp *logical.Response, more ...any) {
	line := Line{Level: hclog.Info, Text: text}
	if o.ofSession() {
		line.Level = hclog.Debug
	}
	if secret := resp.Secret; secret != nil {
		o.Observed["ttl"], o.Observed["max_ttl"] = secret.TTL.String(), secret.MaxTTL.String()
		if o.Ends.IsZero() {
			o.Ends = o.mount.Now().Add(secret.TTL)
		}
	}
	o.Tell(CredsIssued, line, more...)
}

// NotIssued tells why there is no credential. What the caller alone did wrong, the answer says. That
// another server has to do it is no failure.
func (o *Moment) NotIssued(why error) {
	if errors.Is(why, logical.ErrReadOnly) {
		return
	}
	line := Line{Level: hclog.Warn, Text: "creating an IAM user failed", Err: why}
	if o.ofSession() {
		line.Text = "getting a session failed"
	}
	var mistake *UserError
	if errors.As(why, &mistake) && !awscreds.IsFromAWS(why) {
		line.Level = hclog.Debug
	}
	o.AccessKey, o.ARN, o.Ends = "", "", time.Time{} // nobody gets it
	o.Tell(CredsFailed, line)
}

// Renewed tells that a lease goes on.
func (o *Moment) Renewed(resp *logical.Response) {
	o.Observed["ttl"], o.Observed["max_ttl"] = resp.Secret.TTL.String(), resp.Secret.MaxTTL.String()
	o.Tell(CredsRenewed, Line{Level: hclog.Debug, Text: "renewed the lease of an IAM user"}, "ttl", resp.Secret.TTL.String())
}

// Revoked tells that a lease is over, and that its credential ended with it.
func (o *Moment) Revoked(text string, more ...any) {
	o.Tell(CredsRevoked, Line{Level: hclog.Info, Text: text}, more...)
}

// Lapsed tells that the lease of a session is over, with which nothing ends in AWS.
func (o *Moment) Lapsed() {
	o.Tell(CredsRevoked, Line{Level: hclog.Debug, Text: "ended the lease of a session"})
}

// NotRevoked tells why a lease is not over. Vault says so in its log, too, with the ID of the lease.
func (o *Moment) NotRevoked(why error) {
	o.Tell(CredsRevokeFailed, Line{Level: hclog.Debug, Text: "revoking a lease failed", Err: why})
}

// RotationFailed tells that a key was not rotated: a person has to know when that is news.
func (o *Moment) RotationFailed(k Kind, text string, news bool, why error) {
	line := Line{Level: hclog.Error, Text: text, Err: why}
	if !news {
		line.Level = hclog.Debug
	}
	o.Tell(k, line)
}

// Waits tells that the rotation of a key waits for a time, or for an operator.
func (o *Moment) Waits(text string, why *WaitError) {
	more := []any{"reason", why.Text}
	if !why.Until.IsZero() {
		more = append(more, "until", Stamp(why.Until))
	}
	o.Tell(RotationWaits, Line{Level: hclog.Warn, Text: text}, more...)
}
