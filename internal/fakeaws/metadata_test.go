// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"encoding/json"
	"testing"
	"time"
)

// handedOut is a credential as metadata and containers hand it out.
type handedOut struct {
	AccessKeyID                        string `json:"AccessKeyId"`
	SecretAccessKey, Token, Expiration string
	Code                               string
	RoleARN                            string `json:"RoleArn"`
}

func (h handedOut) client(s *Server) Client {
	return as(s, Key{h.AccessKeyID, h.SecretAccessKey, h.Token})
}

// fetch reads a credential from a path.
func fetch(t *testing.T, s *Server, path string, header ...string) handedOut {
	t.Helper()
	status, body := get(t, "GET", s.URL()+path, "", header...)
	if status != 200 {
		t.Fatalf("%s: %d %s", path, status, body)
	}
	var h handedOut
	if err := json.Unmarshal([]byte(body), &h); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestMetadata(t *testing.T) {
	s := newServer(t)
	if status, _ := get(t, "GET", s.URL()+rolePath, ""); status != 401 {
		t.Errorf("version 1 answers %d", status)
	}
	if status, _ := get(t, "PUT", s.URL()+"/latest/api/token", ""); status != 400 {
		t.Errorf("token without a life: %d", status)
	}
	_, token := get(t, "PUT", s.URL()+"/latest/api/token", "", metadataTTL, "60")
	if status, _ := get(t, "GET", s.URL()+rolePath, "", metadataToken, token); status != 404 {
		t.Errorf("no role: %d", status)
	}
	if _, region := get(t, "GET", s.URL()+"/latest/meta-data/placement/region", "", metadataToken, token); region != "us-east-1" {
		t.Errorf("region %q", region)
	}
	s.SetInstanceRole("box", time.Hour)
	if _, name := get(t, "GET", s.URL()+rolePath, "", metadataToken, token); name != "box" {
		t.Errorf("role %q", name)
	}
	first := fetch(t, s, rolePath+"box", metadataToken, token)
	again := fetch(t, s, rolePath+"box", metadataToken, token)
	if first != again || first.Code != "Success" || s.IMDSIssued() != 1 {
		t.Errorf("got %+v then %+v, %d issued", first, again, s.IMDSIssued())
	}
	do(t, first.client(s), "GetCallerIdentity")
	s.ExpireInstanceCredentials()
	refused(t, first.client(s), 403, "ExpiredToken", "", "GetCallerIdentity")
	do(t, fetch(t, s, rolePath+"box", metadataToken, token).client(s), "GetCallerIdentity")
	if s.IMDSIssued() != 2 {
		t.Errorf("%d issued", s.IMDSIssued())
	}
}

// TestMetadataRenewal moves the clock: EC2 renews five minutes before the end, short lives are renewed halfway.
func TestMetadataRenewal(t *testing.T) {
	for _, tc := range []struct{ ttl, still, renewed time.Duration }{
		{time.Hour, 54 * time.Minute, 56 * time.Minute},
		{2 * time.Second, 900 * time.Millisecond, 1100 * time.Millisecond},
	} {
		s := newServer(t)
		start := time.Now()
		clock := start
		s.now = func() time.Time { return clock } // requests come one at a time here
		s.SetInstanceRole("box", tc.ttl)
		first := fetch(t, s, containerPath)
		clock = start.Add(tc.still)
		if fetch(t, s, containerPath) != first {
			t.Errorf("%v: renewed after %v", tc.ttl, tc.still)
		}
		clock = start.Add(tc.renewed)
		if fetch(t, s, containerPath).AccessKeyID == first.AccessKeyID {
			t.Errorf("%v: not renewed after %v", tc.ttl, tc.renewed)
		}
	}
}

func TestContainer(t *testing.T) {
	s := newServer(t)
	if status, _ := get(t, "GET", s.URL()+containerPath, ""); status != 404 {
		t.Errorf("no role: %d", status)
	}
	s.SetInstanceRole("task", time.Hour)
	s.SetContainerToken("open sesame")
	if status, _ := get(t, "GET", s.URL()+containerPath, "", "Authorization", "guess"); status != 401 {
		t.Errorf("wrong token: %d", status)
	}
	h := fetch(t, s, containerPath, "Authorization", "open sesame")
	if h.RoleARN != roleARN+"task" {
		t.Errorf("got %+v", h)
	}
	do(t, h.client(s), "GetCallerIdentity")
}
