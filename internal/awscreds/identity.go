// SPDX-License-Identifier: MPL-2.0

package awscreds

// Who calls AWS: the configured key or the SDK's default chain, and the role
// that is assumed with it.

import (
	"context"
	"errors"
	"io/fs"
	"os/exec"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/smithy-go/middleware"
)

// ownKey is the configured access key.
type ownKey struct{ now atomic.Pointer[Key] }

// newOwnKey returns nil where no key is configured.
func newOwnKey(cfg Config) *ownKey {
	if cfg.AccessKey == "" {
		return nil
	}
	k := new(ownKey)
	k.now.Store(&Key{ID: cfg.AccessKey, Secret: cfg.SecretKey})
	return k
}

// Retrieve implements [aws.CredentialsProvider].
func (k *ownKey) Retrieve(context.Context) (aws.Credentials, error) {
	key := k.now.Load()
	return aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret, Source: "configured key"}, nil
}

// Rekey makes all calls from now on with another key of the same user, those of
// requests under way as well: the one that they began with is about to be deleted.
func (c *Client) Rekey(key Key) {
	if c.key != nil {
		c.key.now.Store(&key)
	}
}

// rootSession names the session of an assumed root role in CloudTrail.
const rootSession = "vault-root"

// withIdentity gives a configuration the credentials that all calls are made with.
func withIdentity(sdk aws.Config, cfg Config) aws.Config {
	if cfg.Token != nil {
		anonymous := sdk
		anonymous.Credentials = aws.AnonymousCredentials{}
		return signedBy(sdk, cached(federated{sts: stsClients(anonymous, cfg.STS), role: cfg.RoleARN, token: cfg.Token}, cfg.RoleARN), ofSession(cfg.RoleARN))
	}
	base := signedBy(sdk, sdk.Credentials, cfg.KeyName)
	if cfg.RoleARN == "" {
		return base
	}
	return signedBy(sdk, cached(stscreds.NewAssumeRoleProvider(
		anySTS(stsClients(base, cfg.STS)), cfg.RoleARN,
		func(o *stscreds.AssumeRoleOptions) { o.RoleSessionName = rootSession }), cfg.RoleARN), ofSession(cfg.RoleARN))
}

func ofSession(roleARN string) string { return "of the session of role " + roleARN }

// signedBy makes all calls of a configuration with some credentials. Those that
// AWS says have expired before their time, because clocks differ or somebody ended
// the session, are fetched anew for the next attempt. Errors say whose the credentials
// are; where nobody has named them, where they were found.
func signedBy(sdk aws.Config, creds aws.CredentialsProvider, whose string) aws.Config {
	chain := &found{chain: creds, whose: whose}
	sdk.Credentials = chain
	sdk.APIOptions = with(sdk.APIOptions, signer(chain.name))
	switch cache := creds.(type) {
	case *sessionCache:
		sdk.APIOptions = append(sdk.APIOptions, cache.renewal)
	case interface{ Invalidate() }:
		sdk.APIOptions = append(sdk.APIOptions, eachAttempt(renewalID, func(err error) {
			if Code(err) == codeExpiredToken {
				cache.Invalidate()
			}
		}))
	}
	return sdk
}

// sessionCache keeps the credentials of a session that was made here, and the ID of its key.
type sessionCache struct {
	*aws.CredentialsCache
	mu  sync.Mutex // guards key, and that the session is ended whose key it is
	key string
}

// cached keeps credentials of a role for as long as they are good. The SDK fetches new ones in a
// goroutine of its own, where a panic would end the process.
func cached(provider aws.CredentialsProvider, role string) *sessionCache {
	c := new(sessionCache)
	c.CredentialsCache = aws.NewCredentialsCache(aws.CredentialsProviderFunc(func(ctx context.Context) (creds aws.Credentials, err error) {
		defer recoverTo(&err)
		if creds, err = provider.Retrieve(About(ctx, role)); err == nil {
			c.made(creds.AccessKeyID)
		}
		return creds, err
	}))
	return c
}

