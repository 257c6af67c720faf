// SPDX-License-Identifier: MPL-2.0

package status

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/vault/sdk/framework"

	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// Answer is the status. Vault's command line shows keys in the order of the alphabet: those that tell of
// problems come first.
func (m *Memory) Answer(f Facts) map[string]any {
	s := m.snapshot()
	wrong := problems(f, s)
	data := map[string]any{
		"healthy":  len(wrong) == 0,
		"problems": wrong,

		"recent_error":   recentError(s),
		"recent_success": engine.Stamp(s.success),

		"records_creating":      len(f.Records.Creating),
		"records_ending":        len(f.Records.Ending),
		"records_ending_oldest": oldest(f, s),
		"records_issued":        f.Records.Issued,
		"records_making":        f.Records.Making,

		"root_account":           f.Root.Account,
		"root_identity":          f.Root.Identity,
		"root_identity_since":    engine.Stamp(f.Root.Since),
		"root_key_next_rotation": f.Root.Rotation["next_vault_rotation"],
		"root_key_rotated":       f.Root.Rotation["last_vault_rotation"],

		"server_clock_ahead": engine.Seconds(-s.ahead),
		"server_heartbeat":   engine.Stamp(f.Heartbeat),
		"server_term_since":  engine.Stamp(f.Term.Since),

		"static_roles":         f.Static.Roles,
		"static_roles_failing": len(f.Static.Failing),
		"throttled":            append([]string{}, throttledNow(s.calls, f)...),
		"tidy":                 tidied(f.Tidy),
		"warnings":             warnings(f),
	}
	if f.Detailed {
		maps.Copy(data, m.details(f, s))
	}
	return data
}

// details are what does not fit a screen.
func (m *Memory) details(f Facts, s snapshot) map[string]any {
	calls := make([]map[string]any, len(s.calls))
	for i, c := range s.calls {
		calls[i] = map[string]any{
			"service": c.service, "action": c.action, "about": c.about, "as_role": c.role,
			"last_success": engine.Stamp(c.succeeded), "last_error": engine.Stamp(c.failed), "failures": c.failures,
			"code": c.code, "error": c.words, "request_id": c.requestID, "throttled": engine.Stamp(c.throttled),
		}
	}
	ending := make([]map[string]any, 0, len(f.Records.Ending)+len(f.Records.Outlived))
	late := slices.Concat(f.Records.Ending, slices.DeleteFunc(slices.Clone(f.Records.Outlived), func(r Record) bool { return s.ends[r.User].at.IsZero() }))
	for _, r := range late[:min(len(late), mostEnds)] {
		ending = append(ending, map[string]any{
			"username": r.User, "role": r.Role, "account": r.Account, "since": engine.Stamp(r.Since), "error": s.ends[r.User].words, "tried": engine.Stamp(s.ends[r.User].at),
		})
	}
	failed := map[string]any{}
	for name, c := range s.chores {
		failed[name] = c.words
	}
	static := map[string]any{}
	for _, r := range f.Static.Failing {
		static[r.Name] = r.Words
	}
	denied := map[string]any{}
	for _, d := range f.Denials {
		denied[d.Account+"/"+d.Role] = fmt.Sprintf("%d of about %d", d.Denied, d.Denied+d.Room)
	}
	return map[string]any{
		"sessions_denied": denied,
		"recent_calls":    calls, "records_not_ended": ending, "server_chores_failing": failed, "server_term": f.Term.ID, "static_roles_errors": static,
		"tidy_last_run": f.Tidy,
	}
}

// recentError is the last failure of a call, whether or not it stands.
func recentError(s snapshot) any {
	if len(s.calls) == 0 || s.calls[0].failed.IsZero() {
		return nil
	}
	c := s.calls[0]
	return fmt.Sprintf("%v %s: %s%s", engine.Stamp(c.failed), c.name(), c.words, requestID(c.requestID))
}

// warnings are what works but is unusual.
func warnings(f Facts) []string {
	list := append([]string{}, f.Root.Warnings...)
	if f.Secondary {
		list = append(list, "This cluster is a performance secondary: the status is of the sessions and calls to AWS of this cluster. IAM users, static roles, the root key and tidy are the primary's, whose status tells of them.")
	}
	return list
}

