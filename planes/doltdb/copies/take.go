package copies

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/dolthub/dolt/go/libraries/doltcore/doltdb"
	"github.com/dolthub/dolt/go/store/nbs"

	"gastown/planes/doltdb/internal/engine"
	"gastown/town"
)

const (
	// takeTime bounds how long Take looks for a moment at which nobody writes.
	takeTime = 10 * time.Second
	// firstLookPause is the pause after two looks between which somebody wrote. It doubles
	// up to lastLookPause, so that two looks soon fall between two writes.
	firstLookPause = 50 * time.Microsecond
	lastLookPause  = 2 * time.Millisecond
	// linkAttempts is how often Take begins anew because a garbage collection removed
	// files that it had seen.
	linkAttempts = 20
)

// Source is a database to copy: its name and its directory.
type Source struct{ Name, Dir string }

// Moment is what several databases held at one moment. Its files are links and copies
// in a directory of its own, so that nothing that happens to the databases changes it.
type Moment struct {
	Databases []*Database
	// Looks is how often Take had to look until nobody wrote in between, at least 2.
	Looks int

	scratch string
}

// Database is one database of a Moment, or a placed one.
type Database struct {
	Name string
	// Root is the address of everything the database holds.
	Root string
	// Settings are the small files beside the store, by name.
	Settings map[string]string

	dir    string
	db     *doltdb.DoltDB
	chunks nbs.NBSCompressedChunkStore
}

// Take catches a moment of the databases, which may be in use by any process. scratch
// must not exist; it is made on the databases' file system, and removed by
// Moment.Close. Take fails with town.ErrBusy when something is written all the time.
func Take(ctx context.Context, sources []Source, scratch string) (_ *Moment, err error) {
	defer engine.Recovered("copy the databases", &err)
	m := &Moment{scratch: scratch}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.Close())
		}
	}()
	for range linkAttempts {
		var looks []look
		if looks, err = m.observeAll(ctx, sources); err != nil {
			return nil, err
		}
		if err = m.link(sources, looks); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("link the files of the databases: %w", err)
	}
	for i, s := range sources {
		d := &Database{Name: s.Name, dir: filepath.Join(scratch, s.Name), Settings: m.Databases[i].Settings}
		m.Databases[i] = d
		if err := d.open(ctx); err != nil {
			return nil, fmt.Errorf("open the copy of the %s database: %w", s.Name, err)
		}
	}
	return m, nil
}

// observeAll looks at all databases until two looks in a row see the same.
func (m *Moment) observeAll(ctx context.Context, sources []Source) ([]look, error) {
	pause, deadline := firstLookPause, time.After(takeTime)
	var before []look
	for {
		now := make([]look, len(sources))
		same := before != nil
		for i, s := range sources {
			var err error
			if now[i], err = observe(s.Dir); err != nil {
				return nil, fmt.Errorf("look at the %s database: %w", s.Name, err)
			}
			same = same && now[i].same(before[i])
		}
		m.Looks++
		if same {
			return now, nil
		}
		if before != nil {
			select {
			case <-time.After(pause):
				pause = min(2*pause, lastLookPause)
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-deadline:
				return nil, town.Fail("copy the databases", "run it again when less is written", "%w: something is written all the time", town.ErrBusy)
			}
			before = nil // the pause is no part of the time in which nobody may write
			continue
		}
		before = now
	}
}

// link makes the files that the looks saw in the scratch directory. It fails with
// fs.ErrNotExist when a file was removed meanwhile.
func (m *Moment) link(sources []Source, looks []look) error {
	if err := os.RemoveAll(m.scratch); err != nil {
		return err
	}
	m.Databases = make([]*Database, len(sources))
	for i, s := range sources {
		to := filepath.Join(m.scratch, s.Name)
		m.Databases[i] = &Database{Settings: looks[i].settings}
		for g, below := range generations {
			if err := os.MkdirAll(filepath.Join(to, below), 0o700); err != nil {
				return err
			}
			names, err := tablesOf(looks[i].manifests[g])
			if err != nil {
				return err
			}
			for _, name := range names {
				if err := linkTable(filepath.Join(s.Dir, below), filepath.Join(to, below), name); err != nil {
					return err
				}
			}
			if text := looks[i].manifests[g]; text != nil {
				if err := os.WriteFile(filepath.Join(to, below, engine.Manifest), text, 0o600); err != nil {
					return err
				}
			}
		}
		if err := copyJournal(s.Dir, to, looks[i].journal); err != nil {
			return err
		}
	}
	return nil
}

// linkTable links a table file, or copies it where it cannot be linked.
func linkTable(from, to, name string) error {
	for _, file := range []string{name, name + engine.ArchiveSuffix} {
		err := os.Link(filepath.Join(from, file), filepath.Join(to, file))
		if err == nil {
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			if err = copyFirst(filepath.Join(from, file), filepath.Join(to, file), nil); err == nil {
				return nil
			}
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return fmt.Errorf("the table file %s: %w", name, fs.ErrNotExist)
}

// copyJournal copies the journal as far as it had been written.
func copyJournal(from, to string, seen fs.FileInfo) error {
	if seen == nil {
		return nil
	}
	return copyFirst(filepath.Join(from, engine.StoreDir, engine.Journal), filepath.Join(to, engine.StoreDir, engine.Journal), seen)
}

// copyFirst copies a file: all of it, or what it had when it was seen.
func copyFirst(from, to string, seen fs.FileInfo) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	info, err := source.Stat()
	if err != nil {
		return err
	}
	if seen == nil {
		seen = info
	}
	if !os.SameFile(info, seen) || info.Size() < seen.Size() {
		return fmt.Errorf("%s was replaced: %w", from, fs.ErrNotExist)
	}
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.CopyN(target, source, seen.Size())
	return errors.Join(err, target.Close())
}

func (d *Database) open(ctx context.Context) (err error) {
	if d.db, d.chunks, err = open(ctx, d.dir); err != nil {
		return err
	}
	root, err := d.chunks.Root(ctx)
	if err == nil && root.IsEmpty() {
		err = fmt.Errorf("%w: it holds nothing", ErrCorrupt)
	}
	d.Root = root.String()
	return err
}

// Close closes the database. A second call does nothing.
func (d *Database) Close() (err error) {
	if d != nil && d.db != nil {
		defer engine.Recovered("close the copy of a database", &err)
		err = d.db.Close()
		d.db = nil
	}
	return err
}

// Close removes the moment's files.
func (m *Moment) Close() (err error) {
	for _, d := range m.Databases {
		err = errors.Join(err, d.Close())
	}
	return errors.Join(err, os.RemoveAll(m.scratch))
}
