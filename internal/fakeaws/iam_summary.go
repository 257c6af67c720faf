// SPDX-License-Identifier: MPL-2.0

package fakeaws

// This file counts what is in the account.

type summaryXML struct {
	Key   string `xml:"key"`
	Value int    `xml:"value"`
}

// getAccountSummary answers a map, and of its many entries those that the fake has something to say about: IAM API
// Reference, GetAccountSummary.
func getAccountSummary(a *account, _ request) (any, *Refusal) {
	inUse := 0
	for _, d := range a.devices {
		if d.owner != nil {
			inUse++
		}
	}
	var answer struct {
		SummaryMap struct {
			Entries []summaryXML `xml:"entry"`
		}
	}
	answer.SummaryMap.Entries = []summaryXML{
		{"Users", len(a.users)},
		{"UsersQuota", maxUsers},
		{"Groups", len(a.groups)},
		{"Policies", len(a.policies)},
		{"MFADevices", len(a.devices)},
		{"MFADevicesInUse", inUse},
		{"AccessKeysPerUserQuota", maxAccessKeys},
		{"GroupsPerUserQuota", maxGroups},
		{"AttachedPoliciesPerUserQuota", maxAttached},
		{"AttachedPoliciesPerGroupQuota", maxAttached},
		{"UserPolicySizeQuota", maxUserText},
		{"GroupPolicySizeQuota", maxGroupText},
	}
	return answer, nil
}
