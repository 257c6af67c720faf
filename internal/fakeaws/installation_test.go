// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"net/http"
	"strings"
	"testing"
)

// What is no AWS lacks actions, and says so in its own way.
func TestInstallations(t *testing.T) {
	for _, tc := range []struct {
		is                    Installation
		has                   string
		lacks, answers, words string
		status                int
	}{
		{Ceph, "ListUsers", "TagUser", "<Error><Code>MethodNotAllowed</Code>", "", http.StatusMethodNotAllowed},
		{Ceph, "GetSessionToken", "GetCallerIdentity", "<Error><Code>MethodNotAllowed</Code>", "", http.StatusMethodNotAllowed},
		{Ceph, "ListUsers", "ListMFADevices", "<Error><Code>MethodNotAllowed</Code>", "", http.StatusMethodNotAllowed},
		{MinIO, "AssumeRole", "ListUsers", "<Code>MissingParameter</Code>", "Invalid STS API version 2010-05-08, expecting 2011-06-15", http.StatusBadRequest},
		{MinIO, "AssumeRole", "GetCallerIdentity", "<Code>InvalidParameterValue</Code>", "Unsupported action GetCallerIdentity", http.StatusBadRequest},
	} {
		t.Run(string(tc.is)+" "+tc.lacks, func(t *testing.T) {
			s := newServer(t, WithInstallation(tc.is))
			do(t, root(s), tc.has, "RoleArn", "arn:x:iam:::role/any", "RoleSessionName", "test")
			version := map[string]string{"iam": iamVersion, "sts": stsVersion}[serviceFor(tc.lacks)]
			status, body := get(t, http.MethodPost, s.URL()+"/", "Action="+tc.lacks+"&Version="+version)
			if status != tc.status || !strings.Contains(body, tc.answers) || !strings.Contains(body, tc.words) {
				t.Errorf("got %d %s", status, body)
			}
			if last := s.Calls()[1]; last.Status != tc.status || last.Code == "" {
				t.Errorf("transcript %+v", last)
			}
		})
	}
	if _, err := ParseInstallation("azure"); err == nil || !strings.Contains(err.Error(), `"ceph" "minio"`) {
		t.Errorf("azure: %v", err)
	}
}

// MinIO's sessions are nobody's, and its AssumeRole reads no ARN.
func TestMinIOAnswersNoRole(t *testing.T) {
	s := newServer(t, WithInstallation(MinIO))
	body := do(t, root(s), "AssumeRole", "RoleArn", "arn:minio:iam:::role/dummy", "RoleSessionName", "test")
	if !strings.Contains(body, "<AssumedRoleUser><AssumedRoleId></AssumedRoleId><Arn></Arn></AssumedRoleUser>") {
		t.Errorf("got %s", body)
	}
}

func TestCephRole(t *testing.T) {
	s := newServer(t, WithInstallation(Ceph))
	s.AddRole("app")
	for _, arn := range []string{"arn:aws:iam:::role/app", "arn:aws:iam::RGW33567154695143645:role/app"} {
		do(t, root(s), "AssumeRole", "RoleArn", arn, "RoleSessionName", "test")
	}
	refused(t, root(s), 403, "AccessDenied", "", "AssumeRole", "RoleArn", "arn:aws:iam:::role/none", "RoleSessionName", "test")
}

// A server lacks one action, by any of the words that there are for it.
func TestUnsupported(t *testing.T) {
	for code, status := range map[string]int{"": 405, "MethodNotAllowed": 405, "NotImplemented": 501, "InvalidAction": 400, "UnknownOperationException": 400} {
		s := newServer(t)
		s.Inject(Fault{Action: "TagUser", Kind: Unsupported, Code: code})
		want := code
		if want == "" {
			want = "MethodNotAllowed"
		}
		refused(t, root(s), status, want, "", "TagUser", "UserName", rootUser, "Tags.member.1.Key", "a", "Tags.member.1.Value", "b")
	}
}
