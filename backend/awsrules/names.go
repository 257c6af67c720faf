// SPDX-License-Identifier: MPL-2.0

package awsrules

// The forms of names and IDs, as AWS's API model has them (IAM API Reference; STS API Reference, AssumeRole,
// GetFederationToken and GetSessionToken). A test holds each against the model: TestEngineAgreesWithTheModelInEveryCell.

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/hashicorp/go-secure-stdlib/base62"
)

// How long texts may be.
const (
	MostPath       = 512  // characters of the path of a user
	MostPolicyName = 128  // characters of the name of an inline policy
	MostExternalID = 1224 // characters
	MostUserName   = 128  // characters of the name of a user that exists
	mostNewUser    = 64   // characters of the name of a new user (CreateUser)
	mostFederated  = 32   // characters of the name of a federated user (GetFederationToken)

	// The names of sessions and of federated users (AssumeRole, GetFederationToken).
	leastSessionName = 2
	MostSessionName  = 64
)

var (
	userForm       = regexp.MustCompile(`^[\w+=,.@-]{1,128}$`)
	groupForm      = regexp.MustCompile(`^[\w+=,.@-]{1,128}$`)
	pathForm       = regexp.MustCompile(`^/([\x21-\x7E]+/)?$`)
	externalIDForm = regexp.MustCompile(`^[\w+=,.@:/-]{2,}$`)
	serialForm     = regexp.MustCompile(`^[\w+=/:,.@-]{9,256}$`)
	mfaForm        = regexp.MustCompile(`^\d{6}$`)
	sessionForm    = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
)

// IsUserName reports whether AWS can be asked about an IAM user of a name: its API takes 128 characters for a user that
// exists, although CreateUser and the page of quotas have 64.
func IsUserName(name string) bool { return userForm.MatchString(name) }

// IsGroupName reports whether an IAM group can have a name.
func IsGroupName(name string) bool { return groupForm.MatchString(name) }

// IsPath reports whether a text is the path of an IAM user: / alone, or one that begins and
// ends with a slash.
func IsPath(text string) bool { return len(text) <= MostPath && pathForm.MatchString(text) }

// IsExternalID reports whether STS takes a text for an external ID.
func IsExternalID(text string) bool {
	return len(text) <= MostExternalID && externalIDForm.MatchString(text)
}

// IsSerialNumber reports whether a text is the serial number or the ARN of an MFA device.
func IsSerialNumber(text string) bool { return serialForm.MatchString(text) }

// IsMFACode reports whether a text is a code that an MFA device shows.
func IsMFACode(text string) bool { return mfaForm.MatchString(text) }

// IsSessionName reports whether the session of a role can have a name.
func IsSessionName(name string) bool { return sessionForm.MatchString(name) }

// CheckSessionName says what keeps a text from naming a session. It does not repeat the text.
func CheckSessionName(name string) error {
	if !IsSessionName(name) {
		return fmt.Errorf("cannot name a session; use %d to %d letters, digits and _ + = , . @ -", leastSessionName, MostSessionName)
	}
	return nil
}

// CheckFederatedName is the same for a federated user, whose name is shorter.
func CheckFederatedName(name string) error {
	if len(name) > mostFederated || !IsSessionName(name) {
		return fmt.Errorf("cannot name a federation token; use %d to %d letters, digits and _ + = , . @ -", leastSessionName, mostFederated)
	}
	return nil
}

// outsideName are the characters that the name of a user or a session cannot have.
var outsideName = regexp.MustCompile(`[^a-zA-Z0-9+=,.@_-]`)

// InName replaces what a name in AWS cannot have.
func InName(text string) string { return outsideName.ReplaceAllString(text, "_") }

// SessionName makes a text fit for the name of a session, as Vault's documentation says: every character that such a name
// cannot have becomes _, and what is too long is cut off.
func SessionName(text string) string {
	name := InName(text)
	return name[:min(len(name), MostSessionName)]
}

// UniqueSessionName is a name that no other session has, which begins with a text as far as there is room.
func UniqueSessionName(text string) (string, error) {
	const random = 16
	tail, err := base62.Random(random)
	return text[:min(len(text), MostSessionName-random-1)] + "-" + tail, err
}

// Abridged keeps a text that is much too long from filling an answer.
func Abridged(text string) string {
	const enough = 200
	if len(text) <= enough {
		return text
	}
	return strings.ToValidUTF8(text[:enough], "") + "…"
}
