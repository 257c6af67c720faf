// SPDX-License-Identifier: MPL-2.0

package backend

// What API documents and generated clients call our operations. The names are
// those of the built-in engine, whatever name the plugin is registered under.

import "github.com/hashicorp/vault/sdk/framework"

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
