package gitremote

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gastown/sync/gitcmd"
	"gastown/town/durable"
)

// manifestTemp is what former versions called the next manifest until it was
// renamed. Open removes one that a killed process left.
const manifestTemp = "gt_manifest_next"

// doltTemp begins the name of an unfinished file of a Dolt that pushes into the
// mirror.
const doltTemp = "nbs_"

func (m *Mirror) staging() string { return filepath.Join(m.opts.Dir, "staging") }

// clearStaging empties the staging directory.
func (m *Mirror) clearStaging() error {
	return errors.Join(os.RemoveAll(m.staging()), os.Mkdir(m.staging(), 0o700))
}

// brought is what materialise added to the mirror.
type brought struct {
	tables int
	bytes  int64
}

// describe brings the verified table files of a commit into the mirror, and the
// state in memory to that commit. The mirror's manifest stays: table files that it
// does not name do no harm.
func (m *Mirror) describe(ctx context.Context, commit string) (t *remoteTree, err error) {
	t, _, err = m.takeTables(ctx, commit)
	return t, err
}

// materialise gives the mirror the content of a commit. After an error the mirror's
// manifest and the state are as before.
func (m *Mirror) materialise(ctx context.Context, commit string) (brought, error) {
	t, got, err := m.takeTables(ctx, commit)
	if err != nil {
		return brought{}, err
	}
	m.opts.reached("tables")
	if err := m.writeManifest(t.manifest); err != nil {
		return brought{}, diskErr(err)
	}
	m.opts.reached("manifest")
	return got, nil
}

func (m *Mirror) takeTables(ctx context.Context, commit string) (t *remoteTree, got brought, err error) {
	objects := m.repo.Objects(ctx)
	defer func() { err = errors.Join(err, ignoreAfter(err, objects.Close())) }()
	if t, err = readTree(objects, commit); err != nil {
		return nil, got, err
	}
	used := false
	defer func() {
		if used {
			err = errors.Join(err, m.clearStaging())
		}
	}()
	taken := map[string]string{}
	for _, known := range m.state.Tables {
		taken[known.File] = known.ID
	}
	var staged, fresh []string
	total := int64(0)
	for i := range t.tables {
		tab := &t.tables[i]
		info, serr := os.Stat(filepath.Join(m.Dir(), tab.File))
		here := serr == nil && info.Mode().IsRegular() && info.Size() > 0
		if here && taken[tab.File] == tab.ID {
			// It need not be read again: table files are immutable, and a rename
			// brings them in whole.
			tab.Size = info.Size()
		} else {
			used = true
			if tab.Size, err = m.stage(objects, *tab, m.opts.MaxBytes-total); err != nil {
				return nil, got, err
			}
			staged = append(staged, tab.File)
			if !here {
				fresh = append(fresh, tab.File)
				got.tables++
				got.bytes += tab.Size
			}
		}
		if total += tab.Size; total > m.opts.MaxBytes {
			return nil, got, fmt.Errorf("%w: its table files take more than %d bytes together", ErrTooLarge, m.opts.MaxBytes)
		}
	}
	m.opts.reached("staged")
	if err := m.install(ctx, staged, fresh); err != nil {
		return nil, got, err
	}
	s := state{Version: stateVersion, Head: commit, Manifest: t.blob, Tables: t.tables,
		Attempt: m.state.Attempt, KeepHistory: m.state.KeepHistory}
	if s.History, err = m.historyOf(ctx, t, s.live()); err != nil {
		return nil, got, err
	}
	m.state = s
	return t, got, nil
}

// ignoreAfter drops a later error when there was an earlier one.
func ignoreAfter(first, later error) error {
	if first != nil {
		return nil
	}
	return later
}

// stage writes one table file, of at most limit bytes, into staging.
func (m *Mirror) stage(o *gitcmd.Objects, t table, limit int64) (size int64, err error) {
	ids := []string{t.ID}
	if t.Parts {
		if ids, err = readParts(o, t); err != nil {
			return 0, err
		}
	}
	f, err := os.OpenFile(filepath.Join(m.staging(), t.File), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, diskErr(err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 128<<10)
	for _, id := range ids {
		n, err := o.Copy(w, id, limit-size)
		if err != nil {
			return 0, kinds(diskErr(err), ErrCorrupt)
		}
		size += n
	}
	if size == 0 {
		return 0, fmt.Errorf("%w: table file %s is empty", ErrCorrupt, t.File)
	}
	return size, diskErr(errors.Join(w.Flush(), f.Sync()))
}

// install verifies staged table files and moves the fresh ones into the mirror. The
// mirror has the others already: files with the same chunks, but with other bytes
// than the remote now has under that name. They are verified all the same, so that
// damage at the remote is noticed. The file in the mirror stays, because the
// manifest may name it.
func (m *Mirror) install(ctx context.Context, staged, fresh []string) error {
	if len(staged) == 0 {
		return nil
	}
	if err := m.opts.Verify(ctx, m.staging(), staged); err != nil {
		if ctx.Err() != nil || durable.OfMachine(err) {
			return diskErr(err)
		}
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	m.opts.reached("verified")
	for _, f := range fresh {
		if err := os.Rename(filepath.Join(m.staging(), f), filepath.Join(m.Dir(), f)); err != nil {
			return err
		}
	}
	return durable.SyncDir(m.Dir())
}

// writeManifest replaces the mirror's manifest durably.
func (m *Mirror) writeManifest(text []byte) error {
	return durable.WriteFile(m.manifestPath(), text, 0o600)
}

func (m *Mirror) manifestPath() string { return filepath.Join(m.Dir(), manifestName) }
