// SPDX-License-Identifier: MPL-2.0

package backend

// What a mount does in AWS, one thing after another, and what each needs to be allowed.

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// thing is one thing that a mount does.
type thing struct {
	name string
	do   func(w *judged) error
	keys bool // it changes keys of users that exist already
}

// issues is the thing that a credential of a role is issued, and revoked.
func issues(role string) thing {
	return thing{role, func(w *judged) error { return w.issue(role) }, false}
}

// things are all that a mount does in AWS. What moves the clock by more than a session lasts comes last.
var things = []thing{
	issues("managed"), issues("inline"), issues("grouped"), issues("tagged"), issues("bounded"), issues("asker"),
	{"own tags", func(w *judged) error { return w.issue("managed", w.ownTags) }, false},
	{"holder added", func(w *judged) error {
		return w.issue("inline", func(user string) error { return w.additions(w.aws, user) })
	}, false},
	{"renamed", (*judged).renamed, false},
	{"tidy", func(w *judged) error { return w.orphan("managed") }, false},

	issues("deploy"), issues("deploy-tags"), {"asked tags", (*judged).requestTags, false}, issues("deploy-source"), issues("deploy-group"),
	{"team-*", (*judged).byPattern, false}, issues("federate"), issues("federate-tags"), issues("session"),

	{"adopt", (*judged).adopt, true},
	{"rotate", func(w *judged) error { return w.rotate("app") }, true},
	{"lost answer", (*judged).lostAnswer, true},
	{"rotate-root", (*judged).rotateNow, true},

	issues("there"), issues("there-session"),
	{"added there", func(w *judged) error {
		return w.issue("there", func(user string) error { return w.additions(w.there, user) })
	}, false},
	{"rotate there", func(w *judged) error { return w.rotate("app-there") }, true},
	{"tidy there", func(w *judged) error { return w.orphan("there") }, false},

	{"schedule", (*judged).rotateBySchedule, true},
	{"revoked session", (*judged).revokedSession, false},
	{"lease lost", (*judged).leaseLost, false},
}

// ownTags checks that a user has the tags of the engine.
func (w *judged) ownTags(user string) error {
	if shown, _ := w.aws.User(user); shown.Tags[tagProof] == "" {
		return errors.Join(fmt.Errorf("the IAM user has no ownership tags: %s", w.log), w.issued(user))
	}
	return nil
}

// issued ends a user by its record.
func (w *judged) issued(user string) error {
	_, err := w.send(logical.DeleteOperation, "issued/"+user, nil)
	return err
}

