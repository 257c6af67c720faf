// SPDX-License-Identifier: MPL-2.0

package sessions

// The register of sessions: who holds which, and until when. A session's record begins before its keys are answered, and goes when
// the session was revoked or has ended.

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// Session is the record of a session, at sessions/<ID of its access key>. It holds no secret.
type Session struct {
	Role           string    `json:"role"` // of the mount
	CredentialType string    `json:"credential_type"`
	Name           string    `json:"session_name,omitempty"`
	ARN            string    `json:"arn,omitempty"`
	DisplayName    string    `json:"display_name"` // who asked, as Vault calls them
	EntityID       string    `json:"entity_id"`
	Issued         time.Time `json:"issued"`
	Ends           time.Time `json:"ends"`          // when AWS ends it, by its clock
	Over           time.Time `json:"over,omitzero"` // when that is by ours, as far as was known at its making

	// What revokes it, where its role has revoke_sessions.
	UserID  string `json:"user_id,omitempty"` // what aws:userid is for it
	AWSRole Role   `json:"aws_role,omitzero"`
}

// over is when the session has ended by our clock.
func (r *Session) over() time.Time {
	if r.Over.IsZero() {
		return r.Ends
	}
	return r.Over
}

// keyForm is the ID of an access key: letters and digits. Keys of storage are made of nothing else.
var keyForm = regexp.MustCompile(`^\w{1,128}$`)

// Register writes the record of a session. A server that may not write passes the request on, before it has asked AWS.
func (s *Sessions) Register(ctx context.Context, st logical.Storage, accessKeyID string, r *Session) error {
	if !keyForm.MatchString(accessKeyID) {
		return fmt.Errorf("registering a session: AWS answered the access key ID %q, which is not one", accessKeyID)
	}
	if err := engine.Save(ctx, st, engine.PrefixSessions+accessKeyID, r); err != nil {
		return err
	}
	s.index.put(accessKeyID, entryOf(r))
	return nil
}

// load reads the record of a session; nil where there is none.
func load(ctx context.Context, st logical.Storage, accessKeyID string) (*Session, error) {
	if !keyForm.MatchString(accessKeyID) {
		return nil, nil
	}
	return engine.Load[Session](ctx, st, engine.PrefixSessions+accessKeyID)
}

// Forget drops the record of a session, if it has one.
func (s *Sessions) Forget(ctx context.Context, st logical.Storage, accessKeyID string) error {
	if !keyForm.MatchString(accessKeyID) {
		return nil
	}
	if err := st.Delete(ctx, engine.PrefixSessions+accessKeyID); err != nil {
		return err
	}
	s.index.drop(accessKeyID)
	return nil
}

// Read shows a session; nil where there is no record, or its time is over.
func (s *Sessions) Read(ctx context.Context, st logical.Storage, accessKeyID string) (map[string]any, error) {
	r, err := load(ctx, st, accessKeyID)
	switch {
	case engine.IsUnreadable(err):
		return map[string]any{"access_key_id": accessKeyID, "error": err.Error()}, nil
	case err != nil || r == nil || !s.Now().Before(r.over().Add(clockSlack)):
		return nil, err
	}
	return r.response(accessKeyID), nil
}

// Revoke ends a registered session before its time; known is false where there is no record of one that lives.
func (s *Sessions) Revoke(ctx context.Context, st logical.Storage, accessKeyID string) (known bool, err error) {
	r, err := load(ctx, st, accessKeyID)
	if err != nil || r == nil {
		return false, err
	}
	if !s.Now().Before(r.over().Add(clockSlack)) { // it ended by itself
		return false, s.Forget(ctx, st, accessKeyID)
	}
	if r.UserID == "" {
		return true, engine.UserErrorf("username: the session %s cannot be revoked: AWS revokes no session, and its role %q had no revoke_sessions when it was issued; it ends at %s, "+
			"and roles/%s/revoke-sessions ends all sessions of an assumed role", accessKeyID, r.Role, stamp(r.Ends), r.Role)
	}
	if err := s.Deny(ctx, st, r.AWSRole, r.UserID, r.Ends); err != nil {
		return true, err
	}
	s.Log.Info("revoked a session on request", "access_key", accessKeyID, "arn", r.ARN, "role", r.Role)
	return true, s.Forget(ctx, st, accessKeyID)
}

// response is what a read shows.
func (r *Session) response(accessKeyID string) map[string]any {
	return map[string]any{
		"access_key_id":   accessKeyID,
		"credential_type": r.CredentialType,
		"state":           "issued",
		"session_name":    r.Name,
		"arn":             r.ARN,
		"revocable":       r.UserID != "",
		"account":         awsrules.ARNAccount(r.ARN),
		"assume_role_arn": r.AWSRole.AssumeRole.AssumeRoleARN,
		"role":            r.Role,
		"display_name":    r.DisplayName,
		"entity_id":       r.EntityID,
		"issued":          engine.Stamp(r.Issued),
		"ends":            engine.Stamp(r.Ends),
	}
}

// Fields are what a read of a session may hold beside that of an IAM user.
func Fields() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"credential_type": {Type: framework.TypeString, Description: "Of a session: its type, such as assumed_role."},
		"session_name":    {Type: framework.TypeString, Description: "Of a session: its name, as in CloudTrail."},
		"arn":             {Type: framework.TypeString, Description: "Of a session: its ARN."},
		"revocable":       {Type: framework.TypeBool, Description: "Of a session: whether a delete revokes it. See revoke_sessions of roles."},
	}
}
