// SPDX-License-Identifier: MPL-2.0

package fakeaws

import "testing"

func TestTrustPolicy(t *testing.T) {
	s := newServer(t)
	s.AllowInTrust("plain", "sts:AssumeRole")
	s.AllowInTrust("tagged", "sts:AssumeRole", "sts:TagSession")
	s.AddRole("open")
	s.AllowInTrust("closed")
	assume := func(role string, more ...string) []string {
		return append([]string{"RoleArn", roleARN + role, "RoleSessionName", "test"}, more...)
	}
	tags := []string{"Tags.member.1.Key", "team", "Tags.member.1.Value", "ops"}
	do(t, root(s), "AssumeRole", assume("plain")...)
	refused(t, root(s), 403, "AccessDenied", "sts:AssumeRole on resource: "+roleARN+"closed", "AssumeRole", assume("closed")...)
	refused(t, root(s), 403, "AccessDenied", "sts:TagSession on resource: "+roleARN+"plain", "AssumeRole", assume("plain", tags...)...)
	refused(t, root(s), 403, "AccessDenied", "sts:SetSourceIdentity", "AssumeRole", assume("tagged", "SourceIdentity", "ann")...)
	do(t, root(s), "AssumeRole", assume("tagged", tags...)...)

	// What a session inherits, the next role has to allow as well.
	plain := fromAnswer(t, s, do(t, root(s), "AssumeRole", assume("open", tags...)...))
	do(t, plain, "AssumeRole", assume("plain")...)
	transitive := fromAnswer(t, s, do(t, root(s), "AssumeRole", assume("open", append(tags, "TransitiveTagKeys.member.1", "team")...)...))
	refused(t, transitive, 403, "AccessDenied", "sts:TagSession", "AssumeRole", assume("plain")...)
	do(t, transitive, "AssumeRole", assume("tagged")...)
	source := fromAnswer(t, s, do(t, root(s), "AssumeRole", assume("open", "SourceIdentity", "ann")...))
	refused(t, source, 403, "AccessDenied", "sts:SetSourceIdentity", "AssumeRole", assume("tagged")...)
	do(t, source, "AssumeRole", assume("open")...)

	s.Forbid("sts:TagSession")
	federate := []string{"Name", "ann", "Policy", allowAll}
	refused(t, root(s), 403, "AccessDenied", "sts:TagSession on resource: arn:aws:sts::123456789012:federated-user/ann", "GetFederationToken", append(federate, tags...)...)
	refused(t, root(s), 403, "AccessDenied", "sts:TagSession", "AssumeRole", assume("open", tags...)...)
	do(t, root(s), "GetFederationToken", federate...)
	s.Forbid()
	do(t, root(s), "GetFederationToken", append(federate, tags...)...)
}
