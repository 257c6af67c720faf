// SPDX-License-Identifier: MPL-2.0

// Package backend is the secrets engine as Vault sees it. It speaks Vault; everything
// that speaks AWS is in internal/awscreds.
//
// # The life of a credential
//
// A client of Vault reads creds/developer-access. Vault calls the plugin, and then:
//
//  1. path_creds.go reads the request, and creds_user.go chooses the name of an IAM user.
//  2. creds_creation.go makes the user. Before that, backend/users has written its record, in the state "creating": no user
//     ever exists in AWS without a record in Vault's storage.
//  3. [awscreds.Client.CreateUser] makes the user and everything that it owns, in two round
//     trips. As soon as there is a key, the record is written again, in parallel with the rest of the second
//     round trip: it now says that a lease has the user, and until when at most.
//  4. Vault gets the key, with a lease that contains everything that the deletion needs.
//  5. If something fails, the user is deleted before the request answers. If AWS does not
//     allow that, the record stays, and the sweep retries once a minute.
//
// When the lease ends, Vault calls revoke in creds_lease.go. Failed creations, revocations, the sweep and
// operators all end a user with the function end in backend/users. It calls
// [awscreds.Client.DeleteUser], and the function decide says what becomes of the record.
//
// # The files
//
// The mount:
//
//   - backend.go: this map, the mount, and the table of paths
//   - front.go: what happens before and after every request
//   - cleanup.go: what happens when Vault unloads or disables the mount
//   - chores.go: what is done once a minute
//   - lease_config.go and path_config_users.go: stored types of the mount's settings
//   - settings.go: what a creation needs of the settings, read once
//
// Paths, one per file, with schema and operations: path_config_root.go, path_config_lease.go,
// path_config_users.go, path_config_iam_policy.go, path_creds.go, path_console.go,
// path_sdk.go (for AWS SDKs, without a lease), path_status.go, path_check.go.
//
// Credentials:
//
//   - issuer.go: the type that issues them
//   - creds_user.go and creds_session.go: an IAM user, or a session of STS, from a role and a request
//   - creds_creation.go: making one user, and what happens if that fails
//   - creds_shared.go: returns an existing credential again
//   - creds_revocable.go: what backend/sessions needs to revoke a session
//   - creds_lease.go: the lease, its renewal and its revocation
//   - moments.go: what the events and the log say about them
//
// # The rooms
//
// Rooms are the packages inside this one. None of them imports this package.
//
//   - backend/engine: what every room builds on
//   - backend/awsrules: what AWS accepts
//   - backend/users: the records of IAM users, from before CreateUser until the user is known to be gone
//   - backend/roles: what a credential of a role may do, and how long it is valid
//   - backend/rootkey: rotates the engine's own key
//   - backend/staticrole: existing IAM users whose key the engine rotates
//   - backend/tidy: finds IAM users that have no record
//   - backend/sharing: keeps the secrets of credentials that several leases share
//   - backend/sessions: registers sessions, and revokes those of AWS roles
//   - backend/iampolicy: generates the IAM policies that the engine needs
//   - backend/status: remembers what went wrong, and says what to do
package backend

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/rootkey"
	"vault-plugin-secrets-aws-dyn/backend/sessions"
	"vault-plugin-secrets-aws-dyn/backend/staticrole"
	"vault-plugin-secrets-aws-dyn/backend/tidy"
	"vault-plugin-secrets-aws-dyn/backend/users"
)

// DefaultWALMinAge is the minimum age of an IAM user's record before "no such user" from
// AWS ends it. IAM usually shows a new user everywhere within seconds; five minutes leave
// room for worse days.
const DefaultWALMinAge = 5 * time.Minute

// DefaultGapCaution is how long after a gap in the heartbeat nothing is deleted that another
// engine with a copy of the storage might need.
const DefaultGapCaution = engine.DefaultGapCaution

// DefaultSweepGrace is how long after the latest end of its lease a user is left to Vault.
const DefaultSweepGrace = users.DefaultSweepGrace

// DefaultLateWindow is how late AWS may still perform a request that it never answered.
const DefaultLateWindow = users.DefaultLateWindow

// DefaultRequestTime is how long a request may take: Vault's command line and its clients
// give up after 60 seconds, and then nobody hears what went wrong.
const DefaultRequestTime = 50 * time.Second

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
	// RequestTime replaces DefaultRequestTime when it is not zero.
	RequestTime time.Duration
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
	*issuer
	rootKey     *rootkey.Rotator
	staticRoles *staticrole.Keeper
	tidy        *tidy.Tidy
}

