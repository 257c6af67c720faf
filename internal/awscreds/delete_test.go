// SPDX-License-Identifier: MPL-2.0

package awscreds

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// Pages hold one item, so every list has several.
func TestEverythingIsFoundAcrossPages(t *testing.T) {
	t.Parallel()
	aws := fakeaws.New(t, fakeaws.WithPageSize(1))
	client := newClient(t, aws, 0)
	mustCreate(t, client, someone)
	for range 3 {
		aws.Dirty(someone.Name)
	}
	user, _ := aws.User(someone.Name)
	if len(user.MFADevices) < 2 || len(user.ServiceCredentials) < 2 || !user.LoginProfile {
		t.Fatalf("the user owns too little for this test: %+v", user)
	}
	mustDelete(t, client, someone.Name, Owned{})
}

// One thing that cannot be removed stops nothing else, the access key least of all,
// and is told in AWS's words.
func TestDeletionNeverStopsAtTheFirstError(t *testing.T) {
	t.Parallel()
	aws := fakeaws.New(t)
	client := newClient(t, aws, 0)
	owned := mustCreate(t, client, someone)
	aws.Inject(fakeaws.Fault{Action: "DetachUserPolicy", Kind: fakeaws.Refuse})
	_, err := client.DeleteUser(t.Context(), someone.Name, owned)
	if err == nil || !strings.Contains(err.Error(), "AccessDenied") || !strings.Contains(err.Error(), "DeleteConflict") {
		t.Errorf("got %v", err)
	}
	user, _ := aws.User(someone.Name)
	if len(user.AccessKeys) != 0 || len(user.InlinePolicies) != 0 || len(user.AttachedPolicies) != 1 {
		t.Errorf("left of the user: %+v", user)
	}
	aws.ClearFaults()
	mustDelete(t, client, someone.Name, owned)
}

func TestDeletionIsIdempotent(t *testing.T) {
	t.Parallel()
	aws := fakeaws.New(t)
	client := newClient(t, aws, 0)
	owned := mustCreate(t, client, someone)
	mustDelete(t, client, someone.Name, owned)
	if existed, err := client.DeleteUser(t.Context(), someone.Name, owned); existed || err != nil {
		t.Errorf("the second time: existed %v, %v", existed, err)
	}
}

// AWS shows for two seconds what is gone already: the deletion waits, and needs no help.
func TestDeletionWaitsForAWSToSeeIt(t *testing.T) {
	t.Parallel()
	aws := fakeaws.New(t)
	client := newClient(t, aws, 0)
	owned := mustCreate(t, client, someone)
	aws.Dirty(someone.Name)
	aws.SetDeletionLag(2 * time.Second)
	aws.ResetCalls()
	mustDelete(t, client, someone.Name, owned)
	tried := 0
	for _, call := range aws.Calls() {
		if call.Action == "DeleteUser" {
			tried++
		}
	}
	if tried < 3 || tried > deleteRounds {
		t.Errorf("DeleteUser was called %d times", tried)
	}
}

// Where nothing lags there is one round, and no wait.
func TestDeletionOfWhatWasAddedTakesOneRound(t *testing.T) {
	t.Parallel()
	aws := fakeaws.New(t, fakeaws.WithPageSize(100))
	client := newClient(t, aws, 0)
	owned := mustCreate(t, client, someone)
	aws.Dirty(someone.Name)
	aws.ResetCalls()
	mustDelete(t, client, someone.Name, owned)
	calls := map[string]int{}
	for _, call := range aws.Calls() {
		calls[call.Action]++
	}
	if calls["DeleteUser"] != 2 || calls["ListSSHPublicKeys"] != 1 {
		t.Errorf("calls: %v", calls)
	}
}

