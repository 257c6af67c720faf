// SPDX-License-Identifier: MPL-2.0

package sharing

import (
	"errors"
	"strconv"
	"testing"
	"time"
)

// room is a store whose credentials are numbers, and a clock.
type room struct {
	t     *testing.T
	s     *Store[int, int]
	now   time.Time
	made  int
	fails error
}

func newRoom(t *testing.T) *room {
	r := &room{t: t, now: time.Now()}
	r.s = New[int, int](func() time.Time { return r.now })
	return r
}

// get asks for what a number stands for.
func (r *room) get(ask int) int {
	r.t.Helper()
	return r.getAs("anna", ask)
}

// getAs is get by somebody.
func (r *room) getAs(who string, ask int) int {
	r.t.Helper()
	key, _ := Ask{Entity: who, Request: ask}.Key()
	got, err := r.s.Get(r.t.Context(), key, "role", func(c int, _ string) (int, bool, error) { return c, true, nil }, r.issue)
	if err != nil {
		r.t.Fatal(err)
	}
	return got
}

func (r *room) issue(string) (int, *Credential[int], error) {
	r.made++
	return r.made, &Credential[int]{Value: r.made, Made: r.now, For: time.Minute}, r.fails
}

// However much is asked, so many are kept, and those are the latest.
func TestSoManyAreKept(t *testing.T) {
	r := newRoom(t)
	for ask := range mostKept + 10 {
		r.get(ask)
		r.now = r.now.Add(time.Millisecond)
	}
	if n := len(r.s.kept); n != mostKept {
		t.Errorf("%d are kept", n)
	}
	if r.get(0) != r.made || r.get(mostKept) == r.made {
		t.Error("the oldest is kept, or a later one is not")
	}
	r.now = r.now.Add(time.Minute)
	r.get(-1)
	if n := len(r.s.kept); n != 1 {
		t.Errorf("%d are kept, though all but one are over", n)
	}
	r.now = r.now.Add(time.Minute)
	if r.s.Prune(); len(r.s.kept) != 0 {
		t.Error("what is over is kept")
	}
}

// Who asks for many things takes the places of nobody who has fewer, whoever asks next.
func TestOneCallerTakesAllPlaces(t *testing.T) {
	r := newRoom(t)
	for _, who := range []string{"bob", "eve"} { // theirs would be the next
		for ask := range 3 {
			r.getAs(who, ask)
			r.now = r.now.Add(time.Millisecond)
		}
	}
	for ask := range mostKept + 10 {
		r.get(ask)
	}
	made := r.made
	for _, who := range []string{"bob", "eve"} {
		for ask := range 3 {
			r.getAs(who, ask)
		}
	}
	if r.made != made || len(r.s.kept) != mostKept {
		t.Errorf("%d were made anew, %d are kept", r.made-made, len(r.s.kept))
	}
	r.getAs("zoe", 0) // takes one of anna's
	r.get(-1)
	if made = r.made; r.getAs("zoe", 0) > made || r.getAs("bob", 0) > made {
		t.Error("a newcomer has no place, or took one of who has few")
	}
}

// Where all have one, a second of somebody takes the place of the first.
func TestASecondTakesThePlaceOfTheFirst(t *testing.T) {
	r := newRoom(t)
	for n := range mostKept {
		r.getAs(strconv.Itoa(n), 0)
		r.now = r.now.Add(time.Millisecond)
	}
	r.getAs("7", 1)
	made := r.made
	if r.getAs("0", 0) > made || r.getAs("7", 1) > made {
		t.Error("it took another's place, or has none")
	}
}

// A panic keeps nobody waiting, and nothing is kept in a store that is closed.
func TestWhatIsNotKept(t *testing.T) {
	r := newRoom(t)
	func() {
		defer func() { _ = recover() }()
		key, _ := Ask{Entity: "anna", Request: 1}.Key()
		_, _ = r.s.Get(t.Context(), key, "role", nil, func(string) (int, *Credential[int], error) { panic("a mistake") })
	}()
	first := r.get(1)
	if r.get(1) != first {
		t.Error("it is not shared")
	}
	r.s.Close()
	second := r.get(1)
	if second == first || r.get(1) == second {
		t.Error("a store that is closed keeps something")
	}
}

// Who waits for failures goes its own way in the end.
func TestFailuresHaveAnEnd(t *testing.T) {
	r := newRoom(t)
	key, _ := Ask{Entity: "anna"}.Key()
	entered, leave := make(chan struct{}), make(chan struct{})
	failure := errors.New("it failed")
	fail := func(string) (int, *Credential[int], error) {
		entered <- struct{}{}
		<-leave
		return 0, nil, failure
	}
	const all = 5
	errs := make(chan error, all)
	for range all {
		go func() {
			_, err := r.s.Get(t.Context(), key, "role", nil, fail)
			errs <- err
		}()
	}
	for range all {
		<-entered
		leave <- struct{}{}
		if err := <-errs; !errors.Is(err, failure) {
			t.Error(err)
		}
	}
}
