package federate

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gastown/e2e/stockdolt"
	"gastown/planes/federation"
	"gastown/sync/share"
	"gastown/town"
)

// wantSigned checks that every row that the Town has, shared records included, is signed.
func (s *sharer) wantSigned(url string) {
	s.t.Helper()
	var v federation.Verification
	if err := s.VerifyRecords(s.t.Context(), []Remote{{Name: "origin", URL: url}}, &v); err != nil || v.UnsignedTotal != 0 || v.Signed == 0 {
		s.t.Errorf("%s: %+v, %v", s.opts.Name, v, err)
	}
}

// What the stock command can push into the records does not stay in any Town, and the pull
// names it with the reason.
func TestRecordsAndTheStockCommand(t *testing.T) {
	t.Parallel()
	url := bare(t)
	a, b := newSharer(t, "alpha"), newSharer(t, "beta")
	a.rules(share.Rule{Name: "all"})
	b.rules(share.Rule{Name: "all"})
	a.beads(town.Bead{ID: "gt-1", Title: "one"}, town.Bead{ID: "gt-2", Title: "two"})
	b.beads(town.Bead{ID: "b-1", Title: "of beta"})
	a.init(url)
	b.join(url)
	b.push(url)
	a.pull(url)

	dir := tempDir(t)
	stock, err := stockdolt.New(t.Context(), filepath.Join(dir, "home"))
	if err != nil {
		t.Fatal(err)
	}
	run := func(at string, args ...string) {
		t.Helper()
		if _, err := stock.Run(t.Context(), at, args...); err != nil {
			t.Fatal(err)
		}
	}
	run(dir, "clone", "--ref", ledgerRef, "git+file://"+url, "shop")
	forged := share.Record{ID: "b-9", Values: map[string]string{"title": "forged"}}
	run(filepath.Join(dir, "shop"), "sql", "-q", strings.Join([]string{
		"DELETE FROM beads WHERE id = 'gt-1'",
		fmt.Sprintf("INSERT INTO beads (town, id, digest, title) VALUES ('id-beta', 'b-9', '%s', 'forged')", forged.Digest("id-beta")),
		"UPDATE towns SET name = 'mallory' WHERE id = 'id-beta'",
		"CALL DOLT_COMMIT('-A', '-m', 'by hand')",
	}, ";\n")+";")
	run(filepath.Join(dir, "shop"), "push", "origin", "main")

	notes := strings.Join(a.pull(url).Notes, "\n")
	for _, want := range []string{
		"somebody else changed 1 shared record(s) of this Town (gt-1)", "record b-9 was not taken: nobody has signed it (it names Town id-beta)",
		"the name of a Town was not taken: its signature is not that of its content",
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("a pull says\n%s\nand not %q", notes, want)
		}
	}
	b.sync(url)
	a.sync(url)
	b.sync(url)
	for _, s := range []*sharer{a, b} {
		if alpha, beta := s.seen("alpha"), s.seen("beta"); !slices.Equal(alpha, []string{"gt-1 one", "gt-2 two"}) || !slices.Equal(beta, []string{"b-1 of beta"}) {
			t.Errorf("%s sees %q and %q", s.opts.Name, alpha, beta)
		}
		s.wantSigned(url)
		if out := s.sync(url); !out.Pushed.UpToDate || !out.Pulled.UpToDate {
			t.Errorf("%s does not come to rest: %+v", s.opts.Name, out)
		}
	}
}

// After a rotation the next push signs all records with the new key, although no bead has
// changed, and once.
func TestANewKeySignsRecordsAgain(t *testing.T) {
	t.Parallel()
	a, url := sharingAll(t)
	b := newSharer(t, "beta")
	b.join(url)
	for range 2 {
		if _, err := a.RotateKey(t.Context()); err != nil {
			t.Fatal(err)
		}
		a.push(url)
		b.pull(url)
		a.wantSigned(url)
		b.wantSigned(url)
		if out := a.push(url); !out.UpToDate {
			t.Errorf("%+v", out)
		}
	}
	if got := b.seen("alpha"); !slices.Equal(got, []string{"gt-1 one"}) {
		t.Errorf("%q", got)
	}
}

// A Town that has revoked its keys shares nothing more, and its records leave with the next
// merge. The others come to rest.
func TestRecordsOfATownThatRevokedItsKeys(t *testing.T) {
	t.Parallel()
	a, url := sharingAll(t)
	b, c := newSharer(t, "beta"), newSharer(t, "gamma")
	for _, s := range []*sharer{b, c} {
		s.rules(share.Rule{Name: "all"})
		s.join(url)
	}
	if _, err := a.RevokeKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.beads(town.Bead{ID: "gt-2", Title: "too late"})
	if said := told(Synced{Pushed: a.push(url)}); !strings.Contains(said, "its records are not shared") {
		t.Errorf("%q", said)
	}
	b.beads(town.Bead{ID: "b-1", Title: "of beta"})
	for range 3 {
		for _, s := range []*sharer{b, c, a} {
			s.sync(url)
		}
	}
	for _, s := range []*sharer{a, b, c} {
		if alpha, beta := s.seen("alpha"), s.seen("beta"); len(alpha) != 0 || len(beta) != 1 {
			t.Errorf("%s sees %q and %q", s.opts.Name, alpha, beta)
		}
		if out := s.sync(url); !out.Pushed.UpToDate || !out.Pulled.UpToDate {
			t.Errorf("%s does not come to rest: %+v", s.opts.Name, out)
		}
	}
}

// A new key signs what is shared also while a rule waits for a person, and nothing new leaves.
func TestANewKeySignsWhileARuleWaits(t *testing.T) {
	t.Parallel()
	a, url := sharingAll(t)
	b := newSharer(t, "beta")
	b.join(url)
	if _, err := a.RotateKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.refuse = true
	a.rules(share.Rule{Name: "all"}, share.Rule{Name: "more", Fields: []string{"title", "notes"}})
	a.beads(town.Bead{ID: "gt-2", Title: "two"})
	for range 2 {
		if out := a.push(url); len(out.Shared.Waiting) != 1 || out.Shared.Moved() {
			t.Errorf("%+v", out.Shared)
		}
		b.pull(url)
		b.wantSigned(url)
	}
	if got := b.seen("alpha"); !slices.Equal(got, []string{"gt-1 one"}) {
		t.Errorf("%q", got)
	}
	if out := a.push(url); !out.UpToDate {
		t.Errorf("%+v", out)
	}
}