// made takes the key of a new session, before the cache has it.
func (c *sessionCache) made(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.key = key
}

// end has the session of a key made anew, unless it was already.
func (c *sessionCache) end(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if key == c.key {
		c.Invalidate()
	}
}

const renewalID = "Renewal"

// renewal is an option of a client that works with the session: one that AWS does not take any more, since
// it ended early, or its role was deleted and perhaps made again, is made anew for the next attempt. What
// AWS says of another key, such as that of the session before, is not about it.
func (c *sessionCache) renewal(stack *middleware.Stack) error {
	if m, ok := stack.Finalize.Get(attemptsID); ok {
		m.(*attempts).renews = true
	}
	return eachAttempt(renewalID, func(err error) {
		var signed *signedError
		if (Code(err) == codeExpiredToken || IsUnknownKey(err)) && errors.As(err, &signed) {
			c.end(signed.id)
		}
	})(stack)
}

// found marks the failure to find any credentials, which reads in a dozen ways
// in the SDK, as a [NoCredentialsError].
type found struct {
	chain  aws.CredentialsProvider
	whose  string                 // for people; empty where source tells
	source atomic.Pointer[string] // what the SDK calls the source of the last ones
	key    atomic.Pointer[string] // ID of their key
	moved  func(from, to string)  // hears of each key that is another one; may be nil
}

// Retrieve asks the chain.
func (f *found) Retrieve(ctx context.Context) (aws.Credentials, error) {
	creds, err := f.chain.Retrieve(ctx)
	switch last := f.source.Load(); {
	case err != nil && ctx.Err() == nil:
		err = &NoCredentialsError{Err: withoutOutput(err)}
	case err != nil:
		err = withoutOutput(err)
	case err == nil && (last == nil || *last != creds.Source):
		f.source.Store(&creds.Source)
	}
	if last := f.key.Load(); err == nil && f.moved != nil && (last == nil || *last != creds.AccessKeyID) {
		if f.key.Store(&creds.AccessKeyID); last != nil {
			f.moved(*last, creds.AccessKeyID)
		}
	}
	return creds, err
}

// withoutOutput takes what a credential_process printed out of the SDK's error: it holds a secret key as a rule. What the
// SDK says of the process itself, and of members that are missing, stays.
func withoutOutput(err error) error {
	var process *processcreds.ProviderError
	if !errors.As(err, &process) {
		return err
	}
	var ended *exec.ExitError
	var unstarted *exec.Error
	var unopened *fs.PathError
	if errors.Unwrap(process.Err) == nil || errors.As(err, &ended) || errors.As(err, &unstarted) || errors.As(err, &unopened) {
		return process
	}
	return errors.New("credential_process in the AWS configuration of the server printed something other than the JSON document that AWS asks for, " +
		`{"Version": 1, "AccessKeyId": "…", "SecretAccessKey": "…"}`)
}

// name says whose the last credentials were.
func (f *found) name() string {
	source := f.source.Load()
	switch {
	case f.whose != "":
		return f.whose
	case source != nil:
		return foundAt(*source)
	}
	return "the key that the AWS SDK found"
}

// assumingError says that STS did not give a session of a role.
type assumingError struct {
	role, with string
	Err        error
}

func (e *assumingError) what() string  { return "assuming role " + e.role + e.with }
func (e *assumingError) Error() string { return e.what() + ": " + e.Err.Error() }

// Unwrap returns what STS said.
func (e *assumingError) Unwrap() error { return e.Err }

// KeyID is the ID of the key that the client's calls are signed with now. It gets a session, where there is none.
func (c *Client) KeyID(ctx context.Context) (string, error) {
	creds, err := c.iam.options.Credentials.Retrieve(ctx)
	return creds.AccessKeyID, err
}

// IsSession reports whether the client's own credentials are those of a session: what it assumes
// then is chained. It is false where there are no credentials: the call says so.
func (c *Client) IsSession(ctx context.Context) bool {
	creds, err := c.iam.options.Credentials.Retrieve(ctx)
	return err == nil && creds.SessionToken != ""
}
