package federate

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"gastown/planes/ledger"
	"gastown/sync/share"
	"gastown/town"
)

// ledgerParts are what a person may put back from an older copy of a Town that
// shares records. The exchange has a database beside the ledger's.
var ledgerParts = map[string]string{
	"ledger": ".gt/data/ledger", "data": ".gt/data", "exchange": ".gt/exchange", "notes": ".gt/remotes", ".gt": ".gt", "town": ".",
}

// TestRecordsSurviveDisasters lets three Towns share all their records while they are
// put back to older copies, and while copies of them are used beside them. No record
// that was published leaves its Town or another one, and all Towns read each record
// alike.
func TestRecordsSurviveDisasters(t *testing.T) {
	t.Parallel()
	tpl := makeTemplate(t)
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(tempDir(t), "disaster")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		m := tpl.start(history{TB: t, T: rt}, dir)
		towns := map[*modelTown]*sharer{}
		// published has the ids of beads that the remote confirmed, by Town.
		published := map[*modelTown]map[string]bool{}
		for _, mt := range m.towns {
			towns[mt], published[mt] = ledgerOf(mt.testTown), map[string]bool{}
			towns[mt].rules(share.Rule{Name: "all"})
		}
		n := 0
		exchange := func(mt *modelTown) {
			s, remote := towns[mt], Remote{Name: "origin", URL: m.url}
			_, err := s.Sync(m.t.Context(), remote, false)
			if errors.Is(err, ErrInstance) && mt.silent {
				return
			}
			if errors.Is(err, ErrInstance) {
				s.continues()
				_, err = s.Sync(m.t.Context(), remote, false)
			}
			if err != nil {
				m.t.Fatalf("%s in %s: sync: %v", mt, mt.dir, err)
			}
			for _, b := range towns[mt].own() {
				published[mt][b.ID] = true
				for _, twin := range m.twins(mt) {
					if !twin.silent {
						published[twin][b.ID] = true // it goes on, and adopts it
					}
				}
			}
		}
		// A new Town leaves what it published to the directory that goes on.
		becomesNew := func(mt *modelTown) {
			if mt.silent {
				m.becomesNew(mt)
				published[mt] = map[string]bool{}
			}
		}
		for range rapid.IntRange(6, 20).Draw(rt, "steps") {
			mt := rapid.SampledFrom(m.towns).Draw(rt, "town")
			s := towns[mt]
			switch deed := rapid.SampledFrom([]string{"bead", "bead", "title", "sync", "sync", "sync", "save", "put back", "put back", "copied", "continue", "new"}).Draw(rt, "deed"); deed {
			case "bead":
				n++
				s.beads(town.Bead{ID: fmt.Sprint("gt-", n), Title: fmt.Sprint("bead ", n)})
			case "title":
				if own := s.own(); len(own) > 0 {
					n++
					s.retitle(rapid.SampledFrom(own).Draw(rt, "bead").ID, fmt.Sprint("title ", n))
				}
			case "sync":
				exchange(mt)
			case "save":
				m.save(mt)
			case "copied":
				if m.copied(mt); len(m.towns) > len(towns) {
					c := m.towns[len(m.towns)-1]
					towns[c], published[c] = ledgerOf(c.testTown), maps.Clone(published[mt])
				}
			case "continue":
				m.goesOn(mt)
				for _, twin := range m.twins(mt) {
					if !mt.silent {
						// What the other one published carries the name of this one too.
						maps.Copy(published[mt], published[twin])
					}
				}
			case "new":
				becomesNew(mt)
			case "put back":
				part := rapid.SampledFrom(slices.Sorted(maps.Keys(ledgerParts))).Draw(rt, "part")
				from := ""
				if mt.saved != nil {
					from = filepath.Join(mt.saved.dir, ledgerParts[part])
				}
				if from != "" && dirExists(from) {
					m.replace(from, filepath.Join(mt.dir, ledgerParts[part]))
				}
			}
		}
		for _, mt := range m.towns {
			if !mt.silent {
				exchange(mt)
			}
		}
		for _, mt := range m.towns {
			becomesNew(mt)
		}
		for range 3 {
			for _, mt := range m.towns {
				exchange(mt)
			}
		}
		for _, mt := range m.towns {
			var want []string
			has := map[string]bool{}
			for _, b := range towns[mt].own() {
				want, has[b.ID] = append(want, b.ID+" "+b.Title), true
			}
			slices.Sort(want)
			for id := range published[mt] {
				if !has[id] {
					m.t.Errorf("%s no longer has %s, which it published", mt, id)
				}
			}
			for _, other := range m.towns {
				if got := towns[other].seen(mt.opts.Name); !slices.Equal(got, want) {
					m.t.Errorf("%s sees of %s: %v, want %v", other, mt, got, want)
				}
			}
		}
	})
}

// own lists the beads of the Town's ledger.
func (s *sharer) own() (list []town.Bead) {
	s.t.Helper()
	s.work(func(l *ledger.Store) error {
		return l.List(s.t.Context(), ledger.Filter{}, func(i ledger.Item) error {
			list = append(list, i.Bead)
			return nil
		})
	})
	return list
}

// retitle gives a bead another title.
func (s *sharer) retitle(id, title string) {
	s.t.Helper()
	s.work(func(l *ledger.Store) error {
		_, err := l.Update(s.t.Context(), []ledger.Patch{{ID: id, Title: &title}})
		return err
	})
}
