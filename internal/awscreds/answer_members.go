// SPDX-License-Identifier: MPL-2.0

package awscreds

import (
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sso"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
)

// missingMember names a member that an answer lacks and that we, or the SDK's credential providers, go on with. Whoever
// gets an answer may rely on what is asked for here, and on nothing else.
func missingMember(answer any) string {
	if v := reflect.ValueOf(answer); v.Kind() == reflect.Pointer && v.IsNil() {
		return "everything" // a container's endpoint answered null
	}
	switch out := answer.(type) {
	case *iam.CreateUserOutput:
		return missingOfUser(out.User)
	case *iam.GetUserOutput:
		if out.User != nil && out.User.CreateDate == nil {
			return "CreateDate" // without it a user would look very old, hence somebody else's
		}
		return missingOfUser(out.User)
	case *iam.GetAccessKeyLastUsedOutput:
		if out.AccessKeyLastUsed == nil {
			return "AccessKeyLastUsed" // without it a key would look as if nobody had ever used it
		}
	case *iam.CreateAccessKeyOutput:
		switch {
		case out.AccessKey == nil:
			return "AccessKey"
		case aws.ToString(out.AccessKey.AccessKeyId) == "":
			return "AccessKeyId"
		case aws.ToString(out.AccessKey.SecretAccessKey) == "":
			return "SecretAccessKey"
		}
	case *sts.AssumeRoleOutput:
		return missingOfSession(out.Credentials)
	case *sts.AssumeRoleWithWebIdentityOutput:
		return missingOfSession(out.Credentials)
	case *sts.GetFederationTokenOutput:
		return missingOfSession(out.Credentials)
	case *sts.GetSessionTokenOutput:
		return missingOfSession(out.Credentials)
	case *sts.GetCallerIdentityOutput:
		if aws.ToString(out.Arn) == "" {
			return "Arn"
		}
	case *sso.GetRoleCredentialsOutput: // of the default chain, which reads it in a goroutine of the SDK's
		if out.RoleCredentials == nil {
			return "roleCredentials"
		}
	}
	return ""
}

func missingOfUser(user *iamtypes.User) string {
	if user == nil {
		return "User"
	}
	return ""
}

func missingOfSession(session *types.Credentials) string {
	switch {
	case session == nil:
		return "Credentials"
	case aws.ToString(session.AccessKeyId) == "":
		return "AccessKeyId"
	case aws.ToString(session.SecretAccessKey) == "":
		return "SecretAccessKey"
	case aws.ToString(session.SessionToken) == "":
		return "SessionToken"
	case session.Expiration == nil:
		return "Expiration"
	}
	return ""
}
