package federate

import (
	"errors"
	"os"
	"slices"
	"testing"

	"gastown/sync/share"
	"gastown/town"
)

// What is older, the plane or the exchange of records or both, is brought back from the
// mirror, without the remote.
func TestBringBackWithoutTheRemote(t *testing.T) {
	t.Parallel()
	for _, older := range [][]string{{".gt/data/federation"}, {".gt/exchange"}, {".gt/data/federation", ".gt/exchange"}, {".gt/data"}} {
		t.Run(older[0], func(t *testing.T) {
			t.Parallel()
			a, url := sharingAll(t)
			b := newSharer(t, "beta")
			b.rules(share.Rule{Name: "all"})
			b.join(url)
			a.sync(url)
			var restore []func()
			for _, path := range older {
				restore = append(restore, a.backup(path))
			}
			b.beads(town.Bead{ID: "gt-7", Title: "of beta"})
			b.write("roles/new.md", role("new", "of beta"))
			b.push(url)
			a.beads(town.Bead{ID: "gt-2", Title: "two"})
			a.write("roles/own.md", role("own", "of alpha"))
			a.sync(url)
			for _, put := range restore {
				put()
			}
			remote := Remote{Name: "origin", URL: url}
			if names, err := a.Older(t.Context()); err != nil || !slices.Equal(names, []string{"origin"}) {
				t.Fatalf("older: %v, %v", names, err)
			}
			if err := os.Rename(url, url+".away"); err != nil {
				t.Fatal(err)
			}
			if err := a.BringBack(t.Context(), remote); err != nil {
				t.Fatal(err)
			}
			if names, err := a.Older(t.Context()); err != nil || len(names) > 0 {
				t.Errorf("still older: %v, %v", names, err)
			}
			if got := a.seen("beta"); !slices.Equal(got, []string{"gt-7 of beta"}) {
				t.Errorf("records of beta: %v", got)
			}
			a.want("roles/new.md", role("new", "of beta"))
			if err := os.Rename(url+".away", url); err != nil {
				t.Fatal(err)
			}
			a.sync(url)
			b.sync(url)
			if got := b.seen("alpha"); !slices.Equal(got, []string{"gt-1 one", "gt-2 two"}) {
				t.Errorf("records of alpha: %v", got)
			}
			b.want("roles/own.md", role("own", "of alpha"))
			settle(t, url, a.testTown, b.testTown)
		})
	}
}

// A mirror that is older too is made anew from the objects that were fetched. Without
// those the next pull heals the exchange.
func TestBringBackFromAnOlderMirror(t *testing.T) {
	t.Parallel()
	a, url := sharingAll(t)
	exchange, mirror := a.backup(".gt/exchange"), a.backup(".gt/remotes/origin/ledger")
	remotes := a.backup(".gt/remotes/origin/objects.git")
	a.beads(town.Bead{ID: "gt-2", Title: "two"})
	a.sync(url)
	exchange()
	mirror()
	if err := a.BringBack(t.Context(), Remote{Name: "origin", URL: url}); err != nil {
		t.Error(err)
	}
	if names, err := a.Older(t.Context()); err != nil || len(names) > 0 {
		t.Errorf("still older: %v, %v", names, err)
	}
	exchange()
	mirror()
	remotes()
	err := a.BringBack(t.Context(), Remote{Name: "origin", URL: url})
	if err != nil && (!errors.Is(err, town.ErrRefused) || town.Next(err) != "gt federation pull --remote origin") {
		t.Errorf("%v, next %q", err, town.Next(err))
	}
	a.pull(url)
	if names, err := a.Older(t.Context()); err != nil || len(names) > 0 {
		t.Errorf("still older: %v, %v", names, err)
	}
}
