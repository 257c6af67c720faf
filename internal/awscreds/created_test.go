// SPDX-License-Identifier: MPL-2.0

package awscreds

// What is known of a user after CreateUser, and of who calls.

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// tagged wants tags of ours, which AWS may refuse.
func tagged() User {
	user := someone
	user.OwnTags = map[string]string{"vault-mount": "aws-dyn"}
	return user
}

// After a lost answer the claim has asked AWS whose the user is.
func TestCreatedSaysWhatAWSSaid(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string][]fakeaws.Fault{
		"answered":       nil,
		"tags refused":   {{Action: "CreateUser", Kind: fakeaws.Refuse, Times: 1}},
		"lost":           {{Action: "CreateUser", Kind: fakeaws.LostAnswer, Times: 1}},
		"server error":   {{Action: "CreateUser", Kind: fakeaws.ServerError, Times: 1}},
		"answered oddly": {{Action: "CreateUser", Kind: fakeaws.ForeignAfter, Times: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			aws := fakeaws.New(t, fakeaws.WithAccount("210987654321"))
			client := newClient(t, aws, 2)
			for _, fault := range faults {
				aws.Inject(fault)
			}
			created, err := client.CreateUser(t.Context(), tagged())
			if err != nil {
				t.Fatal(err)
			}
			user, _ := aws.User(someone.Name)
			if created.UserID != user.ID || user.ID == "" || created.ARN != user.ARN || client.KnownAccount().Number != "210987654321" || client.KnownAccount().Partition != "aws" {
				t.Errorf("got %+v of %+v", created, user)
			}
			if created.Unanswered != (faults != nil && faults[0].Kind != fakeaws.Refuse) {
				t.Errorf("unanswered: %v", created.Unanswered)
			}
			mustDelete(t, client, someone.Name, Owned{AccessKeyID: created.Key.ID})
		})
	}
}

// AWS does not let us ask about a user whose answer was lost.
func TestCreatedWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	aws := fakeaws.New(t)
	client := newClient(t, aws, 2)
	aws.Inject(fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.LostAnswer, Times: 1})
	aws.Inject(fakeaws.Fault{Action: "GetUser", Kind: fakeaws.Refuse})
	created, err := client.CreateUser(t.Context(), someone)
	if err != nil || created.UserID != "" || client.KnownAccount().Known() || !created.Unanswered {
		t.Errorf("got %+v, %v", created, err)
	}
	mustDelete(t, client, someone.Name, Owned{AccessKeyID: created.Key.ID})
}

// An attempt without an answer counts, with our tags and without: a refusal after it is no certainty.
func TestDoubtOfBothTriesIsKept(t *testing.T) {
	t.Parallel()
	refuse, lost := fakeaws.Fault{Kind: fakeaws.Refuse}, fakeaws.Fault{Kind: fakeaws.LostAnswer}
	for name, c := range map[string]struct {
		faults     []fakeaws.Fault
		unanswered bool
	}{
		"with tags: lost, refused":                    {[]fakeaws.Fault{lost, refuse, refuse, refuse}, true},
		"with tags: refused; without: lost, refused":  {[]fakeaws.Fault{refuse, lost, refuse}, true},
		"with tags: refused; without: refused":        {[]fakeaws.Fault{refuse, refuse}, false},
		"with tags: refused; without: another answer": {[]fakeaws.Fault{refuse, {Kind: fakeaws.Refuse, Code: "LimitExceeded", Status: http.StatusConflict}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			aws := fakeaws.New(t)
			client := newClient(t, aws, 1)
			for _, fault := range c.faults {
				fault.Action, fault.Times = "CreateUser", 1
				aws.Inject(fault)
			}
			created, err := client.CreateUser(t.Context(), tagged())
			if err == nil || created.Unanswered != c.unanswered || isNotCreated(err) == c.unanswered {
				t.Errorf("unanswered %v, known not to exist %v: %v", created.Unanswered, isNotCreated(err), err)
			}
			aws.ClearFaults()
			if _, err := client.DeleteUser(t.Context(), someone.Name, Owned{}); err != nil {
				t.Error(err)
			}
		})
	}
}

