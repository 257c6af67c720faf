// SPDX-License-Identifier: MPL-2.0

package backend

// The names of sessions: what a request gives, and what a template makes.

import (
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"
)

func TestLongSessionNameIsCut(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	for _, c := range []struct{ asked, given, warning string }{
		{strings.Repeat("s", 64), strings.Repeat("s", 64), ""},
		{strings.Repeat("s", 65), strings.Repeat("s", 64), "role_session_name: cut from 65 characters to 64, the most that AWS takes"},
		{strings.Repeat("ü", 70), strings.Repeat("_", 64), "role_session_name: cut from 70 characters to 64, the most that AWS takes"},
		{"ab", "ab", ""},
	} {
		resp := m.do(logical.UpdateOperation, "creds/deploy", map[string]any{"role_session_name": c.asked})
		if got := m.session().SessionName; got != c.given {
			t.Errorf("%q became %q", c.asked, got)
		}
		if got := strings.Join(resp.Warnings, "\n"); got != c.warning {
			t.Errorf("%q: warned of %q", c.asked, got)
		}
	}
	if text := m.refused(logical.UpdateOperation, "creds/deploy", map[string]any{"role_session_name": "s"}); !strings.Contains(text, "role_session_name: ") || !strings.Contains(text, "2 to 64") {
		t.Errorf("refused with %s", text)
	}
}

// A session has a name of two characters at least, and a user one of one.
func TestTemplateThatIsTooShortForSessions(t *testing.T) {
	t.Parallel()
	m := newSessionMount(t)
	resp := m.write("config/root", map[string]any{"username_template": "{{random 1}}"})
	m.warns(resp, "for sessions of assumed roles: username_template: makes the name ")
	m.warns(resp, "for federation tokens: username_template: makes the name ")
	if strings.Contains(strings.Join(resp.Warnings, "\n"), "makes the same name") {
		t.Errorf("warned of %q", resp.Warnings)
	}
	m.aws.ResetCalls()
	for _, role := range []string{"deploy", "fed"} {
		text := m.refused(logical.ReadOperation, "creds/"+role, nil)
		if !strings.Contains(text, "username_template: makes the name ") || !strings.Contains(text, "2 to ") {
			t.Errorf("refused with %s", text)
		}
	}
	m.mustNotCall()
	m.write("roles/user", map[string]any{"policy_arns": readOnly})
	creds := m.creds("user")
	if len(m.user(creds)) != 1 {
		t.Errorf("made %s", m.user(creds))
	}
	m.revoke(creds)
}
