// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"fmt"
	"regexp"
	"strings"
)

// This file checks what a policy's statements say: IAM User Guide, "IAM JSON policy elements" Sid, Effect, Action
// and Principal.

var (
	sidPattern    = regexp.MustCompile(`^[0-9A-Za-z]*$`)
	vendorPattern = regexp.MustCompile(`^[0-9A-Za-z.-]+$`)
)

// legacy is what only an older parser of AWS's refuses. The document begins with its brace: white space before it
// is refused (terraform issue 14652, velero issue 1494), and behind it taken. A statement outside of a list wants
// the Version before it (terraform-provider-aws issues 22879 and 26108, 99designs/iamy issue 65). That this also
// holds where there is no Version at all, and that an old Version will do, is a guess.
func (p policy) legacy() string {
	if p.document[0] != '{' || p.bare {
		return legacyParsing
	}
	return ""
}

// legacy wants the exact words of an effect, and dates where the operator compares dates.
func (s statement) legacy() string {
	if s.effect != "Allow" && s.effect != "Deny" {
		return legacyParsing
	}
	for _, c := range s.conditions {
		if !c.datesAreDates() {
			return legacyParsing
		}
	}
	return ""
}

// misplaced refuses the elements of resource-based policies. It comes before the want of actions (versitygw).
func (s statement) misplaced() string {
	if s.principal {
		return namesAPrincipal
	}
	return ""
}

// badSids refuses statement IDs of other characters first (Wolox/carthage_cache issue 22), then those that are
// there twice. An empty one is none: Terraform writes "Sid":"" into each statement.
func (p policy) badSids() string {
	for _, s := range p.statements {
		if !sidPattern.MatchString(s.sid) {
			return "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
		}
	}
	seen := map[string]bool{}
	for _, s := range p.statements {
		if s.sid != "" && seen[s.sid] {
			return "Statement IDs (SID) in a single policy must be unique."
		}
		seen[s.sid] = true
	}
	return ""
}

func (s statement) withoutActions() string {
	if len(s.actions) == 0 {
		return needsActions
	}
	return ""
}

func (s statement) withoutResources() string {
	if len(s.resources) == 0 {
		return needsResources
	}
	return ""
}

// badActions refuses what is not "*" or "a service namespace, a colon, and the name of an action". Which services
// and actions exist is not asked, and a name may even have spaces (moto). That it may be empty is a guess: moto and
// versitygw look at the namespace alone.
func badActions(actions []string) string {
	for _, action := range actions {
		if message := badAction(action); message != "" {
			return message
		}
	}
	return ""
}

func badAction(action string) string {
	if action == "*" || action == "*:*" { // that *:* is taken is a guess, after moto's iam/policy_validation.py
		return ""
	}
	vendor, name, found := strings.Cut(action, ":")
	switch {
	case !found:
		return "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
	case strings.Contains(name, ":"):
		return "Actions/Condition can contain only one colon."
	case strings.ContainsAny(vendor, "*?"):
		// boogy/iam-policy-validator pull request 172 has it of *:Untag*. That s3*:Get is no better is a guess.
		return "Action vendors (e.g., aws, ec2, etc.) must not contain wildcards."
	case !vendorPattern.MatchString(vendor):
		return fmt.Sprintf("Vendor %s is not valid", vendor)
	}
	return ""
}
