// SPDX-License-Identifier: MPL-2.0

package backend

// What API documents and generated clients make of our paths. The names of the
// operations are those of the built-in engine, whatever name the plugin is
// registered under.

import (
	"maps"
	"net/http"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
)

// operation names the operations of a path: aws-<verb>-<suffix>. An empty verb
// is the operation's own.
func operation(verb, suffix string) *framework.DisplayAttributes {
	return &framework.DisplayAttributes{
		OperationPrefix: "aws",
		OperationVerb:   verb,
		OperationSuffix: suffix,
	}
}

// configure is write, named aws-configure-<what>.
func (b *backend) configure(what, summary string, h framework.OperationFunc) *framework.PathOperation {
	op := b.write(summary, h)
	op.DisplayAttrs = &framework.DisplayAttributes{OperationVerb: "configure", OperationSuffix: what}
	return op
}

// gives says which fields an operation answers with.
func gives(op *framework.PathOperation, fields map[string]*framework.FieldSchema) *framework.PathOperation {
	op.Responses = map[int][]framework.Response{http.StatusOK: {{Description: "OK", Fields: fields}}}
	return op
}

// without is a schema without some of its fields.
func without(schema map[string]*framework.FieldSchema, names ...string) map[string]*framework.FieldSchema {
	rest := maps.Clone(schema)
	for _, name := range names {
		delete(rest, name)
	}
	return rest
}

// noContent is the answer to most writes.
func noContent() map[int][]framework.Response {
	return map[int][]framework.Response{http.StatusNoContent: {{Description: "No content"}}}
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
