package federate

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"gastown/planes/federation"
	"gastown/sync/files"
	"gastown/town"
)

// workspace is the plane and the files, open together. Holding the plane means
// holding its lock, so nobody else changes either through gt.
type workspace struct {
	engine *Engine
	store  *federation.Store
	tree   *files.Tree
	index  *files.Index
	// behind are the documents whose file holds an edit of an older row than the one
	// in force. While there are any, Head of the index stays at its old commit, so
	// that the row is written if the edit goes away without being recorded.
	behind map[town.Key]bool
	// skipped and rescued are what writing files had to leave alone; dropped was
	// rescued and is in the plane's history.
	skipped []files.Skipped
	rescued []files.Rescue
	dropped []files.Rescue
	// written and removed count files.
	written, removed int
	// unheld are entries of the index whose text the plane did not hold when they
	// were taken out; see distrust.
	unheld map[town.Key]files.Entry
	// tip is the plane's tip as show or settle left it: what follows at once need
	// not ask again. recordedOn is the parent of the commit that recorded edits.
	tip, recordedOn string
	// publishing: what is recorded is about to leave, so it is searched for secrets
	// first.
	publishing bool
	// unfit is why other Towns would refuse what another program committed here.
	unfit error
	// unshown: the files show an older commit, because the tip cannot be shown.
	unshown bool
}

func (e *Engine) workspace(s *federation.Store) (*workspace, error) {
	loaded := e.step("load index")
	index, err := files.LoadIndex(e.opts.Layout.Index())
	loaded()
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, files.ErrBadIndex):
		// The index is a cache: without it every file is compared by content.
		index = files.NewIndex()
	case err != nil:
		return nil, err
	}
	dir := e.opts.Layout.Files()
	if err := checkPresent(dir, index); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	tree, err := files.Open(dir)
	if err != nil {
		return nil, err
	}
	return &workspace{engine: e, store: s, tree: tree, index: index, behind: map[town.Key]bool{}}, nil
}

// checkPresent fails when a whole directory of documents is gone. An unmounted
// disk, a checkout or an incomplete copy is far more likely than the intention to
// remove every document for everybody.
func checkPresent(dir string, index *files.Index) error {
	for _, k := range town.Kinds {
		path := filepath.Join(dir, k.Dir())
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			continue
		}
		known := 0
		for key := range index.All() {
			if key.Kind == k {
				known++
			}
		}
		if known > 0 {
			return town.Fail("compare the files", "put it back; to remove what was in it for everybody, make it an empty directory",
				"%w: %s is gone, with %d document(s) in it", town.ErrRefused, path, known)
		}
	}
	return nil
}

func (w *workspace) close() error { return w.tree.Close() }

func (w *workspace) saveIndex() error {
	defer w.engine.step("save index")()
	return w.index.Save(w.engine.opts.Layout.Index())
}

// saveLearnt saves what a scan learnt about unchanged files. An error is ignored: it
// only costs the next scan time.
func (w *workspace) saveLearnt() { _ = w.saveIndex() }

// show writes the documents that differ between the commit which the files show and
// the plane's tip. A file with an unrecorded edit is left alone.
func (w *workspace) show(ctx context.Context) error {
	head, err := w.store.Head(ctx)
	w.tip = head
	if err != nil || w.shows(head) {
		return err
	}
	from, err := w.shown(ctx)
	if err != nil {
		return err
	}
	defer w.engine.step("show")()
	if err := w.trustAgain(ctx); err != nil {
		return err
	}
	if from == "" && w.index.Len() > 0 {
		if err := w.distrust(ctx); err != nil {
			return err
		}
		// A merge may bring this commit, but the files will not show it any more.
		w.index.Head = ""
	}
	w.index.Tip = head // also if only some files are written
	if err := w.apply(ctx, w.states(ctx, from, head)); err != nil {
		return err
	}
	return w.saveShown(head)
}

// shows reports that the files show the commit head, the plane's tip.
func (w *workspace) shows(head string) bool { return w.index.Head == head && w.index.Tip == "" }

// shown returns the commit whose rows the files show. It is "" if the plane lacks it, or
// a later one that some of the files show: a join or an older copy replaced the plane.
func (w *workspace) shown(ctx context.Context) (from string, err error) {
	if w.index.Tip != "" {
		tip, err := w.store.Known(ctx, w.index.Tip)
		if err != nil || tip == "" {
			return "", err
		}
	}
	return w.store.Known(ctx, w.index.Head)
}

