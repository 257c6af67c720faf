// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// A clock that differs is told in each answer; from 15 minutes on calls are refused, in AWS's words.
func TestClockThatDiffers(t *testing.T) {
	t.Parallel()
	s := New(t)
	c := Client{Endpoint: s.URL(), Key: s.RootKey()}
	for ahead, words := range map[time.Duration]string{
		0: "", 10 * time.Minute: "", -10 * time.Minute: "", 16 * time.Minute: "Signature expired", -16 * time.Minute: "Signature not yet current",
	} {
		s.SetClock(ahead)
		_, err := c.CallerARN(t.Context())
		if (err != nil) != (words != "") || err != nil && (!strings.Contains(err.Error(), "SignatureDoesNotMatch") || !strings.Contains(err.Error(), words)) {
			t.Errorf("%s ahead: %v", ahead, err)
		}
		resp, err := http.Post(s.URL(), "application/x-www-form-urlencoded", strings.NewReader("Action=GetUser&Version="+iamVersion))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		at, err := http.ParseTime(resp.Header.Get("Date"))
		if err != nil || time.Until(at.Add(-ahead)).Abs() > 5*time.Second {
			t.Errorf("%s ahead: it says %s", ahead, resp.Header.Get("Date"))
		}
	}
}

// Who only looks changes nothing, and sees what there is.
func TestLooks(t *testing.T) {
	t.Parallel()
	s := New(t)
	c := Client{Endpoint: s.URL(), Key: s.RootKey()}
	s.SetMaxSession("deploy", 2*time.Hour)
	if body := do(t, c, "GetRole", "RoleName", "deploy"); !strings.Contains(body, "<MaxSessionDuration>7200</MaxSessionDuration>") {
		t.Error(body)
	}
	refused(t, c, 404, "NoSuchEntity", "The role with name gone cannot be found.", "GetRole", "RoleName", "gone")
	do(t, c, "GetPolicy", "PolicyArn", "arn:aws:iam::aws:policy/ReadOnlyAccess")
	refused(t, c, 404, "NoSuchEntity", "Policy arn:aws:iam::123456789012:policy/gone was not found.", "GetPolicy", "PolicyArn", "arn:aws:iam::123456789012:policy/gone")
	ask := []string{"PolicySourceArn", "arn:aws:iam::123456789012:user/vault-root", "ActionNames.member.1", "iam:CreateUser", "ActionNames.member.2", "iam:GetUser"}
	s.Forbid("iam:CreateUser")
	body := do(t, c, "SimulatePrincipalPolicy", ask...)
	if strings.Count(body, ">implicitDeny<") != 1 || strings.Count(body, ">allowed<") != 1 {
		t.Error(body)
	}
	ask[1] = "arn:aws:iam::123456789012:role/gone"
	refused(t, c, 404, "NoSuchEntity", "arn:aws:iam::123456789012:role/gone does not exist.", "SimulatePrincipalPolicy", ask...)
	ask[1] = "arn:aws:sts::123456789012:assumed-role/deploy/x"
	refused(t, c, 400, "InvalidInput", "Invalid Entity Arn: "+ask[1]+" does not clearly define entity type and name.", "SimulatePrincipalPolicy", ask...)
}
