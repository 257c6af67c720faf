// SPDX-License-Identifier: MPL-2.0

package iampolicy

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Terraform is all of it as local values of a Terraform configuration: maps from the names of
// policies to their text. The data source aws_iam_policy_document would write policies anew, in a
// form of its own; an object in jsonencode stays what it is.
func Terraform(policies, trusts []Document) string {
	var b strings.Builder
	b.WriteString("# From config/iam-policy of the AWS secrets engine. Read it again when roles or config/root change.\nlocals {\n")
	for i, group := range []struct {
		name      string
		documents []Document
	}{{"vault_policies", policies}, {"vault_trust_policies", trusts}} {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "  %s = {\n", group.name)
		for _, d := range group.documents {
			fmt.Fprintf(&b, "    %s = jsonencode(%s)\n", quoted(d.Name), strings.ReplaceAll(escaped(d.Text), "\n", "\n    "))
		}
		b.WriteString("  }\n")
	}
	b.WriteString("}\n")
	return b.String()
}

// escaped is a text without interpolations: what begins one stands there twice (Terraform
// Language, "Strings and Templates").
func escaped(text string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(text)
}

func quoted(text string) string {
	raw, _ := json.Marshal(text) // a text
	return escaped(string(raw))
}
