// SPDX-License-Identifier: MPL-2.0

package crash

import (
	"errors"
	"fmt"
	"net/http"

	"vault-plugin-secrets-aws-dyn/internal/e2e/check"
	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
	"vault-plugin-secrets-aws-dyn/internal/e2e/stepping"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// This file is what the matrix interrupts.

// shortLease is how long the leases last whose end the matrix waits for.
const shortLease = 60 // seconds

// operation is something that a mount is asked to do.
type operation struct {
	name    string
	prepare func(v *stepping.Vault, c *crashCase) error // in a mount that is configured; may be nil
	run     func(v *stepping.Vault, c *crashCase) (server.Answer, error)
	held    func(c *crashCase)                          // what happens while it stands at its boundary; may be nil
	again   func(v *stepping.Vault, c *crashCase) error // what has to be asked for after the crash; may be nil
}

var operations = []operation{
	{name: "create seed", run: create("seed")},
	{name: "create wide", run: create("wide")},
	{name: "revoke seed", prepare: hold("seed"), run: revokeHeld},
	{name: "revoke wide", prepare: hold("wide"), run: revokeHeld},
	{name: "create shared", run: create("shared")},
	{name: "create shared, once more", prepare: hold("shared"), run: create("shared")},
	{name: "revoke shared, one of two", prepare: holdTwo, run: revokeHeld},
	{name: "revoke shared, the last of two", prepare: holdLast, run: revokeHeld},
	{name: "renew shared, one of two", prepare: holdTwo, run: renewHeld},
	{name: "create in another account", run: create("far")},
	{name: "create in another account, whose trust goes", run: create("far"), held: distrust, again: trustAgain},
	{name: "revoke in another account", prepare: hold("far"), run: revokeHeld},
	{name: "revoke in another account, whose trust goes", prepare: hold("far"), run: revokeHeld, held: distrust, again: trustAgain},
	{name: revokeASession, prepare: holdSession, run: revokeHeld, again: revokeAgain},
	{name: "renew", prepare: hold("seed"), run: renewHeld},
	{name: "rotate-root", run: func(v *stepping.Vault, c *crashCase) (server.Answer, error) {
		return v.Request(http.MethodPost, c.Mount+"/config/rotate-root", nil)
	}},
	{name: "static role, write", run: func(v *stepping.Vault, c *crashCase) (server.Answer, error) {
		return v.Request(http.MethodPost, c.Mount+"/static-roles/app", adoption(c.customers))
	}},
	{name: "static role, rotate", prepare: adopted(true), run: rotateApp},
	{name: "static role, rotate beside a customer's key", prepare: adopted(false), run: rotateApp},
	{name: "static role, delete", prepare: adopted(true), run: func(v *stepping.Vault, c *crashCase) (server.Answer, error) {
		return v.Request(http.MethodDelete, c.Mount+"/static-roles/app", nil)
	}},
	{name: "tidy", prepare: strewn, run: tidyUp, again: tidyAgain},
}

func create(role string) func(v *stepping.Vault, c *crashCase) (server.Answer, error) {
	return func(v *stepping.Vault, c *crashCase) (server.Answer, error) {
		return v.Request(http.MethodPost, c.Mount+"/creds/"+role, map[string]any{"ttl": shortLease})
	}
}

// hold has the operation find a lease.
func hold(role string) func(v *stepping.Vault, c *crashCase) error {
	return func(v *stepping.Vault, c *crashCase) error {
		a, err := v.Demand(http.MethodPost, c.Mount+"/creds/"+role, map[string]any{"ttl": shortLease})
		c.lease, c.key = a.Lease(), fakeaws.Key{AccessKeyID: a.Key().ID, SecretAccessKey: a.Key().Secret}
		return err
	}
}

// holdTwo has the operation find two leases of one user, and is about the second.
func holdTwo(v *stepping.Vault, c *crashCase) error {
	if err := hold("shared")(v, c); err != nil {
		return err
	}
	first := c.key
	if err := hold("shared")(v, c); err != nil {
		return err
	}
	if c.key != first {
		return errors.New("two leases have two users")
	}
	return nil
}

// holdLast is holdTwo, without the first.
func holdLast(v *stepping.Vault, c *crashCase) error {
	if err := hold("shared")(v, c); err != nil {
		return err
	}
	first := c.lease
	if err := hold("shared")(v, c); err != nil {
		return err
	}
	_, err := v.Demand(http.MethodPost, "sys/leases/revoke", map[string]any{"lease_id": first, "sync": true})
	return err
}

// distrust takes the other account's trust away, and the sessions that it has given.
func distrust(c *crashCase) {
	far(&c.Mounted).SetTrust("hub")
	far(&c.Mounted).ExpireSessions()
}

// trustAgain gives the trust back.
func trustAgain(_ *stepping.Vault, c *crashCase) error {
	far(&c.Mounted).SetTrust("hub", check.HomeAccount)
	return nil
}

// far is the other account.
func far(m *check.Mounted) *fakeaws.Server { return m.Account.Account(check.FarAccount) }

func revokeHeld(v *stepping.Vault, c *crashCase) (server.Answer, error) {
	return v.Request(http.MethodPost, "sys/leases/revoke", map[string]any{"lease_id": c.lease, "sync": true})
}

func renewHeld(v *stepping.Vault, c *crashCase) (server.Answer, error) {
	return v.Request(http.MethodPost, "sys/leases/renew", map[string]any{"lease_id": c.lease, "increment": 3600})
}

func rotateApp(v *stepping.Vault, c *crashCase) (server.Answer, error) {
	return v.Request(http.MethodPost, c.Mount+"/static-roles/app/rotate", nil)
}

// adoption makes a static role of the user app. A key of a customer may be replaced.
func adoption(replace string) map[string]any {
	return map[string]any{"username": "app", "rotation_period": "24h", "replace_access_key": replace}
}

// adopted has the operation find a static role: alone with its two keys, or with one beside a customer's.
func adopted(alone bool) func(v *stepping.Vault, c *crashCase) error {
	return func(v *stepping.Vault, c *crashCase) error {
		if !alone {
			_, err := v.Demand(http.MethodPost, c.Mount+"/static-roles/app", adoption(""))
			return err
		}
		_, err := v.Demand(http.MethodPost, c.Mount+"/static-roles/app", adoption(c.customers))
		_, again := v.Demand(http.MethodPost, c.Mount+"/static-roles/app/rotate", nil)
		return errors.Join(err, again)
	}
}

// crashCase is one operation in one mount, with an account of its own, that is interrupted at one boundary.
type crashCase struct {
	operation

	check.Mounted

	number    int    // of the boundary; 0: it is not interrupted, to count them
	late      bool   // AWS does what was on its way to it
	plugin    string // its name in the catalog
	seq       *stepping.Sequence
	customers string // the key that the user app had before
	survivor  string // a lease that the operation is not about
	lease     string // the one that it is about
	key       fakeaws.Key
	denied    bool                    // AWS has denied the session that it is about
	orphan    string                  // a user that has no record and that tidy is to delete
	strangers map[string]fakeaws.User // users that are to stay as they are

	ended chan struct{}  // closed when the operation was answered
	err   error          // why it was not answered, or not well
	said  string         // the state of tidy after the crash
	found check.Findings // at the last look
}

// String says where it was interrupted.
func (c *crashCase) String() string {
	tense := ""
	if c.late {
		tense = ", and AWS did it afterwards"
	}
	return fmt.Sprintf("%s (%s), boundary %d: %s%s", c.name, c.Mount, c.number, c.seq.Where(), tense)
}

// begin sets a mount up.
func (c *crashCase) begin(v *stepping.Vault) error {
	account, err := fakeaws.Start("127.0.0.1:0", fakeaws.WithSteps(c.seq.AWSStep))
	if err != nil {
		return fmt.Errorf("starting the fake AWS: %w", err)
	}
	c.Account = account
	for _, group := range []string{"ops", "dev"} {
		account.AddGroup(group)
	}
	far(&c.Mounted).SetTrust("hub", check.HomeAccount)
	account.AddRole("deploy")
	c.customers = account.AddUser("app").AccessKeyID
	root := account.RootKey()
	account.Adopt("app")
	account.Adopt("vault-root")
	v.Follow(c.Mount, c.seq)
	const managed = "arn:aws:iam::aws:policy/"
	for _, write := range []struct {
		path string
		body map[string]any
	}{
		{"sys/mounts/" + c.Mount, map[string]any{"type": c.plugin}},
		{c.Mount + "/config/root", map[string]any{
			"access_key": root.AccessKeyID, "secret_key": root.SecretAccessKey, "region": "us-east-1",
			"iam_endpoint": account.URL(), "sts_endpoint": account.URL(),
		}},
		{c.Mount + "/roles/seed", map[string]any{"policy_arns": managed + "ReadOnlyAccess"}},
		{c.Mount + "/roles/shared", map[string]any{"policy_arns": managed + "ReadOnlyAccess", "share_for": "1h"}},
		{c.Mount + "/roles/far", map[string]any{"policy_arns": managed + "ReadOnlyAccess", "assume_role_arn": check.FarHub}},
		{c.Mount + "/roles/session", map[string]any{
			"credential_type": "assumed_role", "role_arns": "arn:aws:iam::" + check.HomeAccount + ":role/deploy", "revoke_sessions": true,
		}},
		{c.Mount + "/roles/wide", map[string]any{
			"policy_arns":     []string{managed + "ReadOnlyAccess", managed + "AmazonS3FullAccess", managed + "AmazonEC2FullAccess"},
			"policy_document": `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`,
			"iam_groups":      []string{"ops", "dev"}, "iam_tags": []string{"team=a", "cost=b"},
		}},
	} {
		if _, err := v.Demand(http.MethodPost, write.path, write.body); err != nil {
			return err
		}
	}
	if err := c.FindStorage(v.Server); err != nil {
		return err
	}
	survivor, err := v.Demand(http.MethodPost, c.Mount+"/creds/seed", map[string]any{"ttl": "1h"})
	c.survivor = survivor.Lease()
	return err
}