// No attempt begins after its time, and one that did not begin made nothing.
func TestNoAttemptToCreateBeginsLate(t *testing.T) {
	t.Parallel()
	aws := fakeaws.New(t)
	client := newClient(t, aws, 50)
	user := someone
	user.NotAfter = time.Now().Add(-time.Millisecond)
	if created, err := client.CreateUser(t.Context(), user); !isNotCreated(err) || created.Unanswered || len(aws.Calls()) != 0 {
		t.Errorf("%d calls: %v", len(aws.Calls()), err)
	}
	met := aws.Inject(fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.ServerError})
	user.NotAfter = time.Now().Add(5 * time.Second) // fifty retries would take minutes
	created, err := client.CreateUser(t.Context(), user)
	var late *lateError // the attempt that a busy machine held up
	if Code(err) != "InternalFailure" && !errors.As(err, &late) || isNotCreated(err) || !created.Unanswered || met.Hits() == 0 {
		t.Errorf("%d calls: %v", met.Hits(), err)
	}
	for _, call := range aws.Calls() {
		if call.Start.After(user.NotAfter.Add(20 * time.Second)) { // on its way to the server of a busy machine
			t.Errorf("a call began at %s, %s late", call.Start, call.Start.Sub(user.NotAfter))
		}
	}
}

// A machine that was suspended shows it by one clock or the other.
func TestLateByEitherClock(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, c := range map[string]struct {
		latest time.Time
		late   bool
	}{
		"in time":                 {now.Add(time.Second), false},
		"late":                    {now.Add(-time.Second), true},
		"late by the wall's":      {now.Round(0).Add(-time.Second), true},
		"in time, stored earlier": {now.Round(0).Add(time.Second), false},
	} {
		if by := lateBy(now, c.latest); by > 0 != c.late {
			t.Errorf("%s: late by %s", name, by)
		}
	}
}

// Holders may rename their user: the key tells whose it is.
func TestKeyUser(t *testing.T) {
	t.Parallel()
	aws := fakeaws.New(t)
	client := newClient(t, aws, 0)
	created, err := client.CreateUser(t.Context(), someone)
	if err != nil {
		t.Fatal(err)
	}
	if name, ago, used, err := client.KeyUser(t.Context(), created.Key.ID); err != nil || name != someone.Name || used || ago != 0 {
		t.Errorf("a new key: %s, %s, %v, %v", name, ago, used, err)
	}
	holder := fakeaws.Client{Endpoint: aws.URL(), Key: fakeaws.Key{AccessKeyID: created.Key.ID, SecretAccessKey: created.Key.Secret}}
	if _, err := holder.Do(t.Context(), "iam", "UpdateUser", map[string][]string{"UserName": {someone.Name}, "NewUserName": {"other"}}); err != nil {
		t.Fatal(err)
	}
	name, ago, used, err := client.KeyUser(t.Context(), created.Key.ID)
	if err != nil || name != "other" || !used || ago.Abs() > time.Minute {
		t.Errorf("a used key: %s, %s, %v, %v", name, ago, used, err)
	}
	mustDelete(t, client, "other", Owned{AccessKeyID: created.Key.ID})
	if _, _, _, err := client.KeyUser(t.Context(), created.Key.ID); !IsDenied(err) && !IsNotFound(err) {
		t.Errorf("a key that is gone: %v", err)
	}
}

func TestWhoAmI(t *testing.T) {
	t.Parallel()
	aws := fakeaws.New(t, fakeaws.WithAccount("210987654321"))
	key := aws.RootKey()
	client, err := New(t.Context(), Config{
		AccessKey: key.AccessKeyID, SecretKey: key.SecretAccessKey, IAMEndpoint: aws.URL(), STS: []STSEndpoint{{URL: aws.URL()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	id, err := client.WhoAmI(t.Context())
	user, _ := client.LookUpUser(t.Context(), "")
	if err != nil || id.Account != "210987654321" || id.Partition != "aws" || id.ARN != user.ARN || id.UserID != user.ID {
		t.Errorf("got %+v of %+v, %v", id, user, err)
	}
	for arn, want := range map[string]Identity{
		"arn:aws-cn:sts::123456789012:assumed-role/a:b/c": {Partition: "aws-cn", Account: "123456789012"},
		"": {}, "none": {}, "arn:aws:iam": {}, "urn:aws:iam::1:user/x": {},
	} {
		want.ARN = arn
		if got := identityOf(arn); got != want {
			t.Errorf("%q: got %+v", arn, got)
		}
	}
}
