package federation

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gastown/planes/doltdb"
	"gastown/planes/doltdb/doltdbtest"
	"gastown/sync/sign"
	"gastown/town"
)

// crowd is a federation of two honest Towns, and a copy that a stranger writes with SQL.
type crowd struct {
	a, b, stranger *Store
	mirror         string
}

func newCrowd(t testing.TB) *crowd {
	t.Helper()
	c := &crowd{a: newStore(t), mirror: t.TempDir()}
	c.a.Unsigned = UnsignedReviewed
	if _, err := c.a.Register(t.Context(), Entry{Name: "alpha", Instance: "i1"}); err != nil {
		t.Fatal(err)
	}
	c.a.must(t, c.a.editOf(t, mayor, "alpha's first", ""), c.a.editOf(t, build, "alpha's first", "1.0.0"), c.a.editOf(t, bug, "alpha's first", ""))
	c.a.must(t, c.a.editOf(t, mayor, "alpha's", ""), c.a.editOf(t, build, "alpha's", "1.1.0"), c.a.editOf(t, bug, "alpha's", ""))
	c.a.publish(t, c.mirror)
	c.b = raw(t, c.mirror, "town-2")
	c.b.Keys, c.b.Unsigned = newKeys(t, "town-2"), UnsignedReviewed
	if _, err := c.b.Register(t.Context(), Entry{Name: "beta", Instance: "i2"}); err != nil {
		t.Fatal(err)
	}
	c.sync(t, c.b)
	c.sync(t, c.a)
	c.stranger = raw(t, c.mirror, "town-9")
	return c
}

// sync is a pull and a push.
func (c *crowd) sync(t testing.TB, s *Store) {
	t.Helper()
	c.syncAt(t, s, c.mirror)
}

func (c *crowd) syncAt(t testing.TB, s *Store, mirror string) {
	t.Helper()
	if err := s.take(t, mirror); err != nil {
		t.Fatal(err)
	}
	s.publish(t, mirror)
}

// follow has the stranger hold what the federation has.
func (c *crowd) follow(t testing.TB) {
	t.Helper()
	c.followAt(t, c.mirror)
}

