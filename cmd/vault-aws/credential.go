// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
)

// credential is what a role answered.
type credential struct {
	accessKey, secretKey, sessionToken string

	made, ends time.Time
	lease      *api.Secret // nil for a static role, which has none

	token string    // the accessor of the token that it ends with; empty where it ends by itself
	alone time.Time // when it would end by itself
	fresh time.Time // until when nobody needs another one for that
}

// ahead is how long before its end it is to be replaced.
func (c *credential) ahead() time.Duration { return min(endpointAhead, c.ends.Sub(c.made)/3) }

// isUser reports whether it is the key of an IAM user that ends with the lease.
func (c *credential) isUser() bool { return c.lease != nil && c.sessionToken == "" }

// request is what is asked of a role.
type request struct {
	path       string // of the mount, without it
	parameters map[string][]string
}

// request reads ROLE and the parameters.
func (c *call) request() request {
	r := request{path: c.args[0], parameters: map[string][]string{}}
	first, _, _ := strings.Cut(r.path, "/")
	switch first {
	case "creds", "sts", "static-creds":
	default:
		r.path = "creds/" + r.path
	}
	for _, pair := range c.args[1:] {
		key, value, _ := strings.Cut(pair, "=")
		r.parameters[key] = append(r.parameters[key], value)
	}
	return r
}

// role is the name of the role.
func (r request) role() string {
	return r.path[strings.IndexByte(r.path, '/')+1:]
}

// static reports whether it is about a static role.
func (r request) static() bool { return strings.HasPrefix(r.path, "static-creds/") }

// ask reads a path with the parameters. The code of an MFA device goes by POST, as it must not stand in a URL.
func (v *vault) ask(ctx context.Context, path string, parameters map[string][]string) (*api.Secret, error) {
	if _, ok := parameters["mfa_code"]; !ok {
		return v.read(ctx, path, parameters)
	}
	body := map[string]any{}
	for key, values := range parameters {
		body[key] = values
		if len(values) == 1 {
			body[key] = values[0]
		}
	}
	secret, err := v.write(ctx, path, body)
	if err == nil && (secret == nil || secret.Data == nil) {
		err = fmt.Errorf("writing %s: Vault's answer holds no data", path)
	}
	return secret, err
}

// credential asks for a credential.
func (v *vault) credential(ctx context.Context, r request) (*credential, error) {
	path := v.path(r.path)
	secret, err := v.ask(ctx, path, r.parameters)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	c := &credential{made: now, accessKey: text(secret, "access_key"), secretKey: text(secret, "secret_key"), sessionToken: text(secret, "session_token")}
	if c.sessionToken == "" {
		c.sessionToken = text(secret, "security_token") // older versions of the built-in engine have this alone
	}
	if secret.LeaseID != "" {
		c.lease = secret
	}
	if c.accessKey == "" || c.secretKey == "" {
		err := fmt.Errorf("%s: Vault's answer holds no AWS credentials: is an AWS secrets engine mounted at %s/?", path, v.mount)
		return nil, errors.Join(err, v.giveBack(ctx, secret.LeaseID))
	}
	c.ends = now.Add(c.life(secret)).Truncate(time.Second)
	return c, nil
}

// giveBack revokes the lease of an answer that is of no use: that of another engine, where -mount is wrong.
func (v *vault) giveBack(ctx context.Context, lease string) error {
	if lease == "" {
		return nil
	}
	if _, err := v.write(ctx, "sys/leases/revoke", map[string]any{"lease_id": lease, "sync": true}); err != nil {
		return fmt.Errorf("its lease %s is not revoked: %w", lease, err)
	}
	return nil
}

// untold is how long a static key is used before it is read again, where the engine does not tell when it is rotated.
const untold = 30 * time.Minute

// life is how long the credential has: a session may run longer than its lease, which the mount cuts.
func (c *credential) life(secret *api.Secret) time.Duration {
	if ttl, err := number(secret.Data["ttl"]); err == nil && ttl > 0 && !c.isUser() {
		return time.Duration(ttl) * time.Second
	}
	if c.lease == nil {
		return untold
	}
	return time.Duration(secret.LeaseDuration) * time.Second
}

// token is the accessor of the token, and when it expires, and with it the leases that it got; zero where it does not, or may not
// be asked.
func (v *vault) token(ctx context.Context) (accessor string, ends time.Time) {
	secret, err := v.read(ctx, "auth/token/lookup-self", nil)
	if err != nil {
		return "", time.Time{}
	}
	ttl, err := number(secret.Data["ttl"])
	if err != nil || ttl <= 0 && text(secret, "expire_time") == "" { // of a token that expires, ttl is 0 in its last second
		return "", time.Time{}
	}
	return text(secret, "accessor"), time.Now().Add(time.Duration(ttl) * time.Second).Truncate(time.Second)
}

// endWithToken has a credential end with the token that asked for it, where Vault ends it then: the key of an IAM user, and a
// session of a role with revoke_sessions. AWS ends all other sessions, by themselves.
func (v *vault) endWithToken(ctx context.Context, r request, c *credential) {
	if c.lease == nil {
		return
	}
	if accessor, token := v.token(ctx); !token.IsZero() && token.Before(c.ends) && (c.isUser() || v.revokes(ctx, r)) {
		c.token, c.alone, c.fresh = accessor, c.ends, c.ends.Add(-c.ahead())
		c.ends = token
	}
}

// prolonged is a session that was to end with the token, where the token has been renewed since, and the session itself is not
// about to end; nil where a new one is needed.
func (v *vault) prolonged(ctx context.Context, c *credential) *credential {
	if c == nil || c.token == "" || !time.Now().Before(c.fresh) {
		return nil
	}
	accessor, token := v.token(ctx)
	if accessor != c.token || !token.After(c.ends) {
		return nil
	}
	again := *c
	again.made, again.ends = time.Now(), token
	if c.alone.Before(token) {
		again.ends = c.alone
	}
	return &again
}

// revokes reports whether sessions of a role end with their leases, as far as the token may know.
func (v *vault) revokes(ctx context.Context, r request) bool {
	role, err := v.read(ctx, v.path("roles", r.role()), nil)
	if err != nil {
		return false
	}
	revokes, _ := role.Data["revoke_sessions"].(bool)
	return revokes
}

// text is a text of an answer, empty if it is not there.
func text(secret *api.Secret, key string) string {
	value, _ := secret.Data[key].(string)
	return value
}

// number is a whole number of an answer.
func number(value any) (int64, error) {
	n, ok := value.(json.Number)
	if !ok {
		return 0, fmt.Errorf("%v is not a number", value)
	}
	return n.Int64()
}
