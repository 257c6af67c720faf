// SPDX-License-Identifier: MPL-2.0

package awscreds

// The operations of IAM that the engine calls, and no others. The SDK's client has 180 of them; as soon as it stands in
// a field that the linker takes for reachable by reflection, or in an interface, all of them and all that they need
// are linked, and loaded. So the client stays in the functions below: an operation that is to be called needs a line here.

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// operation is a method of the SDK's client.
type operation[I, O any] func(ctx context.Context, in *I, opts ...func(*iam.Options)) (*O, error)

// iamCalls is the SDK's client as far as it is used.
type iamCalls struct {
	options iam.Options // of the client, for one that differs in some

	AddUserToGroup                  operation[iam.AddUserToGroupInput, iam.AddUserToGroupOutput]
	AttachUserPolicy                operation[iam.AttachUserPolicyInput, iam.AttachUserPolicyOutput]
	CreateAccessKey                 operation[iam.CreateAccessKeyInput, iam.CreateAccessKeyOutput]
	CreateUser                      operation[iam.CreateUserInput, iam.CreateUserOutput]
	DeactivateMFADevice             operation[iam.DeactivateMFADeviceInput, iam.DeactivateMFADeviceOutput]
	DeleteAccessKey                 operation[iam.DeleteAccessKeyInput, iam.DeleteAccessKeyOutput]
	DeleteLoginProfile              operation[iam.DeleteLoginProfileInput, iam.DeleteLoginProfileOutput]
	DeleteRolePolicy                operation[iam.DeleteRolePolicyInput, iam.DeleteRolePolicyOutput]
	DeleteSSHPublicKey              operation[iam.DeleteSSHPublicKeyInput, iam.DeleteSSHPublicKeyOutput]
	DeleteServiceSpecificCredential operation[iam.DeleteServiceSpecificCredentialInput, iam.DeleteServiceSpecificCredentialOutput]
	DeleteSigningCertificate        operation[iam.DeleteSigningCertificateInput, iam.DeleteSigningCertificateOutput]
	DeleteUser                      operation[iam.DeleteUserInput, iam.DeleteUserOutput]
	DeleteUserPolicy                operation[iam.DeleteUserPolicyInput, iam.DeleteUserPolicyOutput]
	DeleteVirtualMFADevice          operation[iam.DeleteVirtualMFADeviceInput, iam.DeleteVirtualMFADeviceOutput]
	DetachUserPolicy                operation[iam.DetachUserPolicyInput, iam.DetachUserPolicyOutput]
	GetAccessKeyLastUsed            operation[iam.GetAccessKeyLastUsedInput, iam.GetAccessKeyLastUsedOutput]
	GetGroup                        operation[iam.GetGroupInput, iam.GetGroupOutput]
	GetGroupPolicy                  operation[iam.GetGroupPolicyInput, iam.GetGroupPolicyOutput]
	GetLoginProfile                 operation[iam.GetLoginProfileInput, iam.GetLoginProfileOutput]
	GetPolicy                       operation[iam.GetPolicyInput, iam.GetPolicyOutput]
	GetRole                         operation[iam.GetRoleInput, iam.GetRoleOutput]
	GetRolePolicy                   operation[iam.GetRolePolicyInput, iam.GetRolePolicyOutput]
	GetUser                         operation[iam.GetUserInput, iam.GetUserOutput]
	ListServiceSpecificCredentials  operation[iam.ListServiceSpecificCredentialsInput, iam.ListServiceSpecificCredentialsOutput]
	ListUsers                       operation[iam.ListUsersInput, iam.ListUsersOutput]
	PutRolePolicy                   operation[iam.PutRolePolicyInput, iam.PutRolePolicyOutput]
	PutUserPolicy                   operation[iam.PutUserPolicyInput, iam.PutUserPolicyOutput]
	RemoveUserFromGroup             operation[iam.RemoveUserFromGroupInput, iam.RemoveUserFromGroupOutput]

	// Those that the SDK's paginators call, by the methods below.
	listAccessKeys            operation[iam.ListAccessKeysInput, iam.ListAccessKeysOutput]
	listAttachedGroupPolicies operation[iam.ListAttachedGroupPoliciesInput, iam.ListAttachedGroupPoliciesOutput]
	listAttachedUserPolicies  operation[iam.ListAttachedUserPoliciesInput, iam.ListAttachedUserPoliciesOutput]
	listGroupPolicies         operation[iam.ListGroupPoliciesInput, iam.ListGroupPoliciesOutput]
	listGroupsForUser         operation[iam.ListGroupsForUserInput, iam.ListGroupsForUserOutput]
	listMFADevices            operation[iam.ListMFADevicesInput, iam.ListMFADevicesOutput]
	listSSHPublicKeys         operation[iam.ListSSHPublicKeysInput, iam.ListSSHPublicKeysOutput]
	listSigningCertificates   operation[iam.ListSigningCertificatesInput, iam.ListSigningCertificatesOutput]
	listUserPolicies          operation[iam.ListUserPoliciesInput, iam.ListUserPoliciesOutput]
	simulatePrincipalPolicy   operation[iam.SimulatePrincipalPolicyInput, iam.SimulatePrincipalPolicyOutput]
}

