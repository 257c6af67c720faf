// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// This file is the instance metadata service, version 2 alone: Amazon EC2 User Guide, "Use the Instance Metadata
// Service" and "Retrieve security credentials from instance metadata". Beside it is what a container asks
// instead: "Container credential provider" in the AWS SDKs and Tools Reference Guide.

const (
	metadataToken   = "X-aws-ec2-metadata-token"
	metadataTTL     = "X-aws-ec2-metadata-token-ttl-seconds"
	rolePath        = "/latest/meta-data/iam/security-credentials/"
	containerPath   = "/container-credentials"
	longestTokenTTL = 21600 // seconds
	instanceID      = "i-0fa4e0fa4e0fa4e00"
)

// instance is the machine that the metadata is about.
type instance struct {
	role           string // "" is none
	ttl            time.Duration
	tokens         map[string]time.Time // when they expire
	issued         []*accessKey
	current        *accessKey // nil before the first, and after ExpireInstanceCredentials
	containerToken string
}

// freshness is how long before their end EC2 replaces credentials: "We make new credentials available at least
// five minutes before the expiration of the old credentials". Short lives, which only tests have, are replaced
// at half time.
const freshness = 5 * time.Minute

// credentials are the role's, made anew if the ones at hand are too old.
func (a *account) credentials(now time.Time) *accessKey {
	i := &a.instance
	if i.current == nil || !now.Before(i.current.expires.Add(-min(freshness, i.ttl/2))) {
		i.current = a.addSession(a.assumed(a.roles[i.role], instanceID), now, i.ttl)
		i.issued = append(i.issued, i.current)
	}
	return i.current
}

// serveMetadata answers under /latest/.
func (s *Server) serveMetadata(w http.ResponseWriter, r *http.Request) {
	now := s.now()
	if r.URL.Path == "/latest/api/token" {
		s.serveMetadataToken(w, r, now)
		return
	}
	var body string
	status := http.StatusOK
	s.with(func(a *account) {
		if expires, ok := a.instance.tokens[r.Header.Get(metadataToken)]; !ok || !now.Before(expires) {
			status = http.StatusUnauthorized
			return
		}
		if r.Method != http.MethodGet {
			status = http.StatusMethodNotAllowed
			return
		}
		var ok bool
		if body, ok = a.metadata(r.URL.Path, now); !ok {
			status = http.StatusNotFound
		}
	})
	if status != http.StatusOK {
		body = http.StatusText(status)
	}
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // a client that has gone hears nothing
}

// serveMetadataToken hands out the token that every other path wants.
func (s *Server) serveMetadataToken(w http.ResponseWriter, r *http.Request, now time.Time) {
	seconds, err := strconv.Atoi(r.Header.Get(metadataTTL))
	switch {
	case r.Method != http.MethodPut:
		http.Error(w, "405 - Method Not Allowed", http.StatusMethodNotAllowed)
		return
	case err != nil || seconds < 1 || seconds > longestTokenTTL:
		http.Error(w, "400 - Bad Request", http.StatusBadRequest)
		return
	}
	token := newSecret(42)
	s.with(func(a *account) {
		if a.instance.tokens == nil {
			a.instance.tokens = map[string]time.Time{}
		}
		a.instance.tokens[token] = now.Add(time.Duration(seconds) * time.Second)
	})
	w.Header().Set(metadataTTL, strconv.Itoa(seconds))
	_, _ = w.Write([]byte(token)) // a client that has gone hears nothing
}

// metadata is the text at a path, if there is one.
func (a *account) metadata(path string, now time.Time) (string, bool) {
	role := a.instance.role
	switch {
	case path == "/latest/meta-data/placement/region":
		return homeRegions[a.partition], true
	case path == "/latest/dynamic/instance-identity/document":
		return asJSON(map[string]string{
			"accountId": a.id, "region": homeRegions[a.partition], "availabilityZone": homeRegions[a.partition] + "a",
			"instanceId": instanceID, "instanceType": "t3.micro", "version": "2017-09-30",
		}), true
	case role == "":
		return "", false
	case path == rolePath || path == strings.TrimSuffix(rolePath, "/"):
		return role, true
	case path == rolePath+role:
		key := a.credentials(now)
		return asJSON(map[string]string{
			"Code": "Success", "LastUpdated": stamp(key.created), "Type": "AWS-HMAC",
			"AccessKeyId": key.id, "SecretAccessKey": key.secret, "Token": key.token, "Expiration": stamp(key.expires),
		}), true
	}
	return "", false
}

// serveContainer answers the one path of a container's credentials, which are the instance role's.
func (s *Server) serveContainer(w http.ResponseWriter, r *http.Request) {
	body, status := `{"message":"no role"}`, http.StatusNotFound
	s.with(func(a *account) {
		switch {
		case a.instance.containerToken != "" && r.Header.Get("Authorization") != a.instance.containerToken:
			body, status = `{"message":"wrong authorization token"}`, http.StatusUnauthorized
		case a.instance.role != "":
			key := a.credentials(s.now())
			status = http.StatusOK
			body = asJSON(map[string]string{
				"AccessKeyId": key.id, "SecretAccessKey": key.secret, "Token": key.token, "Expiration": stamp(key.expires),
				"RoleArn": a.arn("role", "/", a.instance.role),
			})
		}
	})
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // a client that has gone hears nothing
}

// asJSON writes strings, which always encode.
func asJSON(v map[string]string) string {
	b, _ := json.MarshalIndent(v, "", "  ")
	return string(b)
}

// SetInstanceRole gives the machine a role, whose credentials expire after ttl and are then refused on the wire
// as ExpiredToken. Name "" takes the role away.
func (s *Server) SetInstanceRole(name string, ttl time.Duration) {
	s.with(func(a *account) {
		if name != "" {
			a.seedRole(name)
		}
		a.instance.role, a.instance.ttl, a.instance.current = name, ttl, nil
	})
}

// ExpireInstanceCredentials ends all that were handed out so far, from now on.
func (s *Server) ExpireInstanceCredentials() {
	now := s.now()
	s.with(func(a *account) {
		for _, key := range a.instance.issued {
			key.expires = now
		}
		a.instance.current = nil
	})
}

// IMDSIssued counts the different credentials that were handed out, to containers too.
func (s *Server) IMDSIssued() (n int) {
	s.with(func(a *account) { n = len(a.instance.issued) })
	return n
}

// SetContainerToken sets what a container must send as Authorization; "" is nothing.
func (s *Server) SetContainerToken(token string) {
	s.with(func(a *account) { a.instance.containerToken = token })
}
