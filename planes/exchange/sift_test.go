package exchange

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gastown/planes/doltdb"
	"gastown/planes/doltdb/doltdbtest"
	"gastown/sync/share"
	"gastown/sync/sign"
	"gastown/town"
)

// crowd is honest Towns that share records at one place, and a copy that a stranger writes
// with SQL. ring is what the federation plane says of the keys of all.
type crowd struct {
	ring     sign.Ring
	honest   []*Store
	stranger *Store
	mirror   string
	// shares are the records of each Town, as its ledger has them.
	shares map[town.ID]map[string]share.Record
}

func newCrowd(t *testing.T, ids ...town.ID) *crowd {
	t.Helper()
	c := &crowd{ring: sign.Ring{}, mirror: t.TempDir(), shares: map[town.ID]map[string]share.Record{}}
	for _, id := range ids {
		k := newKeys(t, id)
		c.ring[id] = []sign.Public{k.Public()}
		c.shares[id] = map[string]share.Record{}
		var s *Store
		if len(c.honest) == 0 {
			s = newStore(t, id)
		} else {
			s = c.honest[0].clone(t, id)
		}
		s.Keys, s.Ring = k, c.ring
		c.honest = append(c.honest, s)
	}
	c.push(t, c.honest[0])
	c.stranger = c.honest[0].clone(t, "stranger")
	return c
}

