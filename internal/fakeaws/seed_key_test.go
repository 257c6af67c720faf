// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"encoding/xml"
	"slices"
	"strings"
	"testing"
	"time"
)

// works says whether a key opens anything.
func works(t *testing.T, s *Server, key Key) bool {
	t.Helper()
	_, err := as(s, key).CallerARN(t.Context())
	return err == nil
}

// TestRotation rotates a user's only key the way an engine does, and then finds what is left.
func TestRotation(t *testing.T) {
	w := &witness{TB: t}
	s := New(w)
	old := s.AddUser("ann")
	s.Adopt("ann")
	s.Adopt("nobody")
	body := do(t, root(s), "CreateAccessKey", "UserName", "ann")
	next := Key{AccessKeyID: field(t, body, "AccessKeyId"), SecretAccessKey: field(t, body, "SecretAccessKey")}
	if got := s.Keys("ANN"); !slices.Equal(got, []Key{old, next}) || !works(t, s, old) || !works(t, s, next) {
		t.Errorf("keys %v", got)
	}
	do(t, root(s), "DeleteAccessKey", "UserName", "ann", "AccessKeyId", old.AccessKeyID)
	if got := s.Keys("ann"); !slices.Equal(got, []Key{next}) || works(t, s, old) || !works(t, s, next) {
		t.Errorf("keys %v", got)
	}
	// vault-root was not adopted.
	do(t, root(s), "CreateAccessKey")
	for _, cleanup := range w.cleanups {
		cleanup()
	}
	if len(w.errors) != 1 || !strings.Contains(w.errors[0], "of user vault-root") || strings.Contains(w.errors[0], "ann") {
		t.Errorf("got %q", w.errors)
	}
}

func TestAddKey(t *testing.T) {
	s := New(t)
	first := s.AddUser("ann")
	second := s.AddKey("ann")
	if got := s.Keys("ann"); !slices.Equal(got, []Key{first, second}) || !works(t, s, second) {
		t.Errorf("keys %v", got)
	}
	if s.AddKey("ann") != (Key{}) || s.AddKey("nobody") != (Key{}) || s.Keys("nobody") != nil {
		t.Error("a key out of nothing")
	}
	refused(t, root(s), 409, "LimitExceeded", "AccessKeysPerUser: 2", "CreateAccessKey", "UserName", "ann")
	do(t, root(s), "UpdateAccessKey", "UserName", "ann", "AccessKeyId", first.AccessKeyID, "Status", "Inactive")
	var answer struct {
		Keys []struct{ UserName, AccessKeyId, Status, CreateDate string } `xml:"ListAccessKeysResult>AccessKeyMetadata>member"`
	}
	if err := xml.Unmarshal([]byte(do(t, root(s), "ListAccessKeys", "UserName", "ann")), &answer); err != nil {
		t.Fatal(err)
	}
	created := map[string]time.Time{}
	for _, key := range answer.Keys {
		want := "Active"
		if key.AccessKeyId == first.AccessKeyID {
			want = "Inactive"
		}
		at, err := time.Parse(time.RFC3339, key.CreateDate)
		if err != nil || key.Status != want || key.UserName != "ann" {
			t.Errorf("got %+v, %v", key, err)
		}
		created[key.AccessKeyId] = at
	}
	if !created[second.AccessKeyID].After(created[first.AccessKeyID]) {
		t.Errorf("created %v", created)
	}
}

// TestResetForgetsSessions is about the program's POST /_reset.
func TestResetForgetsSessions(t *testing.T) {
	s := newServer(t, WithControl())
	c := fromAnswer(t, s, do(t, root(s), "GetSessionToken"))
	get(t, "POST", s.URL()+"/_reset", "")
	refused(t, c, 403, "InvalidClientTokenId", "", "GetCallerIdentity")
	if len(s.Sessions()) != 0 {
		t.Errorf("sessions %+v", s.Sessions())
	}
}
