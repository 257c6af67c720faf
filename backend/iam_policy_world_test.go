// SPDX-License-Identifier: MPL-2.0

package backend

// A mount in whose configuration everything is that needs a permission of AWS, in front of a fake
// that judges its identities by the policies of config/iam-policy.

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/roles"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// judged is a mount whose AWS identities may do what policies say, and nothing else.
type judged struct {
	*mount
	there *fakeaws.Server // the account of the hub
	log   *bytes.Buffer
}

const boundaryARN = "arn:aws:iam::" + home + ":policy/vault-boundary"

// judgedRoles are roles of every type, one for each thing that needs an action of its own.
var judgedRoles = map[string]map[string]any{
	"managed": {"policy_arns": readOnly, "user_path": "/vault/"},
	"inline":  {"policy_document": s3Only},
	"grouped": {"iam_groups": "readers"},
	"tagged":  {"policy_arns": readOnly, "iam_tags": "team=a"},
	"bounded": {"policy_arns": readOnly, "policy_document": s3Only, "user_path": "/bounded/", "permissions_boundary_arn": boundaryARN},
	"asker":   {"policy_arns": readOnly, "user_path": "/of/{{identity.entity.name}}/", "templates": true},

	"deploy":        {"credential_type": roles.AssumedRole, "role_arns": deployARN},
	"deploy-tags":   {"credential_type": roles.AssumedRole, "role_arns": deployARN, "session_tags": "team=a", "allowed_request_tags": "ticket"},
	"deploy-source": {"credential_type": roles.AssumedRole, "role_arns": deployARN, "source_identity": "ann"},
	"deploy-group":  {"credential_type": roles.AssumedRole, "role_arns": deployARN, "iam_groups": "readers"},
	"revocable":     {"credential_type": roles.AssumedRole, "role_arns": auditARN, "revoke_sessions": true},
	"team":          {"credential_type": roles.AssumedRole, "role_arns": "arn:aws:iam::" + home + ":role/team-*"},
	"federate":      {"credential_type": roles.FederationToken, "policy_document": s3Only},
	"federate-tags": {"credential_type": roles.FederationToken, "policy_document": s3Only, "session_tags": "team=a"},
	"session":       {"credential_type": roles.SessionToken},

	"there":         {"policy_arns": readOnly, "assume_role_arn": otherHub, "external_id": "id-1"},
	"there-session": {"credential_type": roles.AssumedRole, "role_arns": "arn:aws:iam::" + other + ":role/deploy", "assume_role_arn": otherHub, "assume_role_external_id": "id-1"},
}

// ownName is the IAM user of config/root, whose name is none that the engine gives to users.
const ownName = "hashicorp-vault"

// newJudged is a mount with all of that, whose identities may do everything yet. asWorker has it
// work by role_arn, and without ownership tags.
func newJudged(t testing.TB, asWorker bool, gives time.Duration) *judged {
	t.Helper()
	m := newMount(t)
	m.instantly()
	m.gives = gives
	w := &judged{mount: m, there: m.aws.Account(other)}
	m.asks(nil)
	w.log = m.logged(hclog.Info)
	m.aws.AddGroup("readers")
	m.aws.AddGroupPolicy("readers", "read", s3Only)
	m.aws.AddPolicy(boundaryARN)
	for _, name := range []string{"deploy", "audit", "team-a"} {
		m.aws.AddRole(name)
	}
	w.there.AddRole("deploy")
	w.there.SetTrust("hub", home)
	w.there.AddRoleExternalID("hub", "id-1")
	m.aws.AddRole("worker")
	own := m.aws.AddUser(ownName)
	m.aws.Adopt(ownName)
	m.addBareUser("app")
	m.addBareUser("batch")
	w.there.AddUser("app-there")
	w.there.Adopt("app-there")
	m.configure(map[string]any{"access_key": own.AccessKeyID, "secret_key": own.SecretAccessKey})
	if asWorker {
		m.write("config/root", map[string]any{"role_arn": "arn:aws:iam::" + home + ":role/worker"})
		m.write("config/users", map[string]any{"ownership_tags": false})
	}
	for name, fields := range judgedRoles {
		m.write("roles/"+name, fields)
	}
	m.write("static-roles/app", map[string]any{"username": "app", "rotation_period": "9000h"})
	m.write("static-roles/app-there", map[string]any{"username": "app-there", "rotation_period": "9000h", "assume_role_arn": otherHub, "external_id": "id-1"})
	return w
}

