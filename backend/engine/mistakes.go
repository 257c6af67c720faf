// SPDX-License-Identifier: MPL-2.0

package engine

// Mistakes of the caller's, and the one order in which a request is told of them.

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
)

// mostMistakes is how many an answer tells in full.
const mostMistakes = 20

// UserError is what is wrong with a request: Vault answers 400 with its text.
type UserError struct{ texts []string }

func (e *UserError) Error() string {
	if more := len(e.texts) - mostMistakes; more > 0 {
		return fmt.Sprintf("%s; and %d more", strings.Join(e.texts[:mostMistakes], "; "), more)
	}
	return strings.Join(e.texts, "; ")
}

// UserErrorf makes a [UserError]. The text names the field, what is wrong with it
// and what would be right. Of the caller's own words it repeats the beginning.
func UserErrorf(format string, args ...any) error {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = awsrules.Abridged(text)
		}
	}
	return &UserError{[]string{fmt.Errorf(format, args...).Error()}}
}

// Mistakes gathers all that is wrong with a request, so that one answer tells it all.
type Mistakes []error

// Add adds what is wrong with a field.
func (m *Mistakes) Add(field, format string, args ...any) {
	*m = append(*m, UserErrorf(field+": "+format, args...))
}

// AddAll adds what is wrong with one field.
func (m *Mistakes) AddAll(field string, errs []error) {
	for _, err := range errs {
		m.Add(field, "%v", err)
	}
}

// Err is nil when there are no mistakes, and a [UserError] that has them in order.
func (m Mistakes) Err() error {
	if len(m) == 0 {
		return nil
	}
	var texts []string
	for _, err := range m {
		texts = append(texts, textsOf(err)...)
	}
	InOrder(texts)
	return &UserError{texts}
}

// textsOf are the mistakes that an error holds.
func textsOf(err error) []string {
	if several, ok := err.(*UserError); ok { //nolint:errorlint // what wraps it has a text of its own
		return several.texts
	}
	if err == nil {
		return nil
	}
	return []string{err.Error()}
}

// Stood tells apart what was wrong with something stored before a write, and what the write
// makes wrong. What stood so, and is about no field of the write's, must not stop it: it earns
// a warning.
func Stood(data map[string]any, before, after error) (warnings []string, err error) {
	var mistake *UserError
	if !errors.As(after, &mistake) {
		return nil, after
	}
	stood := textsOf(before)
	var m Mistakes
	for _, text := range mistake.texts {
		if _, named := data[fieldOf(text)]; named || !slices.Contains(stood, text) {
			m = append(m, &UserError{[]string{text}})
			continue
		}
		warnings = append(warnings, text+" (stored earlier; it stays until the field is written)")
	}
	return warnings, m.Err()
}

// InOrder sorts mistakes, or warnings, by the field that each begins with.
func InOrder(texts []string) {
	slices.SortStableFunc(texts, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
}

// fieldOf is the field that a mistake or a warning begins with.
func fieldOf(text string) string {
	field, _, _ := strings.Cut(text, ":")
	return field
}

// rank is where the field of a text stands among all; what names none comes last.
func rank(text string) int {
	if at := slices.Index(fieldOrder, fieldOf(text)); at >= 0 {
		return at
	}
	return len(fieldOrder)
}

// fieldOrder has the fields of all paths in the order of the tables in docs/api, which a
// test compares with it.
var fieldOrder = strings.Fields(`
	name username role ttl
	access_key secret_key region iam_endpoint sts_endpoint sts_region sts_fallback_endpoints sts_fallback_regions signin_endpoint
	max_retries username_template role_arn role_session_name mfa_code destination issuer
	identity_token_audience identity_token_ttl web_identity_token_file
	rotation_period rotation_schedule rotation_window disable_automated_rotation rotation_policy
	lease lease_max
	credential_type policy_arns policy_document iam_groups iam_tags user_path permissions_boundary_arn
	default_ttl max_ttl max_users wait_until_usable wait_timeout ownership_tags unconfirmed_ttl register_sessions account
	assume_role_arn assume_role_session_name assume_role_external_id role_arns session_tags external_id mfa_serial_number
	default_sts_ttl max_sts_ttl revoke_sessions
	templates require_entity session_name allow_session_name source_identity transitive_tag_keys allowed_request_tags share_for
	previous_key_ttl disabled disabled_reason disabled_renewals arn policy
	replace_access_key force
	enabled interval_duration delete safety_buffer resume restored`)