func (c *crowd) followAt(t testing.TB, mirror string) {
	t.Helper()
	theirs, err := c.stranger.Fetch(t.Context(), "origin", mirror)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.stranger.db.Rewind(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
}

// rowsOf is every row of a store that could be in force or decide something.
func rowsOf(t testing.TB, s *Store) (all []string) {
	t.Helper()
	err := s.db.View(t.Context(), func(tx *doltdb.Tx) error {
		for table, list := range map[string]string{
			"roles": columns(town.KindRole), "formulas": columns(town.KindFormula), "templates": columns(town.KindTemplate),
			"resolutions": resolutionColumns, "towns": memberColumns, "town_keys": keyChainColumns, "signatures": signatureColumns, "ranks": rankColumns,
		} {
			err := tx.Each(t.Context(), func(r *doltdb.Rows) error {
				cells, err := scanCells(r, 1+strings.Count(list, ","))
				all = append(all, table+": "+fmt.Sprint(cells.texts()...))
				return err
			}, "SELECT "+list+" FROM "+table)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// roleRow is a role with the digest that belongs to it, as a VALUES list.
func roleRow(text string, revision uint64, id town.ID) string {
	e := town.Edit{Key: mayor, Text: text, Revision: revision, Town: id, Author: "Ada <ada@example.com>"}
	return fmt.Sprintf(`('mayor', "%s", '%s', %d, '%s', 'Ada <ada@example.com>')`, text, e.Digest(), revision, id)
}

// What a stranger can push, with what a Town says about it. Nothing of it comes into
// force, in a Town that had nothing of its own to publish or in one that had; the Towns
// hold the same afterwards; and documents wait for a person.
func TestWhatAStrangerPushesIsNotInForce(t *testing.T) {
	thief := newKeys(t, "town-1")
	signed := func(s *sign.Keys, d town.Digest, id town.ID) string {
		g := s.Sign("store-1", d)
		return fmt.Sprintf("INSERT INTO signatures VALUES ('%s', '%s', '%s', '%s')", d, id, g.Signer, g.Value)
	}
	forged := town.Edit{Key: mayor, Text: "forged", Revision: 9, Town: "town-1", Author: "Ada <ada@example.com>"}
	link := thief.Chain("store-1")[0]
	for name, test := range map[string]struct {
		sql     []string
		reason  string
		reviews int
	}{
		"a text without a digest":       {[]string{"UPDATE roles SET text = 'forged' WHERE name = 'mayor'"}, notSigned, 1},
		"a text in a Town's name":       {[]string{"REPLACE INTO roles VALUES " + roleRow("forged", 9, "town-1")}, notSigned, 1},
		"a text with a stolen revision": {[]string{"REPLACE INTO roles VALUES " + roleRow("forged", 1<<59, "town-2")}, notSigned, 1},
		"a text that another key signed": {[]string{"REPLACE INTO roles VALUES " + roleRow("forged", 9, "town-1"), signed(thief, statement(forged), "town-1"),
			fmt.Sprintf("INSERT INTO town_keys VALUES ('town-1', 2, '%s', '%s')", link.Public, link.Signature)}, "not signed by the one before", 1},
		"a new role":                  {[]string{"INSERT INTO roles VALUES ('fresh', 'forged', '', 1, 'town-1', 'A <a@b>')"}, notSigned, 1},
		"a formula of a high version": {[]string{"UPDATE formulas SET text = 'forged', version = '99.0.0', revision = 99"}, notSigned, 1},
		"the removal of a role":       {[]string{"DELETE FROM roles"}, "no Town has signed", 1},
		"a removal in a Town's name":  {[]string{"DELETE FROM formulas", "INSERT INTO ranks VALUES ('formula', 'build', 9, '', 'town-1', 'A <a@b>')"}, "no Town has signed", 1},
		"an issue":                    {[]string{"INSERT INTO templates VALUES ('bug.md', 3, 'forged', 0, '', 3, 'town-1', 'A <a@b>')"}, notSigned, 1},
		"an issue that was rewritten": {[]string{"UPDATE templates SET text = 'forged' WHERE version = 2"}, notSigned, 1},
		"an issue that was removed":   {[]string{"DELETE FROM templates WHERE version = 2"}, putBackAgain, 0},
		"an old issue on top":         {[]string{"UPDATE templates SET version = 3 WHERE version = 1"}, putBackAgain, 0},
		"all issues removed":          {[]string{"DELETE FROM templates"}, "was changed or removed", 0},
		"another name for a Town":     {[]string{"UPDATE towns SET name = 'mallory', revision = 99 WHERE id = 'town-1'"}, notSigned, 0},
		"a Town that is thrown out":   {[]string{"DELETE FROM towns WHERE id = 'town-2'"}, "it was removed", 0},
		"a Town that left, it says":   {[]string{"UPDATE towns SET departed = 1, revision = 99 WHERE id = 'town-2'"}, notSigned, 0},
		"a name that is taken":        {[]string{"INSERT INTO towns (id, name, revision) VALUES ('town-9', 'alpha', 1)"}, notSigned, 0},
		"another key for a Town":      {[]string{fmt.Sprintf("REPLACE INTO town_keys VALUES ('town-1', 1, '%s', '%s')", link.Public, link.Signature)}, "only ever added", 0},
		"no key for a Town":           {[]string{"DELETE FROM town_keys"}, "only ever added", 0},
		"no signatures":               {[]string{"DELETE FROM signatures"}, "only ever added", 0},
		"signatures that nobody made": {[]string{"INSERT INTO signatures SELECT 'ab', 'town-1', signer, signature FROM signatures LIMIT 1"}, "not by the present key", 0},
		"a text with another's signature": {[]string{"REPLACE INTO roles VALUES " + roleRow("forged", 9, "town-1"),
			fmt.Sprintf("INSERT INTO signatures SELECT '%s', 'town-1', signer, signature FROM signatures LIMIT 1", statement(forged))}, notSigned, 1},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCrowd(t)
			before := rowsOf(t, c.a)
			for _, q := range test.sql {
				c.stranger.exec(t, q)
			}
			c.stranger.publish(t, c.mirror)
			theirs, err := c.a.Fetch(t.Context(), "origin", c.mirror)
			if err != nil {
				t.Fatal(err)
			}
			here := headOf(t, c.a)
			if err := c.a.CheckIncoming(t.Context(), "origin", "store-1", here, theirs); err != nil {
				t.Fatal(err)
			}
			merged, err := c.a.Merge(t.Context(), here, here, theirs, "merge")
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(fmt.Sprint(merged.Refused), test.reason) {
				t.Errorf("reasons: %+v", merged.Refused)
			}
			if now := rowsOf(t, c.a); !slices.Equal(now, before) {
				t.Errorf("alpha holds\n%s\ninstead of\n%s", strings.Join(now, "\n"), strings.Join(before, "\n"))
			}
			// Beta has an edit of its own when it meets the same.
			c.b.must(t, c.b.editOf(t, build, "beta's", "1.2.0"))
			c.sync(t, c.b)
			c.sync(t, c.a)
			c.sync(t, c.b)
			if a, b := rowsOf(t, c.a), rowsOf(t, c.b); !slices.Equal(a, b) || c.a.now(t, build).Text != "beta's" {
				t.Errorf("beta holds\n%s\nand alpha\n%s", strings.Join(b, "\n"), strings.Join(a, "\n"))
			}
			reviews, err := c.b.Reviews(t.Context())
			if err != nil || len(reviews) != test.reviews {
				t.Errorf("reviews: %+v, %v", reviews, err)
			}
			at := headOf(t, c.a)
			c.sync(t, c.a)
			c.sync(t, c.b)
			c.sync(t, c.a)
			if headOf(t, c.a) != at || headOf(t, c.b) != at {
				t.Error("the Towns do not come to rest")
			}
		})
	}
}

// A signed row that was superseded does not come into force again.
func TestAReplayIsNotInForce(t *testing.T) {
	c := newCrowd(t)
	c.stranger.exec(t, "REPLACE INTO roles VALUES "+roleRow("alpha's first", 1, "town-1"))
	c.stranger.publish(t, c.mirror)
	c.sync(t, c.b)
	c.sync(t, c.a)
	for _, s := range []*Store{c.a, c.b} {
		if s.now(t, mayor).Text != "alpha's" {
			t.Errorf("in force is %q", s.now(t, mayor).Text)
		}
		reviews, err := s.Reviews(t.Context())
		if err != nil || len(reviews) != 1 || !reviews[0].Signed {
			t.Errorf("reviews: %+v, %v", reviews, err)
		}
	}
}

// A decision in another Town's name closes no review.
func TestAForgedDecisionClosesNothing(t *testing.T) {
	c := newCrowd(t)
	base := c.b.editOf(t, mayor, "beta's", "")
	c.a.must(t, c.a.editOf(t, mayor, "alpha's third", ""))
	c.sync(t, c.a)
	c.b.must(t, base)
	c.sync(t, c.b)
	c.sync(t, c.a)
	reviews, err := c.a.Reviews(t.Context())
	if err != nil || len(reviews) != 1 || !reviews[0].Signed {
		t.Fatalf("%+v, %v", reviews, err)
	}
	c.follow(t)
	v := Resolution{Proposal: reviews[0].ID, Outcome: OutcomeTheirs, Town: "town-1", Author: "Ada <ada@example.com>"}
	c.stranger.exec(t, fmt.Sprintf("INSERT INTO resolutions VALUES ('%s', '%s', 'theirs', '', 'town-1', 'Ada <ada@example.com>')", v.ID(), v.Proposal))
	c.stranger.publish(t, c.mirror)
	c.sync(t, c.b)
	c.sync(t, c.a)
	for _, s := range []*Store{c.a, c.b} {
		if open, err := s.Reviews(t.Context()); err != nil || len(open) != 1 {
			t.Errorf("open: %+v, %v", open, err)
		}
	}
	if _, err := c.a.Resolve(t.Context(), reviews[0], OutcomeTheirs, "", "decide"); err != nil {
		t.Fatal(err)
	}
	c.sync(t, c.a)
	c.sync(t, c.b)
	if open, err := c.b.Reviews(t.Context()); err != nil || len(open) != 0 {
		t.Errorf("after the true decision: %+v, %v", open, err)
	}
}

// A person in any Town may take what a stranger proposed; then it is that Town's.
func TestAPersonTakesWhatAStrangerWrote(t *testing.T) {
	c := newCrowd(t)
	c.stranger.exec(t, "UPDATE roles SET text = 'useful'")
	c.stranger.exec(t, "UPDATE templates SET text = 'useful' WHERE version = 2")
	c.stranger.exec(t, "UPDATE formulas SET text = 'useful'")
	c.stranger.publish(t, c.mirror)
	c.sync(t, c.b)
	reviews, err := c.b.Reviews(t.Context())
	if err != nil || len(reviews) != 3 {
		t.Fatalf("%+v, %v", reviews, err)
	}
	for _, r := range reviews {
		r.Version = map[town.Kind]string{town.KindFormula: "1.2.0"}[r.Kind]
		if r.Signed {
			t.Errorf("%s counts as signed", r.Key)
		}
		if _, err := c.b.Resolve(t.Context(), r, OutcomeOurs, "", "decide"); err != nil {
			t.Fatal(err)
		}
	}
	c.sync(t, c.b)
	c.sync(t, c.a)
	for _, key := range []town.Key{mayor, build, bug} {
		if got := c.a.now(t, key).Text; got != "useful" {
			t.Errorf("%s is %q", key, got)
		}
	}
	if open, err := c.a.Reviews(t.Context()); err != nil || len(open) != 0 {
		t.Errorf("open: %+v, %v", open, err)
	}
	if v, err := c.a.Verify(t.Context()); err != nil || v.UnsignedTotal != 0 {
		t.Errorf("unsigned: %+v, %v", v.Unsigned, err)
	}
}

// A Town's keys follow each other. What a former key signs is not taken once others know
// the next one, nor what any key signs after the Town revoked them.
func TestKeysThatFollowEachOther(t *testing.T) {
	c := newCrowd(t)
	stolen := *c.a
	rotated, err := c.a.Keys.Rotate(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	c.a.Keys = rotated
	if err := c.a.EnterKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.a.must(t, c.a.editOf(t, mayor, "by the second key", ""))
	c.sync(t, c.a)
	c.sync(t, c.b)
	if got := c.b.now(t, mayor).Text; got != "by the second key" {
		t.Fatalf("beta has %q", got)
	}
	c.follow(t)
	c.stranger.Keys, c.stranger.Town, c.stranger.chained = stolen.Keys, "town-1", true
	c.stranger.must(t, c.stranger.editOf(t, mayor, "forged", ""))
	c.stranger.publish(t, c.mirror)
	c.sync(t, c.b)
	if got := c.b.now(t, mayor).Text; got != "by the second key" {
		t.Errorf("with the first key, which was stolen: beta has %q", got)
	}
	c.sync(t, c.a)
	if err := c.a.Revoke(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.sync(t, c.a)
	c.sync(t, c.b)
	if commit, err := c.a.Register(t.Context(), Entry{Name: "renamed", Instance: "i1"}); err != nil || commit != "" {
		t.Errorf("the entry of a Town that revoked its keys: %q, %v", commit, err)
	}
	if _, err := c.a.Record(t.Context(), "test", []FileEdit{c.a.editOf(t, mayor, "too late", "")}); !errors.Is(err, town.ErrRefused) {
		t.Errorf("it signs: %v", err)
	}
	c.follow(t)
	c.stranger.Keys = rotated
	c.stranger.must(t, c.stranger.editOf(t, mayor, "forged again", ""))
	c.stranger.publish(t, c.mirror)
	c.sync(t, c.b)
	if got := c.b.now(t, mayor).Text; got != "by the second key" {
		t.Errorf("after the revocation beta has %q", got)
	}
	if prints, err := c.b.Fingerprints(t.Context()); err != nil || prints["town-1"] != "revoked" {
		t.Errorf("fingerprints: %v, %v", prints, err)
	}
}

// What another program wrote into a Town's own plane is the Town's.
func TestATownClaimsItsOwnPlane(t *testing.T) {
	c := newCrowd(t)
	since := headOf(t, c.b)
	c.b.exec(t, "UPDATE roles SET text = 'by hand'")
	c.b.exec(t, "UPDATE templates SET text = 'by hand' WHERE version = 2")
	c.b.exec(t, "DELETE FROM formulas")
	if commit, err := c.b.Claim(t.Context(), since); err != nil || commit == "" {
		t.Fatalf("claim: %q, %v", commit, err)
	}
	if commit, err := c.b.Claim(t.Context(), since); err != nil || commit != "" {
		t.Fatalf("claimed twice: %q, %v", commit, err)
	}
	c.sync(t, c.b)
	c.sync(t, c.a)
	if a, b, f := c.a.now(t, mayor).Text, c.a.now(t, bug).Text, c.a.now(t, build); a != "by hand" || b != "by hand" || !f.Absent {
		t.Errorf("alpha has %q, %q, %+v", a, b, f)
	}
	if v, err := c.a.Verify(t.Context()); err != nil || v.UnsignedTotal != 0 {
		t.Errorf("unsigned: %+v, %v", v.Unsigned, err)
	}
}

// A Town that did not note what it merged claims nothing of it: issues that got other
// numbers in the merge are signed. What another program removed meanwhile comes back first.
func TestATownClaimsNothingOfAMerge(t *testing.T) {
	c := newCrowd(t)
	created := func(text string) FileEdit {
		return FileEdit{Key: town.Key{Kind: town.KindTemplate, Name: "new"}, Text: text}
	}
	c.a.must(t, created("alpha's issue"))
	c.b.must(t, created("beta's issue"))
	since := headOf(t, c.b)
	c.sync(t, c.a)
	c.sync(t, c.b)
	if commit, err := c.b.Claim(t.Context(), since); err != nil || commit != "" {
		t.Fatalf("claim: %q, %v", commit, err)
	}
	c.b.exec(t, "DELETE FROM templates WHERE name = 'new' AND text = 'beta''s issue'")
	if commit, err := c.b.Claim(t.Context(), since); err != nil || commit == "" {
		t.Fatalf("claim: %q, %v", commit, err)
	}
	c.sync(t, c.b)
	c.sync(t, c.a)
	for name, s := range map[string]*Store{"alpha": c.a, "beta": c.b} {
		past, err := s.History(t.Context(), created("").Key)
		var texts []string
		for _, p := range past {
			texts = append(texts, p.Text)
		}
		if want := []string{"alpha's issue", "beta's issue"}; err != nil || !slices.Equal(slices.Sorted(slices.Values(texts)), want) || s.now(t, created("").Key).Text != want[0] {
			t.Errorf("%s has %q, %v", name, texts, err)
		}
	}
}

// Histories of three honest Towns that meet in two places, and a stranger who can push
// anything to both: no text of the stranger is ever in force, and in the end the Towns hold
// the same, signed, and come to rest.
func TestHostileHistories(t *testing.T) {
	doltdbtest.Histories(t)
	rapid.Check(t, func(rt *rapid.T) { hostileHistory(history{t, rt}, rt) })
}

// history is one history that rapid tries. What is made for it ends with it, or the
// databases of all of them would be open at once.
type history struct {
	testing.TB
	rt *rapid.T
}

func (h history) Cleanup(f func())             { h.rt.Cleanup(f) }
func (h history) Fatal(args ...any)            { h.rt.Fatal(args...) }
func (h history) Fatalf(f string, args ...any) { h.rt.Fatalf(f, args...) }

func (h history) TempDir() string {
	dir, err := os.MkdirTemp(h.TB.TempDir(), "")
	if err != nil {
		h.rt.Fatal(err)
	}
	h.rt.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func hostileHistory(t testing.TB, rt *rapid.T) {
	c := newCrowd(t)
	// A third Town, and a second place where Towns meet.
	third := raw(t, c.mirror, "town-3")
	third.Keys, third.Unsigned = newKeys(t, "town-3"), UnsignedReviewed
	if _, err := third.Register(t.Context(), Entry{Name: "gamma", Instance: "i3"}); err != nil {
		t.Fatal(err)
	}
	honest := []*Store{c.a, c.b, third}
	mirrors := []string{c.mirror, t.TempDir()}
	third.publish(t, mirrors[1])
	n, stored := 0, 0
	for range rapid.IntRange(3, 16).Draw(rt, "steps") {
		i := rapid.IntRange(0, len(honest)-1).Draw(rt, "who")
		who := honest[i]
		at := mirrors[min(1, rapid.IntRange(0, 2).Draw(rt, "where"))]
		switch rapid.SampledFrom([]string{"edit", "edit", "edits", "remove", "sync", "sync", "sync", "attack", "decide", "rotate"}).Draw(rt, "step") {
		case "edit":
			n++
			key := rapid.SampledFrom([]town.Key{mayor, build, bug}).Draw(rt, "document")
			who.must(t, who.editOf(t, key, fmt.Sprint("honest ", n), fmt.Sprintf("%d.0.0", rapid.IntRange(1, 4).Draw(rt, "version"))))
		case "edits":
			for range 3 {
				n++
				who.must(t, who.editOf(t, mayor, fmt.Sprint("honest ", n), ""), who.editOf(t, bug, fmt.Sprint("honest ", n), ""))
			}
		case "remove":
			e := who.editOf(t, rapid.SampledFrom([]town.Key{mayor, build, bug}).Draw(rt, "document"), "", "")
			e.Removed = true
			who.must(t, e)
		case "sync":
			c.syncAt(t, who, at)
		case "decide":
			reviews, err := who.Reviews(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(reviews) == 0 || strings.Contains(reviews[0].Text, "forged") {
				break
			}
			reviews[0].Version = "2.5.0"
			if _, err := who.Resolve(t.Context(), reviews[0], rapid.SampledFrom([]Outcome{OutcomeOurs, OutcomeTheirs}).Draw(rt, "outcome"), "", "decide"); err != nil {
				t.Fatal(err)
			}
		case "rotate":
			stored++
			keys, err := who.Keys.Rotate(filepath.Join(t.TempDir(), fmt.Sprint("keys", stored)))
			if err != nil {
				t.Fatal(err)
			}
			who.Keys = keys
			if err := who.EnterKeys(t.Context()); err != nil {
				t.Fatal(err)
			}
		case "attack":
			c.followAt(t, at)
			for range rapid.IntRange(1, 3).Draw(rt, "changes") {
				c.stranger.exec(t, rapid.SampledFrom(attacks).Draw(rt, "change"))
			}
			c.stranger.publish(t, at)
		}
		for _, s := range honest {
			for _, row := range rowsOf(t, s) {
				if strings.Contains(row, "forged") {
					rt.Fatalf("%s holds %s", s.Town, row)
				}
			}
		}
	}
	for range 3 {
		for _, s := range honest {
			c.syncAt(t, s, mirrors[0])
			c.syncAt(t, s, mirrors[1])
		}
	}
	for _, s := range honest[1:] {
		if a, b := rowsOf(t, honest[0]), rowsOf(t, s); !slices.Equal(a, b) {
			rt.Fatalf("alpha holds\n%s\nand %s\n%s", strings.Join(a, "\n"), s.Town, strings.Join(b, "\n"))
		}
	}
	// What they hold is signed, and nobody has anything left to publish.
	for range 2 {
		for _, s := range honest {
			c.sync(t, s)
		}
	}
	for _, s := range honest {
		if v, err := s.Verify(t.Context()); err != nil || v.UnsignedTotal != 0 {
			rt.Fatalf("%s holds unsigned rows: %+v, %v", s.Town, v.Unsigned, err)
		}
		if head := headOf(t, s); head != headOf(t, honest[0]) {
			rt.Fatalf("%s does not come to rest: %s, not %s", s.Town, head, headOf(t, honest[0]))
		}
	}
}

// attacks are changes that no Town signed.
var attacks = []string{
	"UPDATE roles SET text = 'forged'", "UPDATE formulas SET text = 'forged', version = '99.0.0', revision = revision + 5",
	"UPDATE templates SET text = 'forged'", "DELETE FROM roles", "DELETE FROM formulas", "DELETE FROM templates", "DELETE FROM signatures",
	"DELETE FROM town_keys", "DELETE FROM towns", "DELETE FROM resolutions", "DELETE FROM ranks", "UPDATE towns SET name = 'forged', revision = revision + 1",
	"INSERT IGNORE INTO roles VALUES ('more', 'forged', '', 1, 'town-2', 'A <a@b>')",
	"INSERT IGNORE INTO ranks VALUES ('role', 'forged', 3, '', 'town-2', 'A <a@b>')",
	"INSERT IGNORE INTO templates VALUES ('bug.md', 77, 'forged', 0, '', 3, 'town-1', 'A <a@b>')",
	"UPDATE templates SET version = version + 100",
	"UPDATE roles SET revision = revision + 100", "UPDATE roles SET town = 'town-2', digest = ''",
	"REPLACE INTO roles SELECT * FROM roles AS OF 'HEAD~2'", "REPLACE INTO formulas SELECT * FROM formulas AS OF 'HEAD~3'",
	"UPDATE templates SET version = 1000 - version", "DELETE FROM templates WHERE version > 1", "DELETE FROM ranks WHERE level > 3",
	"DELETE FROM signatures WHERE digest > 'a'",
}

// A person may have a Town stand for what nobody signed. Others take it then.
func TestATownStandsForWhatNobodySigned(t *testing.T) {
	c := newCrowd(t)
	keys := c.b.Keys
	c.b.Keys, c.b.Unsigned = nil, UnsignedAccepted
	c.b.must(t, c.b.editOf(t, mayor, "unsigned", ""), c.b.editOf(t, bug, "unsigned", ""))
	c.b.Keys, c.b.Unsigned = keys, UnsignedReviewed
	if v, err := c.b.Verify(t.Context()); err != nil || v.UnsignedTotal != 2 {
		t.Errorf("before: %+v, %v", v, err)
	}
	for _, want := range []int{2, 0} {
		if n, err := c.b.Vouch(t.Context()); err != nil || n != want {
			t.Errorf("vouched for %d rows, %v; want %d", n, err, want)
		}
	}
	if v, err := c.b.Verify(t.Context()); err != nil || v.UnsignedTotal != 0 || v.Vouched != 2 {
		t.Errorf("after: %+v, %v", v, err)
	}
	c.sync(t, c.b)
	c.sync(t, c.a)
	if a, b := c.a.now(t, mayor).Text, c.a.now(t, bug).Text; a != "unsigned" || b != "unsigned" {
		t.Errorf("alpha has %q and %q", a, b)
	}
}

// Where documents need no signature, decisions and the registry still do.
func TestDecisionsAndTheRegistryAlwaysNeedASignature(t *testing.T) {
	c := newCrowd(t)
	c.a.Unsigned, c.b.Unsigned = UnsignedAccepted, UnsignedAccepted
	v := Resolution{Proposal: "ab", Outcome: OutcomeTheirs, Town: "town-1", Author: "Ada <ada@example.com>"}
	c.stranger.exec(t, "UPDATE roles SET text = 'by a stranger'")
	c.stranger.exec(t, "UPDATE towns SET name = 'mallory', revision = 99 WHERE id = 'town-1'")
	c.stranger.exec(t, fmt.Sprintf("INSERT INTO resolutions VALUES ('%s', '%s', 'theirs', '', 'town-1', 'Ada <ada@example.com>')", v.ID(), v.Proposal))
	c.stranger.publish(t, c.mirror)
	c.sync(t, c.b)
	c.sync(t, c.a)
	if got := c.a.registry(t); !slices.Equal(got, []string{"town-1 alpha 1 i1", "town-2 beta 1 i2"}) {
		t.Errorf("registry: %q", got)
	}
	if h, err := c.a.Holdings(t.Context()); err != nil || len(h.Resolutions) != 0 {
		t.Errorf("decisions: %+v, %v", h.Resolutions, err)
	}
	if got := c.a.now(t, mayor).Text; got != "by a stranger" {
		t.Errorf("the role is %q", got)
	}
}
