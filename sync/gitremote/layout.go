package gitremote

import (
	"fmt"
	"sort"

	"gastown/sync/gitcmd"
	"gastown/town"
)

// manifestName is the file that names the table files.
const manifestName = "manifest"

// table is one table file as the tree on the ref holds it.
type table struct {
	// File is its name in the mirror and in the tree, with any suffix.
	File string `json:"file"`
	// ID is the blob, or the tree of its parts if Parts is set.
	ID    string `json:"id"`
	Parts bool   `json:"parts,omitempty"`
	// Size of the content in bytes.
	Size int64 `json:"size"`
}

// entry is the table's line in a tree.
func (t table) entry() gitcmd.Entry {
	mode := gitcmd.ModeFile
	if t.Parts {
		mode = gitcmd.ModeTree
	}
	return gitcmd.Entry{Mode: mode, Name: t.File, ID: t.ID}
}

// remoteTree is the content of a commit on the ref, checked for shape. Sizes
// of tables are not known yet.
type remoteTree struct {
	commit   gitcmd.Commit
	manifest []byte
	blob     string // of the manifest
	tables   []table
}

// readTree reads a commit's tree and checks everything that can be checked
// without the content of table files.
func readTree(o *gitcmd.Objects, commit string) (*remoteTree, error) {
	c, err := o.Commit(commit)
	if err != nil {
		return nil, kinds(err, ErrNotDolt)
	}
	entries, err := o.Tree(c.Tree, maxRootTree)
	if err != nil {
		return nil, kinds(err, ErrNotDolt)
	}
	if len(entries) > maxEntries {
		return nil, fmt.Errorf("%w: its tree has %d entries, at most %d are accepted", ErrTooLarge, len(entries), maxEntries)
	}
	byName := make(map[string]gitcmd.Entry, len(entries))
	for _, e := range entries {
		if _, twice := byName[e.Name]; twice {
			return nil, fmt.Errorf("%w: its tree has two entries %q", ErrCorrupt, town.Clip(e.Name, 40))
		}
		byName[e.Name] = e
	}
	m, ok := byName[manifestName]
	if !ok {
		return nil, fmt.Errorf("%w: there is no manifest in its tree", ErrNotDolt)
	}
	if !regular(m.Mode) {
		return nil, fmt.Errorf("%w: its manifest is not a regular file (mode %s)", ErrNotDolt, town.Clip(m.Mode, 8))
	}
	t := &remoteTree{commit: c, blob: m.ID}
	if t.manifest, err = o.Blob(m.ID, maxManifest); err != nil {
		return nil, kinds(err, ErrCorrupt)
	}
	names, err := parseManifest(t.manifest)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		e, ok := byName[name]
		if !ok {
			e, ok = byName[name+archiveSuffix]
		}
		if !ok {
			return nil, fmt.Errorf("%w: its manifest names table file %s, which is not there", ErrCorrupt, name)
		}
		parts := e.Mode == gitcmd.ModeTree
		if !parts && !regular(e.Mode) {
			return nil, fmt.Errorf("%w: table file %s is not a regular file (mode %s)", ErrCorrupt, name, town.Clip(e.Mode, 8))
		}
		t.tables = append(t.tables, table{File: e.Name, ID: e.ID, Parts: parts})
	}
	return t, nil
}

// regular accepts every mode of a plain file.
func regular(mode string) bool { return mode == "100644" || mode == "100755" || mode == "100664" }

// readParts lists the blobs of a table file that is stored in parts, in order.
func readParts(o *gitcmd.Objects, t table) ([]string, error) {
	entries, err := o.Tree(t.ID, maxRootTree)
	if err != nil {
		return nil, kinds(err, ErrCorrupt)
	}
	if len(entries) == 0 || len(entries) > maxParts {
		return nil, fmt.Errorf("%w: table file %s has %d parts", ErrCorrupt, t.File, len(entries))
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i].Name < entries[j].Name })
	ids := make([]string, len(entries))
	for i, e := range entries {
		if e.Name != partName(i) {
			return nil, fmt.Errorf("%w: table file %s has a part %q where %s belongs", ErrCorrupt, t.File, town.Clip(e.Name, 16), partName(i))
		}
		if !regular(e.Mode) {
			return nil, fmt.Errorf("%w: part %s of table file %s is not a regular file", ErrCorrupt, e.Name, t.File)
		}
		ids[i] = e.ID
	}
	return ids, nil
}

// partName is the name of the part with the given index from 0.
func partName(i int) string { return fmt.Sprintf("%04d", i+1) }

// treeBytes estimates the bytes that a commit, its root tree and its manifest take
// in the history. Tree and manifest have a line for each table.
func treeBytes(tables []table) int64 {
	n := int64(600)
	for _, t := range tables {
		n += int64(len(t.File)) + 28 + 40
	}
	return n
}
