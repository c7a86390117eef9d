package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"gastown/town"
)

// federation is some Towns around one remote that takes one push at a time, and
// only from a Town that has seen the newest one.
type federation struct {
	towns  []*modelTown
	remote state
	pushes int
	seen   map[*modelTown]int
	// written holds every text anybody wrote; letGo those that somebody then
	// replaced or deleted with the text before their eyes, as one may.
	written, letGo map[written]bool
	// published remembers what each issue number meant when first pushed.
	published map[string]content
}

func (f *federation) pull(w *modelTown) error {
	f.seen[w] = f.pushes
	return w.pull(f.remote)
}

// push reports whether the remote took it. If the answer is lost it did, and
// the Town does not know.
func (f *federation) push(w *modelTown, answerLost bool) (bool, error) {
	if f.seen[w] != f.pushes {
		return false, nil
	}
	f.remote = w.local.clone()
	f.pushes++
	for k, list := range f.remote.Issues {
		for _, e := range list {
			n := k.Name + " " + e.Version
			if was, ok := f.published[n]; ok && was != contentOf(e) {
				return true, fmt.Errorf("issue %s said %v and now says %v", n, was, contentOf(e))
			}
			f.published[n] = contentOf(e)
		}
	}
	if !answerLost {
		f.seen[w] = f.pushes
		w.synced = f.remote.clone()
	}
	return true, nil
}

func (f *federation) save(w *modelTown, k town.Key, text, version string, deleted bool) error {
	// No change, no edit: a file that already says so, or is not there.
	if now, ok := w.local.current(k); ok != deleted && now == text {
		return nil
	}
	letGo, err := w.save(k, text, version, deleted)
	if letGo != nil && (deleted || letGo.Text != text) {
		f.letGo[written{k, letGo.Text}] = true
	}
	if !deleted {
		f.written[written{k, text}] = true
	}
	return err
}

// missing lists texts that nobody gave up and that s does not hold.
func (f *federation) missing(s state) []written {
	have := s.texts()
	var lost []written
	for w := range f.written {
		if !have[w] && !f.letGo[w] {
			lost = append(lost, w)
		}
	}
	return lost
}

// step is one random thing that happens somewhere.
func (f *federation) step(t *rapid.T, i int) error {
	w := f.towns[rapid.IntRange(0, len(f.towns)-1).Draw(t, "town")]
	k := rapid.SampledFrom([]town.Key{
		{Kind: town.KindRole, Name: "mayor"},
		{Kind: town.KindRole, Name: "witness"},
		{Kind: town.KindFormula, Name: "release"},
		{Kind: town.KindTemplate, Name: "handoff.md"},
	}).Draw(t, "document")
	switch rapid.SampledFrom([]string{"edit", "edit", "edit", "same", "delete", "rename", "open", "review", "pull", "push", "push"}).Draw(t, "step") {
	case "edit":
		return f.save(w, k, fmt.Sprintf("text %d", i), rapid.SampledFrom([]string{"", "1.0.0", "1.1.0", "2.0.0-rc.1"}).Draw(t, "version"), false)
	case "same": // two Towns may well write the same
		return f.save(w, k, rapid.SampledFrom([]string{"usual", "other"}).Draw(t, "text"), "1.0.0", false)
	case "delete":
		return f.save(w, k, "", "", true)
	case "rename":
		text, ok := w.local.current(k)
		if !ok {
			return nil
		}
		renamed := k
		renamed.Name = "new-" + strings.TrimPrefix(k.Name, "new-")
		if err := f.save(w, renamed, text, "1.0.0", false); err != nil {
			return err
		}
		return f.save(w, k, "", "", true)
	case "open": // saved by a later step, perhaps after a pull
		w.open(k)
	case "review":
		if open := slices.Sorted(maps.Keys(w.local.Proposals)); len(open) > 0 {
			w.review(rapid.SampledFrom(open).Draw(t, "proposal"), rapid.Bool().Draw(t, "accept"))
		}
	case "pull":
		return f.pull(w)
	case "push":
		if err := f.pull(w); err != nil {
			return err
		}
		_, err := f.push(w, rapid.IntRange(0, 5).Draw(t, "answer") == 0)
		return err
	}
	return nil
}

// Whatever three to five Towns write, delete, rename, review and sync, in
// whatever order and with answers lost on the way: once all have synced they
// hold the same, every text nobody gave up is still to be had, no issue number
// ever changed its meaning, and syncing again moves nothing.
func TestFederationConvergesAndLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := &federation{
			remote:    emptyState(),
			seen:      map[*modelTown]int{},
			written:   map[written]bool{},
			letGo:     map[written]bool{},
			published: map[string]content{},
		}
		for i := range rapid.IntRange(3, 5).Draw(t, "towns") {
			f.towns = append(f.towns, newTown(fmt.Sprintf("town-%d", i)))
		}
		for i := range rapid.IntRange(1, 60).Draw(t, "steps") {
			if err := f.step(t, i); err != nil {
				t.Fatal(err)
			}
		}
		first := rapid.IntRange(0, len(f.towns)-1).Draw(t, "first")
		for i := range 2 * len(f.towns) {
			w := f.towns[(first+i)%len(f.towns)]
			if err := f.pull(w); err != nil {
				t.Fatal(err)
			}
			if ok, err := f.push(w, false); err != nil || !ok {
				t.Fatalf("push of %s after a pull: %v, %v", w.id, ok, err)
			}
		}
		end := f.remote
		if lost := f.missing(end); len(lost) > 0 {
			t.Fatalf("lost: %v", lost)
		}
		for _, w := range f.towns {
			if err := f.pull(w); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(end, w.local); diff != "" {
				t.Fatalf("%s differs from the remote: %s", w.id, diff)
			}
		}
	})
}
