// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"crypto/md5" //nolint:gosec // see fingerprint
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
)

// This file keeps the rarer credentials of a user, which nobody makes on demand but which keep a user from
// being deleted: SSH keys, signing certificates and service-specific credentials.

// Quotas of a user: IAM User Guide, "IAM and AWS STS quotas".
const (
	maxSSHKeys      = 5
	maxCertificates = 2
	maxServices     = 2 // for each service
)

// take removes the credential that the request names from a list, or refuses with absent if it is not there.
func take(list *[]*credentialOf, q request, param, absent string) *Refusal {
	id := q.params.Get(param)
	i := slices.IndexFunc(*list, func(c *credentialOf) bool { return c.id == id })
	if i < 0 {
		return noSuchEntity(absent, id)
	}
	*list = slices.Delete(*list, i, i+1)
	return nil
}

type sshKeyXML struct {
	UserName   string
	SSHKeyID   string `xml:"SSHPublicKeyId"`
	Print      string `xml:"Fingerprint,omitempty"`
	Body       string `xml:"SSHPublicKeyBody,omitempty"`
	Status     string
	UploadDate string
}

func uploadSSHPublicKey(a *account, q request) (any, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, refusal
	}
	body := q.params.Get("SSHPublicKeyBody")
	switch {
	case !strings.HasPrefix(body, "ssh-") && !strings.HasPrefix(body, "-----BEGIN "):
		return nil, &Refusal{400, "InvalidPublicKey", "The public key is malformed or otherwise invalid."}
	case len(q.seen.sshKeys) >= maxSSHKeys:
		return nil, overQuota("SSHPublicKeysPerUser", maxSSHKeys)
	}
	key := &credentialOf{id: newID("APKA"), body: body, status: "Active", created: q.at}
	u.sshKeys = append(u.sshKeys, key)
	return struct{ SSHPublicKey sshKeyXML }{sshKeyXML{u.name, key.id, fingerprint(body), body, key.status, stamp(key.created)}}, nil
}

// fingerprint is "The MD5 message digest of the SSH public key" (IAM API Reference, SSHPublicKey): of the key's bytes, which
// ssh-keygen -l -E md5 prints as well. Lists do not have it. The model says 48 characters, and an MD5 has 47 (a guess).
func fingerprint(body string) string {
	key := []byte(body)
	if fields := strings.Fields(body); len(fields) > 1 {
		if decoded, err := base64.StdEncoding.DecodeString(fields[1]); err == nil {
			key = decoded
		}
	}
	sum := md5.Sum(key) //nolint:gosec // AWS's own choice, and nothing is secret here
	return strings.ReplaceAll(fmt.Sprintf("% x", sum), " ", ":")
}

func deleteSSHPublicKey(a *account, q request) (any, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, refusal
	}
	return nil, take(&u.sshKeys, q, "SSHPublicKeyId", "The Public Key with id %s cannot be found.")
}

func listSSHPublicKeys(a *account, q request) (any, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, refusal
	}
	var keys []sshKeyXML
	for _, c := range u.sshKeys {
		keys = append(keys, sshKeyXML{UserName: u.name, SSHKeyID: c.id, Status: c.status, UploadDate: stamp(c.created)})
	}
	keys, page, refusal := paginate(a, q, keys, func(k sshKeyXML) string { return k.SSHKeyID })
	if refusal != nil {
		return nil, refusal
	}
	return struct {
		SSHPublicKeys members[sshKeyXML]
		pageXML
	}{listOf(keys), page}, nil
}

type certificateXML struct {
	UserName      string
	CertificateID string `xml:"CertificateId"`
	Body          string `xml:"CertificateBody"`
	Status        string
	UploadDate    string
}

func (c *credentialOf) certificate(u *user) certificateXML {
	return certificateXML{u.name, c.id, c.body, c.status, stamp(c.created)}
}

func uploadSigningCertificate(a *account, q request) (any, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, refusal
	}
	body := q.params.Get("CertificateBody")
	if block, _ := pem.Decode([]byte(body)); block == nil {
		return nil, &Refusal{400, "MalformedCertificate", "Unable to parse certificate. Please ensure the certificate is in PEM format."}
	}
	if len(q.seen.certificates) >= maxCertificates {
		return nil, overQuota("CertificatesPerUser", maxCertificates)
	}
	c := &credentialOf{id: newID("") + newID(""), body: body, status: "Active", created: q.at}
	u.certificates = append(u.certificates, c)
	return struct{ Certificate certificateXML }{c.certificate(u)}, nil
}

func deleteSigningCertificate(a *account, q request) (any, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, refusal
	}
	return nil, take(&u.certificates, q, "CertificateId", "The Certificate with id %s cannot be found.")
}

func listSigningCertificates(a *account, q request) (any, *Refusal) {
	u, refusal := a.userOf(q)
	if refusal != nil {
		return nil, refusal
	}
	var certificates []certificateXML
	for _, c := range u.certificates {
		certificates = append(certificates, c.certificate(u))
	}
	certificates, page, refusal := paginate(a, q, certificates, func(c certificateXML) string { return c.CertificateID })
	if refusal != nil {
		return nil, refusal
	}
	return struct {
		Certificates members[certificateXML]
		pageXML
	}{listOf(certificates), page}, nil
}
