// SPDX-License-Identifier: MPL-2.0

// Package iampolicy generates the minimal IAM policies that a mount needs, from its configuration. It
// is pure: it makes no calls and reads no files.
//
//   - config.go: what the policies are made from. Begin there
//   - build.go: makes them, for each identity
//   - users.go, sessions.go, others.go: the statements, one function per feature
//   - trust.go: the trust policies of the roles that are assumed
//   - statement.go: one statement
//   - arn.go: the ARNs and patterns in it
//   - split.go: keeps within AWS's limits of size
//   - asks.go: the same permissions as questions to AWS's policy simulator
//   - reasons.go: what each statement and each action is for, also for docs/iam-policy.md
//   - terraform.go: writes all of it for Terraform
package iampolicy

// Config is what a mount is configured to do, as far as AWS has to allow it.
type Config struct {
	// Partition and Account are those of the identity that config/root names or finds. Account
	// is empty where nobody knows it.
	Partition, Account string
	// RoleARN is role_arn of config/root, as which all else is done.
	RoleARN string
	// Token says that a token stands for a key: RoleARN is assumed with it.
	Token bool
	// OwnKey says that config/root holds an access key, which can be rotated.
	OwnKey bool
	// Tags are the keys of the tags that the engine itself gives to users. tidy goes by them.
	Tags []string

	Users     []Users
	Sessions  []Sessions
	Federated []Federated
	Static    []StaticUser
}

// Users are the IAM users that a role makes.
type Users struct {
	Role string
	// By is the role by which their account is reached; empty: that of config/root.
	By Hub
	// Path is user_path, as it is written; with Templates, {{…}} in it stands for any text.
	Path      string
	Templates bool
	// Name is a pattern of their names, such as vault-*.
	Name string
	// What they are given.
	Policies []string // ARNs
	Inline   bool
	Groups   []string
	TagKeys  []string
	Boundary string // ARN
}

// Hub is a role that is assumed for all that is done in an account.
type Hub struct{ ARN, ExternalID string }

// Sessions are those that a role of the type assumed_role issues.
type Sessions struct {
	Role string
	By   Hub
	// ARNs are the roles that are assumed; with Patterns, * in their names stands for any text.
	ARNs       []string
	Patterns   bool
	ExternalID string
	TagKeys    []string
	Source     bool // they have a source identity
	Groups     []string
	Revocable  bool // the engine can end them before their time
}

// Federated are the sessions of a role of the type federation_token.
type Federated struct {
	Role    string
	Name    string // a pattern of their names
	TagKeys []string
	Groups  []string
}

// StaticUser is the IAM user of a static role.
type StaticUser struct {
	Name string
	By   Hub
}
