// SPDX-License-Identifier: MPL-2.0

package backend

// What happens to every request, before and after its handler.
//
// The SDK checks the types of fields before any handler of ours runs, and its
// refusal repeats the value. For a secret that is sent in the wrong type, such as a
// list of one, or in a list or a map in some other field, the refusal would hold the
// secret; so those are looked at first.

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-aws-dyn/backend/awsrules"
	"vault-plugin-secrets-aws-dyn/backend/engine"
)

// HandleRequest is the front door. A request has a time from its start, which bounds all that it
// waits for: locks, AWS, its turn while AWS throttles. What it has to clean up then goes on
// after the answer. The visits of the rollback manager have the time that Vault gives them.
func (b *backend) HandleRequest(ctx context.Context, req *logical.Request) (*logical.Response, error) {
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
	if err := b.checkTypes(req); err != nil {
		return engine.Respond(err)
	}
	resp, err = b.Backend.HandleRequest(ctx, req)
	if req.Operation == logical.HelpOperation && req.Path == "" {
		inlineSchemas(resp)
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

// checkTypes refuses values that the schema has no room for, without repeating them: a
// list or a map may hold anything, and what is very long would fill the answer. Of
// other fields than those of secrets, the SDK's refusal of a short value is the better one.
func (b *backend) checkTypes(req *logical.Request) error {
	switch req.Operation {
	case logical.RevokeOperation, logical.RenewOperation, logical.RollbackOperation, logical.HelpOperation:
		return nil // they have no fields: what they carry is a lease's, and must not stop them
	}
	path := b.Route(req.Path)
	if path == nil {
		return nil
	}
	var m engine.Mistakes
	for _, name := range slices.Sorted(maps.Keys(req.Data)) {
		schema, raw := path.Fields[name], req.Data[name]
		if schema == nil || raw == nil {
			continue
		}
		if !fits(name, schema, raw) && (isSecret(name, schema) || !isShort(raw)) {
			m.Add(name, "must be %s", formOf(schema.Type))
		}
	}
	return m.Err()
}

// fits reports whether the SDK takes a value for a field. A secret key has to be a text:
// the SDK would make one of a number, which is no longer what was sent.
func fits(name string, schema *framework.FieldSchema, raw any) bool {
	if _, text := raw.(string); !text && name == "secret_key" {
		return false
	}
	one := framework.FieldData{Raw: map[string]any{name: raw}, Schema: map[string]*framework.FieldSchema{name: schema}}
	return one.Validate() == nil
}

// isSecret reports whether a value of a field must never come back.
func isSecret(name string, schema *framework.FieldSchema) bool {
	return name == "mfa_code" || schema.DisplayAttrs != nil && schema.DisplayAttrs.Sensitive
}

// isShort reports whether a value is a scalar that an answer has room for.
func isShort(raw any) bool {
	switch v := raw.(type) {
	case string:
		return v == awsrules.Abridged(v)
	case json.Number:
		return v.String() == awsrules.Abridged(v.String())
	case bool, int, int64, float64:
		return true
	}
	return false
}

// formOf says what a field takes.
func formOf(t framework.FieldType) string {
	switch t {
	case framework.TypeBool:
		return "true or false"
	case framework.TypeInt, framework.TypeInt64:
		return "a whole number"
	case framework.TypeDurationSecond, framework.TypeSignedDurationSecond:
		return "a duration, such as 1h or 3600"
	case framework.TypeCommaStringSlice, framework.TypeStringSlice:
		return "a list of texts"
	case framework.TypeKVPairs:
		return "a map of texts, or key=value pairs"
	}
	return "a text"
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
