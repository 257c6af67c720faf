// SPDX-License-Identifier: MPL-2.0

package fakeaws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestFaults meets every kind that does not hold a call, and looks whether the work was done.
func TestFaults(t *testing.T) {
	for _, tc := range []struct {
		fault  Fault
		status int
		code   string // "" is a connection that was cut
		done   bool
	}{
		{Fault{Kind: Refuse}, 403, "AccessDenied", false},
		{Fault{Kind: Refuse, Code: "LimitExceeded", Status: 409, Message: "Enough."}, 409, "LimitExceeded", false},
		{Fault{Kind: ServerError}, 500, "InternalFailure", false},
		{Fault{Kind: Unavailable}, 503, "ServiceUnavailable", false},
		{Fault{Kind: Throttle}, 400, "Throttling", false},
		{Fault{Kind: Conflict}, 409, "ConcurrentModification", false},
		{Fault{Kind: Lagging}, 404, "NoSuchEntity", false},
		{Fault{Kind: Cut}, 0, "", false},
		{Fault{Kind: LostAnswer}, 0, "", true},
	} {
		t.Run(tc.fault.Kind.String()+tc.fault.Code, func(t *testing.T) {
			s := newServer(t)
			c := root(s)
			do(t, c, "GetUser") // so that the fault meets a connection that was used
			tc.fault.Action, tc.fault.User, tc.fault.Times = "CreateUser", "ann", 1
			i := s.Inject(tc.fault)
			_, err := c.Do(t.Context(), "iam", "CreateUser", params("UserName", "ann"))
			var refusal *Refusal
			if errors.As(err, &refusal) != (tc.code != "") || err == nil {
				t.Fatalf("got %v, want %q", err, tc.code)
			}
			if refusal != nil && (refusal.Code != tc.code || refusal.Status != tc.status) {
				t.Errorf("got %v, want %d %s", refusal, tc.status, tc.code)
			}
			if _, ok := s.User("ann"); ok != tc.done {
				t.Errorf("user is there: %v, want %v", ok, tc.done)
			}
			soon(t, "the fault", i.Reached())
			last := s.Calls()[1]
			if i.Hits() != 1 || last.Fault != tc.fault.Kind.String() || last.Status != tc.status || last.Code != tc.code {
				t.Errorf("hits %d, transcript %+v", i.Hits(), last)
			}
			do(t, c, "GetUser", "UserName", rootUser)
		})
	}
}

func TestFaultCounts(t *testing.T) {
	s := newServer(t)
	s.AddUser("ann")
	s.AddUser("bob")
	i := s.Inject(Fault{Action: "GetUser", User: "ann", After: 1, Times: 2})
	var got []bool
	for range 4 {
		_, err := root(s).Do(t.Context(), "iam", "GetUser", params("UserName", "ann"))
		got = append(got, err == nil)
		do(t, root(s), "GetUser", "UserName", "bob")
	}
	if want := []bool{true, false, false, true}; !slices.Equal(got, want) || i.Hits() != 2 {
		t.Errorf("went well: %v, hits %d", got, i.Hits())
	}
	everything := s.Inject(Fault{Action: "*"})
	refused(t, root(s), 403, "AccessDenied", "iam:ListUsers", "ListUsers")
	everything.Remove()
	do(t, root(s), "ListUsers")
	s.Inject(Fault{})
	s.ClearFaults()
	do(t, root(s), "ListUsers")
}

// TestFaultsOfAShare has two kinds hit every third call, in turn: what a test of load means by one call in
// three, and the same in every run.
func TestFaultsOfAShare(t *testing.T) {
	s := newServer(t)
	throttle := s.Inject(Fault{Action: "GetUser", Kind: Throttle, Every: 3})
	conflict := s.Inject(Fault{Action: "GetUser", Kind: Conflict, After: 1, Every: 3, Times: 2})
	var got []string
	for range 9 {
		got = append(got, refusalOf(root(s).Do(t.Context(), "iam", "GetUser", nil)))
	}
	// Whom an earlier fault answers, a later one does not count.
	want := []string{"Throttling", "", "ConcurrentModification", "Throttling", "", "", "Throttling", "ConcurrentModification", ""}
	if !slices.Equal(got, want) || throttle.Hits() != 3 || conflict.Hits() != 2 {
		t.Errorf("got %q; %d and %d hits", got, throttle.Hits(), conflict.Hits())
	}
}

