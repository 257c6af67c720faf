// SPDX-License-Identifier: MPL-2.0

package differential

import (
	"maps"
	"slices"
	"strings"

	"vault-plugin-secrets-aws-dyn/internal/e2e/server"
)

// This file takes OpenAPI documents apart: that of one path's help, and that of all mounts together. Every operation
// of the built-in must be there, with its id, its parameters and its fields; descriptions may differ.

// openAPIOf finds the document in an answer.
func openAPIOf(a server.Answer) (map[string]any, bool) {
	doc := a.Body
	if data, ok := a.Body["data"].(map[string]any); ok && data["openapi"] != nil {
		doc = data
	}
	if inner, ok := doc["openapi"].(map[string]any); ok {
		return inner, true
	}
	_, ok := doc["openapi"].(string)
	return doc, ok
}

// observeOpenAPI names each operation of this mount and what it takes.
func (s *side) observeOpenAPI(doc map[string]any, seen map[string]string) {
	paths, _ := doc["paths"].(map[string]any)
	// The document of a path's help begins at the mount, that of all mounts names it.
	_, whole := paths["/sys/mounts"]
	for path, item := range paths {
		if whole {
			below, ok := strings.CutPrefix(path, "/"+s.mount)
			if !ok || !strings.HasPrefix(below, "/") {
				continue
			}
			path = below
		}
		path = strings.ReplaceAll(path, "{"+s.mount+"_mount_path}", s.mount)
		methods, _ := item.(map[string]any)
		for _, method := range []string{"get", "post", "delete", "list"} {
			if operation, ok := methods[method].(map[string]any); ok {
				at := strings.ToUpper(method) + " " + path
				seen[at+" id"], _ = operation["operationId"].(string)
				observeParameters(operation, at, seen)
				observeBody(doc, operation, at, seen)
			}
		}
		observeParameters(methods, path, seen)
	}
}

func observeParameters(holder map[string]any, at string, seen map[string]string) {
	parameters, _ := holder["parameters"].([]any)
	for _, one := range parameters {
		parameter, _ := one.(map[string]any)
		name, _ := parameter["name"].(string)
		in, _ := parameter["in"].(string)
		schema, _ := parameter["schema"].(map[string]any)
		seen[at+" takes "+name] = in + " " + kindOf(schema)
	}
}

// observeBody names the fields of the request's body, behind a reference or not. A document that lost its references
// says nothing of them.
func observeBody(doc, operation map[string]any, at string, seen map[string]string) {
	body, _ := operation["requestBody"].(map[string]any)
	content, _ := body["content"].(map[string]any)
	kind, _ := content["application/json"].(map[string]any)
	schema, _ := kind["schema"].(map[string]any)
	if reference, ok := schema["$ref"].(string); ok {
		components, _ := doc["components"].(map[string]any)
		schemas, _ := components["schemas"].(map[string]any)
		schema, _ = schemas[reference[strings.LastIndexByte(reference, '/')+1:]].(map[string]any)
	}
	properties, _ := schema["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		property, _ := properties[name].(map[string]any)
		seen[at+" takes "+name] = "body " + kindOf(property)
	}
}

// kindOf is the type of a field, and its format if it has one.
func kindOf(schema map[string]any) string {
	kind, _ := schema["type"].(string)
	if format, _ := schema["format"].(string); format != "" {
		kind += " (" + format + ")"
	}
	return kind
}