// additions are all that the holder of a key may add to a user. The group is one that roles name.
func (w *judged) additions(in *fakeaws.Server, user string) error {
	add := func(action string, pairs ...string) {
		w.admin(in, action, append([]string{"UserName", user}, pairs...)...)
	}
	device := "arn:aws:iam::" + map[bool]string{true: other, false: home}[in == w.there] + ":mfa/of-" + user
	add("CreateAccessKey")
	add("AttachUserPolicy", "PolicyArn", "arn:aws:iam::aws:policy/IAMReadOnlyAccess")
	add("PutUserPolicy", "PolicyName", "more", "PolicyDocument", s3Only)
	if in == w.aws {
		add("AddUserToGroup", "GroupName", "readers")
	}
	add("CreateLoginProfile", "Password", "Correct-Horse-1")
	w.admin(in, "CreateVirtualMFADevice", "VirtualMFADeviceName", "of-"+user)
	add("EnableMFADevice", "SerialNumber", device, "AuthenticationCode1", "123456", "AuthenticationCode2", "654321")
	add("UploadSSHPublicKey", "SSHPublicKeyBody", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ")
	add("UploadSigningCertificate", "CertificateBody", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----")
	add("CreateServiceSpecificCredential", "ServiceName", "codecommit.amazonaws.com")
	return nil
}

// renamed has the holder rename its user before the revocation.
func (w *judged) renamed() error {
	err := w.issue("inline", func(user string) error {
		w.admin(w.aws, "UpdateUser", "UserName", user, "NewUserName", "vault-renamed")
		return nil
	})
	if _, exists := w.aws.User("vault-renamed"); exists && err == nil {
		return errors.New("the IAM user that was renamed is still there")
	}
	return err
}

// leaseLost has the sweep end a user whose lease Vault has lost.
func (w *judged) leaseLost() error {
	creds, err := w.send(logical.ReadOperation, "creds/inline", nil)
	if err != nil {
		return err
	}
	w.age(800 * time.Hour)
	if err := w.tick(); err != nil {
		return err
	}
	if _, exists := w.aws.User(w.user(creds)); exists {
		return errors.New("the sweep did not delete the IAM user")
	}
	return nil
}

// orphan has tidy delete a user that has no record.
func (w *judged) orphan(role string) error {
	creds, err := w.send(logical.ReadOperation, "creds/"+role, nil)
	if err != nil {
		return err
	}
	user := w.user(creds)
	if _, err := w.send(logical.UpdateOperation, "issued/"+user+"/forget", nil); err != nil {
		return err
	}
	w.age(20 * time.Minute)
	if _, err := w.send(logical.UpdateOperation, "tidy", map[string]any{"delete": true, "safety_buffer": "15m"}); err != nil {
		return err
	}
	report := w.tidied()
	_, here := w.aws.User(user)
	_, there := w.there.User(user)
	if here || there || report["state"] != "finished" || report["errors_count"] != 0 {
		return fmt.Errorf("tidy: %v; %s", report, w.log)
	}
	return nil
}

func (w *judged) requestTags() error {
	_, err := w.send(logical.UpdateOperation, "creds/deploy-tags", map[string]any{"session_tags": "Ticket=1"})
	return err
}

func (w *judged) byPattern() error {
	_, err := w.send(logical.UpdateOperation, "creds/team", map[string]any{"role_arn": "arn:aws:iam::" + home + ":role/team-a"})
	return err
}

// revokedSession revokes a session, and waits until it would have ended and the policy that denies it goes.
func (w *judged) revokedSession() error {
	creds, err := w.send(logical.ReadOperation, "creds/revocable", nil)
	if err != nil {
		return err
	}
	resp, err := w.lease(logical.RevokeOperation, creds)
	if text, status := outcome(resp, err); status != 200 {
		return errors.New(text)
	}
	if policies := w.aws.RolePolicies("audit"); len(policies) != 1 {
		return fmt.Errorf("the role has %d policies", len(policies))
	}
	w.age(13 * time.Hour)
	if err := w.tick(); err != nil {
		return err
	}
	if policies := w.aws.RolePolicies("audit"); len(policies) > 0 {
		return fmt.Errorf("the role has %d policies: %s", len(policies), w.log)
	}
	return nil
}

// adopt takes a user and lets it go again.
func (w *judged) adopt() error {
	if _, err := w.send(logical.DeleteOperation, "static-roles/app", nil); err != nil {
		return err
	}
	_, err := w.send(logical.UpdateOperation, "static-roles/app", map[string]any{"username": "app", "rotation_period": "9000h"})
	return err
}

func (w *judged) rotate(role string) error {
	w.aws.Settle()
	for range 2 { // the second one deletes a key
		if _, err := w.send(logical.UpdateOperation, "static-roles/"+role+"/rotate", nil); err != nil {
			return err
		}
	}
	return nil
}

// lostAnswer rotates a key in vain, and has the engine look for the key that AWS made all the same.
func (w *judged) lostAnswer() error {
	w.aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", User: "app", Kind: fakeaws.LostAnswer, Times: 1})
	defer w.aws.ClearFaults()
	if _, err := w.send(logical.UpdateOperation, "static-roles/app/rotate", nil); err == nil {
		return errors.New("the rotation went well, although AWS's answer was lost")
	} else if strings.Contains(err.Error(), "AccessDenied") {
		return err
	}
	for range 4 { // until AWS can tell whether the key is used
		w.age(engine.UseToldAfter/4 + time.Second)
		if err := w.tick(); err != nil {
			return err
		}
	}
	if keys := w.aws.Keys("app"); len(keys) != 1 || keys[0].AccessKeyID != w.read("static-creds/app")["access_key"] {
		return fmt.Errorf("the user has %d keys: %s", len(keys), w.log)
	}
	return nil
}

func (w *judged) rotateNow() error {
	w.aws.Settle()
	resp, err := w.send(logical.UpdateOperation, "config/rotate-root", nil)
	if err == nil && len(resp.Warnings) > 0 {
		err = errors.New(strings.Join(resp.Warnings, "; "))
	}
	return err
}

// rotateBySchedule waits for a rotation, and until the old key may go.
func (w *judged) rotateBySchedule() error {
	if _, err := w.send(logical.UpdateOperation, "config/root", map[string]any{"rotation_period": "1h"}); err != nil {
		return err
	}
	defer w.write("config/root", map[string]any{"rotation_period": 0})
	for range 8 {
		w.age(20 * time.Minute)
		if err := w.tick(); err != nil {
			return err
		}
	}
	if keys := w.aws.Keys(ownName); len(keys) != 1 {
		return fmt.Errorf("the user of config/root has %d keys: %s", len(keys), w.log)
	}
	return nil
}
