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

// federation is several Towns around one remote. The remote takes a push only from
// a Town that has seen the newest one.
type federation struct {
	towns  []*modelTown
	remote state
	pushes int
	seen   map[*modelTown]int
	// written holds every text anybody wrote; letGo those that somebody who saw the
	// text then replaced or deleted, which is allowed.
	written, letGo map[written]bool
	// published remembers what each issue number meant when first pushed.
	published map[string]content
}

func (f *federation) pull(w *modelTown) error {
	f.seen[w] = f.pushes
	return w.pull(f.remote)
}

// push reports whether the remote took the push. When the answer is lost, the
// remote took it and the Town does not know.
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
	// Not an edit: the file says so already, or the deleted file is not there.
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

// missing lists the texts that nobody let go and that s does not hold.
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

// step is one random event in one of the Towns.
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

// Three to five Towns write, delete, rename, review and sync in any order, and
// some answers are lost. Once all have synced, they hold the same; every text that
// nobody let go can be restored; no issue number ever changed its meaning; and
// another sync changes nothing.
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
