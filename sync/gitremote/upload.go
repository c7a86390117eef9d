package gitremote

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"gastown/sync/gitcmd"
)

// infoBranch is where the stock dolt command explains a repository that holds
// a Dolt remote; infoFile is the explanation's name there.
const (
	infoBranch = "refs/heads/__dolt_remote_info__"
	infoFile   = "DOLT_REMOTE.md"
)

// importFile stores length bytes of a table file from offset on as a blob.
func (m *Mirror) importFile(imp *gitcmd.Importer, t table, offset, length int64) (string, error) {
	f, err := os.Open(filepath.Join(m.Dir(), t.File))
	if err != nil {
		return "", err
	}
	defer f.Close()
	return imp.Blob(length, io.NewSectionReader(f, offset, length))
}

// importParts stores a large table file as the parts of a directory.
func (m *Mirror) importParts(imp *gitcmd.Importer, t table) ([]gitcmd.Entry, error) {
	n := (t.Size + m.opts.PartBytes - 1) / m.opts.PartBytes
	if n > maxParts {
		return nil, fmt.Errorf("%w: table file %s has %d bytes, at most %d can be sent", ErrTooLarge, t.File, t.Size, maxParts*m.opts.PartBytes)
	}
	var entries []gitcmd.Entry
	for i := range int(n) {
		offset := int64(i) * m.opts.PartBytes
		id, err := m.importFile(imp, t, offset, min(m.opts.PartBytes, t.Size-offset))
		if err != nil {
			return nil, err
		}
		entries = append(entries, gitcmd.Entry{Mode: gitcmd.ModeFile, Name: t.File + "/" + partName(i), ID: id})
	}
	return entries, nil
}

// importInfo stores the commit of the explanatory branch, signed as spec is.
func (m *Mirror) importInfo(imp *gitcmd.Importer, spec gitcmd.CommitSpec) (string, error) {
	clone := "dolt clone"
	if m.opts.Ref != SpaceDolt.Data() {
		clone += " --ref " + m.opts.Ref
	}
	text := "# A shared database\n\nTowns exchange data through the ref `" + m.opts.Ref + "` of this repository. Each commit there\n" +
		"holds the files of a Dolt database; this branch only says so. Read it with `" + clone + "` or `gt federation join`.\n"
	id, err := imp.Blob(int64(len(text)), strings.NewReader(text))
	if err != nil {
		return "", err
	}
	spec.Ref, spec.Parent, spec.Message = infoRef, "", "Explain the database in this repository\n"
	spec.Entries = []gitcmd.Entry{{Mode: gitcmd.ModeFile, Name: infoFile, ID: id}}
	return imp.Commit(spec)
}