// A conflict that does not pass is told within the time that there is.
func TestDeletionThatConflictsEndsInTime(t *testing.T) {
	t.Parallel()
	aws := fakeaws.New(t)
	client := newClient(t, aws, 0)
	owned := mustCreate(t, client, someone)
	aws.Inject(fakeaws.Fault{Action: "DeleteUser", Kind: fakeaws.Refuse, Code: "DeleteConflict", Status: 409})
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
	defer cancel()
	if _, err := client.DeleteUser(Enduring(ctx), someone.Name, owned); Code(err) != "DeleteConflict" {
		t.Errorf("got %v", err)
	}
	aws.ClearFaults()
	mustDelete(t, client, someone.Name, owned)
}

// The time may end in the midst of a round. What AWS said before is told all the same.
func TestDeletionThatHangsTellsTheConflictBefore(t *testing.T) {
	t.Parallel()
	for action, before := range map[string]int{"ListUserPolicies": 0, "DeleteUser": 1} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			aws := fakeaws.New(t)
			client := newClient(t, aws, 0)
			owned := mustCreate(t, client, someone)
			aws.Dirty(someone.Name)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			hung := aws.Inject(fakeaws.Fault{Action: action, After: before, Kind: fakeaws.Hang})
			go func() {
				defer cancel()
				select {
				case <-hung.Reached():
				case <-t.Context().Done():
				}
			}()
			_, err := client.DeleteUser(ctx, someone.Name, owned)
			if Code(err) != "DeleteConflict" || !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			if action == "ListUserPolicies" && !strings.Contains(err.Error(), "listing the inline policies of someone: ") {
				t.Errorf("it does not say what it was at: %v", err)
			}
			aws.ClearFaults()
			if _, err := client.DeleteUser(t.Context(), someone.Name, owned); err != nil {
				t.Error(err)
			}
		})
	}
}

// endsOnce is a context that is over as soon as something has happened: its time runs out while the last answer is on its way.
type endsOnce struct {
	context.Context
	happened func() bool
}

func (c endsOnce) Err() error {
	if c.happened() {
		return context.DeadlineExceeded
	}
	return c.Context.Err()
}

// The time of a deletion runs out right after AWS has deleted the user: that is no conflict.
func TestUserDeletedAtTheLastMoment(t *testing.T) {
	t.Parallel()
	aws := fakeaws.New(t)
	client := newClient(t, aws, 0)
	owned := mustCreate(t, client, someone)
	aws.Dirty(someone.Name)
	ctx := endsOnce{t.Context(), func() bool { return !slices.Contains(aws.Users(), someone.Name) }}
	existed, err := client.DeleteUser(ctx, someone.Name, owned)
	if slices.Contains(aws.Users(), someone.Name) {
		t.Fatal("the user is there")
	}
	if err != nil || !existed {
		t.Errorf("the user is gone, and who asked is told: existed %v, %v", existed, err)
	}
}

// The same, and AWS has kept a virtual MFA device of it so far: who asked has to hear of the device, or nobody ever does.
func TestDeviceOfAUserDeletedAtTheLastMoment(t *testing.T) {
	t.Parallel()
	aws := fakeaws.New(t)
	client := newClient(t, aws, 0)
	owned := mustCreate(t, client, someone)
	aws.Dirty(someone.Name)
	before, _ := aws.User(someone.Name)
	aws.Inject(fakeaws.Fault{Action: "DeleteVirtualMFADevice", Kind: fakeaws.Refuse, Code: "DeleteConflict", Status: 409})
	ctx := endsOnce{t.Context(), func() bool { return !slices.Contains(aws.Users(), someone.Name) }}
	_, err := client.DeleteUser(ctx, someone.Name, owned)
	var left *LeftError
	if !errors.As(err, &left) || len(left.Devices) == 0 {
		t.Errorf("the user is gone, its device is not, and nobody is told of it: %v", err)
	}
	aws.ClearFaults()
	for _, serial := range before.MFADevices {
		if err := client.DeleteDevice(t.Context(), serial); err != nil {
			t.Error(err)
		}
	}
}
