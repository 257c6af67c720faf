// SPDX-License-Identifier: MPL-2.0

// Package backend is the secrets engine as Vault sees it. It speaks Vault; all
// that speaks AWS is in internal/awscreds.
//
// # The life of a credential
//
// A user of Vault reads creds/developer-access. Vault asks the plugin, and then:
//
//  1. path_creds.go reads the request, issue.go the role, and picks what to make.
//  2. wal.go writes down the name of the IAM user to be made. No user ever exists
//     in AWS without a record in Vault's storage.
//  3. [awscreds.Client.CreateUser] makes the user and all that it owns, in two
//     round trips.
//  4. On a failure the user is deleted at once; what cannot be deleted now stays
//     written down, and each tick of Vault's rollback tries again.
//  5. Meanwhile register.go writes who holds the user, and until when at most.
//  6. On success lease.go gives Vault a lease that carries all that deletion will
//     need, and the record in the WAL goes.
//
// When the lease ends, Vault calls revoke in lease.go, and
// [awscreds.Client.DeleteUser] ends the user. The same function ends a failed
// creation, a rollback, and in sweep.go whatever Vault lost sight of.
//
// # Finding one's way
//
// path_*.go hold the schema and the verbs of one path each. role.go, lease_config.go and
// users_config.go are stored types: defaults, update, validation and answer. chores.go is
// what is done once a minute.
//
// What every room stands on is in backend/engine, what AWS accepts in backend/awsrules.
// The inner rooms are backend/rootkey, which makes the engine's own key anew,
// backend/staticrole, which is about IAM users that exist already, and backend/tidy, which
// finds users that no record speaks for. None of them imports this package.
package backend

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/rootkey"
	"vault-plugin-secrets-aws-dyn/backend/staticrole"
	"vault-plugin-secrets-aws-dyn/backend/tidy"
)

// DefaultWALMinAge is how old a record of an IAM user must be before AWS's word
// that there is no such user ends it. IAM shows a new user everywhere within
// seconds as a rule; five minutes leave room for a bad day.
const DefaultWALMinAge = 5 * time.Minute

// DefaultGapCaution is how long after a gap in the heartbeat nothing is deleted that another
// engine with a copy of the storage might need.
const DefaultGapCaution = engine.DefaultGapCaution

// Options are what the plugin's flags and the tests decide.
type Options struct {
	// Version is what the plugin reports to Vault: "v" and a semantic version.
	Version string
	// WALMinAge replaces DefaultWALMinAge when it is not zero.
	WALMinAge time.Duration
	// SweepGrace replaces DefaultSweepGrace when it is not zero.
	SweepGrace time.Duration
	// LateWindow replaces DefaultLateWindow when it is not zero.
	LateWindow time.Duration
	// GapCaution replaces DefaultGapCaution when it is not zero.
	GapCaution time.Duration
	// ProofPause replaces engine.DefaultProofPause when it is not zero.
	ProofPause time.Duration
	// TidyPause replaces tidy.DefaultPause when it is not zero.
	TidyPause time.Duration
	// WebIdentityTokenFiles are the files that web_identity_token_file may name, beside
	// that of AWS_WEB_IDENTITY_TOKEN_FILE: absolute paths, and directories that end in /.
	WebIdentityTokenFiles []string
	// WebIdentitySTSEndpoints are the URLs of STS that a token of such a file may go to,
	// beside AWS's own.
	WebIdentitySTSEndpoints []string
	// Now replaces time.Now.
	Now func() time.Time
}

// backend is one mount of the engine. A process serves many.
type backend struct {
	*framework.Backend
	*engine.Mount
	sweepGrace  time.Duration
	lateWindow  time.Duration
	settingsNow engine.Memo[struct{}, *settings]
	roles       engine.Memo[string, *role] // as creds/ needs them; nil is none
	stay        stay                       // the requests under way
	index       userIndex                  // what memory keeps of the records
	ghosts      int                        // where the look for records without a user goes on; the tick's
	proof       atomic.Pointer[[]byte]     // the key of the proofs, once it is known
	rootKey     *rootkey.Rotator
	staticRoles *staticrole.Keeper
	tidy        *tidy.Tidy
}

