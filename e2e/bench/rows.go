package main

import (
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"gastown/cmd/gt/benchmark/trial"
)

// maxRows is the largest number that six digits can name.
const maxRows = 1_000_000

// writeFile writes row i as a file of a Town.
func writeFile(town string, i, edit int) error {
	name, text := trial.Document(i, edit)
	return os.WriteFile(filepath.Join(town, "federation", "roles", name+".md"), []byte(text), 0o600)
}

// plainFiles writes as many files of a document's size to a new directory, on every
// core, and flushes the disk once.
func plainFiles(dir string, rows int) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	_, text := trial.Document(0, 0)
	var group errgroup.Group
	workers := runtime.GOMAXPROCS(0)
	for first := range workers {
		group.Go(func() error {
			for i := first; i < rows; i += workers {
				if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), []byte(text), 0o600); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return unix.Syncfs(int(d.Fd()))
}

// createRoles creates the federation plane's table of roles.
const createRoles = `CREATE TABLE roles (
	name VARCHAR(64) PRIMARY KEY, text LONGTEXT NOT NULL, digest CHAR(64) NOT NULL,
	revision BIGINT UNSIGNED NOT NULL, town VARCHAR(64) NOT NULL, author VARCHAR(255) NOT NULL)`

// digest is a stand-in for a real digest, with the same length and entropy.
func digest(i, edit int) string {
	random := rand.New(rand.NewPCG(uint64(edit), uint64(i)))
	return fmt.Sprintf("%016x%016x%016x%016x", random.Uint64(), random.Uint64(), random.Uint64(), random.Uint64())
}

const (
	townColumn   = "6b6f1ba0-5d3c-4c9e-9e4e-4a2f6b1f0c11"
	authorColumn = "Stock <stock@localhost>"
)

// writeCSV writes rows for the stock command to import.
func writeCSV(path string, rows int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := csv.NewWriter(f)
	if err := w.Write([]string{"name", "text", "digest", "revision", "town", "author"}); err != nil {
		return err
	}
	for i := range rows {
		name, text := trial.Document(i, 0)
		if err := w.Write([]string{name, text, digest(i, 0), "1", townColumn, authorColumn}); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// updateSQL changes row i, as an edit of its file would.
func updateSQL(i, edit int) string {
	name, text := trial.Document(i, edit)
	return fmt.Sprintf("UPDATE roles SET text = '%s', digest = '%s', revision = revision + 1 WHERE name = '%s'",
		text, digest(i, edit), name)
}
