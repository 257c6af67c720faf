// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"fmt"
	"net/http"
	"strings"
)

// This file has AWS's ways of saying no: codes, statuses and sentences as the IAM API Reference ("Common
// Errors" and the pages of the actions) has them.

// Refusal is an error answer of AWS.
type Refusal struct {
	Status  int
	Code    string
	Message string
}

// Error is the code and the message, as AWS's own tools print them.
func (r *Refusal) Error() string { return r.Code + ": " + r.Message }

func noSuchEntity(format string, args ...any) *Refusal {
	return &Refusal{http.StatusNotFound, "NoSuchEntity", fmt.Sprintf(format, args...)}
}

func noSuchUser(name string) *Refusal {
	return noSuchEntity("The user with name %s cannot be found.", name)
}

func alreadyExists(format string, args ...any) *Refusal {
	return &Refusal{http.StatusConflict, "EntityAlreadyExists", fmt.Sprintf(format, args...)}
}

// deleteConflict names what still hangs on a user: "must delete access keys first".
func deleteConflict(must string) *Refusal {
	return &Refusal{http.StatusConflict, "DeleteConflict", "Cannot delete entity, " + must + "."}
}

func overQuota(name string, limit int) *Refusal {
	return &Refusal{http.StatusConflict, "LimitExceeded", fmt.Sprintf("Cannot exceed quota for %s: %d", name, limit)}
}

// overPolicySize is of the inline policies of a user or a group: "group ops".
func overPolicySize(limit int, of string) *Refusal {
	return &Refusal{http.StatusConflict, "LimitExceeded", fmt.Sprintf("Maximum policy size of %d bytes exceeded for %s", limit, of)}
}

func invalidInput(format string, args ...any) *Refusal {
	return &Refusal{http.StatusBadRequest, "InvalidInput", fmt.Sprintf(format, args...)}
}

func validationError(format string, args ...any) *Refusal {
	return &Refusal{http.StatusBadRequest, "ValidationError", fmt.Sprintf(format, args...)}
}

// memberName is a parameter as AWS's validation errors spell it: userName for UserName, tags.1.member.key for
// Tags.member.1.Key.
func memberName(param string) string {
	if param == "" {
		return param
	}
	parts := strings.Split(param, ".")
	for i, part := range parts {
		parts[i] = strings.ToLower(part[:1]) + part[1:]
	}
	if len(parts) == 4 {
		parts[1], parts[2] = parts[2], parts[1]
	}
	return strings.Join(parts, ".")
}

func malformedPolicy(message string) *Refusal {
	return &Refusal{http.StatusBadRequest, "MalformedPolicyDocument", message}
}

func invalidParameterValue(format string, args ...any) *Refusal {
	return &Refusal{http.StatusBadRequest, "InvalidParameterValue", fmt.Sprintf(format, args...)}
}

func throttled() *Refusal {
	return &Refusal{http.StatusBadRequest, "Throttling", "Rate exceeded"}
}

func concurrentModification() *Refusal {
	return &Refusal{http.StatusConflict, "ConcurrentModification", "The request was rejected because multiple requests to change this object were submitted simultaneously. Wait a few minutes and submit your request again."}
}

func invalidAction(action, version string) *Refusal {
	return &Refusal{http.StatusBadRequest, "InvalidAction", fmt.Sprintf("Could not find operation %s for version %s", action, version)}
}

func invalidToken() *Refusal {
	return &Refusal{http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid."}
}

func expiredToken() *Refusal {
	return &Refusal{http.StatusForbidden, "ExpiredToken", "The security token included in the request is expired"}
}

func signatureMismatch(format string, args ...any) *Refusal {
	return &Refusal{http.StatusForbidden, "SignatureDoesNotMatch", fmt.Sprintf(format, args...)}
}

func incompleteSignature(format string, args ...any) *Refusal {
	return &Refusal{http.StatusBadRequest, "IncompleteSignature", fmt.Sprintf(format, args...)}
}

func accessDenied(format string, args ...any) *Refusal {
	return &Refusal{http.StatusForbidden, "AccessDenied", fmt.Sprintf(format, args...)}
}
