package copies

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gastown/planes/doltdb/internal/engine"
)

// maxSettings bounds the small files of a database, in bytes.
const maxSettings = 1 << 20

// settings are the small files beside the store, which name branch and remotes.
var settings = []string{"repo_state.json", "config.json"}

// generations are the directories of a store: new chunks, and those that survived a
// garbage collection.
var generations = []string{engine.StoreDir, engine.StoreDir + "/oldgen"}

// look is what a database was when somebody looked.
type look struct {
	manifests [2][]byte   // of the generations; nil for none
	journal   fs.FileInfo // nil for none
	settings  map[string]string
}

// observe looks at the database in dir. It reads a few hundred bytes.
func observe(dir string) (l look, err error) {
	for i, g := range generations {
		if l.manifests[i], err = readSmall(filepath.Join(dir, g, engine.Manifest)); err != nil {
			return l, err
		}
	}
	l.journal, err = os.Stat(filepath.Join(dir, engine.StoreDir, engine.Journal))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return l, err
	}
	if l.journal == nil && l.manifests[0] == nil {
		return l, fmt.Errorf("%w: no database in %s", fs.ErrNotExist, dir)
	}
	l.settings = map[string]string{}
	for _, name := range settings {
		text, err := readSmall(filepath.Join(dir, ".dolt", name))
		if err != nil {
			return l, err
		}
		if text != nil {
			l.settings[name] = string(text)
		}
	}
	return l, nil
}

// same reports whether nothing was written between two looks. The journal only grows,
// and a garbage collection replaces it.
func (l look) same(o look) bool {
	for i := range l.manifests {
		if !bytes.Equal(l.manifests[i], o.manifests[i]) {
			return false
		}
	}
	if (l.journal == nil) != (o.journal == nil) || l.journal != nil && (l.journal.Size() != o.journal.Size() || !os.SameFile(l.journal, o.journal)) {
		return false
	}
	for _, name := range settings {
		if l.settings[name] != o.settings[name] {
			return false
		}
	}
	return true
}

// State is a digest that changes whenever something is written to one of the
// databases. It costs a few small reads.
func State(sources []Source) (string, error) {
	sum := sha256.New()
	for _, s := range sources {
		l, err := observe(s.Dir)
		if err != nil {
			return "", fmt.Errorf("look at the %s database: %w", s.Name, err)
		}
		size := int64(-1)
		if l.journal != nil {
			size = l.journal.Size()
		}
		fmt.Fprintf(sum, "%q %q %q %d %q\n", s.Name, l.manifests[0], l.manifests[1], size, l.settings)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// tablesOf are the names of the table files that a manifest lists.
func tablesOf(manifest []byte) (names []string, err error) {
	if manifest == nil {
		return nil, nil
	}
	f := strings.Split(string(manifest), ":")
	head := map[string]int{"5": 5, "4": 4}[f[0]]
	if head == 0 || len(f) < head || (len(f)-head)%2 != 0 {
		return nil, fmt.Errorf("%w: a manifest of an unknown form", ErrCorrupt)
	}
	for i := head; i < len(f); i += 2 {
		if !Named(f[i]) {
			return nil, fmt.Errorf("%w: a manifest names a table file %q", ErrCorrupt, f[i])
		}
		if f[i] != engine.Journal {
			names = append(names, f[i])
		}
	}
	return names, nil
}

// Named reports whether a name is that of a table file.
func Named(name string) bool {
	return len(name) == len(engine.Journal) && strings.Trim(name, "0123456789abcdefghijklmnopqrstuv") == ""
}

// readSmall reads a file; nil when it does not exist.
func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSettings+1))
	if err == nil && len(text) > maxSettings {
		err = fmt.Errorf("%w: %s is larger than %d bytes", ErrCorrupt, path, maxSettings)
	}
	return text, err
}
