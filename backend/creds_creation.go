// SPDX-License-Identifier: MPL-2.0

package backend

// How a request makes an IAM user, and what becomes of it when that fails.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// cleanUpTime bounds the deletion of a user whose creation failed. It outlives the
// request, whose client may be gone.
const cleanUpTime = 60 * time.Second

// creation is an IAM user that a request is making.
type creation struct {
	b        *backend
	storage  logical.Storage
	client   *awscreds.Client
	settings *settings
	name     string
	order    order
	began    time.Time
	latest   time.Time // when an attempt to make the user may begin; by the real time, which AWS goes by
	lease    *lease
	record   *userRecord
	leftOut  []string       // keys of our tags that AWS refused for the role some minutes ago
	asking   sync.WaitGroup // for bounds
	bounds   bounds
	unasked  error            // why nobody knows the bounds
	recorded awscreds.Account // what the record said before AWS was asked
	held     bool             // storage may have the record as that of a lease
	look     time.Time        // when the sweep is to look at what this request has left
}

// describe says what the lease and the record will be.
func (c *creation) describe(r *role, random int) {
	user := r.user(c.name, c.order.role)
	c.order.moment.User, c.order.moment.Account = c.name, ""
	c.lease = &lease{
		Username: c.name, Role: c.order.role, EntityID: c.order.entityID, Created: c.began, Registered: true, Random: random, Edition: secondEdition,
		PolicyARNs: user.PolicyARNs, InlinePolicy: user.InlinePolicy, Groups: user.Groups, Handout: c.order.handout,
		AssumeRole: r.assumeRole(), RequestTTL: c.order.ttl, DefaultTTL: r.DefaultTTL, MaxTTL: r.MaxTTL,
	}
	c.record = recordOf(c.lease, c.began)
	c.record.State = stateCreating
	c.record.DisplayName, c.record.EntityID = c.order.displayName, c.order.entityID
	c.record.Term, c.record.MadeIn = c.b.Term(), c.b.Term()
}

// askBounds asks Vault how long the lease can be, while AWS makes the user.
func (c *creation) askBounds() {
	c.asking.Go(func() {
		var err error
		defer func() { c.unasked = err }()
		defer c.b.Recover(&err)
		c.bounds = c.b.askBounds()
	})
}

// begin takes the name and writes the record down.
func (c *creation) begin(ctx context.Context, r *role) error {
	if err := c.b.admit(ctx, c.storage, c, r); err != nil {
		return err
	}
	err := c.findAccount(ctx)
	if err == nil {
		c.latest = time.Now().Add(awscreds.CreateBegins) // counted from the record
		err = c.b.storeRecord(ctx, c.storage, c.name, c.record)
	}
	if err != nil {
		c.b.index.release(c.name, c.b.Now()) // it may have been stored all the same
	}
	return err
}

// findAccount asks AWS which account this is, unless an answer has told: the first creation after
// a start does. A record without an account would later believe any to which config/root leads
// that it has no such user. Where AWS refuses to tell, there is no better.
func (c *creation) findAccount(ctx context.Context) error {
	account, err := c.client.FindAccount(ctx)
	var untold *awscreds.UntoldError
	if err != nil && (!errors.As(err, &untold) || !untold.Refused) {
		return fmt.Errorf("no IAM user was made, since AWS does not say in which account it would be: %w", err)
	}
	c.record.Account, c.recorded = account, account
	return nil
}

// end says that no request stands behind the record any more. If it is still there, it is
// the sweep's now.
func (c *creation) end() { c.b.index.release(c.name, c.look) }

// make has AWS make the user. As soon as there is a key, and while the rest is under way,
// the record says who holds it.
func (c *creation) make(ctx context.Context, r *role) (*logical.Response, error) {
	b := c.b
	user := r.user(c.name, c.order.role)
	user.NotAfter = c.latest
	user.NameMayRepeat = !c.record.provenByName()
	tags, err := b.own.tags(ctx, c, user)
	if err != nil {
		return nil, err
	}
	user.OwnTags = tags
	user.KeyMade = func(ctx context.Context, made awscreds.Created) error {
		c.made(made)
		if c.asking.Wait(); c.unasked != nil {
			return c.unasked
		}
		now := b.Now().UTC()
		answered := now.Add(r.wait()) // at the latest: the lease counts from the answer
		c.record.prolong(c.lease.lastMoment(c.bounds, c.settings.leases, answered, answered, 0), now, b.Term())
		c.record.Waited = r.wait()
		if id := c.lease.Handout; id != "" {
			c.record.Handouts = []handout{{id, c.record.Ends}}
		}
		c.held = true
		held := *c.record
		held.State = stateIssued
		return b.storeRecord(ctx, c.storage, c.name, &held)
	}
	made, err := c.client.CreateUser(ctx, user)
	c.made(made)
	var warning string
	if err == nil {
		warning = c.await(ctx, r, made.Key)
		err = cmp.Or(ctx.Err(), b.stillEnabled(ctx, c.storage, c.order.role)) // nobody is there to take the key, or may
	}
	if err != nil {
		return nil, err
	}
	c.lease.Complete = len(c.record.Handouts) == 0 && c.record.provenByName() && !c.record.Unanswered && c.record.Account.Known()
	c.record.State = stateIssued
	b.index.put(c.name, b.entryOf(c.record))
	b.noteLeftOut(c, user, made.LeftOut)
	resp, err := b.keyResponse(c.lease, made.Key, c.settings.leases)
	if err == nil && warning != "" {
		resp.AddWarning(warning)
	}
	return resp, err
}

