package refinery

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/github"
	"gastown/town/rig"
)

// pullHost is a host in memory.
type pullHost struct {
	pulls  []github.Pull
	marks  []string
	err    error
	asked  int
	closed []string
}

func (h *pullHost) Open(_ context.Context, w github.Wanted) (github.Pull, error) {
	h.asked++
	if h.err != nil {
		return github.Pull{}, h.err
	}
	if i := slices.Index(h.marks, w.Mark); i >= 0 {
		return h.pulls[i], nil
	}
	h.marks = append(h.marks, w.Mark)
	h.pulls = append(h.pulls, github.Pull{Number: len(h.pulls) + 1, URL: "https://host/1", Open: true})
	return h.pulls[len(h.pulls)-1], nil
}

func (h *pullHost) Look(_ context.Context, n int) (github.Pull, error) {
	h.asked++
	if h.err != nil {
		return github.Pull{}, h.err
	}
	return h.pulls[n-1], nil
}

func (h *pullHost) Close(_ context.Context, n int, why string) error {
	h.pulls[n-1].Open = false
	h.closed = append(h.closed, why)
	return nil
}

// hosted is a world whose host merges.
type hosted struct {
	*world
	*pullHost
	t *testing.T
	// cut fails the note of what the host answered.
	cut bool
}

func newHosted(t *testing.T) *hosted { return &hosted{world: newWorld(), pullHost: &pullHost{}, t: t} }

// pass runs one after some time.
func (h *hosted) pass(later time.Duration) error {
	h.t.Helper()
	h.now = h.now.Add(later)
	f := h.refinery(4, 1)
	f.Rig.Merge, f.Host = rig.MergePR, h.pullHost
	f.Rows = func(_ context.Context, fn func(Store) error) error { return fn(cutStore{h.world, h}) }
	_, err := f.Pass(h.t.Context())
	if len(h.blamed) > 0 {
		h.t.Fatal(h.blamed)
	}
	return err
}

func (h *hosted) want(states ...string) {
	h.t.Helper()
	if got := h.states(); !slices.Equal(got, states) {
		h.t.Errorf("%v, want %v", got, states)
	}
}

// cutStore fails to note an answer when it is to.
type cutStore struct {
	*world
	h *hosted
}

func (s cutStore) MoveMerges(ctx context.Context, moves []operational.MergeMove, actor string, now time.Time) (int, error) {
	if s.h.cut && len(moves) > 0 && moves[0].From == moves[0].To && moves[0].Detail.Pull != 0 {
		return 0, errCut
	}
	return s.world.MoveMerges(ctx, moves, actor, now)
}

// Each request that passed has one pull request, also when a process ends after the host's
// answer and before its note; and it is not asked for again and again.
func TestOnePullRequestEach(t *testing.T) {
	h := newHosted(t)
	h.submit(10, 2)
	h.submit(11, 2)
	h.cut = true
	for range 3 {
		if err := h.pass(time.Second); !errors.Is(err, errCut) {
			t.Error(err)
		}
	}
	h.cut = false
	for range 4 {
		must0(t, h.pass(time.Second))
	}
	h.want("offered", "offered")
	if len(h.pulls) != 2 || h.requests[2].Detail.Pull != 2 || h.requests[2].Detail.URL == "" {
		t.Errorf("%+v, %+v", h.pulls, h.requests[2].Detail)
	}
	asked := h.asked
	must0(t, h.pass(time.Minute))
	if h.asked != asked {
		t.Errorf("asked %d times more within a minute", h.asked-asked)
	}
	must0(t, h.pass(askAgain))
	if h.asked != asked+2 {
		t.Errorf("asked %d times more after a while", h.asked-asked)
	}
	// Merged as it was, by a squash, and by a squash that was changed at the host.
	h.submit(12, 2)
	must0(t, h.pass(time.Second))
	h.tip = append(h.tip, 10)
	h.applied["c11"] = "c1"
	h.pulls[2].Open, h.pulls[2].Merged, h.pulls[2].Merge = false, true, "c77"
	h.world.tip = append(h.tip, 11) // so the world agrees
	must0(t, h.pass(askAgain))
	h.want("landed", "landed", "offered")
	h.tip = append(h.tip, 77, 12)
	must0(t, h.pass(askAgain))
	h.want("landed", "landed", "landed")
	if len(h.closed) > 0 {
		t.Errorf("closed: %v", h.closed)
	}
}

// A pull request that a person closed gives the request back, and one of a request that is
// given back is closed.
func TestClosedPullRequests(t *testing.T) {
	h := newHosted(t)
	h.submit(10, 2)
	h.submit(11, 2)
	must0(t, h.pass(0))
	h.pulls[0].Open = false
	h.tip = append(h.tip, 600)
	h.breaks = [][]int{{600, 11}}
	must0(t, h.pass(askAgain))
	h.want("rejected", "failed")
	if len(h.closed) != 2 || h.pulls[1].Open || h.requests[2].Detail.Pull != 2 {
		t.Errorf("closed: %q, %+v", h.closed, h.requests[2].Detail)
	}
}

// What the host refuses is told once, keeps nothing else from going on, and is tried again
// later. When the host asks to wait nobody is told.
func TestAHostThatRefuses(t *testing.T) {
	h := newHosted(t)
	h.submit(10, 2)
	h.pullHost.err = town.Fail("open", "a token", "%w", github.ErrDenied)
	for range 5 {
		must0(t, h.pass(time.Minute))
	}
	h.submit(11, 2)
	must0(t, h.pass(time.Second))
	h.want("offered", "offered")
	if h.asked != 2 || len(h.keys) != 1 || h.requests[1].Detail.Problem == "" {
		t.Errorf("asked %d times, told %v", h.asked, h.keys)
	}
	h.pullHost.err = &github.LaterError{After: 40 * time.Minute, Why: "too often"}
	must0(t, h.pass(lookAgain))
	must0(t, h.pass(30*time.Minute))
	if h.asked != 4 || len(h.keys) != 1 {
		t.Errorf("asked %d times, told %v", h.asked, h.keys)
	}
	h.pullHost.err = nil
	must0(t, h.pass(11*time.Minute))
	if len(h.pulls) != 2 || len(h.keys) != 0 || h.requests[1].Detail.Problem != "" {
		t.Errorf("%+v, told %v", h.pulls, h.keys)
	}
}
