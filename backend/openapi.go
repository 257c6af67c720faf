// SPDX-License-Identifier: MPL-2.0

package backend

// What API documents make of our paths.

import (
	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
)

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
