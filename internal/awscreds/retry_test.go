// SPDX-License-Identifier: MPL-2.0

package awscreds

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/smithy-go/middleware"

	"vault-plugin-secrets-aws-dyn/internal/fakeaws"
)

// How often a call is made: as often as configured, else until time is up for what was
// throttled, and three times for all else.
func TestHowOftenACallIsMade(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		retries int
		kind    fakeaws.Kind
		faults  int
		calls   int
		fails   bool
	}{
		"once":                            {retries: 0, kind: fakeaws.Unavailable, faults: 1, calls: 1, fails: true},
		"once, throttled":                 {retries: 0, kind: fakeaws.Throttle, faults: 1, calls: 1, fails: true},
		"one retry":                       {retries: 1, kind: fakeaws.Unavailable, faults: 2, calls: 2, fails: true},
		"one retry, throttled":            {retries: 1, kind: fakeaws.Throttle, faults: 2, calls: 2, fails: true},
		"five retries":                    {retries: 5, kind: fakeaws.ServerError, faults: 5, calls: 6},
		"as we like":                      {retries: -1, kind: fakeaws.Unavailable, faults: 2, calls: 3},
		"as we like, and AWS is not well": {retries: -1, kind: fakeaws.Unavailable, faults: 3, calls: 3, fails: true},
		"as we like, throttled":           {retries: -1, kind: fakeaws.Throttle, faults: 4, calls: 5},
		"never after a refusal":           {retries: -1, kind: fakeaws.Refuse, faults: 1, calls: 1, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			aws := fakeaws.New(t)
			client := newClient(t, aws, c.retries)
			aws.Inject(fakeaws.Fault{Action: "GetUser", Kind: c.kind, Times: c.faults})
			_, err := client.LookUpUser(t.Context(), "")
			if (err != nil) != c.fails || len(aws.Calls()) != c.calls {
				t.Errorf("%d calls, %v", len(aws.Calls()), err)
			}
		})
	}
}

// AWS_MAX_ATTEMPTS counts where max_retries does not, for throttled calls too.
func TestAttemptsOfTheEnvironment(t *testing.T) {
	t.Setenv("AWS_MAX_ATTEMPTS", "2")
	aws := fakeaws.New(t)
	aws.Inject(fakeaws.Fault{Kind: fakeaws.Throttle})
	if _, err := newClient(t, aws, -1).LookUpUser(t.Context(), ""); !IsThrottled(err) || len(aws.Calls()) != 2 {
		t.Errorf("%d calls, %v", len(aws.Calls()), err)
	}
}

// A revocation goes on while AWS is not well, which nothing else does.
func TestEnduringOutlastsATrouble(t *testing.T) {
	t.Parallel()
	aws := fakeaws.New(t)
	client := newClient(t, aws, -1)
	owned := mustCreate(t, client, someone)
	trouble := fakeaws.Fault{Action: "DeleteUser", Kind: fakeaws.Unavailable, Times: usualAttempts + 2}
	met := aws.Inject(trouble)
	if _, err := client.DeleteUser(Enduring(t.Context()), someone.Name, owned); err != nil || met.Hits() != trouble.Times {
		t.Errorf("after %d attempts that failed: %v", met.Hits(), err)
	}
}

// Many requests at once, of which AWS throttles most, all go through: no quota on
// retries fails them, and nobody has to wait for all the others at every step.
func TestABurstGoesThrough(t *testing.T) {
	t.Parallel()
	aws := fakeaws.New(t)
	client := newClient(t, aws, -1)
	aws.SetRate("", 40, 10)
	const burst = 64
	failed := make(chan error, burst)
	for range burst {
		go func() {
			_, err := client.LookUpUser(t.Context(), "")
			failed <- err
		}()
	}
	for range burst {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
}

// A deadline that would pass during the wait is not waited for: the caller hears what
// AWS said, and hears it in time.
func TestACallThatHasNoTimeSaysWhatAWSSaid(t *testing.T) {
	t.Parallel()
	a := &attempts{}
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	throttled := &unsentError{action: "CreateUser", err: errNoTurn}
	if v := a.judge(ctx, throttled); v.again || !errors.Is(v, errNoTurn) {
		t.Errorf("%+v", v)
	}
	if v := a.judge(t.Context(), throttled); v.again { // it began at the zero time
		t.Errorf("%+v", v)
	}
}

// AWS_RETRY_MODE=standard switches the limit on our rate off, and nothing else.
func TestTheEnvironmentSwitchesTheLimitOff(t *testing.T) {
	for mode, limited := range map[string]bool{"standard": false, "adaptive": true, "": true} {
		t.Setenv("AWS_RETRY_MODE", mode)
		stack := middleware.NewStack("CreateUser", nil)
		loop := middleware.FinalizeMiddlewareFunc("Retry", nil)
		if err := stack.Finalize.Add(loop, middleware.After); err != nil {
			t.Fatal(err)
		}
		for _, option := range newClient(t, fakeaws.New(t), -1).iam.options.APIOptions {
			if err := option(stack); err != nil {
				t.Fatal(err)
			}
		}
		m, ok := stack.Finalize.Get(attemptsID)
		if !ok || (m.(*attempts).pace != nil) != limited {
			t.Errorf("AWS_RETRY_MODE=%q: %+v", mode, m)
		}
	}
}

// STS says so when it cannot reach the identity provider, and the next moment it can.
func TestAnIdentityProviderThatIsAwayIsTriedAgain(t *testing.T) {
	t.Parallel()
	aws := fakeaws.New(t)
	aws.AddRole("vault")
	const token = "eyJhbGciOiJub25lIn0.e30.c2ln"
	aws.SetWebIdentityToken(token)
	client, err := New(t.Context(), Config{
		RoleARN: "arn:aws:iam::123456789012:role/vault", Token: func(context.Context) (string, error) { return token, nil },
		IAMEndpoint: aws.URL(), STS: []STSEndpoint{{URL: aws.URL()}}, MaxRetries: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	away := fakeaws.Fault{Action: "AssumeRoleWithWebIdentity", Kind: fakeaws.Refuse, Code: "IDPCommunicationError", Status: 400, Times: 1}
	met := aws.Inject(away)
	if _, err := client.WhoAmI(t.Context()); err != nil || met.Hits() != 1 {
		t.Errorf("met %d times: %v", met.Hits(), err)
	}
}
