package federation

import (
	"errors"
	"fmt"
	"testing"

	"gastown/town"
)

// Whatever entry a stranger writes for a Town, with any epoch and revision, the Town's
// directory is not fenced by it, neither before nor after a merge; another directory can be
// promoted, and others learn of it.
func TestAForgedEpochFencesNobody(t *testing.T) {
	for name, numbers := range map[string][2]uint64{
		"the next one":     {2, 2},
		"far ahead":        {1 << 40, 1 << 40},
		"the highest ones": {maxRevision, maxRevision},
	} {
		for _, writes := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, writes %v", name, writes), func(t *testing.T) {
				c := newCrowd(t)
				c.follow(t)
				c.stranger.exec(t, fmt.Sprintf("UPDATE towns SET instance = 'i9', epoch = %d, revision = %d WHERE id = 'town-1'", numbers[0], numbers[1]))
				c.stranger.publish(t, c.mirror)
				if writes {
					c.a.must(t, c.a.editOf(t, mayor, "alpha's own", ""))
				}
				was, err := c.a.Self(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				here := Entry{Name: "alpha", Instance: "i1"}
				theirs, err := c.a.Fetch(t.Context(), "origin", c.mirror)
				if err != nil {
					t.Fatal(err)
				}
				if err := c.a.MayRegisterAt(t.Context(), here, theirs); err != nil {
					t.Errorf("before the merge: %v", err)
				}
				c.sync(t, c.a)
				if err := c.a.MayRegister(t.Context(), here); err != nil {
					t.Errorf("after the merge: %v", err)
				}
				if now, err := c.a.Self(t.Context()); err != nil || now != was {
					t.Errorf("its entry is %+v, was %+v, %v", now, was, err)
				}
				if _, err := c.a.Register(t.Context(), Entry{Name: "alpha", Instance: "i3", Epoch: was.Epoch + 1}); err != nil {
					t.Errorf("promote: %v", err)
				}
				c.sync(t, c.a)
				c.sync(t, c.b)
				members, err := c.b.Towns(t.Context())
				if err != nil || members[0].Instance != "i3" || members[0].Epoch != was.Epoch+1 {
					t.Errorf("beta has %+v, %v", members, err)
				}
			})
		}
	}
}

// Where the file of the keys could not be read, there is no key to check.
func TestNoKeyIsNoRightKey(t *testing.T) {
	s := newStore(t)
	s.Keys = nil
	if err := s.CheckKeys(t.Context()); !errors.Is(err, town.ErrRefused) || town.Next(err) == "" {
		t.Errorf("%v", err)
	}
}

// What another directory of the Town signed counts before it is merged, also with a key
// that followed the one here.
func TestAnEntryThatTheTownSignedCountsUnmerged(t *testing.T) {
	c := newCrowd(t)
	other := raw(t, c.mirror, "town-1")
	other.Keys, other.Unsigned = c.a.Keys, UnsignedReviewed
	rotated, err := c.a.Keys.Rotate(t.TempDir() + "/keys")
	if err != nil {
		t.Fatal(err)
	}
	for i, keys := range []struct {
		instance string
		rotate   bool
	}{{"i5", false}, {"i6", true}} {
		if keys.rotate {
			other.Keys = rotated
			if err := other.EnterKeys(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := other.Register(t.Context(), Entry{Name: "alpha", Instance: keys.instance, Epoch: uint64(i + 2)}); err != nil {
			t.Fatal(err)
		}
		other.publish(t, c.mirror)
		theirs, err := c.a.Fetch(t.Context(), "origin", c.mirror)
		if err != nil {
			t.Fatal(err)
		}
		var found *InstanceError
		err = c.a.MayRegisterAt(t.Context(), Entry{Name: "alpha", Instance: "i1"}, theirs)
		if !errors.As(err, &found) || found.Member.Instance != keys.instance || !errors.Is(err, town.ErrRefused) {
			t.Errorf("%s: %v", keys.instance, err)
		}
	}
}