// await waits until AWS accepts the new key, where the role says so, and returns what to warn
// of. It holds nothing while it waits but the name and its place under the caps.
func (c *creation) await(ctx context.Context, r *role, key awscreds.Key) (warning string) {
	if !r.WaitUntilUsable {
		return ""
	}
	const untold = "wait_until_usable: STS has no GetCallerIdentity here, so nothing tells when the key is accepted; it may be refused at first"
	began := c.b.Now()
	if !c.settings.canProbe(began) {
		return untold
	}
	err := c.b.AwaitKey(ctx, r.wait(), c.client.Probe(key))
	now := c.b.Now()
	switch {
	case awscreds.IsUnsupported(err):
		if c.settings.setNoProbe(now) {
			c.b.Log.Warn("STS has no GetCallerIdentity, so requests do not wait until a new key is accepted; it is asked again in an hour", "role", c.order.role, "error", err)
		}
		return untold
	case err != nil:
		waited := min(now.Sub(began), r.wait()).Round(100 * time.Millisecond) // less where the request had no more time
		return fmt.Sprintf("wait_until_usable: AWS does not accept the key everywhere after %s (%s); it is returned anyway, and may be refused at first",
			waited, cmp.Or(awscreds.Code(err), err.Error()))
	}
	return ""
}

// made takes what AWS has told of the user.
func (c *creation) made(made awscreds.Created) {
	c.record.AccessKeyID, c.lease.AccessKeyID = made.Key.ID, made.Key.ID
	c.record.UserID, c.lease.UserID = made.UserID, made.UserID
	c.record.Unanswered = made.Unanswered
	if known := c.client.KnownAccount(); known.Known() {
		c.record.Account, c.lease.Account = known, known
	}
	c.order.moment.AccessKey, c.order.moment.Account = made.Key.ID, c.record.Account.Number
}

// finish makes the user, or cleans up and says why there is none. A cleanup that AWS does not
// answer goes on without the request, and the mount waits for it as for a request.
func (c *creation) finish(ctx context.Context, r *role) (*logical.Response, error) {
	ours := true
	defer func() {
		if ours {
			c.end()
		}
	}()
	resp, cause := c.make(ctx, r)
	if cause == nil {
		c.order.moment.Ends = c.record.Ends
		return resp, nil
	}
	ours = false
	_, done := c.b.requests.begin(context.WithoutCancel(ctx))
	cleaned := make(chan error, 1)
	go func() {
		err := c.abandon(ctx, cause)
		c.end()
		done()
		cleaned <- err
	}()
	patience := time.NewTimer(c.b.requestTime / 10)
	defer patience.Stop()
	select {
	case err := <-cleaned:
		if err == nil {
			return nil, cause
		}
	case <-patience.C:
	}
	return nil, fmt.Errorf("%w; the IAM user %s may exist and will be deleted when AWS allows it", cause, c.name)
}

// abandon cleans up after a creation that failed. The record goes only when the user is known
// not to exist.
func (c *creation) abandon(ctx context.Context, cause error) (err error) {
	b := c.b
	defer b.Recover(&err)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	var never *awscreds.NotCreatedError
	if errors.As(cause, &never) {
		if err := b.dropRecord(ctx, c.storage, c.name, false); err != nil {
			b.Log.Warn("a record outlives its IAM user; the sweep will remove it", "iam_user", c.name, "error", err)
		}
		return nil
	}
	r := *c.record
	if r.UserID != "" {
		r.State = stateIssued // CreateUser was answered: only Unanswered tells of late attempts
	}
	r.Ending = b.Now().UTC()
	v, err := b.end(ctx, c.storage, c.name, &r)
	switch {
	case err == nil && v.ending == endGone:
		err = b.dropRecord(ctx, c.storage, c.name, false) // the WAL has nothing of a request under way
	case c.held: // storage must not go on saying that a lease has it
		err = errors.Join(err, b.storeRecord(ctx, c.storage, c.name, &r))
	case c.record.Account != c.recorded, !c.record.provenByName() && c.record.UserID != "": // AWS has told since where the user is, or who
		err = errors.Join(err, b.storeRecord(ctx, c.storage, c.name, c.record))
	}
	c.look = v.at // AWS may not show the user yet, or make it late
	if err != nil {
		b.Log.Error("cleaning up after a failed creation; the sweep will go on", "iam_user", c.name, "error", err)
	}
	return err
}
