// SPDX-License-Identifier: MPL-2.0

package backend

// What happens to every request, before and after its handler.
//
// Fields are decoded before Vault's SDK does it: the SDK changes values that do not fit,
// and its errors repeat them, including secrets that were sent in the wrong field.

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// HandleRequest is the front door. AWS SDKs get the form of answer that they read, whatever went wrong.
func (b *backend) HandleRequest(ctx context.Context, req *logical.Request) (*logical.Response, error) {
	resp, err := b.handleInTime(ctx, req)
	if req.Operation == logical.ReadOperation && strings.HasPrefix(req.Path, engine.ContainerPrefix) {
		return engine.ContainerAnswer(resp, err)
	}
	return resp, err
}

// handleInTime handles a request in its time. A request has a time from its start, which bounds all that it
// waits for: locks, AWS, its turn while AWS throttles. What it has to clean up then goes on
// after the answer. The visits of the rollback manager have the time that Vault gives them.
func (b *backend) handleInTime(ctx context.Context, req *logical.Request) (*logical.Response, error) {
	ctx, end := b.requests.begin(ctx)
	if req.Operation == logical.RollbackOperation {
		defer end()
		return b.handle(ctx, req)
	}
	late := time.NewTimer(b.requestTime)
	defer late.Stop()
	work, cancel := context.WithTimeout(ctx, b.requestTime*4/5) // the rest is for a cleanup
	var resp *logical.Response
	var err error
	done := make(chan struct{})
	go func() {
		defer cancel()
		defer close(done)
		awscreds.Deepen()
		resp, err = b.handle(work, req)
	}()
	select {
	case <-done:
	case <-late.C:
	}
	select {
	case <-done: // in time, or at the last moment
		defer end()
		return resp, err
	default:
		go func() {
			<-done
			end()
		}()
		return nil, logical.CodedError(http.StatusGatewayTimeout, fmt.Sprintf(
			"the request was given up after %s, and what it began is still being cleaned up: AWS or Vault's storage does not answer; Vault's log says more", b.requestTime))
	}
}

// handle is HandleRequest, whatever time it takes.
func (b *backend) handle(ctx context.Context, req *logical.Request) (resp *logical.Response, err error) {
	defer b.Recover(&err)
	req, err = decoded(b.Route(req.Path), req)
	if err != nil {
		return engine.Respond(err)
	}
	resp, err = b.whileCutOff(b.Backend.HandleRequest(ctx, req))
	if req.Operation == logical.HelpOperation && req.Path == "" {
		inlineSchemas(resp)
	}
	if resp != nil {
		engine.InOrder(resp.Warnings)
	}
	return resp, err
}

// whileCutOff adds to what AWS refuses that the engine's own sessions were ended, and that it goes on by itself.
func (b *backend) whileCutOff(resp *logical.Response, err error) (*logical.Response, error) {
	why := b.sessions.CutOff()
	switch {
	case why == "":
	case awscreds.IsDenied(err):
		err = fmt.Errorf("%w; %s", err, why)
	case resp.IsError() && strings.Contains(resp.Error().Error(), "AccessDenied"):
		return logical.ErrorResponse(resp.Error().Error() + "; " + why), err
	}
	return resp, err
}

// HandleExistenceCheck comes before HandleRequest where a path tells create from
// update. Whether something exists does not depend on the fields that are sent, so
// they are left out: a wrong type found here would become "internal error" in Vault,
// with the value in its log, instead of a refusal that names the field.
func (b *backend) HandleExistenceCheck(ctx context.Context, req *logical.Request) (found, exists bool, err error) {
	defer b.Recover(&err)
	bare := *req
	bare.Data = nil
	return b.Backend.HandleExistenceCheck(ctx, &bare)
}

// decoded is the request with each field in its own form. What concerns a lease has no
// fields: what it carries must not stop it.
func decoded(path *framework.Path, req *logical.Request) (*logical.Request, error) {
	switch req.Operation {
	case logical.RevokeOperation, logical.RenewOperation, logical.RollbackOperation, logical.HelpOperation:
		return req, nil
	}
	if path == nil {
		return req, nil
	}
	data, err := engine.Decode(path.Fields, req.Data)
	if err != nil {
		return nil, err
	}
	clean := *req
	clean.Data = data
	return &clean, nil
}

// inlineSchemas puts the schemas of bodies where they are used. Vault loses every
// reference to a schema on its way out of an external plugin, and its API explorer
// would show empty bodies.
func inlineSchemas(resp *logical.Response) {
	if resp == nil {
		return
	}
	doc, ok := resp.Data["openapi"].(*framework.OASDocument)
	if !ok {
		return
	}
	for _, path := range doc.Paths {
		for _, op := range []*framework.OASOperation{path.Get, path.Post, path.Patch, path.Delete} {
			if op == nil {
				continue
			}
			if op.RequestBody != nil {
				op.RequestBody.Content = inlined(op.RequestBody.Content, doc.Components.Schemas)
			}
			for status, answer := range op.Responses {
				own := *answer // the SDK shares some answers between all plugins of a process
				own.Content = inlined(answer.Content, doc.Components.Schemas)
				op.Responses[status] = &own
			}
		}
	}
}

func inlined(content framework.OASContent, schemas map[string]*framework.OASSchema) framework.OASContent {
	if content == nil {
		return nil
	}
	const prefix = "#/components/schemas/"
	own := make(framework.OASContent, len(content))
	for kind, media := range content {
		own[kind] = media
		if media == nil || media.Schema == nil || len(media.Schema.Ref) <= len(prefix) {
			continue
		}
		if schema := schemas[media.Schema.Ref[len(prefix):]]; schema != nil {
			own[kind] = &framework.OASMediaTypeObject{Schema: schema}
		}
	}
	return own
}
