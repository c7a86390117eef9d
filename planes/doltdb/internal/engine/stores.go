// Package engine prepares Dolt's engine for this program: it reaches no network,
// it returns errors where it would end the process, and what came from another
// machine is checked before it is read. It is shared by the packages that call
// the engine.
package engine

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/dolthub/dolt/go/libraries/doltcore/dbfactory"
	dherrors "github.com/dolthub/dolt/go/libraries/utils/errors"
	"github.com/dolthub/dolt/go/store/datas"
	"github.com/dolthub/dolt/go/store/prolly/tree"
	"github.com/dolthub/dolt/go/store/types"
	"github.com/sirupsen/logrus"

	// So that usage reporting is off before the engine starts.
	_ "gastown/planes/doltdb/internal/quiet"
	"gastown/town/durable"
)

// Names the engine gives files of a database.
const (
	// TempDir and StoreDir are where it writes, below a database's directory.
	TempDir  = ".dolt/temptf"
	StoreDir = ".dolt/noms"
	// Journal is the file of writes that were not collected yet.
	Journal = "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"
	// Manifest names the table files in use.
	Manifest = "manifest"
	// ArchiveSuffix ends the names of table files of the newer kind.
	ArchiveSuffix = ".darc"
)

// Prepare readies the process for the engine, which is to open databases that exist.
// home is a directory for the engine's own settings; it is made if need be. The
// directory above it must exist: a Town that was moved is not made anew.
func Prepare(home string) error {
	// The engine logs through the process-wide logger. Its errors say what matters.
	logrus.SetOutput(io.Discard)
	Tame()
	if err := os.Mkdir(home, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return setHome(home)
}

// MakeHome is what Prepare does about home, for a database that is being made. It
// makes the directories above it, too.
func MakeHome(home string) error {
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	return setHome(home)
}

// setHome gives the engine a directory for its own settings, in place of one in the
// person's home. The engine finds it by this variable only.
func setHome(home string) error { return os.Setenv("DOLT_ROOT_PATH", home) }

// Settings puts settings that say nothing into home, before an operation that reads
// them. The engine would make that file itself, in place. Whoever read half of it
// meanwhile, or what a full disk left of it, would end with a nil pointer, and so would
// an operation after the database that this process opened last is gone with its home.
func Settings(home string) error {
	if err := MakeHome(home); err != nil {
		return err
	}
	file := filepath.Join(home, ".dolt", "config_global.json")
	if text, err := os.ReadFile(file); err == nil && json.Valid(text) {
		return nil
	}
	return durable.WritePrivate(file, []byte("{}"))
}

// Tame changes, once for the process and before the first database is opened,
// the table by which the engine finds what opens the URL of a database:
//
//   - Only files are left. The engine can reach no network, whatever statement or
//     configuration names a remote.
//   - Stores are remembered as they are opened, so that a full disk becomes an
//     error. The engine would end the process instead, because it does not trust
//     a database after a failed write. Neither does this program: it closes the
//     database, and the next opening begins with what was written whole, as it
//     does after a crash.
var Tame = sync.OnceFunc(func() {
	for scheme, factory := range dbfactory.DBFactories {
		switch scheme {
		case dbfactory.FileScheme:
			dbfactory.DBFactories[scheme] = recordingFactory{factory}
		case dbfactory.MemScheme: // the engine's own scratch space
		default:
			delete(dbfactory.DBFactories, scheme)
		}
	}
})

// store is what this package needs of a chunk store.
type store interface {
	SetFatalBehavior(dherrors.FatalBehavior)
}

// opened holds stores by path from their opening until FailSoftly, because the
// engine sets their behaviour until a connection is made. It also holds the
// mirrors in use, whose content came from another machine.
var opened = struct {
	sync.Mutex
	stores  map[string]store
	mirrors map[string]bool
}{stores: map[string]store{}, mirrors: map[string]bool{}}

// recordingFactory opens databases and fills opened.
type recordingFactory struct{ dbfactory.DBFactory }

// CreateDB opens a database; the name is the engine's.
func (f recordingFactory) CreateDB(ctx context.Context, format *types.NomsBinFormat, u *url.URL, params map[string]any) (datas.Database, types.ValueReadWriter, tree.NodeStore, error) {
	db, vrw, ns, err := f.DBFactory.CreateDB(ctx, format, u, params)
	if err != nil {
		return nil, nil, nil, err
	}
	if isServersMirror(ctx, u.Path) {
		// The engine opens it anew for each statement, and closes it after that.
		if err := checkHeads(ctx, db, vrw, ns); err != nil {
			return nil, nil, nil, errors.Join(err, db.Close())
		}
		return db, vrw, ns, nil
	}
	opened.Lock()
	if s, ok := datas.ChunkStoreFromDatabase(db).(store); ok {
		opened.stores[u.Path] = s
	}
	mirror := opened.mirrors[u.Path]
	opened.Unlock()
	if mirror {
		if err := checkHeads(ctx, db, vrw, ns); err != nil {
			return nil, nil, nil, err
		}
	}
	return db, vrw, ns, nil
}

// FailSoftly makes the stores that were opened below dir return an error when a
// write fails.
func FailSoftly(dir string) {
	opened.Lock()
	defer opened.Unlock()
	for path, s := range opened.stores {
		if Below(path, dir) {
			s.SetFatalBehavior(dherrors.FatalBehaviorError)
			delete(opened.stores, path)
		}
	}
}

// Forget drops what is remembered of stores below dir.
func Forget(dir string) {
	opened.Lock()
	defer opened.Unlock()
	for path := range opened.stores {
		if Below(path, dir) {
			delete(opened.stores, path)
		}
	}
}

// Remembered is how many stores were opened and not forgotten, for tests.
func Remembered() int {
	opened.Lock()
	defer opened.Unlock()
	return len(opened.stores)
}

// Below reports whether a path is dir or below it.
func Below(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }
