// SPDX-License-Identifier: MPL-2.0

package awscreds

import (
	"errors"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// Only a definite refusal of every attempt says that there is no user.
func TestWhenAUserIsKnownNotToExist(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		retries int
		faults  []fakeaws.Kind // met one after another
		never   bool
	}{
		"refused":                       {faults: []fakeaws.Kind{fakeaws.Refuse}, never: true},
		"throttled":                     {faults: []fakeaws.Kind{fakeaws.Throttle}, never: true},
		"overlap":                       {faults: []fakeaws.Kind{fakeaws.Conflict}, never: true},
		"server error":                  {faults: []fakeaws.Kind{fakeaws.ServerError}},
		"cut":                           {faults: []fakeaws.Kind{fakeaws.Cut}},
		"lost answer":                   {faults: []fakeaws.Kind{fakeaws.LostAnswer}},
		"lost answer, then refused":     {retries: 1, faults: []fakeaws.Kind{fakeaws.LostAnswer, fakeaws.Refuse}},
		"overlap, then lost answer":     {retries: 1, faults: []fakeaws.Kind{fakeaws.Conflict, fakeaws.LostAnswer}},
		"server error, then overlap":    {retries: 1, faults: []fakeaws.Kind{fakeaws.ServerError, fakeaws.Conflict}},
		"overlap twice":                 {retries: 1, faults: []fakeaws.Kind{fakeaws.Conflict, fakeaws.Conflict}, never: true},
		"server error, then throttling": {retries: 1, faults: []fakeaws.Kind{fakeaws.ServerError, fakeaws.Throttle}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			aws := fakeaws.New(t)
			client := newClient(t, aws, c.retries)
			for _, kind := range c.faults {
				aws.Inject(fakeaws.Fault{Action: "CreateUser", Kind: kind, Times: 1})
			}
			_, err := client.CreateUser(t.Context(), someone)
			if err == nil {
				t.Fatal("the creation went well")
			}
			if isNotCreated(err) != c.never {
				t.Errorf("known not to exist: %v, want %v (%v)", isNotCreated(err), c.never, err)
			}
			if _, err := client.DeleteUser(t.Context(), someone.Name, Owned{}); err != nil {
				t.Error(err)
			}
		})
	}
}

// A connection that nobody takes carries no request.
func TestUnreachableAWSMadeNothing(t *testing.T) {
	t.Parallel()
	client, err := New(t.Context(), Config{AccessKey: "AKIAIOSFODNN7EXAMPLE", SecretKey: "x", IAMEndpoint: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.CreateUser(t.Context(), someone); !isNotCreated(err) || !IsFromAWS(err) {
		t.Errorf("got %v", err)
	}
}

// An attempt made the user, its answer was lost, and the next one hears that the
// user exists: it is ours.
func TestLostAnswerToCreateUserIsClaimed(t *testing.T) {
	t.Parallel()
	aws := fakeaws.New(t)
	client := newClient(t, aws, 2)
	aws.Inject(fakeaws.Fault{Action: "CreateUser", Kind: fakeaws.LostAnswer, Times: 1})
	mustDelete(t, client, someone.Name, mustCreate(t, client, someone))
}

// The user that a retry hears of was there long before: it is not ours.
func TestUserOfTheSameNameIsNotClaimed(t *testing.T) {
	t.Parallel()
	aws := fakeaws.New(t)
	client := newClient(t, aws, 2)
	owned := mustCreate(t, client, someone)
	_, err := client.claim(t.Context(), someone, -time.Minute, errors.New("EntityAlreadyExists"))
	if !isNotCreated(err) {
		t.Errorf("got %v", err)
	}
	mustDelete(t, client, someone.Name, owned)
}

// A key whose secret was lost on the way does not stay.
func TestLostKeyIsDeleted(t *testing.T) {
	t.Parallel()
	aws := fakeaws.New(t)
	client := newClient(t, aws, 2)
	aws.Inject(fakeaws.Fault{Action: "CreateAccessKey", Kind: fakeaws.LostAnswer, Times: 1})
	owned := mustCreate(t, client, someone)
	if user, _ := aws.User(someone.Name); len(user.AccessKeys) != 1 || user.AccessKeys[0] != owned.AccessKeyID {
		t.Errorf("the user has the keys %v, we know %s", user.AccessKeys, owned.AccessKeyID)
	}
	mustDelete(t, client, someone.Name, owned)
}

// Creation returns when nothing is under way any more, not at the first failure.
func TestFailedCreationWaitsForItsCalls(t *testing.T) {
	t.Parallel()
	aws := fakeaws.New(t)
	client := newClient(t, aws, 0)
	held := aws.Inject(fakeaws.Fault{Action: "PutUserPolicy", Kind: fakeaws.HangAfter})
	refused := aws.Inject(fakeaws.Fault{Action: "AttachUserPolicy", Kind: fakeaws.Refuse})
	ended := make(chan error)
	go func() {
		_, err := client.CreateUser(t.Context(), someone)
		ended <- err
	}()
	<-held.Reached()
	<-refused.Reached()
	select {
	case err := <-ended:
		t.Fatalf("creation returned while a call was under way: %v", err)
	default:
	}
	held.Release()
	if err := <-ended; Code(err) != "AccessDenied" {
		t.Errorf("got %v", err)
	}
	if n := aws.InFlight(); n != 0 {
		t.Errorf("%d calls are under way", n)
	}
	mustDelete(t, client, someone.Name, Owned{})
}
