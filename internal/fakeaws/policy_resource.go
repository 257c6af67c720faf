// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"fmt"
	"slices"
	"strings"
)

// This file checks the ARNs in a policy: IAM User Guide, "IAM JSON policy elements: Resource" and "Identify AWS
// resources with Amazon Resource Names (ARNs)".

// iamPaths are what the resource part of an IAM ARN begins with, in the order of AWS's message.
var iamPaths = []string{
	"user/", "federated-user/", "role/", "group/", "instance-profile/", "mfa/", "server-certificate/", "policy/",
	"sms-mfa/", "saml-provider/", "oidc-provider/", "report/", "access-report/",
}

// legacyResources is what an older parser of AWS's refuses: an ARN without a service, and one that leaves a part
// empty and has not all six. Without empty parts fewer will do: arn:aws:logs is taken (moto).
func legacyResources(partition string, resources []string) string {
	for _, resource := range resources {
		parts := strings.SplitN(resource, ":", 6)
		if len(parts) < 3 || parts[0] != "arn" {
			continue
		}
		known := parts[1] == "*" || parts[1] == partition
		if parts[2] == "" || (known && len(parts) < 6 && strings.Contains(resource, "::")) {
			return legacyParsing
		}
	}
	return ""
}

// badResources refuses the first in the order of the alphabet of what is neither "*" nor an ARN (moto).
func badResources(partition string, resources []string) string {
	for _, resource := range slices.Sorted(slices.Values(resources)) {
		if message := badResource(partition, resource); message != "" {
			return message
		}
	}
	return ""
}

// badResource checks the parts of an ARN, of which AWS seems not to read the first: its message about the partition
// puts "arn" there, whatever it was. The last three may have wildcards, and the last variables, which are not
// looked at: "You can't use a variable to replace parts of the ARN before the fifth colon" says the guide, and no
// project has seen AWS refuse one there.
func badResource(partition, resource string) string {
	if resource == "*" {
		return ""
	}
	parts := strings.SplitN(resource, ":", 6)
	switch {
	case len(parts) == 1:
		return fmt.Sprintf(`Resource %s must be in ARN format or "*".`, resource)
	case parts[1] != "*" && parts[1] != partition:
		return fmt.Sprintf(`Partition "%s" is not valid for resource "%s".`, parts[1], completed(parts))
	case len(parts) == 2 || strings.ContainsAny(parts[2], "*?"):
		return "Resource vendor must be fully qualified and cannot contain regexes."
	}
	switch parts[2] {
	case "iam":
		return badIAMResource(resource, parts)
	case "s3":
		return badS3Resource(resource, parts)
	}
	return ""
}

// completed is an ARN with all of its parts.
func completed(parts []string) string {
	all := []string{"arn", parts[1], "*", "*", "*", "*"}
	if rest := parts[2:]; len(rest) > 1 || (len(rest) == 1 && rest[0] != "") {
		copy(all[2:], rest)
	}
	return strings.Join(all, ":")
}

// badIAMResource wants no region, and something that IAM has. The words "root, or" came to the message later than
// moto's tests.
func badIAMResource(resource string, parts []string) string {
	if len(parts) < 4 || parts[3] != "" {
		return fmt.Sprintf("IAM resource %s cannot contain region information.", resource)
	}
	path := ""
	if len(parts) == 6 {
		path = parts[5]
	}
	begins := func(with string) bool { return strings.HasPrefix(path, with) }
	if path == "*" || path == "root" || slices.ContainsFunc(iamPaths, begins) {
		return ""
	}
	return fmt.Sprintf(`IAM resource path must either be "*", root, or start with %s.`, strings.Join(iamPaths, ", "))
}

// badS3Resource wants no region where there is no account: buckets have neither, access points and others have
// both (Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3").
func badS3Resource(resource string, parts []string) string {
	if len(parts) < 4 || (parts[3] != "" && (len(parts) < 5 || parts[4] == "")) {
		return fmt.Sprintf("Resource %s can not contain region information.", resource)
	}
	return ""
}