// generated are the policies of config/iam-policy, by the names of the identities.
func (w *judged) generated() map[string]json.RawMessage {
	w.t.Helper()
	var policies map[string]json.RawMessage
	if err := json.Unmarshal([]byte(w.read("config/iam-policy")["policies"].(string)), &policies); err != nil {
		w.t.Fatal(err)
	}
	return policies
}

// judgeBy has the policies count: several of an identity, where AWS's limits ask for that.
func (w *judged) judgeBy(policies map[string]json.RawMessage) {
	w.t.Helper()
	of := map[string][]string{}
	for name, document := range policies {
		identity, _, _ := strings.Cut(name, " (")
		of[identity] = append(of[identity], string(document))
	}
	for identity, documents := range of {
		server, name := w.aws, ownName
		switch {
		case strings.HasPrefix(identity, "arn:aws:iam::"+other):
			server, name = w.there, identity[strings.LastIndexByte(identity, '/')+1:]
		case strings.HasPrefix(identity, "arn:"):
			name = identity[strings.LastIndexByte(identity, '/')+1:]
		}
		if err := server.SetIdentityPolicies(name, documents...); err != nil {
			w.t.Fatalf("%s: %v", identity, err)
		}
	}
}

// mend lets everybody do everything again, and takes away what the failure of a thing has left.
func (w *judged) mend(after thing) {
	w.t.Helper()
	w.aws.Trusting(ownName)
	w.aws.Trusting("worker")
	w.there.Trusting("hub")
	w.aws.Settle()
	for _, server := range []*fakeaws.Server{w.aws, w.there} {
		for _, user := range server.Users() {
			server.RemoveUser(user)
		}
	}
	known, err := w.b.(*backend).users.All(w.ctx, w.storage)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, user := range known {
		_, _ = w.send(logical.UpdateOperation, "issued/"+user.Name+"/forget", nil)
	}
	if after.keys {
		w.mendKeys()
	}
	w.mustTick()
	w.aws.Forgive()
}

// mendKeys rotates all keys that there are.
func (w *judged) mendKeys() {
	w.t.Helper()
	_, _ = w.send(logical.UpdateOperation, "config/rotate-root", nil)
	w.write("static-roles/app", map[string]any{"username": "app", "rotation_period": "9000h"})
	for _, role := range []string{"app", "app-there"} {
		w.write("static-roles/"+role+"/rotate", nil)
	}
}

// send sends a request, and returns why it failed.
func (w *judged) send(op logical.Operation, path string, data map[string]any) (*logical.Response, error) {
	resp, err := w.ask(op, path, data)
	if text, status := outcome(resp, err); status != 200 {
		return nil, errors.New(text)
	}
	return resp, nil
}

// admin makes a call as somebody who may do everything in an account.
func (w *judged) admin(account *fakeaws.Server, action string, pairs ...string) {
	w.t.Helper()
	params := url.Values{}
	for pair := range slices.Chunk(pairs, 2) {
		params.Set(pair[0], pair[1])
	}
	if len(account.Keys("admin")) == 0 {
		account.AddUser("admin")
	}
	client := fakeaws.Client{Endpoint: w.aws.URL(), Key: account.Keys("admin")[0]}
	if _, err := client.Do(w.ctx, "iam", action, params); err != nil {
		w.t.Errorf("%s: %v", action, err)
	}
}

// issue makes a credential and does something with it before it is revoked.
func (w *judged) issue(role string, meanwhile ...func(user string) error) error {
	creds, err := w.send(logical.ReadOperation, "creds/"+role, nil)
	if err != nil || creds.Secret.InternalData["is_sts"] == true {
		return err
	}
	for _, do := range meanwhile {
		if err := do(w.user(creds)); err != nil {
			return err
		}
	}
	resp, err := w.lease(logical.RevokeOperation, creds)
	if text, status := outcome(resp, err); status != 200 {
		return errors.New(text)
	}
	return nil
}
