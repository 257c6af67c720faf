// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"fmt"
	"time"
)

// This file keeps service-specific credentials, such as the Git password for CodeCommit. Their list was not
// paged once; it is now (IAM API Reference, ListServiceSpecificCredentials).

type serviceCredentialXML struct {
	UserName        string
	ServiceName     string
	ServiceUserName string
	ServicePassword string `xml:",omitempty"`
	CredentialID    string `xml:"ServiceSpecificCredentialId"`
	Status          string
	CreateDate      string
}

func (c *credentialOf) serviceCredential(u *user) serviceCredentialXML {
	return serviceCredentialXML{
		UserName: u.name, ServiceName: c.service, ServiceUserName: c.name,
		CredentialID: c.id, Status: c.status, CreateDate: stamp(c.created),
	}
}

// addServiceCredential makes a credential; the caller has checked the quota.
func (a *account) addServiceCredential(u *user, service string, at time.Time) *credentialOf {
	name := fmt.Sprintf("%s-at-%s", u.name, a.id)
	c := &credentialOf{id: newID("ACCA"), name: name, service: service, status: "Active", created: at}
	u.services = append(u.services, c)
	return c
}

func createServiceCredential(a *account, q request) (any, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, refusal
	}
	service := q.params.Get("ServiceName")
	same := 0
	for _, c := range q.seen.services {
		if c.service == service {
			same++
		}
	}
	if same >= maxServices {
		return nil, overQuota("ServiceSpecificCredentialsPerUser", maxServices)
	}
	answer := a.addServiceCredential(u, service, q.at).serviceCredential(u)
	answer.ServicePassword = newSecret(33)
	return struct{ ServiceSpecificCredential serviceCredentialXML }{answer}, nil
}

func deleteServiceCredential(a *account, q request) (any, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, refusal
	}
	return nil, take(&u.services, q, "ServiceSpecificCredentialId", "No such credential %s exists")
}

func listServiceCredentials(a *account, q request) (any, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, refusal
	}
	service := q.params.Get("ServiceName")
	var credentials []serviceCredentialXML
	for _, c := range u.services {
		if service == "" || c.service == service {
			credentials = append(credentials, c.serviceCredential(u))
		}
	}
	credentials, page, refusal := paginate(a, q, credentials, func(c serviceCredentialXML) string { return c.CredentialID })
	if refusal != nil {
		return nil, refusal
	}
	return struct {
		ServiceSpecificCredentials members[serviceCredentialXML]
		pageXML
	}{listOf(credentials), page}, nil
}
