// SPDX-License-Identifier: MPL-2.0

package backend

// How long AWS lets a session run, and that whoever asks for more hears whose bound it is.

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// toldOnce wants one warning that holds a text, or none where it is empty.
func toldOnce(t *testing.T, resp *logical.Response, want string) {
	t.Helper()
	var warnings []string
	if resp != nil {
		warnings = resp.Warnings
	}
	if want == "" && len(warnings) > 0 || want != "" && (len(warnings) != 1 || !strings.Contains(warnings[0], want)) {
		t.Errorf("warned with %q, want %q", warnings, want)
	}
}

func TestSessionsAreCutToWhatAWSGives(t *testing.T) {
	t.Parallel()
	assumed := map[string]any{"credential_type": "assumed_role", "role_arns": deployARN}
	own := map[string]any{"credential_type": "session_token"}
	fed := map[string]any{"credential_type": "federation_token", "policy_document": s3Only}
	for name, c := range map[string]struct {
		config, role, fields, ask map[string]any
		lasts                     time.Duration
		written, told             string
	}{
		"assumed_role":  {role: assumed, ask: map[string]any{"ttl": "13h"}, lasts: 12 * time.Hour, told: "ttl: cut from 13h0m0s to 12h0m0s, the longest session that AWS gives for credential_type assumed_role"},
		"session_token": {role: own, ask: map[string]any{"ttl": "40h"}, lasts: 36 * time.Hour, told: "ttl: cut from 40h0m0s to 36h0m0s, the longest session that AWS gives for credential_type session_token"},
		"federation_token": {role: fed, ask: map[string]any{"ttl": "40h"}, lasts: 36 * time.Hour,
			told: "ttl: cut from 40h0m0s to 36h0m0s, the longest session that AWS gives for credential_type federation_token"},
		"the role's": {role: assumed, fields: map[string]any{"max_sts_ttl": "2h"}, ask: map[string]any{"ttl": "3h"}, lasts: 2 * time.Hour, told: "ttl: cut from 3h0m0s to 2h0m0s, max_sts_ttl of the role"},
		"a maximum that AWS does not give": {role: assumed, fields: map[string]any{"max_sts_ttl": "100d"}, ask: map[string]any{"ttl": "50h"}, lasts: 12 * time.Hour,
			written: "max_sts_ttl: 2400h0m0s is more than 12h0m0s, the longest session that AWS gives for credential_type assumed_role; sessions are cut to that", told: "to 12h0m0s, the longest session that AWS gives"},
		"chained": {config: map[string]any{"role_arn": auditARN}, role: assumed, fields: map[string]any{"default_sts_ttl": "2h"}, lasts: time.Hour,
			written: "default_sts_ttl: 2h0m0s is more than 1h0m0s, the longest that AWS gives where the engine's own identity is a session", told: "default_sts_ttl: cut from 2h0m0s to 1h0m0s, the longest that AWS gives where the engine's own identity is a session"},
		"chained, an hour": {config: map[string]any{"role_arn": auditARN}, role: assumed, ask: map[string]any{"ttl": "1h"}, lasts: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newSessionMount(t, c.config)
			m.aws.SetMaxSession("deploy", 12*time.Hour)
			for field, value := range c.role {
				if c.fields == nil {
					c.fields = map[string]any{}
				}
				c.fields[field] = value
			}
			toldOnce(t, m.write("roles/one", c.fields), c.written)
			creds := m.do(logical.ReadOperation, "creds/one", c.ask)
			toldOnce(t, creds, c.told)
			if got := m.session().Duration; got != c.lasts {
				t.Errorf("AWS was asked for %s", got)
			}
		})
	}
}

// An identity of the environment may be a session, too: nothing in config/root says so.
func TestChainedSessionOfTheEnvironmentIsCut(t *testing.T) {
	m := newSessionMount(t)
	m.write("roles/deploy", map[string]any{"default_sts_ttl": "2h"})
	session := m.creds("fed")
	t.Setenv("AWS_ACCESS_KEY_ID", session.Data["access_key"].(string))
	t.Setenv("AWS_SECRET_ACCESS_KEY", session.Data["secret_key"].(string))
	t.Setenv("AWS_SESSION_TOKEN", session.Data["session_token"].(string))
	m.write("config/root", map[string]any{"access_key": "", "secret_key": ""})
	m.aws.Inject(fakeaws.Fault{Action: "AssumeRole", Kind: fakeaws.Refuse, Message: "whatever", Times: 1})
	m.refused(logical.ReadOperation, "creds/deploy", nil)
	calls := m.aws.Calls()
	if got := calls[len(calls)-1].Params.Get("DurationSeconds"); got != "3600" {
		t.Errorf("AWS was asked for %s seconds", got)
	}
}

// What AWS gives nobody for a session is said where either half is written.
func TestRolesThatNeedAKeyAreWarnedOf(t *testing.T) {
	t.Parallel()
	for _, credentialType := range []string{"federation_token", "session_token"} {
		m := newConfiguredMount(t)
		role := map[string]any{"credential_type": credentialType}
		if credentialType == "federation_token" {
			role["policy_document"] = s3Only
		}
		toldOnce(t, m.write("roles/one", role), "")
		want := "credential_type: " + credentialType + " needs the access key of an IAM user, and config/root has a role_arn"
		toldOnce(t, m.write("config/root", map[string]any{"role_arn": deployARN}), "role_arn: role \"one\", and perhaps others: "+want)
		toldOnce(t, m.write("config/root", map[string]any{"max_retries": 1}), "")
		toldOnce(t, m.write("roles/one", role), want)
	}
}

// AWS cuts the sessions of an account's root user by itself. Here our clock makes it look so.
func TestSessionOfTheRootUserIsToldToBeShort(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	m.pass(2 * time.Hour)
	resp := m.do(logical.ReadOperation, "creds/own", map[string]any{"ttl": "3h"})
	toldOnce(t, resp, "ttl: AWS gave 1h0m0s instead of 3h0m0s, which is the most that the root user")
	toldOnce(t, m.do(logical.ReadOperation, "creds/own", map[string]any{"ttl": "4h"}), "")
}