// refusalOf is the code of an answer, "" if it went well.
func refusalOf(_ []byte, err error) string {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal.Code
	}
	return ""
}

func TestHang(t *testing.T) {
	for _, kind := range []Kind{Hang, HangAfter} {
		t.Run(kind.String(), func(t *testing.T) {
			s := newServer(t)
			i := s.Inject(Fault{Action: "CreateUser", Kind: kind})
			done := background(t.Context(), root(s), "CreateUser", "UserName", "ann")
			soon(t, "the hang", i.Reached())
			if _, ok := s.User("ann"); ok != (kind == HangAfter) || s.InFlight() != 1 || len(s.Calls()) != 0 {
				t.Errorf("user is there: %v, %d in flight", ok, s.InFlight())
			}
			i.Release()
			if err := soon(t, "the answer", done); err != nil {
				t.Error(err)
			}
			if calls := s.Calls(); calls[0].Fault != kind.String() || s.InFlight() != 0 {
				t.Errorf("got %+v", calls)
			}
			do(t, root(s), "CreateUser", "UserName", "bob") // Release is for later calls too
		})
	}
}

// TestHangOutlivesClient shows that AWS does what nobody waits for any more.
func TestHangOutlivesClient(t *testing.T) {
	s := newServer(t)
	i := s.Inject(Fault{Action: "CreateUser", Kind: Hang})
	ctx, cancel := context.WithCancel(t.Context())
	done := background(ctx, root(s), "CreateUser", "UserName", "ann")
	soon(t, "the hang", i.Reached())
	cancel()
	if err := soon(t, "the client", done); err == nil {
		t.Error("the client got an answer")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if left := s.Leftovers(); len(left) != 1 || !strings.Contains(left[0], "ann") {
		t.Errorf("left %q", left)
	}
}

func TestLatency(t *testing.T) {
	s := newServer(t)
	s.SetLatency(30 * time.Millisecond)
	s.Inject(Fault{Action: "GetUser", Kind: Delay, Latency: 60 * time.Millisecond})
	do(t, root(s), "ListUsers")
	do(t, root(s), "GetUser")
	calls := s.Calls()
	for n, least := range []time.Duration{30 * time.Millisecond, 60 * time.Millisecond} {
		if took := calls[n].End.Sub(calls[n].Start); took < least {
			t.Errorf("%s took %v", calls[n].Action, took)
		}
	}
}

func TestRate(t *testing.T) {
	s := newServer(t)
	s.SetRate("GetUser", 0.001, 2)
	s.SetRate("", 0.001, 1)
	do(t, root(s), "GetUser")
	do(t, root(s), "GetUser")
	refused(t, root(s), 400, "Throttling", "Rate exceeded", "GetUser")
	do(t, root(s), "ListUsers")
	refused(t, root(s), 400, "Throttling", "Rate exceeded", "ListUsers")
	do(t, root(s), "ListUserTags", "UserName", rootUser)
	s.SetRate("", 0, 0)
	s.SetRate("GetUser", 1e9, 1)
	for range 3 {
		do(t, root(s), "GetUser")
		do(t, root(s), "ListUsers")
	}
}

func TestLag(t *testing.T) {
	s := newServer(t)
	clock := time.Now()
	s.now = func() time.Time { return clock } // calls come one at a time here
	s.SetLag(time.Minute, 2*time.Minute)
	ann := newLaggingUser(t, s)
	refused(t, root(s), 404, "NoSuchEntity", "The user with name ann cannot be found.", "GetUser", "UserName", "ann")
	refused(t, root(s), 404, "NoSuchEntity", "", "DeleteUser", "UserName", "ann")
	refused(t, root(s), 409, "EntityAlreadyExists", "", "CreateUser", "UserName", "ann")
	if strings.Contains(do(t, root(s), "ListUsers"), "ann") {
		t.Error("ListUsers shows ann")
	}
	if _, ok := s.User("ann"); !ok {
		t.Error("the test does not see ann")
	}
	clock = clock.Add(time.Minute)
	do(t, root(s), "GetUser", "UserName", "ann")
	refused(t, ann, 403, "InvalidClientTokenId", "", "GetCallerIdentity")
	clock = clock.Add(time.Minute)
	do(t, ann, "GetCallerIdentity")
}

// newLaggingUser makes ann, whose key comes from the account because the wire does not know her yet.
func newLaggingUser(t *testing.T, s *Server) Client {
	t.Helper()
	do(t, root(s), "CreateUser", "UserName", "ann")
	var key Key
	s.with(func(a *account) {
		k := a.addKey(a.users["ann"], s.now())
		k.usable = a.lag.key.from(s.now())
		key = k.key()
	})
	return as(s, key)
}

func TestLagCalls(t *testing.T) {
	s := newServer(t)
	s.SetLagCalls(2)
	do(t, root(s), "CreateUser", "UserName", "ann")
	for range 2 {
		refused(t, root(s), 404, "NoSuchEntity", "", "GetUser", "UserName", "ann")
		refused(t, root(s), 409, "EntityAlreadyExists", "", "CreateUser", "UserName", "ann")
	}
	do(t, root(s), "GetUser", "UserName", "ann")
	if got := s.Calls()[1].Fault; got != "lagging" {
		t.Errorf("fault %q", got)
	}
}

func TestConflicts(t *testing.T) {
	s := newServer(t)
	s.AddUser("ann")
	s.AddUser("bob")
	s.SetConflicts(true)
	i := s.Inject(Fault{Action: "AttachUserPolicy", Kind: Hang})
	done := background(t.Context(), root(s), "AttachUserPolicy", "UserName", "ann", "PolicyArn", managed(1))
	soon(t, "the hang", i.Reached())
	refused(t, root(s), 409, "ConcurrentModification", "", "CreateAccessKey", "UserName", "ann")
	do(t, root(s), "CreateAccessKey", "UserName", "bob")
	do(t, root(s), "GetUser", "UserName", "ann")
	i.Release()
	if err := soon(t, "the change", done); err != nil {
		t.Error(err)
	}
	do(t, root(s), "CreateAccessKey", "UserName", "ann")
}

func TestGather(t *testing.T) {
	s := newServer(t)
	s.AddUser("ann")
	g := s.Barrier(3, "AttachUserPolicy")
	do(t, root(s), "GetUser")
	var answers []<-chan error
	for n := range 3 {
		answers = append(answers, background(t.Context(), root(s), "AttachUserPolicy", "UserName", "ann", "PolicyArn", managed(n)))
	}
	soon(t, "the barrier", g.Done())
	for _, answer := range answers {
		if err := soon(t, "an answer", answer); err != nil {
			t.Error(err)
		}
	}
	if g.Most() != 3 {
		t.Errorf("most %d", g.Most())
	}
	do(t, root(s), "AttachUserPolicy", "UserName", "ann", "PolicyArn", managed(4))
	waves := Waves(s.Calls())
	if got := fmt.Sprint(len(waves), len(waves[0]), len(waves[1]), len(waves[2])); got != "3 1 3 1" {
		t.Errorf("waves %s", got)
	}
	lonely := s.Barrier(2)
	alone := background(t.Context(), root(s), "GetUser")
	lonely.Release()
	if err := soon(t, "the lonely", alone); err != nil || lonely.Most() > 1 {
		t.Errorf("got %v, most %d", err, lonely.Most())
	}
}

func TestKindNames(t *testing.T) {
	for kind := range Kind(len(kinds)) {
		if got, err := ParseKind(kind.String()); err != nil || got != kind {
			t.Errorf("%v: %v %v", kind, got, err)
		}
	}
	if _, err := ParseKind("nonsense"); err == nil || Kind(99).String() != "kind 99" {
		t.Error("nonsense is a kind")
	}
}
