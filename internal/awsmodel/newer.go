// SPDX-License-Identifier: MPL-2.0

package awsmodel

// What the IAM API Reference says by now and the model, of July 2025, does not. The tests print each.

// Optional are members that the model requires, with the reason: a caller that is the root user of the account may leave
// out UserName.
var Optional = map[string]string{
	"CreateLoginProfile.UserName":  "IAM API Reference, CreateLoginProfile: UserName is optional",
	"GetLoginProfile.UserName":     "IAM API Reference, GetLoginProfile: UserName is optional",
	"DeleteLoginProfile.UserName":  "IAM API Reference, DeleteLoginProfile: UserName is optional",
	"DeactivateMFADevice.UserName": "IAM API Reference, DeactivateMFADevice: UserName is optional",
}

// update adds what is newer than the model.
func (m *Model) update() {
	// IAM API Reference, ListServiceSpecificCredentials, which is paged like the other lists.
	for _, name := range []string{"Marker", "MaxItems"} {
		if member, ok := m.Member("ListAccessKeys", name); ok {
			m.Actions["ListServiceSpecificCredentials"] = append(m.Actions["ListServiceSpecificCredentials"], member)
		}
	}
	for action, members := range m.Actions {
		for i := range members {
			if Optional[action+"."+members[i].Name] != "" {
				members[i].Required = false
			}
		}
	}
}
