// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
)

// This file is about servers that speak AWS's protocol and are not AWS: which actions they have, and how they answer
// those that they do not have.

// Installation is whose server the fake pretends to be.
type Installation string

// The installations. AWS is the default.
const (
	AWS   Installation = "aws"
	Ceph  Installation = "ceph"  // Ceph Object Gateway, Squid and later
	MinIO Installation = "minio" // STS alone
)

// Installations lists the names that [ParseInstallation] takes.
var Installations = []Installation{AWS, Ceph, MinIO}

// ParseInstallation finds an installation by name.
func ParseInstallation(name string) (Installation, error) {
	if i := Installation(name); slices.Contains(Installations, i) {
		return i, nil
	}
	return "", fmt.Errorf("unknown installation %q: use one of %q", name, Installations)
}

// WithInstallation makes the server pretend to be something else than AWS: it lacks actions, and takes role ARNs of any
// form.
func WithInstallation(i Installation) Option {
	return func(s *Server) { s.account.installation = i }
}

// cephActions are the actions that the fake has and Ceph has too: the tables op_generators in its rgw_rest_iam.cc and
// rgw_rest_sts.cc.
var cephActions = []string{
	"CreateUser", "GetUser", "UpdateUser", "DeleteUser", "ListUsers",
	"CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey", "ListAccessKeys",
	"PutUserPolicy", "GetUserPolicy", "ListUserPolicies", "DeleteUserPolicy",
	"AttachUserPolicy", "DetachUserPolicy", "ListAttachedUserPolicies",
	"CreateGroup", "GetGroup", "DeleteGroup", "AddUserToGroup", "RemoveUserFromGroup", "ListGroupsForUser",
	"PutGroupPolicy", "GetGroupPolicy", "ListGroupPolicies", "DeleteGroupPolicy",
	"AttachGroupPolicy", "DetachGroupPolicy", "ListAttachedGroupPolicies",
	"GetRole", "AssumeRole", "AssumeRoleWithWebIdentity", "GetSessionToken",
}

// minioActions are those of its handler in cmd/sts-handlers.go that the fake has.
var minioActions = []string{"AssumeRole", "AssumeRoleWithWebIdentity"}

// lack makes the verdict on an action that the installation does not have, unless a fault answers the call.
func (v *verdict) lack(i Installation, c *Call) {
	if v.settled() {
		return
	}
	if out := i.lacks(c); out != nil {
		v.foreign, v.undone = out, true
	}
}

// lacks answers an action that the installation does not have, and is nil for those that it has.
func (i Installation) lacks(c *Call) *reply {
	switch {
	case i == Ceph && !slices.Contains(cephActions, c.Action):
		// Neither its IAM nor its STS knows the action, so that the request reaches S3, which has no POST of a
		// service and answers in its own form: op_post is null, ERR_METHOD_NOT_ALLOWED.
		return unsupportedByS3(c)
	case i == MinIO && c.Service == "iam":
		return encode(c, nil, &Refusal{http.StatusBadRequest, "MissingParameter", "Invalid STS API version " + iamVersion + ", expecting " + stsVersion})
	case i == MinIO && !slices.Contains(minioActions, c.Action):
		return encode(c, nil, &Refusal{http.StatusBadRequest, "InvalidParameterValue", "Unsupported action " + c.Action})
	}
	return nil
}

// unsupportedByS3 is an error in the form of S3, which has no ErrorResponse around it.
func unsupportedByS3(c *Call) *reply {
	id := newRequestID()
	c.Status, c.Code = http.StatusMethodNotAllowed, "MethodNotAllowed"
	return &reply{
		status: c.Status, kind: "application/xml", requestID: id,
		body: []byte(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>MethodNotAllowed</Code><Message></Message><RequestId>` + id + `</RequestId><HostId>fake</HostId></Error>`),
	}
}

// unsupported is how a server says that it lacks an action: by the code, or by AWS's InvalidAction.
func unsupported(code string, status int, c *Call) *Refusal {
	message := fmt.Sprintf("The action %s is not implemented.", c.Action)
	switch code {
	case "", "MethodNotAllowed":
		code, message = "MethodNotAllowed", "The specified method is not allowed against this resource."
		status = cmp.Or(status, http.StatusMethodNotAllowed)
	case "NotImplemented":
		status = cmp.Or(status, http.StatusNotImplemented)
	case "InvalidAction":
		message = fmt.Sprintf("Could not find operation %s for version %s", c.Action, c.Params.Get("Version"))
	}
	return &Refusal{cmp.Or(status, http.StatusBadRequest), code, message}
}
