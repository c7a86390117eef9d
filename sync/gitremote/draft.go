package gitremote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gastown/sync/gitcmd"
)

// draft is a tree about to be published. A table without an ID is new.
type draft struct {
	manifest []byte
	tables   []table
}

// draft reads the mirror and checks that every table file its manifest names
// is there.
func (m *Mirror) draft(base state) (draft, error) {
	text, err := m.localManifest()
	if err != nil {
		return draft{}, err
	}
	if text == nil {
		return draft{}, errors.New("the mirror is empty: nothing was pushed into it")
	}
	names, err := parseManifest(text)
	if err != nil {
		return draft{}, fmt.Errorf("the mirror: %w", err)
	}
	known := map[string]table{}
	for _, t := range base.Tables {
		known[t.File] = t
	}
	d := draft{manifest: text}
	for _, name := range names {
		t := table{}
		if t.File, t.Size, err = m.findTable(name); err != nil {
			return draft{}, err
		}
		if k, ok := known[t.File]; ok {
			t = k
		}
		d.tables = append(d.tables, t)
	}
	return d, nil
}

// findTable finds the file of a table that the mirror's manifest names.
func (m *Mirror) findTable(name string) (file string, size int64, err error) {
	file = name
	info, err := os.Stat(filepath.Join(m.Dir(), file))
	if errors.Is(err, os.ErrNotExist) {
		file = name + archiveSuffix
		info, err = os.Stat(filepath.Join(m.Dir(), file))
	}
	if err != nil {
		return "", 0, fmt.Errorf("table file %s of the mirror: %w", name, err)
	}
	if size = info.Size(); !info.Mode().IsRegular() || size == 0 {
		return "", 0, fmt.Errorf("%w: %s of the mirror is not a table file", ErrCorrupt, file)
	}
	return file, size, nil
}

// same reports whether the state's commit already has the draft's content.
func (d draft) same(s state) bool {
	if s.Head == "" || len(d.tables) != len(s.Tables) || gitcmd.BlobID(d.manifest) != s.Manifest {
		return false
	}
	for _, t := range d.tables {
		if t.ID == "" {
			return false
		}
	}
	return true
}

// localManifest reads the mirror's manifest; nil if there is none.
func (m *Mirror) localManifest() ([]byte, error) {
	f, err := os.Open(filepath.Join(m.Dir(), manifestName))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if len(b) > maxManifest {
		return nil, fmt.Errorf("%w: the mirror's manifest exceeds %d bytes", ErrTooLarge, maxManifest)
	}
	return b, err
}

// commit writes new table files and a commit into the object cache and returns
// the state that will hold once the commit is published.
func (m *Mirror) commit(ctx context.Context, base state, d draft, o PublishOptions) (next state, info string, squashed bool, err error) {
	if o.When.IsZero() {
		o.When = time.Now()
	}
	imp := m.repo.Import(ctx)
	defer imp.Discard()
	next = state{Version: stateVersion}
	spec := gitcmd.CommitSpec{Ref: m.refs.outgoing, AuthorName: o.AuthorName, AuthorEmail: o.AuthorEmail, When: o.When}
	var parted []int
	for i, t := range d.tables {
		switch {
		case t.ID != "":
			spec.Entries = append(spec.Entries, t.entry())
		case t.Size > m.opts.PartBytes:
			parts, err := m.importParts(imp, t)
			if err != nil {
				return next, "", false, err
			}
			spec.Entries = append(spec.Entries, parts...)
			parted = append(parted, i)
		default:
			if t.ID, err = m.importFile(imp, t, 0, t.Size); err != nil {
				return next, "", false, err
			}
			spec.Entries = append(spec.Entries, t.entry())
		}
		next.Tables = append(next.Tables, t)
	}
	if next.Manifest, err = imp.Blob(int64(len(d.manifest)), bytes.NewReader(d.manifest)); err != nil {
		return next, "", false, err
	}
	spec.Entries = append(spec.Entries, gitcmd.Entry{Mode: gitcmd.ModeFile, Name: manifestName, ID: next.Manifest})
	if o.turn {
		next.History = base.chained(next.Tables)
	} else {
		next.History, squashed = base.next(m.opts, next.Tables)
	}
	if !squashed {
		spec.Parent, next.KeepHistory = base.Head, base.KeepHistory
	}
	spec.Message = strings.TrimSpace(o.Message) + "\n\n" + next.History.trailer() + "\n"
	if next.Head, err = imp.Commit(spec); err != nil {
		return next, "", false, err
	}
	for _, i := range parted {
		t := &next.Tables[i]
		t.Parts = true
		if t.ID, err = imp.Subtree(next.Head, t.File); err != nil {
			return next, "", false, err
		}
	}
	if o.CreateInfoBranch {
		if info, err = m.importInfo(imp, spec); err != nil {
			return next, "", false, err
		}
	}
	return next, info, squashed, imp.Close()
}
