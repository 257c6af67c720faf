// SPDX-License-Identifier: MPL-2.0

package status

// What to do about calls to AWS that fail.

import (
	"fmt"
	"slices"
	"strings"

	"vault-plugin-secrets-aws-dyn/backend/engine"
	"vault-plugin-secrets-aws-dyn/internal/awscreds"
)

// remedy is what is said of calls that failed for a reason.
type remedy struct {
	reason awscreds.Reason
	// together says that calls of one client that failed for the reason have one cause.
	together bool
	wrong    string
	what     string // to do
}

// remedies are in the order in which problems are told: what stops everything comes first.
var remedies = []remedy{
	{awscreds.ReasonAway, true, "AWS does not answer",
		"Check the network, DNS and proxy between this server and AWS, and the region and endpoints in config/root. Nothing is lost: leases that end meanwhile are revoked when AWS answers"},
	{awscreds.ReasonNoIdentity, true, "The engine has no AWS credentials to call with",
		"Fix where they come from: access_key and secret_key or web_identity_token_file of config/root, the environment of the plugin, or the role of the instance; then write to config/check"},
	{awscreds.ReasonKey, true, "AWS does not know the engine's key",
		"Write an access_key and secret_key that work to config/root, then write to config/check"},
	{awscreds.ReasonSignature, true, "AWS refuses the engine's signature",
		"Check the clock of this server, then region and sts_region, then access_key and secret_key of config/root; config/check says which it is"},
	{awscreds.ReasonExpired, true, "The engine's session has ended",
		"Check the clock of this server and where its session comes from; config/check says who the engine is"},
	{awscreds.ReasonRegion, true, "The region is not enabled for the account",
		"Enable the region in the account, or write another region or sts_region to config/root"},
	{awscreds.ReasonQuota, false, "A quota of AWS is full",
		"Revoke leases that nobody needs, find orphaned users with tidy, or have the quota raised (AWS Service Quotas, IAM)"},
	{awscreds.ReasonDenied, false, "AWS does not allow a call",
		"Allow the action in the policy of the engine's identity, and see that no permissions boundary or policy of the organization denies it; where a role is to have a boundary, set its permissions_boundary_arn"},
	{awscreds.ReasonMissing, false, "Something that a role names does not exist in AWS",
		"Make it in AWS again, or change the role"},
	{awscreds.ReasonPolicy, false, "AWS does not take a policy",
		"Change the policy of the role, or those of its groups"},
	{awscreds.ReasonOther, false, "AWS refuses a call",
		"Change what the role asks for"},
}

// notAssumed is the remedy where a role is not assumed.
const notAssumed = "Check that the role exists, that its trust policy allows the engine's identity and asks for no other external ID, and that this identity may call sts:AssumeRole on it"

// failing are the sentences about calls, by the order of remedies.
func failing(calls []call, f Facts) (problems []string) {
	for _, r := range remedies {
		var groups [][]call
		for _, c := range calls {
			if c.reason != r.reason || !c.stands(f.Now) || f.ownRefused(c) {
				continue
			}
			i := slices.IndexFunc(groups, func(g []call) bool {
				return g[0].role == c.role && (r.together || g[0].action == c.action && g[0].code == c.code && g[0].about == c.about)
			})
			if i < 0 {
				groups = append(groups, []call{c})
				continue
			}
			groups[i] = append(groups[i], c)
		}
		for _, g := range groups {
			problems = append(problems, r.sentence(g))
		}
	}
	return problems
}

// sentence is about calls that failed for one cause, the latest first.
func (r remedy) sentence(calls []call) string {
	latest, what := calls[0], r.what
	if latest.action == "AssumeRole" && r.reason == awscreds.ReasonDenied {
		what = notAssumed
	}
	var names []string
	for _, c := range calls {
		if !slices.Contains(names, c.name()) {
			names = append(names, c.name())
		}
	}
	where := engine.Some(names, ", ")
	if latest.about != "" && !r.together {
		where += " for " + latest.about
	}
	if latest.role != "" {
		where += " as " + latest.role
	}
	words := strings.TrimPrefix(latest.words, "AWS did not answer: ")
	return fmt.Sprintf("%s: %s (%s, last at %v%s). %s.", r.wrong, words, where, engine.Stamp(latest.failed), requestID(latest.requestID), what)
}

func requestID(id string) string {
	if id == "" {
		return ""
	}
	return ", request ID " + id
}

// throttledNow says which calls AWS throttles.
func throttledNow(calls []call, f Facts) (list []string) {
	for _, c := range calls {
		if !c.isThrottled(f.Now) {
			continue
		}
		text := fmt.Sprintf("%s, %d times, last at %v", c.name(), c.throttles, engine.Stamp(c.throttled))
		if c.rate > 0 {
			text += fmt.Sprintf(", goes on at %.0f a second", c.rate)
		}
		list = append(list, text)
	}
	slices.Sort(list)
	return slices.Compact(list)
}