// New returns what Vault calls for each mount. Vault calls it at registration
// too, with neither storage nor a view of the system, so it only builds.
func New(opts Options) logical.Factory {
	opts = opts.withDefaults()
	announcer := engine.NewAnnouncer() // of the process
	return func(ctx context.Context, conf *logical.BackendConfig) (logical.Backend, error) {
		mount := &engine.Mount{
			ID: conf.BackendUUID, Storage: conf.StorageView, Vault: conf.System, Now: opts.Now,
			Events: conf.EventsSender, Observations: conf.ObservationRecorder, Announcer: announcer,
			LagWindow: opts.WALMinAge, GapCaution: opts.GapCaution, ProofPause: opts.ProofPause,
			TokenFiles: engine.TokenFiles{Paths: opts.WebIdentityTokenFiles, Endpoints: opts.WebIdentitySTSEndpoints},
		}
		b := &backend{}
		b.issuer = newIssuer(mount, opts, func(ctx context.Context, s logical.Storage, entry *framework.WALEntry, immediate bool) error {
			return b.staticRoles.RollBack(ctx, s, entry, immediate)
		})
		b.rootKey = rootkey.New(mount)
		b.staticRoles = staticrole.New(mount, b.users.IssuedHere)
		b.tidy = tidy.New(mount, b.users.TidyView(), opts.TidyPause)
		b.Backend = &framework.Backend{
			Help:           strings.TrimSpace(help),
			BackendType:    logical.TypeLogical,
			RunningVersion: opts.Version,
			PathsSpecial:   pathsSpecial(),
			Paths:          b.paths(),
			Secrets:        []*framework.Secret{b.secret},
			PeriodicFunc:   b.tick,
			Invalidate:     b.invalidate,
			Clean:          b.cleanUp,
		}
		setup := *conf
		if conf.System != nil {
			setup.System = mount.View()
		}
		if err := b.Setup(ctx, &setup); err != nil {
			return nil, err
		}
		b.Log = engine.LogOf(b.Logger()) // never nil
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
		{&o.WALMinAge, DefaultWALMinAge}, {&o.SweepGrace, DefaultSweepGrace}, {&o.LateWindow, DefaultLateWindow}, {&o.GapCaution, DefaultGapCaution}, {&o.RequestTime, DefaultRequestTime}, {&o.ProofPause, engine.DefaultProofPause}, {&o.TidyPause, tidy.DefaultPause},
	} {
		if *d.option == 0 {
			*d.option = d.or
		}
	}
	return o
}

// paths is the table of contents: those of this room, and those of the inner ones.
func (b *backend) paths() []*framework.Path {
	own := []*framework.Path{
		b.pathConfigRoot(),
		b.pathConfigLease(),
		b.pathConfigUsers(),
		b.pathConfigIAMPolicy(),
		b.pathRoleCheck(), // before those of the roles, whose name takes anything
		b.pathCreds(),
		b.pathConsole(),
		b.pathSDKCreds(),
		b.pathStatus(),
		b.pathConfigCheck(),
	}
	return slices.Concat(b.sessions.Paths(), own, b.roles.Paths(), b.users.Paths(), b.rootKey.Paths(), b.staticRoles.Paths(), b.tidy.Paths())
}

// pathsSpecial tells Vault which keys are sealed once more, where the seal can,
// and which never leave the cluster that wrote them.
func pathsSpecial() *logical.Paths {
	return &logical.Paths{
		SealWrapStorage: []string{engine.KeyRootConfig, engine.KeyRootNext, engine.PrefixStaticCreds, engine.KeyOwnership},
		LocalStorage:    []string{framework.WALPrefix, engine.PrefixDenied}, // a secondary revokes the sessions that it gave
	}
}

// invalidate hears, on a standby, which key another server has changed.
func (b *backend) invalidate(_ context.Context, key string) {
	switch {
	case key == engine.KeyRootConfig, key == engine.KeyLeaseConfig, key == engine.KeyUsersConfig:
		b.reconfigured()
	case key == engine.KeySessionsEnded:
		b.shared.EndSessions(b.Now().Add(sessions.Settles))
	case strings.HasPrefix(key, engine.PrefixRole), strings.HasPrefix(key, engine.PrefixLegacyRole):
		_, name, _ := strings.Cut(key, "/")
		b.roles.Invalidate(name)
	case strings.HasPrefix(key, engine.PrefixIssued):
		b.users.Invalidate(key)
	case strings.HasPrefix(key, engine.PrefixSessions):
		b.sessions.Invalidate(key)
	case strings.HasPrefix(key, engine.PrefixStaticRole), strings.HasPrefix(key, engine.PrefixStaticCreds):
		b.staticRoles.Invalidate()
	}
}

const help = `
The AWS secrets engine makes AWS credentials on request, and revokes them when
their lease ends.

Give the engine an AWS identity at config/root, or let it use that of the
environment or the instance. Describe at roles/<name> what a credential may do,
then read creds/<name>: the engine makes an IAM user with a key and the role's
policies. When the lease ends, by time or by "vault lease revoke", the engine
deletes the user from AWS with everything that it owns. Roles can also issue
sessions, which expire automatically.

For an IAM user that exists already, write static-roles/<name>: the engine makes
its access key, rotates it, and returns it at static-creds/<name>.

AWS SDKs can read sdk/creds/<name> and sdk/static-creds/<name> directly.

issued/ lists who holds keys now, and sessions if config/users registers them.
tidy finds orphaned IAM users of this mount in AWS. status says what is wrong
and what to do about it; config/check asks AWS.
`
