package copies

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dolthub/dolt/go/store/constants"
	"github.com/dolthub/dolt/go/store/hash"

	"gastown/planes/doltdb/internal/engine"
	"gastown/town/durable"
)

// Manifest is the file that makes a directory of table files a file remote of Dolt,
// and a store. It names the root and the files.
func Manifest(root string, files []TableFile) ([]byte, error) {
	if _, ok := hash.MaybeParse(root); !ok {
		return nil, fmt.Errorf("%w: the root is %q", ErrCorrupt, root)
	}
	var specs strings.Builder
	for _, f := range files {
		if !Named(f.Name) || f.Name == engine.Journal {
			return nil, fmt.Errorf("%w: a table file is called %q", ErrCorrupt, f.Name)
		}
		fmt.Fprintf(&specs, ":%s:%d", f.Name, f.Chunks)
	}
	lock := hash.Of([]byte(root + specs.String())).String()
	return []byte(fmt.Sprintf("5:%s:%s:%s:%s%s", constants.FormatDoltString, lock, root, hash.Hash{}.String(), specs.String())), nil
}

// StoreDir is where the table files of a database lie, below its directory.
const StoreDir = engine.StoreDir

// Place makes the directory dir a database. Its table files must be in StoreDir
// already, and verified with planes/doltdb/tables. Place writes the rest and opens the
// database; the caller closes it. Every chunk that the database consists of is there
// when Place returns. The files are durable then.
func Place(ctx context.Context, name, dir, root string, files []TableFile, small map[string]string) (_ *Database, err error) {
	defer engine.Recovered("make a database of the copy of the "+name+" database", &err)
	text, err := Manifest(root, files)
	if err != nil {
		return nil, err
	}
	for _, name := range settings {
		if content, ok := small[name]; ok {
			if err := durable.WritePrivate(filepath.Join(dir, ".dolt", name), []byte(content)); err != nil {
				return nil, err
			}
		}
	}
	if err := durable.WritePrivate(filepath.Join(dir, StoreDir, engine.Manifest), text); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, engine.TempDir), 0o700); err != nil {
		return nil, err
	}
	d := &Database{Name: name, dir: dir, Settings: small}
	if err := d.open(ctx); err != nil {
		return nil, err
	}
	if d.Root != root {
		err = fmt.Errorf("%w: its root is %s, not %s", ErrCorrupt, d.Root, root)
	}
	if err == nil {
		_, err = d.Complete(ctx)
	}
	if err != nil {
		_ = d.Close()
		return nil, err
	}
	return d, nil
}
