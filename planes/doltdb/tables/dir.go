package tables

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"gastown/planes/doltdb/internal/engine"
)

// tablePattern matches the name of a table file. A name of v only is a journal,
// which the engine checks itself when it opens it.
var tablePattern = regexp.MustCompile(`^[0-9a-v]{32}(\` + engine.ArchiveSuffix + `)?$`)

// VerifyFiles checks every chunk of the table files of a database or of a
// mirror, without touching them. It links the files into scratch, a directory
// on the same file system that it creates and removes again. Damage is
// ErrCorrupt. The database may be in use: files that the engine removes
// meanwhile are skipped.
func VerifyFiles(ctx context.Context, dir, scratch string) (err error) {
	if err := os.RemoveAll(scratch); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	for _, below := range []string{".", engine.StoreDir, filepath.Join(engine.StoreDir, "oldgen")} {
		from, to := filepath.Join(dir, below), filepath.Join(scratch, strings.ReplaceAll(below, "/", "-"))
		tables, err := linkTables(from, to)
		if err != nil {
			return err
		}
		if err := Verify(ctx, to, tables); err != nil {
			return err
		}
	}
	return nil
}

// linkTables links the table files of a directory, which may be missing, into
// another.
func linkTables(from, to string) (tables []string, err error) {
	entries, err := os.ReadDir(from)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return nil, err
	}
	for _, e := range entries {
		name := e.Name()
		if !e.Type().IsRegular() || !tablePattern.MatchString(name) || strings.Trim(name, "v") == "" {
			continue
		}
		switch err := os.Link(filepath.Join(from, name), filepath.Join(to, name)); {
		case errors.Is(err, fs.ErrNotExist): // collected meanwhile
		case err != nil:
			return nil, err
		default:
			tables = append(tables, name)
		}
	}
	return tables, nil
}
