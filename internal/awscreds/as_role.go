// SPDX-License-Identifier: MPL-2.0

package awscreds

// Clients for other accounts, each reached by a role there. They live and die with the client
// that assumes the role: what changes that, such as a new root key, changes them.

import (
	"container/list"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/middleware"
)

// mostRoles is how many clients for other accounts are kept, those used last. One that is used
// again is made anew, with a session of its own.
const mostRoles = 200

// asRole is how a client for another account is told from the others.
type asRole struct{ arn, session, externalID string }

// others are the clients for other accounts. The mutex guards the fields and is never held while
// anything else happens.
type others struct {
	mu    sync.Mutex
	by    map[asRole]*list.Element
	order list.List // of keptClient, the one used last first
	turns chan struct{}
}

type keptClient struct {
	role   asRole
	client *Client
}

func newOthers() *others {
	return &others{by: map[asRole]*list.Element{}, turns: make(chan struct{}, rolesAtOnce)}
}

// As returns the client that makes its calls as a role, which c assumes when the first of them
// is made and again before the session ends. Endpoints and retries are c's, and c stays as it
// is. Of the session, role, name and external ID count.
func (c *Client) As(s RoleSession) *Client {
	role := asRole{s.RoleARN, s.Name, s.ExternalID}
	c.others.mu.Lock()
	defer c.others.mu.Unlock()
	if kept := c.others.by[role]; kept != nil {
		c.others.order.MoveToFront(kept)
		return kept.Value.(keptClient).client
	}
	other := c.as(role)
	c.others.by[role] = c.others.order.PushFront(keptClient{role, other})
	if c.others.order.Len() > mostRoles {
		oldest := c.others.order.Remove(c.others.order.Back()).(keptClient)
		delete(c.others.by, oldest.role)
	}
	return other
}

// AssumedRoles are the ARNs of the roles that clients of [Client.As] work as.
func (c *Client) AssumedRoles() (arns []string) {
	c.others.mu.Lock()
	defer c.others.mu.Unlock()
	for role := range c.others.by {
		arns = append(arns, role.arn)
	}
	slices.Sort(arns)
	return slices.Compact(arns)
}

// as makes the client of a role. It calls nobody.
func (c *Client) as(role asRole) *Client {
	other := &Client{host: c.host, iamURL: c.iamURL, signin: c.signin, helpers: newHelpers(), lacks: c.lacks, others: newOthers()}
	if c.host == "" { // AWS's own: a role is in the account that its ARN names
		other.learn(role.arn)
	}
	other.session = sessionOf(c, other, role)
	chain := &found{chain: other.session, whose: ofSession(role.arn)}
	more := []func(*middleware.Stack) error{other.session.renewal, ownPaces(role.arn), signer(chain.name)}
	other.iam = callsOf(iam.New(c.iam.options, func(o *iam.Options) {
		o.Credentials = chain
		o.APIOptions = with(o.APIOptions, more...)
	}))
	for _, place := range c.sts {
		other.sts = append(other.sts, place.with(func(o *sts.Options) {
			o.Credentials = chain
			o.APIOptions = with(o.APIOptions, more...)
		}))
	}
	return other
}

// SignIn has the client assume its role, unless it has a session of it. A client that works as
// no role of [Client.As] looks whether it still has the key that told its account.
func (c *Client) SignIn(ctx context.Context) error {
	if c.session == nil {
		if c.given && c.KnownAccount().Known() {
			_, _ = c.KeyID(ctx) // what is wrong with it, the call tells that needs it
		}
		return nil
	}
	_, err := c.session.Retrieve(ctx)
	var assuming *assumingError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &assuming): // without what the SDK's cache says
		return assuming
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return err
}

// with adds to a list that others may share.
func with(list []func(*middleware.Stack) error, more ...func(*middleware.Stack) error) []func(*middleware.Stack) error {
	return append(slices.Clone(list), more...)
}