// distrust removes from the index the files whose text this plane does not hold. The
// plane was replaced, by a join or by an older copy, and such a text may exist
// nowhere else. The file then counts as an edit and is recorded, instead of being
// written over. See trustAgain for texts that arrive later.
func (w *workspace) distrust(ctx context.Context) error {
	texts := make([]federation.Text, 0, w.index.Len())
	for key, entry := range w.index.All() {
		texts = append(texts, federation.Text{Key: key, Content: entry.Content})
	}
	held, err := w.store.Held(ctx, texts)
	if err != nil {
		return err
	}
	for _, t := range texts {
		untouched := slices.ContainsFunc(w.engine.opts.Starter[t.Key], func(text string) bool { return town.ContentDigest(text) == t.Content })
		if !held[t] && !untouched {
			if w.unheld == nil {
				w.unheld = map[town.Key]files.Entry{}
			}
			w.unheld[t.Key], _ = w.index.Get(t.Key)
			w.index.Delete(t.Key)
		}
	}
	return nil
}

// trustAgain puts entries back into the index that distrust took out, if the plane
// holds their text now: a merge has brought it. A later edit of such a file is then
// one of that text. A file that is missing was restored from an older copy too, so it
// does not count as removed.
func (w *workspace) trustAgain(ctx context.Context) error {
	if len(w.unheld) == 0 {
		return nil
	}
	var texts []federation.Text
	for key, entry := range w.unheld {
		texts = append(texts, federation.Text{Key: key, Content: entry.Content})
	}
	held, err := w.store.Held(ctx, texts)
	if err != nil {
		return err
	}
	for _, t := range texts {
		if _, known := w.index.Get(t.Key); known || !held[t] {
			continue
		}
		if _, err := os.Lstat(filepath.Join(w.engine.opts.Layout.Files(), t.Path())); err != nil {
			continue
		}
		if err := w.index.Set(t.Key, w.unheld[t.Key]); err != nil {
			return err
		}
		delete(w.unheld, t.Key)
	}
	return nil
}

// saveShown saves the index, with Head at head if no file is behind. Tip is head
// otherwise.
func (w *workspace) saveShown(head string) error {
	w.index.Tip = head
	if len(w.behind) == 0 && !w.unshown {
		w.index.Head, w.index.Tip = head, ""
	}
	return w.saveIndex()
}

// states yields the documents that changed between two commits. With from empty it
// yields all of them, and a removal for each that the index has and the plane does
// not.
func (w *workspace) states(ctx context.Context, from, to string) func(func(federation.State) error) error {
	return func(yield func(federation.State) error) error {
		seen := map[town.Key]bool{}
		err := w.store.Changed(ctx, from, to, func(s federation.State) error {
			if from == "" {
				seen[s.Key] = true
			}
			return yield(s)
		})
		if err != nil || from != "" {
			return err
		}
		for key := range indexed(w.index) {
			if !seen[key] {
				if err := yield(federation.State{Key: key, Absent: true}); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// indexed lists the keys of the index, which Apply changes meanwhile.
func indexed(ix *files.Index) map[town.Key]bool {
	keys := make(map[town.Key]bool, ix.Len())
	for key := range ix.All() {
		keys[key] = true
	}
	return keys
}

var errStop = errors.New("stop")

// apply writes states into files, one by one.
func (w *workspace) apply(ctx context.Context, states func(func(federation.State) error) error) error {
	var failed error
	var done int64
	older := map[town.Key]bool{}
	var writes iter.Seq[files.Write] = func(yield func(files.Write) bool) {
		failed = states(func(s federation.State) error {
			entry, _ := w.index.Get(s.Key)
			if entry.Base != s.Digest {
				older[s.Key] = true
			}
			done++
			if done%1000 == 0 {
				w.engine.progress(phases["show"], done, 0, "files")
			}
			if !yield(files.Write{Key: s.Key, Text: s.Text, Remove: s.Absent, Base: s.Digest, Expect: entry.Content}) {
				return errStop
			}
			return nil
		})
	}
	out, err := w.tree.Apply(ctx, w.index, writes, files.ApplyOptions{})
	w.note(ctx, out)
	for _, skip := range out.Skipped {
		if older[skip.Key] {
			w.behind[skip.Key] = true
		}
	}
	if err == nil && failed != nil && !errors.Is(failed, errStop) {
		err = failed
	}
	if err != nil {
		// What was written is in the index; the next call goes on from there.
		return errors.Join(fmt.Errorf("write files: %w", err), w.saveIndex())
	}
	return nil
}

// report is what writing the files had to leave alone.
func (w *workspace) report() FileReport {
	return FileReport{Kept: w.skipped, Rescued: w.rescued, Dropped: w.dropped}
}

func (w *workspace) note(ctx context.Context, out files.Applied) {
	w.skipped = append(w.skipped, out.Skipped...)
	w.rescue(context.WithoutCancel(ctx), out.Rescued)
	w.written += out.Written
	w.removed += out.Removed
}