// callsOf takes from a client what is used of it.
func callsOf(c *iam.Client) *iamCalls {
	return &iamCalls{
		options:                         c.Options(),
		AddUserToGroup:                  c.AddUserToGroup,
		AttachUserPolicy:                c.AttachUserPolicy,
		CreateAccessKey:                 c.CreateAccessKey,
		CreateUser:                      c.CreateUser,
		DeactivateMFADevice:             c.DeactivateMFADevice,
		DeleteAccessKey:                 c.DeleteAccessKey,
		DeleteLoginProfile:              c.DeleteLoginProfile,
		DeleteRolePolicy:                c.DeleteRolePolicy,
		DeleteSSHPublicKey:              c.DeleteSSHPublicKey,
		DeleteServiceSpecificCredential: c.DeleteServiceSpecificCredential,
		DeleteSigningCertificate:        c.DeleteSigningCertificate,
		DeleteUser:                      c.DeleteUser,
		DeleteUserPolicy:                c.DeleteUserPolicy,
		DeleteVirtualMFADevice:          c.DeleteVirtualMFADevice,
		DetachUserPolicy:                c.DetachUserPolicy,
		GetAccessKeyLastUsed:            c.GetAccessKeyLastUsed,
		GetGroup:                        c.GetGroup,
		GetGroupPolicy:                  c.GetGroupPolicy,
		GetLoginProfile:                 c.GetLoginProfile,
		GetPolicy:                       c.GetPolicy,
		GetRole:                         c.GetRole,
		GetRolePolicy:                   c.GetRolePolicy,
		GetUser:                         c.GetUser,
		ListServiceSpecificCredentials:  c.ListServiceSpecificCredentials,
		ListUsers:                       c.ListUsers,
		PutRolePolicy:                   c.PutRolePolicy,
		PutUserPolicy:                   c.PutUserPolicy,
		RemoveUserFromGroup:             c.RemoveUserFromGroup,

		listAccessKeys:            c.ListAccessKeys,
		listAttachedGroupPolicies: c.ListAttachedGroupPolicies,
		listAttachedUserPolicies:  c.ListAttachedUserPolicies,
		listGroupPolicies:         c.ListGroupPolicies,
		listGroupsForUser:         c.ListGroupsForUser,
		listMFADevices:            c.ListMFADevices,
		listSSHPublicKeys:         c.ListSSHPublicKeys,
		listSigningCertificates:   c.ListSigningCertificates,
		listUserPolicies:          c.ListUserPolicies,
		simulatePrincipalPolicy:   c.SimulatePrincipalPolicy,
	}
}

// ListAccessKeys implements [iam.ListAccessKeysAPIClient].
func (c *iamCalls) ListAccessKeys(ctx context.Context, in *iam.ListAccessKeysInput, opts ...func(*iam.Options)) (*iam.ListAccessKeysOutput, error) {
	return c.listAccessKeys(ctx, in, opts...)
}

// ListAttachedGroupPolicies implements [iam.ListAttachedGroupPoliciesAPIClient].
func (c *iamCalls) ListAttachedGroupPolicies(ctx context.Context, in *iam.ListAttachedGroupPoliciesInput, opts ...func(*iam.Options)) (*iam.ListAttachedGroupPoliciesOutput, error) {
	return c.listAttachedGroupPolicies(ctx, in, opts...)
}

// ListAttachedUserPolicies implements [iam.ListAttachedUserPoliciesAPIClient].
func (c *iamCalls) ListAttachedUserPolicies(ctx context.Context, in *iam.ListAttachedUserPoliciesInput, opts ...func(*iam.Options)) (*iam.ListAttachedUserPoliciesOutput, error) {
	return c.listAttachedUserPolicies(ctx, in, opts...)
}

// ListGroupPolicies implements [iam.ListGroupPoliciesAPIClient].
func (c *iamCalls) ListGroupPolicies(ctx context.Context, in *iam.ListGroupPoliciesInput, opts ...func(*iam.Options)) (*iam.ListGroupPoliciesOutput, error) {
	return c.listGroupPolicies(ctx, in, opts...)
}

// ListGroupsForUser implements [iam.ListGroupsForUserAPIClient].
func (c *iamCalls) ListGroupsForUser(ctx context.Context, in *iam.ListGroupsForUserInput, opts ...func(*iam.Options)) (*iam.ListGroupsForUserOutput, error) {
	return c.listGroupsForUser(ctx, in, opts...)
}

// ListMFADevices implements [iam.ListMFADevicesAPIClient].
func (c *iamCalls) ListMFADevices(ctx context.Context, in *iam.ListMFADevicesInput, opts ...func(*iam.Options)) (*iam.ListMFADevicesOutput, error) {
	return c.listMFADevices(ctx, in, opts...)
}

// ListSSHPublicKeys implements [iam.ListSSHPublicKeysAPIClient].
func (c *iamCalls) ListSSHPublicKeys(ctx context.Context, in *iam.ListSSHPublicKeysInput, opts ...func(*iam.Options)) (*iam.ListSSHPublicKeysOutput, error) {
	return c.listSSHPublicKeys(ctx, in, opts...)
}

// ListSigningCertificates implements [iam.ListSigningCertificatesAPIClient].
func (c *iamCalls) ListSigningCertificates(ctx context.Context, in *iam.ListSigningCertificatesInput, opts ...func(*iam.Options)) (*iam.ListSigningCertificatesOutput, error) {
	return c.listSigningCertificates(ctx, in, opts...)
}

// ListUserPolicies implements [iam.ListUserPoliciesAPIClient].
func (c *iamCalls) ListUserPolicies(ctx context.Context, in *iam.ListUserPoliciesInput, opts ...func(*iam.Options)) (*iam.ListUserPoliciesOutput, error) {
	return c.listUserPolicies(ctx, in, opts...)
}

// SimulatePrincipalPolicy implements [iam.SimulatePrincipalPolicyAPIClient].
func (c *iamCalls) SimulatePrincipalPolicy(ctx context.Context, in *iam.SimulatePrincipalPolicyInput, opts ...func(*iam.Options)) (*iam.SimulatePrincipalPolicyOutput, error) {
	return c.simulatePrincipalPolicy(ctx, in, opts...)
}