// New returns what Vault calls for each mount. Vault calls it at registration
// too, with neither storage nor a view of the system, so it only builds.
func New(opts Options) logical.Factory {
	opts = opts.withDefaults()
	return func(ctx context.Context, conf *logical.BackendConfig) (logical.Backend, error) {
		b := &backend{
			Mount: &engine.Mount{
				ID: conf.BackendUUID, Storage: conf.StorageView, Vault: conf.System, Now: opts.Now,
				LagWindow: opts.WALMinAge, GapCaution: opts.GapCaution, ProofPause: opts.ProofPause,
				TokenFiles: engine.TokenFiles{Paths: opts.WebIdentityTokenFiles, Endpoints: opts.WebIdentitySTSEndpoints},
			},
			sweepGrace: opts.SweepGrace, lateWindow: opts.LateWindow,
		}
		b.rootKey = rootkey.New(b.Mount)
		b.staticRoles = staticrole.New(b.Mount, b.issuedHere)
		b.tidy = tidy.New(b.Mount, tidyView{b}, opts.TidyPause)
		b.Backend = &framework.Backend{
			Help:           strings.TrimSpace(help),
			BackendType:    logical.TypeLogical,
			RunningVersion: opts.Version,
			PathsSpecial:   pathsSpecial(),
			Paths:          b.paths(),
			Secrets:        []*framework.Secret{b.secret()},
			PeriodicFunc:   b.tick,
			Invalidate:     b.invalidate,
			Clean:          b.leave,
		}
		if err := b.Setup(ctx, conf); err != nil {
			return nil, err
		}
		b.Log = b.Logger() // never nil
		return b, nil
	}
}

// withDefaults puts a default in place of each zero.
func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	for _, d := range []struct {
		option *time.Duration
		or     time.Duration
	}{
		{&o.WALMinAge, DefaultWALMinAge}, {&o.SweepGrace, DefaultSweepGrace}, {&o.LateWindow, DefaultLateWindow}, {&o.GapCaution, DefaultGapCaution}, {&o.ProofPause, engine.DefaultProofPause}, {&o.TidyPause, tidy.DefaultPause},
	} {
		if *d.option == 0 {
			*d.option = d.or
		}
	}
	return o
}

// reconfigured makes the next request read the configuration anew.
func (b *backend) reconfigured() {
	b.ResetAWS()
	b.settingsNow.Reset()
}

// paths is the table of contents.
func (b *backend) paths() []*framework.Path {
	return slices.Concat(b.ownPaths(), b.rootKey.Paths(), b.staticRoles.Paths(), b.tidy.Paths())
}

// ownPaths are the paths of this room.
func (b *backend) ownPaths() []*framework.Path {
	return []*framework.Path{
		b.pathConfigRoot(),
		b.pathConfigLease(),
		b.pathConfigUsers(),
		b.pathRoles(), // before pathRole, whose name takes anything
		b.pathRole(),
		b.pathCreds(),
		b.pathIssuedList(),
		b.pathIssuedOfRole(),
		b.pathForget(), // before pathIssued
		b.pathIssued(),
	}
}

// pathsSpecial tells Vault which keys are sealed once more, where the seal can,
// and which never leave the cluster that wrote them.
func pathsSpecial() *logical.Paths {
	return &logical.Paths{
		SealWrapStorage: []string{engine.KeyRootConfig, engine.KeyRootNext, engine.PrefixStaticCreds, engine.KeyOwnership},
		LocalStorage:    []string{framework.WALPrefix},
	}
}

// invalidate hears, on a standby, which key another server has changed.
func (b *backend) invalidate(_ context.Context, key string) {
	switch {
	case key == engine.KeyRootConfig, key == engine.KeyLeaseConfig, key == engine.KeyUsersConfig:
		b.reconfigured()
	case strings.HasPrefix(key, engine.PrefixRole), strings.HasPrefix(key, engine.PrefixLegacyRole):
		b.roles.Reset()
	case strings.HasPrefix(key, engine.PrefixIssued):
		b.index.changedElsewhere(key)
	case strings.HasPrefix(key, engine.PrefixStaticRole), strings.HasPrefix(key, engine.PrefixStaticCreds):
		b.staticRoles.Invalidate()
	}
}

const help = `
The AWS secrets engine makes AWS credentials when they are asked for, and takes
them back when their lease ends.

Give the engine an AWS identity at config/root (or let it find the environment's
or the instance's own), describe at roles/<name> what a credential may do, and
read creds/<name>: an IAM user with a key and the role's policies is made at that
moment. When the lease ends, by time or by "vault lease revoke", the user is
deleted from AWS with everything that it owns.

Where an IAM user exists already, describe it at static-roles/<name>: the engine
makes its access key, rotates it, and answers it at static-creds/<name>.

issued/ lists who holds keys now. tidy finds IAM users of this mount in AWS that the
engine has no record of.
`
