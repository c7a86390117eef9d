package federate

import (
	"context"
	"errors"
	"slices"

	"gastown/planes/federation"
	"gastown/sync/files"
	"gastown/town"
)

// FileState is an edited file that is not recorded.
type FileState struct {
	town.Key
	// State is "added", "modified" or "deleted".
	State string
	// Text is the file's; Base the text of the row in force. Only Diff fills them.
	Text, Base string
	// Changing is why Diff has no Text: the file was changed or removed while it
	// was read. The next call reads it again.
	Changing error
}

// fileEdit is a FileState with what the scan found.
type fileEdit struct {
	FileState
	change files.Change
}

// RemoteStatus compares the plane with one remote, as of the last contact.
type RemoteStatus struct {
	Remote
	// Confirmed: this remote was agreed to in init or join.
	Confirmed bool
	// Ahead counts commits the remote is not known to hold, Behind commits that
	// were fetched and not merged.
	Ahead, Behind int
	// Older: the plane lacks a commit that was exchanged with the remote, so it was
	// restored from an older copy. Ahead then counts from what the plane knows of
	// the remote.
	Older bool
	Exchange
}

// Status compares files, plane and remotes, as of the last contact.
type Status struct {
	Head    string
	Edited  []FileState
	Invalid []files.Invalid
	// Changing are documents that another program has open for writing.
	Changing []town.Key
	Rescued  []files.Rescue
	// Dropped is as in FileReport.
	Dropped []files.Rescue
	// Files counts documents in files.
	Files int
	// Pending: the plane has rows the files do not show yet; the next commit,
	// pull or push shows them.
	Pending bool
	Remotes []RemoteStatus
	Reviews []federation.Review
}

// Clean reports that there is nothing to record, to fix or to review.
func (s Status) Clean() bool {
	return len(s.Edited) == 0 && len(s.Invalid) == 0 && len(s.Changing) == 0 && len(s.Reviews) == 0 && len(s.Rescued) == 0
}

// Status compares the files with the plane, and the plane with each remote. It
// contacts nobody.
func (e *Engine) Status(ctx context.Context, remotes []Remote) (out Status, err error) {
	err = e.with(ctx, func(w *workspace) error {
		var edits []fileEdit
		if out, edits, err = w.status(ctx); err != nil {
			return err
		}
		for _, e := range edits {
			out.Edited = append(out.Edited, e.FileState)
		}
		for _, r := range remotes {
			rs, err := e.remoteStatus(ctx, w, out.Head, r)
			if err != nil {
				return err
			}
			out.Remotes = append(out.Remotes, rs)
		}
		out.Reviews, err = w.store.Reviews(ctx)
		return err
	})
	return out, err
}

// status compares the files with the plane. The edits are for the caller to put
// into the Status.
func (w *workspace) status(ctx context.Context) (out Status, edits []fileEdit, err error) {
	changes, err := w.scan(ctx)
	if err != nil {
		return out, nil, err
	}
	if out.Head, err = w.store.Head(ctx); err != nil {
		return out, nil, err
	}
	if out.Pending, err = w.pending(ctx, out.Head); err != nil {
		return out, nil, err
	}
	if !out.Pending && (changes.Refreshed > 0 || !w.shows(out.Head)) {
		// No document differs between the two commits, so the files show the later
		// one too. The next call need not compare them again.
		w.index.Head, w.index.Tip = out.Head, ""
		w.saveLearnt()
	}
	out.Invalid, out.Changing = busyApart(changes.Invalid)
	out.Files = changes.Files
	out.Rescued, out.Dropped = w.rescued, w.dropped
	for _, group := range []struct {
		name string
		list []files.Change
	}{{"added", changes.Added}, {"modified", changes.Modified}, {"deleted", changes.Deleted}} {
		for _, c := range group.list {
			edits = append(edits, fileEdit{FileState{Key: c.Key, State: group.name}, c})
		}
	}
	if out.Pending {
		edits, err = w.unlessShown(ctx, edits)
	}
	return out, edits, err
}

// pending reports whether a document differs between the commit that the files show
// and the tip. A commit may be about something else, such as the registry.
func (w *workspace) pending(ctx context.Context, head string) (differs bool, err error) {
	if w.shows(head) {
		return false, nil
	}
	from, err := w.shown(ctx)
	if err != nil || from == "" {
		return true, err
	}
	err = w.store.Changed(ctx, from, head, func(federation.State) error {
		differs = true
		return errStop
	})
	if errors.Is(err, errStop) {
		err = nil
	}
	return differs, err
}

// unlessShown returns the edits whose file does not show its row: after an
// interruption the index may be older than both.
func (w *workspace) unlessShown(ctx context.Context, edits []fileEdit) (left []fileEdit, err error) {
	for part := range slices.Chunk(edits, rowsAtOnce) {
		keys := make([]town.Key, len(part))
		for i, f := range part {
			keys[i] = f.Key
		}
		current, err := w.store.Current(ctx, keys)
		if err != nil {
			return nil, err
		}
		for _, f := range part {
			s := current[f.Key]
			if (f.State == "deleted") != s.Absent || (!s.Absent && f.change.Content != town.ContentDigest(s.Text)) {
				left = append(left, f)
			}
		}
	}
	return left, nil
}

func (e *Engine) remoteStatus(ctx context.Context, w *workspace, head string, r Remote) (RemoteStatus, error) {
	st, err := e.loadState(r.Name)
	if err != nil {
		return RemoteStatus{}, err
	}
	out := RemoteStatus{
		Remote: r, Confirmed: st.Confirmed == r.URL, Exchange: st.exchange(),
	}
	standing, err := w.store.Standing(ctx, head, r.Name, st.Commit)
	out.Ahead, out.Behind, out.Older = standing.Unpublished, standing.Unmerged, standing.Older
	return out, err
}

// Diff lists the unrecorded edits with the text of the row each would replace. A
// file that changes meanwhile does not affect the others.
func (e *Engine) Diff(ctx context.Context) (edited []FileState, err error) {
	err = e.with(ctx, func(w *workspace) error {
		_, edits, err := w.status(ctx)
		if err != nil {
			return err
		}
		keys := make([]town.Key, len(edits))
		for i, f := range edits {
			keys[i] = f.Key
		}
		current, err := w.store.Current(ctx, keys)
		if err != nil {
			return err
		}
		for _, f := range edits {
			f.Base = current[f.Key].Text
			f.Text, err = w.tree.Text(ctx, f.change)
			if errors.Is(err, files.ErrEdited) || errors.Is(err, town.ErrBusy) {
				f.Changing, err = err, nil
			}
			if err != nil {
				return town.Fail("show the edits", "run it again", "%w", err)
			}
			edited = append(edited, f.FileState)
		}
		return nil
	})
	return edited, err
}
