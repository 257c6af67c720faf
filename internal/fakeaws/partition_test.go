// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"bytes"
	"encoding/base32"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestPartitions(t *testing.T) {
	for _, partition := range Partitions[1:] {
		t.Run(partition, func(t *testing.T) {
			s := newServer(t, WithPartition(partition))
			c := root(s)
			s.AddRole("deploy")
			s.AddUser("ann")
			home := "arn:" + partition + ":"
			if got := field(t, do(t, c, "GetUser", "UserName", "ann"), "Arn"); got != home+"iam::123456789012:user/ann" {
				t.Errorf("user %s", got)
			}
			body := do(t, c, "AssumeRole", "RoleArn", home+"iam::123456789012:role/deploy", "RoleSessionName", "test")
			if !strings.Contains(body, home+"sts::123456789012:assumed-role/deploy/test") {
				t.Errorf("session %s", body)
			}
			if got := field(t, do(t, c, "GetFederationToken", "Name", "bob"), "Arn"); got != home+"sts::123456789012:federated-user/bob" {
				t.Errorf("federated user %s", got)
			}
			do(t, c, "AttachUserPolicy", "UserName", "ann", "PolicyArn", home+"iam::aws:policy/ReadOnlyAccess")
			refused(t, c, 400, "ValidationError", "Invalid ARN partition", "AttachUserPolicy", "UserName", "ann", "PolicyArn", managed(1))
			refused(t, c, 400, "ValidationError", "Request ARN is invalid", "AssumeRole", "RoleArn", roleARN+"deploy", "RoleSessionName", "test")
		})
	}
	s := newServer(t)
	s.AddUser("ann")
	refused(t, root(s), 400, "InvalidInput", "is not valid", "AttachUserPolicy", "UserName", "ann", "PolicyArn", "arn:aws-moon:iam::aws:policy/ReadOnlyAccess")
}

// The bits of a key ID that tell the account, read in another way than they are written.
func TestKeyIDsTellTheAccount(t *testing.T) {
	for _, account := range []string{"123456789012", "000000000001", "999999999999"} {
		s := newServer(t, WithAccount(account))
		s.SetInstanceRole("box", time.Hour)
		session := field(t, do(t, root(s), "GetSessionToken"), "AccessKeyId")
		for _, id := range []string{s.RootKey().AccessKeyID, session} {
			raw, err := base32.StdEncoding.DecodeString(id[4:])
			if err != nil || len(id) != 20 {
				t.Fatalf("%s: %v", id, err)
			}
			number := uint64(0)
			for _, b := range raw[:6] {
				number = number<<8 | uint64(b)
			}
			if got := number >> 7 & (1<<40 - 1); got != decimal(account) {
				t.Errorf("%s is of %d, want %s", id, got, account)
			}
		}
	}
}

// decimal is the value of digits.
func decimal(digits string) (n uint64) {
	for _, d := range digits {
		n = 10*n + uint64(d-'0')
	}
	return n
}

func TestSigningRegion(t *testing.T) {
	for host, want := range map[string]string{
		"sts.amazonaws.com": "us-east-1", "iam.amazonaws.com": "us-east-1", "iam.global.api.aws": "us-east-1",
		"sts.eu-west-1.amazonaws.com": "eu-west-1", "sts-fips.us-west-2.amazonaws.com": "us-west-2", "STS.eu-west-1.api.aws": "eu-west-1",
		"iam.us-gov.amazonaws.com": "us-gov-west-1", "sts.us-gov-east-1.amazonaws.com": "us-gov-east-1",
		"iam.cn-north-1.amazonaws.com.cn": "cn-north-1", "sts.eusc-de-east-1.amazonaws.eu": "eusc-de-east-1",
		"iam.us-iso-east-1.c2s.ic.gov": "us-iso-east-1", "sts.us-isob-east-1.sc2s.sgov.gov": "us-isob-east-1",
		"127.0.0.1:8200": "", "iam.example.com": "", "localhost": "", "ec2.eu-west-1.amazonaws.com": "",
	} {
		if got := regionOf(host); got != want {
			t.Errorf("%s wants %q, not %q", host, got, want)
		}
	}
	s := newServer(t)
	for _, tc := range []struct {
		host, region, set string
		good              bool
	}{
		{"sts.amazonaws.com", "us-east-1", "", true},
		{"sts.amazonaws.com", "eu-west-1", "", false},
		{"sts.eu-west-1.amazonaws.com", "eu-west-1", "", true},
		{"", "eu-west-1", "", true},
		{"", "eu-west-1", "us-east-1", false},
	} {
		s.SetSigningRegion(tc.set)
		body := []byte(url.Values{"Action": {"GetCallerIdentity"}, "Version": {stsVersion}}.Encode())
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if tc.host != "" {
			r.Host = tc.host
		}
		s.RootKey().Sign(r, body, "sts", tc.region, time.Now())
		_, err = root(s).send(r, "GetCallerIdentity")
		var refusal *Refusal
		switch {
		case tc.good && err != nil:
			t.Errorf("%+v: %v", tc, err)
		case !tc.good && (!errors.As(err, &refusal) || refusal.Code != "SignatureDoesNotMatch" || !strings.Contains(refusal.Message, "valid region, not 'eu-west-1'")):
			t.Errorf("%+v: %v", tc, err)
		}
	}
}

// The root user of the account is no IAM user, and its sessions are short.
func TestRootUser(t *testing.T) {
	s := newServer(t)
	s.AddRole("deploy")
	owner := as(s, s.AccountKey())
	if body := do(t, owner, "GetUser"); field(t, body, "Arn") != "arn:aws:iam::123456789012:root" || field(t, body, "UserId") != "123456789012" || strings.Contains(body, "UserName") {
		t.Errorf("the root user: %s", body)
	}
	if body := do(t, owner, "ListUsers"); strings.Contains(body, ":root") {
		t.Errorf("listed: %s", body)
	}
	refused(t, owner, 403, "AccessDenied", "root accounts", "AssumeRole", "RoleArn", roleARN+"deploy", "RoleSessionName", "test")
	do(t, owner, "GetFederationToken", "Name", "bob", "DurationSeconds", "129600")
	session := fromAnswer(t, s, do(t, owner, "GetSessionToken"))
	for _, got := range s.Sessions() {
		if got.Duration != time.Hour {
			t.Errorf("%s lasts %v", got.Kind, got.Duration)
		}
	}
	if got := field(t, do(t, session, "GetCallerIdentity"), "Arn"); got != "arn:aws:iam::123456789012:root" {
		t.Errorf("the session is %s", got)
	}
	refused(t, session, 403, "AccessDenied", "session credentials", "GetSessionToken")
}

// The digest is md5sum's of the key's bytes.
func TestSSHFingerprint(t *testing.T) {
	s := newServer(t)
	s.AddUser("ann")
	body := do(t, root(s), "UploadSSHPublicKey", "UserName", "ann", "SSHPublicKeyBody", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQAB ann@host")
	if got := field(t, body, "Fingerprint"); got != "bc:10:71:38:f7:a6:ff:07:69:82:c2:51:20:f3:c0:db" {
		t.Errorf("fingerprint %s", got)
	}
	if strings.Contains(do(t, root(s), "ListSSHPublicKeys", "UserName", "ann"), "Fingerprint") {
		t.Error("the list has fingerprints")
	}
}
