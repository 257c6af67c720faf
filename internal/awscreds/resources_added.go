// SPDX-License-Identifier: MPL-2.0

package awscreds

// The types of resources that the holder of a user's key can add to it.

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// loginProfiles holds at most one: the password for the console. It has no name.
var loginProfiles = resource{
	name: "login profile", plural: "login profiles",
	list: func(ctx context.Context, c *iamCalls, user string) ([]string, error) {
		if _, err := c.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: &user}); err != nil {
			return nil, err // NoSuchEntity: there is none
		}
		return []string{"of the console"}, nil
	},
	remove: func(ctx context.Context, c *iamCalls, user, _ string) error {
		_, err := c.DeleteLoginProfile(ctx, &iam.DeleteLoginProfileInput{UserName: &user})
		return err
	},
}

// mfaDevices are deactivated. A virtual one then stays in the account; see strip.go.
var mfaDevices = resource{
	name: "MFA device", plural: "MFA devices",
	list: func(ctx context.Context, c *iamCalls, user string) ([]string, error) {
		return all(ctx, iam.NewListMFADevicesPaginator(c, &iam.ListMFADevicesInput{UserName: &user}),
			func(page *iam.ListMFADevicesOutput) []types.MFADevice { return page.MFADevices },
			func(item types.MFADevice) *string { return item.SerialNumber })
	},
	remove: func(ctx context.Context, c *iamCalls, user, id string) error {
		_, err := c.DeactivateMFADevice(ctx, &iam.DeactivateMFADeviceInput{UserName: &user, SerialNumber: &id})
		return err
	},
}

var sshKeys = resource{
	name: "SSH key", plural: "SSH keys",
	list: func(ctx context.Context, c *iamCalls, user string) ([]string, error) {
		return all(ctx, iam.NewListSSHPublicKeysPaginator(c, &iam.ListSSHPublicKeysInput{UserName: &user}),
			func(page *iam.ListSSHPublicKeysOutput) []types.SSHPublicKeyMetadata { return page.SSHPublicKeys },
			func(item types.SSHPublicKeyMetadata) *string { return item.SSHPublicKeyId })
	},
	remove: func(ctx context.Context, c *iamCalls, user, id string) error {
		_, err := c.DeleteSSHPublicKey(ctx, &iam.DeleteSSHPublicKeyInput{UserName: &user, SSHPublicKeyId: &id})
		return err
	},
}

var certificates = resource{
	name: "signing certificate", plural: "signing certificates",
	list: func(ctx context.Context, c *iamCalls, user string) ([]string, error) {
		return all(ctx, iam.NewListSigningCertificatesPaginator(c, &iam.ListSigningCertificatesInput{UserName: &user}),
			func(page *iam.ListSigningCertificatesOutput) []types.SigningCertificate { return page.Certificates },
			func(item types.SigningCertificate) *string { return item.CertificateId })
	},
	remove: func(ctx context.Context, c *iamCalls, user, id string) error {
		_, err := c.DeleteSigningCertificate(ctx, &iam.DeleteSigningCertificateInput{UserName: &user, CertificateId: &id})
		return err
	},
}

// serviceCredentials are passwords and keys for CodeCommit, Keyspaces, Bedrock. The
// SDK has no paginator for them, though the API has pages.
var serviceCredentials = resource{
	name: "service-specific credential", plural: "service-specific credentials",
	list: func(ctx context.Context, c *iamCalls, user string) ([]string, error) {
		var ids []string
		in := &iam.ListServiceSpecificCredentialsInput{UserName: &user}
		for range mostPages {
			page, err := c.ListServiceSpecificCredentials(ctx, in)
			if err != nil {
				return ids, err
			}
			for _, item := range page.ServiceSpecificCredentials {
				ids = append(ids, aws.ToString(item.ServiceSpecificCredentialId))
			}
			if !page.IsTruncated || aws.ToString(page.Marker) == "" { // without a marker the first page would come again
				return ids, nil
			}
			in.Marker = page.Marker
		}
		return ids, errTooManyPages
	},
	remove: func(ctx context.Context, c *iamCalls, user, id string) error {
		_, err := c.DeleteServiceSpecificCredential(ctx, &iam.DeleteServiceSpecificCredentialInput{
			UserName: &user, ServiceSpecificCredentialId: &id,
		})
		return err
	},
}
