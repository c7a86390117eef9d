package federation

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gastown/planes/doltdb"
	"gastown/planes/doltdb/doltdbtest"
	"gastown/town"
)

// denied lets in what everybody wrote but one Town.
func denied(id town.ID) func(Arrival) string {
	return func(a Arrival) string {
		if a.Town == id {
			return "it is not trusted"
		}
		return ""
	}
}

// enroll makes the stranger a member, with a key that everybody has seen.
func (c *crowd) enroll(t testing.TB) {
	t.Helper()
	c.stranger.Keys = newKeys(t, "town-9")
	if _, err := c.stranger.Register(t.Context(), Entry{Name: "mallory", Instance: "i9"}); err != nil {
		t.Fatal(err)
	}
	c.stranger.publish(t, c.mirror)
	c.sync(t, c.a)
	c.sync(t, c.b)
	c.follow(t)
}

// lifts has the stranger sign that the first text of the role stands above everything.
func (c *crowd) lifts(t testing.TB) {
	t.Helper()
	old := town.Edit{Key: mayor, Text: "alpha's first", Revision: 1, Town: "town-1", Author: "Ada <ada@example.com>"}
	_, err := c.stranger.db.Update(t.Context(), "lift", func(tx *doltdb.Tx) error {
		e := c.stranger.newChangeset()
		e.force(mayor, &old)
		e.stand(mayor, statement(old), 1000)
		return e.write(t.Context(), tx)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What a member signs whom a Town does not trust is in force nowhere, neither an edit nor a
// removal nor an old text that it lifts; a person may take it.
func TestAMemberThatIsNotTrusted(t *testing.T) {
	for name, act := range map[string]func(c *crowd){
		"edits": func(c *crowd) {
			c.stranger.must(t, c.stranger.editOf(t, mayor, "hostile", ""), c.stranger.editOf(t, build, "hostile", "9.0.0"), c.stranger.editOf(t, bug, "hostile", ""))
		},
		"removals": func(c *crowd) {
			for _, key := range []town.Key{mayor, build, bug} {
				e := c.stranger.editOf(t, key, "", "")
				e.Removed = true
				c.stranger.must(t, e)
			}
		},
		"an old text": func(c *crowd) { c.lifts(t) },
		"texts in another Town's name": func(c *crowd) {
			_, err := c.stranger.db.Update(t.Context(), "vouch", func(tx *doltdb.Tx) error {
				e := c.stranger.newChangeset()
				role := town.Edit{Key: mayor, Text: "hostile", Revision: 9, Town: "town-1", Author: "Ada <ada@example.com>"}
				issue := town.Edit{Key: bug, Text: "hostile", Version: "3", Revision: 9, Town: "town-1", Author: "Ada <ada@example.com>"}
				e.force(mayor, &role)
				e.append = append(e.append, issue)
				e.stand(mayor, statement(role), 9)
				e.stand(bug, statement(issue), 9)
				return e.write(t.Context(), tx)
			})
			if err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCrowd(t)
			c.enroll(t)
			c.a.Admits = denied("town-9") // and beta has nothing against it
			act(c)
			c.stranger.publish(t, c.mirror)
			for range 2 {
				c.sync(t, c.a)
				c.sync(t, c.b)
			}
			for _, s := range []*Store{c.a, c.b} {
				for _, key := range []town.Key{mayor, build, bug} {
					if got := s.now(t, key).Text; got != "alpha's" {
						t.Errorf("%s: %s is %q", s.Town, key, got)
					}
				}
				if reviews, err := s.Reviews(t.Context()); err != nil || len(reviews) == 0 {
					t.Errorf("%s: reviews %+v, %v", s.Town, reviews, err)
				}
			}
			if a, b := rowsOf(t, c.a), rowsOf(t, c.b); !slices.Equal(a, b) || headOf(t, c.a) != headOf(t, c.b) {
				t.Errorf("beta holds\n%s\nand alpha\n%s", strings.Join(b, "\n"), strings.Join(a, "\n"))
			}
		})
	}
}

// Histories of two honest Towns, which do not trust a member, and of that member, which
// can push anything: nothing of it is ever in force, and the Towns hold the same.
func TestHistoriesWithAHostileMember(t *testing.T) {
	doltdbtest.Histories(t)
	rapid.Check(t, func(rt *rapid.T) {
		t := history{t, rt}
		c := newCrowd(t)
		c.enroll(t)
		c.a.Admits, c.b.Admits = denied("town-9"), denied("town-9")
		keys := []town.Key{mayor, build, bug}
		n := 0
		for range rapid.IntRange(3, 14).Draw(rt, "steps") {
			who := rapid.SampledFrom([]*Store{c.a, c.b}).Draw(rt, "who")
			key := rapid.SampledFrom(keys).Draw(rt, "document")
			n++
			switch rapid.SampledFrom([]string{"edit", "remove", "sync", "sync", "member", "lift", "attack"}).Draw(rt, "step") {
			case "edit":
				who.must(t, who.editOf(t, key, fmt.Sprint("honest ", n), fmt.Sprintf("%d.0.0", n%4)))
			case "remove":
				e := who.editOf(t, key, "", "")
				e.Removed = true
				who.must(t, e)
			case "sync":
				c.sync(t, who)
			case "member":
				c.follow(t)
				e := c.stranger.editOf(t, key, fmt.Sprint("hostile ", n), "9.0.0")
				e.Removed = rapid.Bool().Draw(rt, "removed")
				c.stranger.must(t, e)
				c.stranger.publish(t, c.mirror)
			case "lift":
				c.follow(t)
				c.lifts(t)
				c.stranger.publish(t, c.mirror)
			case "attack":
				c.follow(t)
				c.stranger.exec(t, rapid.SampledFrom(attacks).Draw(rt, "change"))
				c.stranger.publish(t, c.mirror)
			}
			for _, s := range []*Store{c.a, c.b} {
				for _, key := range keys {
					if got := s.now(t, key).Text; strings.Contains(got, "hostile") || strings.Contains(got, "forged") {
						rt.Fatalf("%s: %s is %q", s.Town, key, got)
					}
				}
			}
		}
		for range 3 {
			c.sync(t, c.a)
			c.sync(t, c.b)
		}
		if a, b := rowsOf(t, c.a), rowsOf(t, c.b); !slices.Equal(a, b) || headOf(t, c.a) != headOf(t, c.b) {
			rt.Fatalf("alpha holds\n%s\nand beta\n%s", strings.Join(a, "\n"), strings.Join(b, "\n"))
		}
	})
}
