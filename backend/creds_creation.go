// SPDX-License-Identifier: MPL-2.0

package backend

// How a request makes an IAM user, and what happens if that fails.

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/backend/roles"
	"vault-plugin-secrets-aws-dyn/backend/users"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// creation is an IAM user that a request is making.
type creation struct {
	*users.Making
	issuer   *issuer
	storage  logical.Storage
	client   *awscreds.Client
	settings *settings
	name     string
	order    order
	began    time.Time
	latest   time.Time // when an attempt to make the user may begin; by the real time, which AWS goes by
	lease    *lease
	leftOut  []string       // keys of our tags that AWS refused for the role some minutes ago
	asking   sync.WaitGroup // for bounds
	bounds   engine.LeaseBounds
	unasked  error // why nobody knows the bounds
}

// describe says what the lease and the record will be.
func (c *creation) describe(r *roles.Role, random int) {
	user := r.User(c.name, c.order.role)
	c.order.moment.User, c.order.moment.Account = c.name, ""
	c.lease = &lease{
		Lease: users.Lease{
			Username: c.name, Role: c.order.role, EntityID: c.order.entityID, Created: c.began, Random: random,
			PolicyARNs: user.PolicyARNs, InlinePolicy: user.InlinePolicy, Groups: user.Groups, Handout: c.order.handout,
			AssumeRole: r.Way(),
		},
		RequestTTL: c.order.ttl, DefaultTTL: r.DefaultTTL, MaxTTL: r.MaxTTL,
	}
	c.Making = c.issuer.users.Making(c.storage, c.client, &c.lease.Lease, c.order.displayName)
}

// askBounds asks Vault how long the lease can be, while AWS makes the user.
func (c *creation) askBounds() {
	c.asking.Go(func() {
		var err error
		defer func() { c.unasked = err }()
		defer c.issuer.Recover(&err)
		c.bounds = c.issuer.boundsFor(c.lease, c.settings.leases)
	})
}

// make has AWS make the user. As soon as there is a key, and while the rest is under way,
// the record says who holds it.
func (c *creation) make(ctx context.Context, r *roles.Role) (*logical.Response, error) {
	i := c.issuer
	user := r.User(c.name, c.order.role)
	user.NotAfter = c.latest
	user.NameMayRepeat = !c.NameProves()
	if err := c.tag(ctx, &user); err != nil {
		return nil, err
	}
	user.KeyMade = func(ctx context.Context, made awscreds.Created) error {
		c.made(made)
		if c.asking.Wait(); c.unasked != nil {
			return c.unasked
		}
		now := i.Now().UTC()
		answered := now.Add(r.Wait()) // at the latest: the lease counts from the answer
		return c.Hold(ctx, c.lease.lastMoment(c.bounds, c.settings.leases, answered, answered, 0), now, r.Wait())
	}
	made, err := c.client.CreateUser(ctx, user)
	c.made(made)
	var warning string
	if err == nil {
		warning = c.await(ctx, r, made.Key)
		err = cmp.Or(i.stillEnabled(ctx, c.storage, c.order.role), ctx.Err()) // nobody is there to take the key, or may
	}
	if err != nil {
		return nil, err
	}
	c.Issued()
	i.noteLeftOut(c, user, made.LeftOut)
	resp, err := i.keyResponse(c.lease, made.Key, c.settings.leases)
	if err == nil && warning != "" {
		resp.AddWarning(warning)
	}
	return resp, err
}

// newKey begins a warning that is true of a new key alone.
const newKey = "wait_until_usable: "

// await waits until AWS accepts the new key, where the role says so, and returns what to warn
// of. It holds nothing while it waits but the name and its place under the caps.
func (c *creation) await(ctx context.Context, r *roles.Role, key awscreds.Key) (warning string) {
	if !r.WaitUntilUsable {
		return ""
	}
	const untold = newKey + "STS has no GetCallerIdentity here, so nothing tells when the key is accepted; it may be refused at first"
	began := c.issuer.Now()
	if !c.settings.canProbe(began) {
		return untold
	}
	err := c.issuer.AwaitKey(ctx, r.Wait(), c.client.Probe(key))
	now := c.issuer.Now()
	switch {
	case awscreds.IsUnsupported(err):
		if c.settings.setNoProbe(now) {
			c.issuer.Log.Warn("STS has no GetCallerIdentity, so requests do not wait until a new key is accepted; it is asked again in an hour", "role", c.order.role, "error", err)
		}
		return untold
	case err != nil:
		waited := min(now.Sub(began), r.Wait()).Round(100 * time.Millisecond) // less where the request had no more time
		return fmt.Sprintf(newKey+"AWS does not accept the key everywhere after %s (%s); it is returned anyway, and may be refused at first",
			waited, cmp.Or(awscreds.Code(err), err.Error()))
	}
	return ""
}

// tag puts the tags on a user that say whose it is, without those that AWS has refused for the role: they are
// left out for a while.
func (c *creation) tag(ctx context.Context, user *awscreds.User) error {
	if !c.settings.users.OwnershipTags {
		return nil
	}
	tags, err := c.Tags(ctx, c.order.mountPoint, *user)
	if err != nil || tags == nil {
		return err
	}
	c.leftOut = c.settings.leftOut(c.order.role, c.issuer.Now())
	for _, key := range c.leftOut {
		delete(tags, key)
	}
	user.OwnTags = tags
	return nil
}

// made takes what AWS has told of the user.
func (c *creation) made(made awscreds.Created) {
	c.Made(made)
	c.order.moment.AccessKey, c.order.moment.Account = made.Key.ID, c.Record.Account.Number
}

// finish makes the user, or cleans up and says why there is none. A cleanup that AWS does not
// answer goes on without the request, and the mount waits for it as for a request.
func (c *creation) finish(ctx context.Context, r *roles.Role) (*logical.Response, error) {
	ours := true
	defer func() {
		if ours {
			c.End()
		}
	}()
	resp, cause := c.make(ctx, r)
	if cause == nil {
		c.order.moment.Ends = c.Record.Ends
		return resp, nil
	}
	ours = false
	_, done := c.issuer.requests.begin(context.WithoutCancel(ctx))
	cleaned := make(chan error, 1)
	go func() {
		err := c.Abandon(ctx, cause)
		c.End()
		done()
		cleaned <- err
	}()
	patience := time.NewTimer(c.issuer.requestTime / 10)
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
