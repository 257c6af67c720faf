// SPDX-License-Identifier: MPL-2.0

package awsrules

// The forms of actions and resources in a policy. That AWS refuses one of them is recorded
// in testdata/policies, with the page or the project that says so.

import (
	"regexp"
	"strings"
)

var (
	vendorForm        = regexp.MustCompile(`^[A-Za-z0-9.-]+$`)
	actionNameForm    = regexp.MustCompile(`^[\w*?.-]+$`)
	partitionWildForm = regexp.MustCompile(`^(aws(-[a-z]+)*|\*)$`)
)

// checkAction checks a string of Action or NotAction: a service, a colon and a name, which
// may have wildcards, or * alone ("IAM JSON policy elements: Action").
func (c *policyChecker) checkAction(path string, v *jsonValue) {
	vendor, name, found := strings.Cut(v.text, ":")
	switch {
	case v.text == "*":
	case v.text == "*:*":
		c.warn(path, v, `"*:*" means the same as "*"; write that`)
	case !found || vendor == "":
		c.refuse(path, v, `%s names no service; write "service:Action", such as "s3:GetObject", or "*"`, quoted(v))
	case strings.Contains(name, ":"):
		c.refuse(path, v, `%s has more than one colon; write "service:Action", such as "s3:GetObject"`, quoted(v))
	case strings.ContainsAny(vendor, "*?"):
		c.refuse(path, v, `%s has a wildcard before the colon; AWS allows them only after it, such as "s3:Get*"`, quoted(v))
	case !vendorForm.MatchString(vendor):
		c.refuse(path, v, `%s has a service with other characters than letters, digits, "." and "-"; write "service:Action", such as "s3:GetObject"`, quoted(v))
	case name == "":
		c.warn(path, v, `%s names no action after the colon, so it matches none`, quoted(v))
	case !actionNameForm.MatchString(name):
		c.warn(path, v, `%s has characters that no action has, so it matches none`, quoted(v))
	}
}

// checkResource checks a string of Resource or NotResource: an ARN, or * alone ("IAM JSON
// policy elements: Resource").
func (c *policyChecker) checkResource(path string, v *jsonValue) {
	parts := strings.SplitN(v.text, ":", 6)
	switch {
	case v.text == "*":
		return
	case len(parts) == 1:
		c.refuse(path, v, `%s is neither an ARN, such as "arn:aws:s3:::bucket/*", nor "*"`, quoted(v))
		return
	case !partitionWildForm.MatchString(parts[1]):
		c.refuse(path, v, `%s has %q for its partition; an ARN begins with "arn:aws:", "arn:aws-cn:" or "arn:aws-us-gov:", such as "arn:aws:s3:::bucket/*"`, quoted(v), Abridged(parts[1]))
		return
	case parts[0] != "arn":
		c.warn(path, v, `%s does not begin with "arn:"`, quoted(v))
		return
	case len(parts) == 2 || parts[2] == "":
		c.refuse(path, v, `%s names no service; an ARN has six parts, such as "arn:aws:s3:::bucket/*"`, quoted(v))
		return
	case strings.ContainsAny(parts[2], "*?"):
		c.refuse(path, v, `%s has a wildcard for the service; AWS allows none there`, quoted(v))
		return
	case len(parts) < 6 && strings.Contains(v.text, "::"):
		c.refuse(path, v, `%s has %d parts; an ARN has six, such as "arn:aws:s3:::bucket/*"`, quoted(v), len(parts))
		return
	case len(parts) < 6:
		c.warn(path, v, `%s has %d parts; an ARN has six, and AWS takes "*" for those that are missing`, quoted(v), len(parts))
	}
	c.checkVariables(path, v, strings.Join(parts[:min(len(parts), 5)], ":"))
	c.checkOwnForm(path, v, parts)
}

// checkVariables looks at the policy variables of an ARN. AWS replaces those that stand
// after the fifth colon ("IAM policy elements: Variables and tags").
func (c *policyChecker) checkVariables(path string, v *jsonValue, before string) {
	for rest := v.text; ; {
		_, after, found := strings.Cut(rest, "${")
		if !found {
			break
		}
		if _, rest, found = strings.Cut(after, "}"); !found {
			c.warn(path, v, `%s has a variable without a closing brace`, quoted(v))
			break
		}
	}
	if strings.Contains(before, "${") {
		c.warn(path, v, `%s has a variable before the fifth colon, where AWS does not replace it`, quoted(v))
	}
}

// checkOwnForm knows the two services whose ARNs IAM checks further. It takes a part that is
// missing for "*", which is a region too.
func (c *policyChecker) checkOwnForm(path string, v *jsonValue, parts []string) {
	missing := len(parts) < 6
	region, account, resource := "*", "", ""
	if len(parts) > 3 {
		region = parts[3]
	}
	if len(parts) > 4 {
		account = parts[4]
	}
	if len(parts) > 5 {
		resource = parts[5]
	}
	kind, _, typed := strings.Cut(resource, "/")
	switch service := parts[2]; {
	case service == "iam" && (region != "" || missing):
		c.refuse(path, v, `%s has a region, or less than six parts; ARNs of IAM have none, such as "arn:aws:iam::123456789012:role/example"`, quoted(v))
	case service == "iam" && resource != "*" && resource != "root" && (!typed || strings.ContainsAny(kind, "*?$")):
		c.refuse(path, v, `%s names no type of resource in IAM, such as "user/", "role/" or "policy/" before the name`, quoted(v))
	case service == "s3" && missing && region == "*" && account == "":
		c.refuse(path, v, `%s has %d parts, and AWS takes "*" for the region that is missing; ARNs of buckets have six parts and no region, such as "arn:aws:s3:::bucket/*"`, quoted(v), len(parts))
	case service == "s3" && region != "" && account == "":
		c.refuse(path, v, `%s has a region; ARNs of buckets have none, such as "arn:aws:s3:::bucket/*"`, quoted(v))
	}
}