// oldest is the user that ends for the longest time.
func oldest(f Facts, s snapshot) any {
	if len(f.Records.Ending) == 0 {
		return nil
	}
	r := f.Records.Ending[0]
	text := fmt.Sprintf("%s, since %v", r.User, engine.Stamp(r.Since))
	if why := s.ends[r.User].words; why != "" {
		text += ": " + why
	}
	return text
}

func tidied(last map[string]any) string {
	if last == nil || last["time_started"] == nil {
		return "has not run"
	}
	return fmt.Sprintf("%v, begun at %v: %v found, %v deleted, %v errors", last["state"], last["time_started"], last["found_count"], last["deleted_count"], last["errors_count"])
}

// Fields are what an answer may hold.
func Fields() map[string]*framework.FieldSchema {
	fields := map[string]*framework.FieldSchema{}
	for _, f := range answerTable {
		fields[f.name] = &framework.FieldSchema{Type: f.kind, Description: f.text}
	}
	return fields
}

// answerTable is what the keys mean, in the order in which Vault's command line shows them.
var answerTable = []struct {
	name string
	kind framework.FieldType
	text string
}{
	{"healthy", framework.TypeBool, "Whether there are no problems."},
	{"problems", framework.TypeStringSlice, "What is wrong and what to do about it, a sentence or two each, the worst first; at most 12, and one that says how many more."},
	{"recent_calls", framework.TypeSlice, "Calls to AWS by action and purpose, the last failures first: last success, last error with code, message and request ID. With detailed."},
	{"recent_error", framework.TypeString, "The last call to AWS that failed, whether or not it has succeeded since."},
	{"recent_success", framework.TypeString, "When a call to AWS last succeeded (RFC 3339)."},
	{"records_creating", framework.TypeInt, "IAM users of failed requests, which may exist and are being deleted."},
	{"records_ending", framework.TypeInt, "IAM users that are being deleted and are not known to be gone."},
	{"records_ending_oldest", framework.TypeString, "The one of these that has been deleted for the longest time without success: since when, and why it still exists."},
	{"records_issued", framework.TypeInt, "IAM users with leases."},
	{"records_making", framework.TypeInt, "IAM users that requests are making now."},
	{"records_not_ended", framework.TypeSlice, "Users that are being deleted, or could not be deleted after their lease, at most 200, with the reason of the last failure. With detailed."},
	{"root_account", framework.TypeString, "AWS account that config/root leads to, by AWS's answers; empty before the first."},
	{"root_identity", framework.TypeString, "The identity that the engine calls AWS as, by config/root."},
	{"root_identity_since", framework.TypeString, "Since when, in this process; null before the first call (RFC 3339)."},
	{"root_key_next_rotation", framework.TypeString, "When the root key is rotated next; null for never (RFC 3339)."},
	{"root_key_rotated", framework.TypeString, "When the engine made the root key (RFC 3339); null if it did not: config/check asks AWS."},
	{"server_chores_failing", framework.TypeMap, "Chores (done once a minute) that failed the last time, and why. With detailed."},
	{"server_clock_ahead", framework.TypeInt64, "Seconds that this server's clock is ahead of AWS's, by AWS's last answer; negative: behind."},
	{"server_heartbeat", framework.TypeString, "The engine's last heartbeat: it writes one a minute (RFC 3339)."},
	{"server_term", framework.TypeString, "ID of the engine's life on this server, which ownership tags carry. With detailed."},
	{"server_term_since", framework.TypeString, "When that began (RFC 3339)."},
	{"sessions_denied", framework.TypeMap, "AWS roles of which revoked sessions are denied, by account and name: how many, of how many that fit. With detailed."},
	{"static_roles", framework.TypeInt, "Static roles that are rotated."},
	{"static_roles_errors", framework.TypeMap, "Those that are not rotated as they should be, and why. With detailed."},
	{"static_roles_failing", framework.TypeInt, "How many those are."},
	{"throttled", framework.TypeStringSlice, "Actions that AWS throttled within the last minute: how often, and how many calls a second go on."},
	{"tidy", framework.TypeString, "The last run of tidy."},
	{"tidy_last_run", framework.TypeMap, "The same as tidy/status has it. With detailed."},
	{"warnings", framework.TypeStringSlice, "What is unusual about config/root, and works."},
}
