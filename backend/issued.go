// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// issued is an IAM user that was handed out: who holds it, and until when at most.
// It is written before Vault hears of the credential, and goes when AWS has no such
// user any more. It holds no secret.
type issued struct {
	Role        string    `json:"role"`
	AccessKeyID string    `json:"access_key_id"`
	DisplayName string    `json:"display_name"` // who asked, as Vault calls them
	EntityID    string    `json:"entity_id"`
	Issued      time.Time `json:"issued"`

	// Ends is the latest moment that the lease could live to without another
	// renewal, and Written when that was said.
	Ends    time.Time `json:"ends"`
	Written time.Time `json:"written"`

	// Ending is since when the user is to go: somebody asked for its end, and AWS
	// did not do it, or did not show the user.
	Ending time.Time `json:"ending,omitzero"`
}

// newIssued is the record of a lease that begins at a moment.
func newIssued(l *lease, began time.Time) *issued {
	return &issued{Role: l.Role, AccessKeyID: l.AccessKeyID, Issued: began}
}

// prolong says that the lease may live until a moment.
func (r *issued) prolong(ends, now time.Time) { r.Ends, r.Written = ends, now }

// life is how long the user may exist at most.
func (r *issued) life() time.Duration { return r.Ends.Sub(r.Issued) }

// response is what a read shows.
func (r *issued) response(user string) map[string]any {
	return map[string]any{
		"username":      user,
		"role":          r.Role,
		"access_key_id": r.AccessKeyID,
		"display_name":  r.DisplayName,
		"entity_id":     r.EntityID,
		"issued":        engine.Stamp(r.Issued),
		"ends":          engine.Stamp(r.Ends),
		"ending_since":  engine.Stamp(r.Ending),
	}
}

// issuedAnswer is what a read may hold.
func issuedAnswer() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"username":      {Type: framework.TypeString, Description: "Name of the IAM user."},
		"role":          {Type: framework.TypeString, Description: "Role that it was issued for. Empty for a lease that the built-in engine began."},
		"access_key_id": {Type: framework.TypeString, Description: "ID of its access key. Empty for a lease that the built-in engine began."},
		"display_name":  {Type: framework.TypeString, Description: "Who asked for it, as Vault's audit log calls them."},
		"entity_id":     {Type: framework.TypeString, Description: "Vault's identity entity of who asked, where there is one."},
		"issued":        {Type: framework.TypeString, Description: "When it was issued (RFC 3339)."},
		"ends":          {Type: framework.TypeString, Description: "Latest moment that its lease can live to without another renewal (RFC 3339)."},
		"ending_since":  {Type: framework.TypeString, Description: "Since when it is being deleted, where AWS has not done it yet (RFC 3339); else null."},
	}
}

// lastMoment is the latest moment that a lease which began at a moment can live to
// when it is issued or renewed now, by the rules that Vault cuts leases by. The
// increment is what the caller of a renewal asks for.
func lastMoment(system logical.SystemView, l *lease, cfg *leaseConfig, began, now time.Time, increment time.Duration) time.Time {
	ttl, longest := l.ttls(cfg)
	ends := now.Add(firstSet(increment, ttl, system.DefaultLeaseTTL()))
	most := system.MaxLeaseTTL()
	if longest > 0 && longest < most {
		most = longest
	}
	if last := began.Add(most); ends.After(last) {
		return last
	}
	return ends
}