func newKeys(t testing.TB, id town.ID) *sign.Keys {
	t.Helper()
	k, err := sign.NewKeys(id)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (c *crowd) push(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Push(t.Context(), "origin", c.mirror); err != nil {
		t.Fatal(err)
	}
}

// sync is a pull, what a push writes, and a push.
func (c *crowd) sync(t *testing.T, s *Store) Arrival {
	t.Helper()
	a, err := s.take(t, c.mirror)
	if err != nil {
		t.Fatal(err)
	}
	if s.MaySign() {
		c.publish(t, s)
	}
	c.push(t, s)
	return a
}

// publish makes the Town's rows what its ledger has.
func (c *crowd) publish(t *testing.T, s *Store) {
	t.Helper()
	here, err := s.Own(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	var put []share.Record
	for id, r := range c.shares[s.Town] {
		if here[id] != r.Digest(s.Town) {
			put = append(put, r)
		}
		delete(here, id)
	}
	var gone []string
	for id := range here {
		gone = append(gone, id)
	}
	settled, err := s.Settled(t.Context(), "town-"+string(s.Town))
	if err != nil {
		t.Fatal(err)
	}
	if len(put)+len(gone) > 0 || !settled {
		s.publish(t, put, gone...)
	}
}

// follow has the stranger hold what the remote has.
func (c *crowd) follow(t *testing.T) {
	t.Helper()
	theirs, err := c.stranger.Fetch(t.Context(), "origin", c.mirror)
	if err == nil {
		err = c.stranger.Rewind(t.Context(), theirs)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// rotate gives a Town a new key.
func (c *crowd) rotate(t *testing.T, s *Store) {
	t.Helper()
	keys, err := s.Keys.Rotate(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	s.Keys = keys
	c.ring[s.Town] = append(c.ring[s.Town], keys.Public())
}

// revise shares a record of a Town.
func (c *crowd) revise(s *Store, id, title string) { c.shares[s.Town][id] = record(id, title) }

// everything is every row of a store.
func everything(t testing.TB, s *Store) []string {
	t.Helper()
	all, err := s.rowsOf(t)
	if err != nil {
		t.Fatal(err)
	}
	err = s.db.View(t.Context(), func(tx *doltdb.Tx) error {
		return tx.Each(t.Context(), func(rows *doltdb.Rows) error {
			list, err := scanRegisters(rows, 1)
			if err == nil {
				all = append(all, fmt.Sprintf("name %+v", *list[0]))
			}
			return err
		}, "SELECT "+members.list("")+" FROM towns ORDER BY id")
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func headOf(t testing.TB, s *Store) string {
	t.Helper()
	head, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return head
}

// wantSigned checks that every row of a store is signed.
func wantSigned(t testing.TB, s *Store) {
	t.Helper()
	if _, err := s.Verify(t.Context(), func(u Unsigned) { t.Errorf("%s has %+v", s.Town, u) }); err != nil {
		t.Error(err)
	}
}

// forgery is a whole row in a Town's name, as SQL.
func forgery(owner town.ID, id, title, seal string) string {
	return fmt.Sprintf("REPLACE INTO beads (town, id, digest, title, status, priority, revision, signer, signature) VALUES ('%s', '%s', '%s', '%s', 'open', '2', %s)",
		owner, id, record(id, title).Digest(owner), title, seal)
}

// What a stranger can push, and what another Town says of it. Nothing of it stays, in a
// Town that has something of its own or in one that has not.
func TestWhatAStrangerPushesDoesNotStay(t *testing.T) {
	thief := newKeys(t, "a")
	forged := register{town: "a", id: "a-1", value: string(record("a-1", "forged").Digest("a")), seal: seal{revision: 9, signer: thief.Public()}}
	stolen := thief.Sign(uuid, forged.statement(beads.name))
	for name, test := range map[string]struct {
		sql    []string
		reason string
	}{
		"a record in a Town's name": {[]string{forgery("a", "a-7", "forged", "NULL, NULL, NULL")}, "nobody has signed it"},
		"a changed record":          {[]string{forgery("a", "a-1", "forged", "NULL, NULL, NULL")}, "nobody has signed it"},
		"a record by another key":   {[]string{forgery("a", "a-1", "forged", fmt.Sprintf("9, '%s', '%s'", stolen.Signer, stolen.Value))}, "not signed by the present key"},
		"with another's signature": {[]string{forgery("a", "a-1", "forged", "9, 'x', 'x'"),
			"UPDATE beads SET signer = (SELECT signer FROM towns WHERE id = 'a'), signature = (SELECT signature FROM towns WHERE id = 'a') WHERE id = 'a-1'"}, "not that of its content"},
		"a higher revision":       {[]string{"UPDATE beads SET revision = 9007199254740992 WHERE town = 'a'"}, "not that of its content"},
		"a replay":                {[]string{"REPLACE INTO beads SELECT * FROM beads AS OF 'HEAD~1' WHERE id = 'a-1'"}, "older than what is here"},
		"a removal":               {[]string{"DELETE FROM beads WHERE id = 'a-1'"}, "it was removed"},
		"a removal without trace": {[]string{"UPDATE beads SET digest = '', title = NULL, status = NULL, priority = NULL WHERE id = 'a-1'"}, "not that of its content"},
		"a record that was back":  {[]string{"REPLACE INTO beads SELECT * FROM beads AS OF 'HEAD~1' WHERE id = 'a-2'"}, "older than what is here"},
		"another name":            {[]string{"UPDATE towns SET name = 'forged' WHERE id = 'a'"}, "not that of its content"},
		"no names":                {[]string{"DELETE FROM towns"}, "it was removed"},
		"a Town without keys":     {[]string{forgery("z", "a-1", "forged", "NULL, NULL, NULL"), "INSERT INTO towns (id, name) VALUES ('z', 'forged')"}, "nobody has signed it"},
		"everything":              {[]string{"DELETE FROM beads", "DELETE FROM towns"}, "it was removed"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCrowd(t, "a", "b", "c")
			a, b, third := c.honest[0], c.honest[1], c.honest[2]
			c.revise(a, "a-1", "first")
			c.revise(a, "a-2", "first")
			c.sync(t, a)
			c.revise(a, "a-1", "second")
			delete(c.shares["a"], "a-2")
			c.sync(t, a)
			c.sync(t, b)
			c.sync(t, third)
			c.follow(t)
			c.stranger.exec(t, test.sql...)
			c.push(t, c.stranger)
			before := everything(t, b)
			arrival := c.sync(t, b)
			if told := fmt.Sprint(arrival.Refused); arrival.RefusedTotal == 0 || !strings.Contains(told, test.reason) {
				t.Errorf("reasons: %+v", arrival)
			}
			if now := everything(t, b); !slices.Equal(now, before) {
				t.Errorf("b holds\n%s\ninstead of\n%s", strings.Join(now, "\n"), strings.Join(before, "\n"))
			}
			c.follow(t)
			c.stranger.exec(t, test.sql...)
			c.push(t, c.stranger)
			c.revise(third, "c-1", "of the third") // it merges, and does not only follow
			c.publish(t, third)
			for _, s := range []*Store{third, a, b} {
				c.sync(t, s)
			}
			at := headOf(t, a)
			for _, s := range []*Store{third, a, b, third, a} {
				c.sync(t, s)
				if got := headOf(t, s); got != at {
					t.Errorf("%s does not come to rest", s.Town)
				}
				if got := s.titles(t, "town-a"); !slices.Equal(got, []string{"a-1 second"}) {
					t.Errorf("%s sees %q", s.Town, got)
				}
				wantSigned(t, s)
			}
		})
	}
}

// A new key takes the place of the former one, and a stolen former one signs nothing.
// Records of a Town that has revoked its keys leave.
func TestKeysOfRecordsThatFollowEachOther(t *testing.T) {
	c := newCrowd(t, "a", "b", "c")
	a, b, third := c.honest[0], c.honest[1], c.honest[2]
	c.revise(a, "a-1", "one")
	c.sync(t, a)
	c.sync(t, b)
	former := a.Keys
	next, err := former.Rotate(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	a.Keys = next
	c.ring["a"] = append(c.ring["a"], next.Public())
	// Before the Town signs again, what the former key signed stays where it is.
	c.sync(t, b)
	if got := b.titles(t, "town-a"); !slices.Equal(got, []string{"a-1 one"}) {
		t.Errorf("b sees %q", got)
	}
	c.sync(t, a)
	c.sync(t, b)
	wantSigned(t, b)
	c.follow(t)
	c.stranger.Town, c.stranger.Keys = "a", former
	c.stranger.publish(t, []share.Record{record("a-1", "forged"), record("a-9", "forged")})
	c.push(t, c.stranger)
	for _, s := range []*Store{b, third, a} {
		c.sync(t, s)
		if got := s.titles(t, "town-a"); !slices.Equal(got, []string{"a-1 one"}) {
			t.Errorf("%s sees %q", s.Town, got)
		}
	}
	c.ring["a"] = append(c.ring["a"], sign.Revoked)
	c.revise(b, "b-1", "one")
	c.sync(t, b)
	for range 2 {
		for _, s := range c.honest {
			c.sync(t, s)
		}
	}
	for _, s := range c.honest {
		if all := everything(t, s); len(all) != 2 || headOf(t, s) != headOf(t, b) {
			t.Errorf("%s holds %q", s.Town, all)
		}
	}
}

// A Town that was restored takes back what it had published since, and nothing that a
// stranger wrote in its name.
func TestARestoredTownTakesBackItsRecords(t *testing.T) {
	c := newCrowd(t, "a", "b")
	a, b := c.honest[0], c.honest[1]
	c.revise(a, "a-1", "one")
	c.revise(a, "a-2", "two")
	c.sync(t, a)
	older := a.clone(t, "a")
	older.Keys, older.Ring = a.Keys, c.ring
	c.revise(a, "a-1", "later")
	c.revise(a, "a-3", "three")
	delete(c.shares["a"], "a-2")
	c.sync(t, a)
	c.follow(t)
	c.stranger.exec(t, forgery("a", "a-4", "forged", "NULL, NULL, NULL"), "UPDATE towns SET name = 'forged' WHERE id = 'a'")
	c.push(t, c.stranger)
	arrival, err := older.take(t, c.mirror)
	if err != nil || !slices.Equal(arrival.Mine, []string{"a-1", "a-2", "a-3"}) || !slices.Equal(arrival.Ours, []string{"a-4"}) {
		t.Fatalf("%+v, %v", arrival, err)
	}
	if got := older.titles(t, "town-a"); !slices.Equal(got, []string{"a-1 later", "a-3 three"}) {
		t.Errorf("%q", got)
	}
	c.push(t, older)
	c.sync(t, b)
	if x, y := everything(t, older), everything(t, b); !slices.Equal(x, y) {
		t.Errorf("%q\n%q", x, y)
	}
}

// A store of the former step is migrated. What nobody signed stays where it is, leaves
// where somebody changes it, and comes back when its Town signs it.
func TestAStoreThatSignedNothing(t *testing.T) {
	c := newCrowd(t, "a", "b", "c")
	steps := migrations
	migrations = steps[:1]
	old, err := Create(t.Context(), options(t), uuid, "a")
	migrations = steps
	if err != nil {
		t.Fatal(err)
	}
	one, two := record("a-1", "one"), record("b-1", "two")
	insert := func(owner town.ID, r share.Record) string {
		return fmt.Sprintf("INSERT INTO beads (town, id, digest, title, status, priority) VALUES ('%s', '%s', '%s', '%s', 'open', '2')",
			owner, r.ID, r.Digest(owner), r.Values["title"])
	}
	old.exec(t, insert("a", one), insert("b", two), "INSERT INTO towns (id, name) VALUES ('a', 'town-a'), ('b', 'town-b')")
	before := headOf(t, old)
	mirror := t.TempDir()
	if err := old.Push(t.Context(), "origin", mirror); err != nil {
		t.Fatal(err)
	}
	dirs := []doltdb.Options{old.opts, options(t)}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	copied, err := doltdb.Clone(t.Context(), dirs[1], "origin", mirror)
	if err != nil {
		t.Fatal(err)
	}
	if err := copied.Close(); err != nil {
		t.Fatal(err)
	}
	for i, o := range dirs {
		s, err := Open(t.Context(), o, uuid, c.honest[i].Town)
		if err != nil {
			t.Fatal(err)
		}
		s.Keys, s.Ring = c.honest[i].Keys, c.ring
		c.honest[i] = closing(t, s)
	}
	a, b := c.honest[0], c.honest[1]
	if own, err := a.Own(t.Context(), before); err != nil || own["a-1"] != one.Digest("a") {
		t.Errorf("before the migration: %v, %v", own, err)
	}
	for _, s := range []*Store{a, b} {
		if got := s.titles(t, "town-a"); !slices.Equal(got, []string{"a-1 one"}) {
			t.Errorf("%s sees %q", s.Town, got)
		}
	}
	// What the former version pushes meanwhile is not taken, by a Town that has rows of its
	// own to publish or by one that has not.
	o := options(t)
	raw, err := doltdb.Clone(t.Context(), o, "origin", mirror)
	if err != nil {
		t.Fatal(err)
	}
	former := closing(t, wrap(raw, o, uuid, "c"))
	former.exec(t, insert("c", record("c-1", "of the former version")), "UPDATE beads SET title = 'changed', digest = '"+string(record("a-1", "changed").Digest("a"))+"' WHERE id = 'a-1'")
	if err := former.Push(t.Context(), "origin", mirror); err != nil {
		t.Fatal(err)
	}
	c.revise(b, "b-1", "two")
	c.publish(t, b)
	for _, s := range []*Store{a, b} {
		before := everything(t, s)
		if arrival, err := s.take(t, mirror); err != nil || !arrival.former || !slices.Equal(everything(t, s), before) {
			t.Errorf("%s: %+v, %v\n%q", s.Town, arrival, err, everything(t, s))
		}
	}
	c.mirror = t.TempDir()
	c.push(t, b)
	c.revise(a, "a-1", "one")
	for _, s := range []*Store{a, b, a} {
		c.sync(t, s)
	}
	// A Town that joins takes what is signed.
	third := a.clone(t, "c")
	third.Keys, third.Ring = c.honest[2].Keys, c.ring
	c.honest[2] = third
	for range 2 {
		for _, s := range c.honest {
			c.sync(t, s)
		}
	}
	for _, s := range c.honest {
		if got := slices.Concat(s.titles(t, "town-a"), s.titles(t, "town-b")); !slices.Equal(got, []string{"a-1 one", "b-1 two"}) || headOf(t, s) != headOf(t, a) {
			t.Errorf("%s sees %q", s.Town, got)
		}
		wantSigned(t, s)
	}
}

// The name of a Town that shares nothing any more is signed by its new key, too.
func TestANameOutlivesTheRecords(t *testing.T) {
	c := newCrowd(t, "a", "b")
	a, b := c.honest[0], c.honest[1]
	c.revise(a, "a-1", "one")
	c.sync(t, a)
	delete(c.shares["a"], "a-1")
	c.rotate(t, a)
	c.sync(t, a)
	c.sync(t, b)
	wantSigned(t, a)
	wantSigned(t, b)
	if commit, err := a.Publish(t.Context(), "town-a", nil, nil); err != nil || commit != "" {
		t.Errorf("it signed again: %q, %v", commit, err)
	}
	if commit, err := b.Publish(t.Context(), "town-b", nil, nil); err != nil || commit != "" {
		t.Errorf("a Town that never shared anything signed its name: %q, %v", commit, err)
	}
}

// A copy of a store has no row that its Town has not signed.
func TestACopyHasOnlyWhatIsSigned(t *testing.T) {
	c := newCrowd(t, "a", "b")
	c.revise(c.honest[0], "a-1", "one")
	c.sync(t, c.honest[0])
	c.follow(t)
	c.stranger.exec(t, forgery("a", "a-2", "forged", "NULL, NULL, NULL"), forgery("b", "b-1", "forged", "NULL, NULL, NULL"))
	c.push(t, c.stranger)
	s, err := Clone(t.Context(), options(t), "origin", c.mirror, uuid, "b", c.ring)
	if err != nil {
		t.Fatal(err)
	}
	closing(t, s)
	if got, want := everything(t, s), everything(t, c.honest[0]); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Histories of honest Towns, and a stranger who can push anything: no text of the stranger
// is ever in force, no record of an honest Town is lost, and in the end all hold the same,
// signed, and come to rest.
func TestHostileHistories(t *testing.T) {
	doltdbtest.Histories(t)
	rapid.Check(t, func(rt *rapid.T) { hostileHistory(t, rt) })
}

func hostileHistory(t *testing.T, rt *rapid.T) {
	c := newCrowd(t, "a", "b", "c")
	for _, s := range c.honest {
		c.revise(s, string(s.Town)+"-1", "honest")
		c.sync(t, s)
	}
	n := 0
	for range rapid.IntRange(3, 20).Draw(rt, "steps") {
		i := rapid.IntRange(0, len(c.honest)-1).Draw(rt, "who")
		who := c.honest[i]
		id := fmt.Sprintf("%s-%d", who.Town, rapid.IntRange(1, 3).Draw(rt, "record"))
		switch rapid.SampledFrom([]string{"share", "share", "share", "withdraw", "sync", "sync", "sync", "attack", "attack", "rotate", "join"}).Draw(rt, "step") {
		case "share":
			n++
			c.revise(who, id, fmt.Sprint("honest ", n))
			c.publish(t, who)
		case "withdraw":
			delete(c.shares[who.Town], id)
			c.publish(t, who)
		case "sync":
			c.sync(t, who)
		case "rotate":
			c.rotate(t, who)
		case "join":
			// The Town's exchange is lost, and made again from what is at the place.
			s, err := Clone(t.Context(), options(t), "origin", c.mirror, uuid, who.Town, c.ring)
			if err != nil {
				t.Fatal(err)
			}
			closing(t, s).Keys = who.Keys
			c.honest[i] = s
		case "attack":
			c.follow(t)
			for range rapid.IntRange(1, 3).Draw(rt, "changes") {
				c.stranger.exec(t, rapid.SampledFrom(attacks).Draw(rt, "change"))
			}
			c.push(t, c.stranger)
		}
		for _, s := range c.honest {
			for _, row := range everything(t, s) {
				if strings.Contains(row, "forged") {
					rt.Fatalf("%s holds %s", s.Town, row)
				}
			}
		}
	}
	for range 3 {
		for _, s := range c.honest {
			c.sync(t, s)
		}
	}
	for _, s := range c.honest {
		if x, y := everything(t, s), everything(t, c.honest[0]); !slices.Equal(x, y) || headOf(t, s) != headOf(t, c.honest[0]) {
			rt.Fatalf("%s holds\n%s\nand a\n%s", s.Town, strings.Join(x, "\n"), strings.Join(y, "\n"))
		}
		if _, err := s.Verify(t.Context(), func(u Unsigned) { rt.Fatalf("%s has %+v", s.Town, u) }); err != nil {
			rt.Fatal(err)
		}
		for owner, want := range c.shares {
			as := *s
			as.Town = owner
			have, err := as.Own(t.Context(), "")
			if err != nil || len(have) != len(want) {
				rt.Fatalf("%s has %v of %s, %v; want %v", s.Town, have, owner, err, want)
			}
			for id, r := range want {
				if have[id] != r.Digest(owner) {
					rt.Fatalf("%s has another %s", s.Town, id)
				}
			}
		}
	}
}

// attacks are changes that no Town signed.
var attacks = []string{
	"DELETE FROM beads", "DELETE FROM towns", "DELETE FROM beads WHERE town = 'a'", "UPDATE towns SET name = 'forged'",
	"UPDATE beads SET digest = '', title = NULL, status = NULL, priority = NULL", "UPDATE beads SET revision = revision + 5",
	"UPDATE beads SET signer = NULL, signature = NULL, revision = NULL", "UPDATE beads SET signature = UPPER(signature)",
	forgery("a", "a-1", "forged", "99, NULL, NULL"), forgery("b", "b-9", "forged", "NULL, NULL, NULL"),
	"REPLACE INTO beads SELECT * FROM beads AS OF 'HEAD~1'", "REPLACE INTO beads SELECT * FROM beads AS OF 'HEAD~2'",
	"REPLACE INTO towns (id, name) VALUES ('x', 'forged')", "DELETE FROM beads WHERE digest = ''",
	"UPDATE beads SET signature = REVERSE(signature)", "DELETE FROM beads WHERE id LIKE '%-2'",
}

// A thousand signed records arrive. The figure is printed with -v.
func TestAThousandRecordsArrive(t *testing.T) {
	a := newStore(t, "a")
	b := a.clone(t, "b")
	var all []share.Record
	for i := range 1000 {
		all = append(all, record(fmt.Sprint("gt-", i), "a record"))
	}
	a.publish(t, all)
	mirror := t.TempDir()
	if err := a.Push(t.Context(), "origin", mirror); err != nil {
		t.Fatal(err)
	}
	theirs, err := b.Fetch(t.Context(), "origin", mirror)
	if err != nil {
		t.Fatal(err)
	}
	ours := headOf(t, b)
	began := time.Now()
	var arrival Arrival
	err = b.db.View(t.Context(), func(tx *doltdb.Tx) error { return b.sift(t.Context(), tx, ours, ours, theirs, &arrival) })
	sifted := time.Since(began)
	began = time.Now()
	checked, err2 := b.CheckIncoming(t.Context(), "origin", uuid, ours, theirs)
	t.Logf("1,000 records: %v for signatures, %v for all checks", sifted, time.Since(began))
	if err != nil || err2 != nil || arrival.Records != 1000 || checked.Records != 1000 || !checked.clean() {
		t.Fatalf("%+v, %v, %v", arrival, err, err2)
	}
}
