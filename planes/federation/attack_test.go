package federation

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gastown/planes/doltdb"
	"gastown/sync/sign"
	"gastown/town"
)

// atRest has the Towns exchange until nobody has anything left to publish.
func (c *crowd) atRest(t *testing.T, all ...*Store) {
	t.Helper()
	for range 3 {
		for _, s := range all {
			c.sync(t, s)
		}
	}
	at := headOf(t, all[0])
	for _, s := range append(all, all...) {
		c.sync(t, s)
	}
	for _, s := range all {
		if !slices.Equal(rowsOf(t, s), rowsOf(t, all[0])) {
			t.Errorf("%s holds\n%s\nand %s\n%s", s.Town, strings.Join(rowsOf(t, s), "\n"), all[0].Town, strings.Join(rowsOf(t, all[0]), "\n"))
		}
		if headOf(t, s) != at {
			t.Errorf("%s does not come to rest", s.Town)
		}
	}
}

func (s *Store) rotate(t *testing.T) {
	t.Helper()
	keys, err := s.Keys.Rotate(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	s.Keys = keys
	if err := s.EnterKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// gamma is a third Town that has what the federation has now.
func (c *crowd) gamma(t *testing.T) *Store {
	t.Helper()
	s := raw(t, c.mirror, "town-3")
	s.Keys, s.Unsigned = newKeys(t, "town-3"), UnsignedReviewed
	if _, err := s.Register(t.Context(), Entry{Name: "gamma", Instance: "i3"}); err != nil {
		t.Fatal(err)
	}
	c.sync(t, s)
	return s
}

// Whoever has a former key of a Town writes nothing with it that comes into force, also not
// in a Town that hears of the new key together with the forged text.
func TestAFormerKeyThatWasStolen(t *testing.T) {
	for name, end := range map[string]func(s *Store) error{
		"rotated": func(s *Store) error { s.rotate(t); return nil },
		"revoked": func(s *Store) error { return s.Revoke(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCrowd(t)
			offline := c.gamma(t)
			stolen := c.a.Keys
			c.a.must(t, c.a.editOf(t, build, "alpha's last", "1.5.0"))
			if err := end(c.a); err != nil {
				t.Fatal(err)
			}
			c.sync(t, c.a)
			c.sync(t, c.b)
			c.follow(t)
			c.stranger.Keys, c.stranger.Town, c.stranger.chained = stolen, "town-1", true
			c.stranger.must(t, c.stranger.editOf(t, mayor, "forged", ""), c.stranger.editOf(t, bug, "forged", ""))
			c.stranger.publish(t, c.mirror)
			c.sync(t, offline)
			c.sync(t, c.b)
			c.atRest(t, offline, c.b)
			for _, s := range []*Store{offline, c.b} {
				if m, i, f := s.now(t, mayor).Text, s.now(t, bug).Text, s.now(t, build).Text; m != "alpha's" || i != "alpha's" || f != "alpha's last" {
					t.Errorf("%s has %q, %q and %q", s.Town, m, i, f)
				}
			}
		})
	}
}

// A process ended after it saved a new key and before it entered it: the next edit does so.
func TestAKeyThatWasSavedAndNotEntered(t *testing.T) {
	c := newCrowd(t)
	keys, err := c.a.Keys.Rotate(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	c.a.Keys, c.a.chained = keys, false // as the next process has them
	c.sync(t, c.a)
	c.a.must(t, c.a.editOf(t, mayor, "by the second key", ""))
	c.sync(t, c.a)
	offline := c.gamma(t)
	c.atRest(t, c.a, c.b, offline)
	for _, s := range []*Store{c.a, c.b, offline} {
		if v, err := s.Verify(t.Context()); err != nil || v.UnsignedTotal != 0 || s.now(t, mayor).Text != "by the second key" {
			t.Errorf("%s: %+v, %v", s.Town, v, err)
		}
	}
	stale := 0
	err = c.b.db.View(t.Context(), func(tx *doltdb.Tx) error {
		return tx.QueryRow(t.Context(), "SELECT COUNT(*) FROM signatures WHERE town = 'town-1' AND signer <> ?", string(keys.Public())).Scan(&stale)
	})
	if err != nil || stale != 0 {
		t.Errorf("%d signatures by the former key, %v", stale, err)
	}
}

// A Town that took a forged text before it heard of the new key lets it go then.
func TestATextFromBeforeTheRotationWasHeardOf(t *testing.T) {
	c := newCrowd(t)
	offline, elsewhere := c.gamma(t), t.TempDir()
	c.stranger.publish(t, elsewhere)
	c.followAt(t, elsewhere)
	stolen := c.a.Keys
	c.a.rotate(t)
	c.sync(t, c.a)
	c.sync(t, c.b)
	c.stranger.Keys, c.stranger.Town, c.stranger.chained = stolen, "town-1", true
	c.stranger.must(t, c.stranger.editOf(t, mayor, "forged", ""), c.stranger.editOf(t, bug, "forged", ""))
	c.stranger.publish(t, elsewhere)
	c.syncAt(t, offline, elsewhere)
	if got := offline.now(t, mayor).Text; got != "forged" {
		t.Fatalf("the offline Town has %q: the test is not about what it says", got)
	}
	c.atRest(t, offline, c.b, c.a)
	for _, s := range []*Store{offline, c.b, c.a} {
		if m, i := s.now(t, mayor).Text, s.now(t, bug).Text; m != "alpha's" || i != "alpha's" {
			t.Errorf("%s has %q and %q", s.Town, m, i)
		}
	}
}

// Signatures that a stranger takes out while the new key is new come back with their Town.
func TestSignaturesThatWereTakenOutAtARotation(t *testing.T) {
	c := newCrowd(t)
	offline := c.gamma(t)
	c.a.must(t, c.a.editOf(t, mayor, "alpha's third", ""), c.a.editOf(t, bug, "alpha's third", ""))
	c.sync(t, c.a)
	c.sync(t, c.b)
	c.a.rotate(t)
	c.sync(t, c.a)
	c.follow(t)
	c.stranger.exec(t, "DELETE FROM signatures")
	c.stranger.publish(t, c.mirror)
	c.sync(t, offline)
	c.sync(t, c.b)
	c.atRest(t, offline, c.b, c.a)
	for _, s := range []*Store{offline, c.b, c.a} {
		if m, i := s.now(t, mayor).Text, s.now(t, bug).Text; m != "alpha's third" || i != "alpha's third" {
			t.Errorf("%s has %q and %q", s.Town, m, i)
		}
		if v, err := s.Verify(t.Context()); err != nil || v.UnsignedTotal != 0 {
			t.Errorf("%s: %+v, %v", s.Town, v, err)
		}
	}
}

// A Town that joins while a stranger's rows are at the remote's tip, with signatures that do
// not hold, has them until it meets another Town, and gives them to nobody.
func TestAJoinAtAForgedTip(t *testing.T) {
	c := newCrowd(t)
	thief := newKeys(t, "town-1")
	forged := town.Edit{Key: mayor, Text: "forged", Revision: 9, Town: "town-1", Author: "Ada <ada@example.com>"}
	issue := town.Edit{Key: bug, Text: "forged", Version: "3", Revision: 9, Town: "town-1", Author: "Ada <ada@example.com>"}
	rank := Rank{Key: build, Level: 7, Town: "town-1", Author: "Ada <ada@example.com>"}
	decision := Resolution{Proposal: "ab", Outcome: OutcomeTheirs, Town: "town-1", Author: "Ada <ada@example.com>"}
	for _, q := range []string{
		"REPLACE INTO roles VALUES " + roleRow("forged", 9, "town-1"),
		fmt.Sprintf("INSERT INTO templates VALUES ('bug.md', 3, 'forged', 0, '%s', 9, 'town-1', 'Ada <ada@example.com>')", issue.Digest()),
		"DELETE FROM formulas", "INSERT INTO ranks VALUES ('formula', 'build', 7, '', 'town-1', 'Ada <ada@example.com>')",
		fmt.Sprintf("INSERT INTO resolutions VALUES ('%s', 'ab', 'theirs', '', 'town-1', 'Ada <ada@example.com>')", decision.ID()),
		"UPDATE towns SET name = 'mallory', revision = 99 WHERE id = 'town-1'", "INSERT INTO towns (id, name, revision) VALUES ('town-9', 'alpha', 1)",
		fmt.Sprintf("INSERT INTO town_keys VALUES ('town-1', 2, '%s', '%s')", thief.Public(), thief.Chain("store-1")[0].Signature),
	} {
		c.stranger.exec(t, q)
	}
	for _, d := range []town.Digest{statement(forged), statement(issue), rank.statement(), decision.ID(), (Member{ID: "town-1", Name: "mallory", Revision: 99, Instance: "i1", Epoch: 1}).statement()} {
		g := thief.Sign("store-1", d)
		c.stranger.exec(t, fmt.Sprintf("INSERT INTO signatures VALUES ('%s', 'town-1', '%s', '%s')", d, g.Signer, g.Value))
	}
	c.stranger.publish(t, c.mirror)
	joiner, _, err := Clone(t.Context(), testOptions(t), "origin", c.mirror, "town-3")
	if err != nil {
		t.Fatal(err)
	}
	defer joiner.Close()
	joiner.Keys, joiner.Unsigned = newKeys(t, "town-3"), UnsignedReviewed
	if _, err := joiner.Register(t.Context(), Entry{Name: "gamma", Instance: "i3"}); err != nil {
		t.Fatal(err)
	}
	c.sync(t, joiner)
	c.atRest(t, c.a, joiner, c.b)
	for _, s := range []*Store{joiner, c.a, c.b} {
		if m, i, f := s.now(t, mayor).Text, s.now(t, bug).Text, s.now(t, build).Text; m != "alpha's" || i != "alpha's" || f != "alpha's" {
			t.Errorf("%s has %q, %q and %q", s.Town, m, i, f)
		}
		if v, err := s.Verify(t.Context()); err != nil || v.UnsignedTotal != 0 {
			t.Errorf("%s: %+v, %v", s.Town, v, err)
		}
		if got := s.registry(t); !slices.Equal(got, []string{"town-1 alpha 1 i1", "town-2 beta 1 i2", "town-3 gamma 1 i3"}) {
			t.Errorf("%s: registry %q", s.Town, got)
		}
	}
}

// An edit from before Towns signed, which was never published, gives way to a signed one,
// and waits for a person.
func TestAnUnsignedEditGivesWay(t *testing.T) {
	c := newCrowd(t)
	keys := c.b.Keys
	c.b.Keys = nil
	c.b.must(t, c.b.editOf(t, mayor, "unsigned", ""), c.b.editOf(t, bug, "unsigned", ""))
	c.b.Keys = keys
	c.a.must(t, c.a.editOf(t, mayor, "alpha's third", ""), c.a.editOf(t, bug, "alpha's third", ""))
	c.sync(t, c.a)
	c.sync(t, c.b)
	c.atRest(t, c.a, c.b)
	for _, s := range []*Store{c.a, c.b} {
		if m, i := s.now(t, mayor).Text, s.now(t, bug).Text; m != "alpha's third" || i != "alpha's third" {
			t.Errorf("%s has %q and %q", s.Town, m, i)
		}
		if reviews, err := s.Reviews(t.Context()); err != nil || len(reviews) != 2 || reviews[0].Text != "unsigned" || reviews[1].Text != "unsigned" {
			t.Errorf("%s: %+v, %v", s.Town, reviews, err)
		}
	}
}

// A member that chooses the highest number there is does not have the last word.
func TestNobodyHasTheLastNumber(t *testing.T) {
	edit := func(revision uint64) town.Edit {
		return town.Edit{Key: mayor, Text: "hostile", Revision: revision, Town: "town-9", Author: "M <m@example.com>"}
	}
	first := town.Edit{Key: mayor, Text: "alpha's first", Revision: 1, Town: "town-1", Author: "Ada <ada@example.com>"}
	for name, act := range map[string]func(e *changeset){
		"an edit":          func(e *changeset) { h := edit(maxRevision); e.force(mayor, &h); e.sign(h) },
		"the end of reach": func(e *changeset) { h := edit(1<<(stepsOfLevels+1) - 1); e.force(mayor, &h); e.sign(h) },
		"a rank":           func(e *changeset) { e.force(mayor, &first); e.rank(mayor, statement(first), maxRevision) },
		"a removal":        func(e *changeset) { e.force(mayor, nil); e.rank(mayor, "", maxRevision) },
		"a rank in reach":  func(e *changeset) { e.force(mayor, &first); e.rank(mayor, statement(first), 1<<(stepsOfLevels+1)-1) },
		"an issue": func(e *changeset) {
			h := town.Edit{Key: bug, Text: "hostile", Version: "3", Revision: maxRevision, Town: "town-9", Author: "M <m@example.com>"}
			e.append = append(e.append, h)
			e.sign(h)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCrowd(t)
			c.enroll(t)
			_, err := c.stranger.db.Update(t.Context(), "hostile", func(tx *doltdb.Tx) error {
				e := c.stranger.newChangeset()
				act(e)
				return e.write(t.Context(), tx)
			})
			if err != nil {
				t.Fatal(err)
			}
			c.stranger.publish(t, c.mirror)
			for n := range 3 {
				text := fmt.Sprint("honest ", n)
				c.sync(t, c.b)
				c.b.must(t, c.b.editOf(t, mayor, text, ""), c.b.editOf(t, bug, text, ""))
				if err := c.b.CheckOutgoing(t.Context(), "origin", "store-1", ""); err != nil {
					t.Fatal(err)
				}
				c.sync(t, c.b)
				c.sync(t, c.a)
				for _, s := range []*Store{c.a, c.b} {
					if m, i := s.now(t, mayor).Text, s.now(t, bug).Text; m != text || i != text {
						t.Errorf("%s has %q and %q, want %q", s.Town, m, i, text)
					}
				}
			}
			// A Town that was offline meanwhile comes to the same.
			late := raw(t, c.mirror, "town-3")
			late.Unsigned = UnsignedReviewed
			c.sync(t, late)
			c.atRest(t, c.a, c.b)
		})
	}
}

// A stranger's proposal that names the highest number gives it to nobody who takes it.
func TestAProposalWithTheLastNumber(t *testing.T) {
	c := newCrowd(t)
	c.stranger.exec(t, "REPLACE INTO roles VALUES "+roleRow("useful", maxRevision, "town-2"))
	c.stranger.publish(t, c.mirror)
	c.sync(t, c.b)
	reviews, err := c.b.Reviews(t.Context())
	if err != nil || len(reviews) != 1 {
		t.Fatalf("%+v, %v", reviews, err)
	}
	if _, err := c.b.Resolve(t.Context(), reviews[0], OutcomeOurs, "", "decide"); err != nil {
		t.Fatal(err)
	}
	c.sync(t, c.b)
	c.sync(t, c.a)
	if got := c.a.now(t, mayor).Text; got != "useful" {
		t.Errorf("alpha has %q", got)
	}
}

// The holder of a key can make several signatures of one row, and a later key another one.
// Towns agree on one.
func TestTheOrderOfSignatures(t *testing.T) {
	f := sift{next: sign.Ring{"town-1": {"aa", "bb"}}}
	in := func(signer sign.Public, value string) sign.Signature {
		return sign.Signature{Town: "town-1", Signer: signer, Value: value}
	}
	order := []sign.Signature{in("aa", "1"), in("aa", "2"), in("bb", "0"), in("bb", "1")}
	for i, a := range order {
		for j, b := range order {
			if f.outranks(a, b) != (i > j) {
				t.Errorf("%v outranks %v: %v", a, b, i <= j)
			}
		}
	}
}

// While a Town cannot read whom it trusts, it merges nothing: if it refused everything, what
// others wrote would be put back in all Towns.
func TestNothingIsMergedWhileTrustIsUnknown(t *testing.T) {
	c := newCrowd(t)
	c.a.must(t, c.a.editOf(t, mayor, "alpha's third", ""))
	c.sync(t, c.a)
	unknown := errors.New("the file is broken")
	c.b.MayMerge = func() error { return unknown }
	before := headOf(t, c.b)
	if err := c.b.take(t, c.mirror); !errors.Is(err, unknown) || headOf(t, c.b) != before {
		t.Errorf("a merge: %v", err)
	}
	c.b.MayMerge = nil
	c.sync(t, c.b)
	if got := c.b.now(t, mayor).Text; got != "alpha's third" {
		t.Errorf("beta has %q", got)
	}
}

// An entry at an unchecked revision stops a directory only if its Town has signed it.
func TestAForgedEntryStopsNoTown(t *testing.T) {
	c := newCrowd(t)
	at := func() error {
		theirs, err := c.a.Fetch(t.Context(), "origin", c.mirror)
		if err != nil {
			t.Fatal(err)
		}
		return c.a.MayRegisterAt(t.Context(), Entry{Name: "alpha", Instance: "i1", Epoch: 1}, theirs)
	}
	c.stranger.exec(t, "UPDATE towns SET instance = 'i9', epoch = 7, revision = 99 WHERE id = 'town-1'")
	c.stranger.publish(t, c.mirror)
	if err := at(); err != nil {
		t.Errorf("a stranger's entry: %v", err)
	}
	// The Town itself, in another directory, with a new key.
	other := raw(t, c.mirror, "town-1")
	other.Keys = c.a.Keys
	other.rotate(t)
	if _, err := other.Register(t.Context(), Entry{Name: "alpha", Instance: "i2", Any: true}); err != nil {
		t.Fatal(err)
	}
	other.publish(t, c.mirror)
	var fenced *InstanceError
	if err := at(); !errors.As(err, &fenced) || fenced.Member.Instance != "i2" {
		t.Errorf("the Town's own entry: %v", err)
	}
}

// Towns with other settings of federation.unsigned come to hold the same, and no edit is lost.
func TestTownsThatTreatUnsignedTextsOtherwise(t *testing.T) {
	for _, other := range []Unsigned{UnsignedAccepted, UnsignedRefused} {
		t.Run(string(other), func(t *testing.T) {
			c := newCrowd(t)
			c.a.Unsigned = other
			c.stranger.exec(t, "UPDATE roles SET text = 'by a stranger'")
			c.stranger.exec(t, "UPDATE templates SET text = 'by a stranger' WHERE version = 2")
			c.stranger.exec(t, "DELETE FROM formulas")
			c.stranger.publish(t, c.mirror)
			c.sync(t, c.a)
			c.a.must(t, c.a.editOf(t, build, "alpha's third", "2.0.0"))
			c.atRest(t, c.a, c.b)
			// To alpha the formula is a new one, if it took the removal.
			reviews, err := c.b.Reviews(t.Context())
			waits := slices.ContainsFunc(reviews, func(r Review) bool { return r.Text == "alpha's third" })
			if got := c.b.now(t, build).Text; err != nil || got != "alpha's third" && !waits {
				t.Errorf("beta has %q, reviews %+v, %v", got, reviews, err)
			}
		})
	}
}

// A Town whose plane went back to a backup, and which writes before it pulls, loses nothing
// that the others have, and nothing that it wrote.
func TestATownThatWentBackToABackup(t *testing.T) {
	c := newCrowd(t)
	old := headOf(t, c.a)
	for n := range 3 {
		c.a.must(t, c.a.editOf(t, mayor, fmt.Sprint("alpha's later ", n), ""), c.a.editOf(t, bug, fmt.Sprint("alpha's later ", n), ""))
	}
	c.sync(t, c.a)
	c.sync(t, c.b)
	if err := c.a.db.Rewind(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	c.a.chained = false
	c.a.must(t, c.a.editOf(t, mayor, "after the restore", ""), c.a.editOf(t, bug, "after the restore", ""))
	c.atRest(t, c.a, c.b)
	for _, s := range []*Store{c.a, c.b} {
		found := map[string]bool{}
		reviews, err := s.Reviews(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range reviews {
			found[r.Text] = true
		}
		for _, key := range []town.Key{mayor, bug} {
			past, err := s.History(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range past {
				found[v.Text] = true
			}
			for _, want := range []string{"alpha's later 2", "after the restore"} {
				if !found[want] {
					t.Errorf("%s has %q of %s nowhere", s.Town, want, key)
				}
			}
		}
		if v, err := s.Verify(t.Context()); err != nil || v.UnsignedTotal != 0 {
			t.Errorf("%s: %+v, %v", s.Town, v, err)
		}
	}
}
