package federate

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"gastown/planes/federation"
	"gastown/sync/share"
	"gastown/town"
)

func (s *sharer) leave(url string, opts LeaveOptions) Departure {
	s.t.Helper()
	if opts.Confirm == nil {
		opts.Confirm = func(Departure) error { return nil }
	}
	out, err := s.Leave(s.t.Context(), Remote{Name: "origin", URL: url}, opts)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// left reports what the registry of this Town says of another.
func (s *sharer) left(name string) (left bool) {
	s.t.Helper()
	err := s.Read(s.t.Context(), func(plane *federation.Store) error {
		members, err := plane.Towns(s.t.Context())
		for _, m := range members {
			left = left || m.Name == name && m.Left
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return left
}

// A Town that leaves takes its records back and is marked; what it has not recorded
// stays, and it comes back by joining again.
func TestLeaveAndComeBack(t *testing.T) {
	t.Parallel()
	a, url := sharingAll(t)
	remote := Remote{Name: "origin", URL: url}
	b := newSharer(t, "beta")
	b.join(url)
	a.write("roles/mayor.md", role("mayor", "not recorded"))

	head := gitOut(t, url, "rev-parse", dataRef)
	if out := a.leave(url, LeaveOptions{Dry: true}); !slices.Equal(out.Records, []string{"gt-1"}) || out.Edits != 1 || !out.Last || out.Already {
		t.Fatalf("%+v", out)
	}
	no := errors.New("no")
	if _, err := a.Leave(t.Context(), remote, LeaveOptions{Confirm: func(Departure) error { return no }}); !errors.Is(err, no) {
		t.Fatal(err)
	}
	if gitOut(t, url, "rev-parse", dataRef) != head || a.confirmed(remote) != nil {
		t.Fatal("something has changed")
	}
	if out := a.leave(url, LeaveOptions{}); out.Pushed.Shared.Removed != 1 || out.Pushed.Commits == 0 {
		t.Fatalf("%+v, %+v", out.Pushed, out.Pushed.Shared)
	}
	a.want("roles/mayor.md", role("mayor", "not recorded"))
	if _, err := a.Sync(t.Context(), remote, false); !errors.Is(err, town.ErrRefused) {
		t.Fatalf("a sync after leaving: %v", err)
	}
	b.pull(url)
	if !b.left("alpha") || b.left("beta") || len(b.seen("alpha")) != 0 {
		t.Fatalf("left %v, seen %v", b.left("alpha"), b.seen("alpha"))
	}
	b.want("roles/mayor.md", role("mayor", "starter"))
	if out := a.leave(url, LeaveOptions{}); !out.Already {
		t.Fatalf("%+v", out)
	}

	a.asked = nil
	a.join(url)
	a.push(url)
	b.pull(url)
	if b.left("alpha") || !slices.Equal(b.seen("alpha"), []string{"gt-1 one"}) || len(a.asked) == 0 {
		t.Fatalf("left %v, seen %v, asked %d times", b.left("alpha"), b.seen("alpha"), len(a.asked))
	}
}

// A call that ended between the publication and the end of the agreement is continued,
// also when a sync has entered the Town again meanwhile.
func TestLeaveContinues(t *testing.T) {
	t.Parallel()
	a, url := sharingAll(t)
	remote := Remote{Name: "origin", URL: url}
	b := newSharer(t, "beta")
	b.join(url)
	for _, meanwhile := range []func(){func() {}, func() { a.sync(url) }} {
		s, err := a.begin(t.Context(), remote)
		if err == nil {
			err = s.publishLeaving(t.Context(), &Departure{Remote: remote, Last: true})
			err = errors.Join(err, s.release())
		}
		if err != nil {
			t.Fatal(err)
		}
		meanwhile()
		if out := a.leave(url, LeaveOptions{}); out.Already {
			t.Fatalf("%+v", out)
		}
		b.pull(url)
		if !b.left("alpha") || len(b.seen("alpha")) != 0 {
			t.Fatalf("left %v, seen %v", b.left("alpha"), b.seen("alpha"))
		}
		a.join(url)
	}
}

// A Town that goes on at another remote does not leave the federation, and records may
// stay.
func TestLeaveOneRemote(t *testing.T) {
	t.Parallel()
	first, second := bare(t), bare(t)
	a, b := newSharer(t, "alpha"), newSharer(t, "beta")
	a.rules(share.Rule{Name: "all"})
	a.beads(town.Bead{ID: "gt-1", Title: "one"})
	a.init(first)
	b.join(first)
	gitOut(t, first, "push", "-q", second, dataRef)
	a.alsoAt("second", second)
	others := []Remote{{Name: "second", URL: second}}
	head := gitOut(t, first, "rev-parse", dataRef)
	if out := a.leave(first, LeaveOptions{Others: others}); out.Last || out.Pushed.Shared.Removed != 1 {
		t.Fatalf("%+v", out)
	}
	if gitOut(t, first, "rev-parse", dataRef) != head {
		t.Error("documents were published")
	}
	b.pull(first)
	if b.left("alpha") || len(b.seen("alpha")) != 0 {
		t.Fatalf("left %v, seen %v", b.left("alpha"), b.seen("alpha"))
	}
	a.join(first)
	a.push(first)
	if out := a.leave(first, LeaveOptions{KeepRecords: true}); !slices.Equal(out.Records, []string{"gt-1"}) || out.Pushed.Shared != nil {
		t.Fatalf("%+v", out)
	}
	b.pull(first)
	if !b.left("alpha") || !slices.Equal(b.seen("alpha"), []string{"gt-1 one"}) {
		t.Fatalf("left %v, seen %v", b.left("alpha"), b.seen("alpha"))
	}
}

// A Town that leaves its two remotes at once leaves them one after the other, so the one
// that is last says that the Town left.
func TestLeaveTwoRemotesAtOnce(t *testing.T) {
	t.Parallel()
	for range 3 {
		a, url := sharingAll(t)
		second := bare(t)
		remotes := []Remote{{Name: "origin", URL: url}, {Name: "second", URL: second}}
		if _, err := a.Init(t.Context(), remotes[1], yes); err != nil {
			t.Fatal(err)
		}
		outs, errs := make([]Departure, 2), make([]error, 2)
		var all sync.WaitGroup
		for i := range remotes {
			all.Go(func() {
				engine := a.in(a.dir) // as another process
				outs[i], errs[i] = engine.Leave(t.Context(), remotes[i], LeaveOptions{Others: []Remote{remotes[1-i]}, Confirm: func(Departure) error { return nil }})
			})
		}
		all.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		if outs[0].Last == outs[1].Last {
			t.Fatalf("last: %v and %v", outs[0].Last, outs[1].Last)
		}
		for i, out := range outs {
			if b := newSharer(t, "beta"); out.Last {
				b.join(remotes[i].URL)
				if !b.left("alpha") {
					t.Errorf("%s has no mark", remotes[i].Name)
				}
			}
		}
	}
}
