// SPDX-License-Identifier: MPL-2.0

package main

// Every kind of credential, in the order in which an operator meets them.

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
)

// A policy that allows nothing that matters, for users and sessions.
const policy = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:GetUser","Resource":"*"}}`

// walker is a run that is under way.
type walker struct {
	settings
	a *account
	v *server
}

// step is one thing that has to work.
type step struct {
	name string
	do   func(*walker, context.Context) error
}

var steps = []step{
	{"config/root, with a key that AWS has come to know", (*walker).configure},
	{"iam_user: issue, use, renew, revoke, and how long AWS takes", (*walker).users},
	{"iam_user with wait_until_usable: the key works at once", (*walker).usable},
	{"assumed_role", (*walker).assumed},
	{"federation_token", (*walker).federated},
	{"session_token", (*walker).session},
	{"static-roles: adopt a user, rotate its key, give it back", (*walker).static},
	{"config/rotate-root, and issue with the new key", (*walker).rotate},
}

// walk does all steps, and stops at the first that does not work.
func walk(ctx context.Context, s settings, a *account, v *server) error {
	w := &walker{s, a, v}
	for n, step := range steps {
		began := time.Now()
		if err := step.do(w, ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		w.say("%d. %s: ok, %s", n+1, step.name, time.Since(began).Round(time.Millisecond))
	}
	return nil
}

func (w *walker) configure(ctx context.Context) error {
	k := key{id: w.a.keyID, secret: w.a.keySecret}
	_, took, err := w.until(ctx, k, true)
	if err != nil {
		return err
	}
	w.say("AWS knew the engine's own key after %s", took.Round(10*time.Millisecond))
	root := map[string]any{
		"access_key": k.id, "secret_key": k.secret, "region": w.region(),
		"username_template": fmt.Sprintf(`{{ printf "%s%%s" (random 18) }}`, w.a.prefix),
	}
	if w.endpoint != "" {
		root["iam_endpoint"], root["sts_endpoint"] = w.endpoint, w.endpoint
	}
	if _, err := w.write(ctx, "config/root", root); err != nil {
		return err
	}
	for name, role := range map[string]map[string]any{
		"user":      {"credential_type": "iam_user", "policy_document": policy, "user_path": path},
		"usable":    {"credential_type": "iam_user", "policy_document": policy, "user_path": path, "wait_until_usable": true, "wait_timeout": "30s"},
		"assumed":   {"credential_type": "assumed_role", "role_arns": w.a.role},
		"federated": {"credential_type": "federation_token", "policy_document": policy},
		"session":   {"credential_type": "session_token"},
	} {
		if _, err := w.write(ctx, "roles/"+name, role); err != nil {
			return err
		}
	}
	return nil
}

// write writes below the mount.
func (w *walker) write(ctx context.Context, path string, data map[string]any) (*api.Secret, error) {
	return w.v.write(ctx, mount+"/"+path, data)
}

// issue asks for a credential. The policy of the engine's user and the role are new: AWS may not know them yet.
func (w *walker) issue(ctx context.Context, role string) (*api.Secret, key, error) {
	for began := time.Now(); ; {
		answer, err := w.v.read(ctx, "creds/"+role)
		if err == nil {
			return answer, keyIn(answer), nil
		}
		if !strings.Contains(err.Error(), "AccessDenied") || time.Since(began) > w.patience {
			return nil, key{}, err
		}
		w.say("AWS does not allow it yet: %s", role)
		if err := wait(ctx, 2*time.Second); err != nil {
			return nil, key{}, err
		}
	}
}

func keyIn(answer *api.Secret) key {
	text := func(name string) string {
		value, _ := answer.Data[name].(string) // security_token is not there for users
		return value
	}
	return key{text("access_key"), text("secret_key"), text("security_token")}
}

// revoke revokes a lease, and waits for it.
func (w *walker) revoke(ctx context.Context, answer *api.Secret) error {
	_, err := w.v.write(ctx, "sys/leases/revoke", map[string]any{"lease_id": answer.LeaseID, "sync": true})
	return err
}

func (w *walker) users(ctx context.Context) error {
	var known, forgotten []time.Duration
	for range w.rounds {
		answer, k, err := w.issue(ctx, "user")
		if err != nil {
			return err
		}
		arn, took, err := w.until(ctx, k, true)
		if err != nil {
			return err
		}
		if !strings.Contains(arn, ":user"+path+w.a.prefix) {
			return fmt.Errorf("the key is of %s", arn)
		}
		known = append(known, took)
		if _, err := w.v.write(ctx, "sys/leases/renew", map[string]any{"lease_id": answer.LeaseID}); err != nil {
			return err
		}
		if err := w.revoke(ctx, answer); err != nil {
			return err
		}
		if _, took, err = w.until(ctx, k, false); err != nil {
			return err
		}
		forgotten = append(forgotten, took)
	}
	w.say("from Vault's answer until AWS takes the key: %s", summary(known))
	w.say("from the end of the revocation until AWS refuses the key: %s", summary(forgotten))
	return nil
}

func (w *walker) usable(ctx context.Context) error {
	answer, k, err := w.issue(ctx, "usable")
	if err != nil {
		return err
	}
	_, refusal, err := w.whose(ctx, k)
	if err != nil {
		return err
	}
	if refusal != "" {
		return fmt.Errorf("its first use is refused: %s; warnings of Vault's: %q", refusal, answer.Warnings)
	}
	return w.revoke(ctx, answer)
}

func (w *walker) assumed(ctx context.Context) error { return w.sts(ctx, "assumed", ":assumed-role/") }

func (w *walker) federated(ctx context.Context) error {
	return w.sts(ctx, "federated", ":federated-user/")
}

func (w *walker) session(ctx context.Context) error { return w.sts(ctx, "session", ":user"+path) }

// sts issues a session, which works until it expires.
func (w *walker) sts(ctx context.Context, role, who string) error {
	answer, k, err := w.issue(ctx, role)
	if err != nil {
		return err
	}
	arn, refusal, err := w.whose(ctx, k)
	if err != nil {
		return err
	}
	if !strings.Contains(arn, who) {
		return fmt.Errorf("the session is of %q %s", arn, refusal)
	}
	return w.revoke(ctx, answer)
}

func (w *walker) static(ctx context.Context) error {
	if _, err := w.write(ctx, "static-roles/app", map[string]any{"username": w.a.toRotate, "rotation_period": "24h"}); err != nil {
		return err
	}
	var last key
	for _, rotate := range []bool{false, true} {
		if rotate {
			if _, err := w.write(ctx, "static-roles/app/rotate", nil); err != nil {
				return err
			}
		}
		answer, err := w.v.read(ctx, "static-creds/app")
		if err != nil {
			return err
		}
		if k := keyIn(answer); k == last {
			return fmt.Errorf("the rotation has left the key %s", k.id)
		}
		last = keyIn(answer)
		if _, _, err := w.until(ctx, last, true); err != nil {
			return err
		}
	}
	if _, err := w.v.client.Logical().DeleteWithContext(ctx, mount+"/static-roles/app"); err != nil {
		return fmt.Errorf("deleting static-roles/app: %w", err)
	}
	_, _, err := w.until(ctx, last, false)
	return err
}

func (w *walker) rotate(ctx context.Context) error {
	if _, err := w.write(ctx, "config/rotate-root", nil); err != nil {
		return err
	}
	if _, _, err := w.until(ctx, key{id: w.a.keyID, secret: w.a.keySecret}, false); err != nil {
		return err
	}
	answer, k, err := w.issue(ctx, "user")
	if err != nil {
		return err
	}
	if _, _, err := w.until(ctx, k, true); err != nil {
		return err
	}
	return w.revoke(ctx, answer)
}
