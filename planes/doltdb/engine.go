package doltdb

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"syscall"

	"github.com/dolthub/dolt/go/libraries/doltcore/dbfactory"
	dherrors "github.com/dolthub/dolt/go/libraries/utils/errors"
	"github.com/dolthub/dolt/go/store/datas"
	"github.com/dolthub/dolt/go/store/prolly/tree"
	"github.com/dolthub/dolt/go/store/types"
)

// The engine finds what opens a database by the scheme of its URL. tame changes
// that table once for the process, before the first database is opened:
//
//   - Only files are left. The engine itself can reach no network, whatever
//     statement or configuration names a remote.
//   - Stores are noted as they are opened, so that a full disk becomes an error.
//     The engine would end the process instead, with a page of stacks, because
//     it does not trust a database after a write that failed. Nor does this
//     package's caller: it closes the database, and the next opening begins
//     with what was written whole, as it does after a crash.
var tame = sync.OnceFunc(func() {
	for scheme, factory := range dbfactory.DBFactories {
		switch scheme {
		case dbfactory.FileScheme:
			dbfactory.DBFactories[scheme] = noting{factory}
		case dbfactory.MemScheme: // the engine's own scratch space
		default:
			delete(dbfactory.DBFactories, scheme)
		}
	}
})

// store is what of a chunk store matters here.
type store interface {
	SetFatalBehavior(dherrors.FatalBehavior)
}

// opened holds stores by their path from their opening until a connection to
// them is made, when the engine has said for the last time how they should
// fail, and the mirrors in use, whose content came from elsewhere.
var opened = struct {
	sync.Mutex
	stores  map[string]store
	mirrors map[string]bool
}{stores: map[string]store{}, mirrors: map[string]bool{}}

type noting struct{ dbfactory.DBFactory }

// CreateDB opens a database, as it says in the engine's own words.
func (n noting) CreateDB(ctx context.Context, format *types.NomsBinFormat, u *url.URL, params map[string]any) (datas.Database, types.ValueReadWriter, tree.NodeStore, error) {
	db, vrw, ns, err := n.DBFactory.CreateDB(ctx, format, u, params)
	if err != nil {
		return nil, nil, nil, err
	}
	if serverMirror(ctx, u.Path) {
		if err := checkMirror(ctx, db, vrw, ns); err != nil {
			return nil, nil, nil, err
		}
		return db, vrw, ns, nil
	}
	opened.Lock()
	if s, ok := datas.ChunkStoreFromDatabase(db).(store); ok {
		opened.stores[u.Path] = s
	}
	foreign := opened.mirrors[u.Path]
	opened.Unlock()
	if foreign {
		if err := checkHeads(ctx, db, vrw, ns); err != nil {
			return nil, nil, nil, err
		}
	}
	return db, vrw, ns, nil
}

// foreign has the engine check a mirror whenever it opens it, until release.
func foreign(mirror string) {
	opened.Lock()
	defer opened.Unlock()
	opened.mirrors[mirror] = true
}

// failSoftly makes the stores opened below dir return an error where a write
// fails.
func failSoftly(dir string) {
	opened.Lock()
	defer opened.Unlock()
	for path, s := range opened.stores {
		if below(path, dir) {
			s.SetFatalBehavior(dherrors.FatalBehaviorError)
			delete(opened.stores, path)
		}
	}
}

// forget drops what is noted of stores below dir.
func forget(dir string) {
	opened.Lock()
	defer opened.Unlock()
	for path := range opened.stores {
		if below(path, dir) {
			delete(opened.stores, path)
		}
	}
}

// release closes what the engine keeps open of a mirror for the life of the
// process. Kept, it would hold files that were replaced since, and take a
// manifest for the one it knows whenever a remote repeats that one's lock.
func release(mirror string, err *error) {
	forget(mirror)
	opened.Lock()
	delete(opened.mirrors, mirror)
	opened.Unlock()
	*err = errors.Join(*err, dbfactory.DeleteFromSingletonCache(mirror, true))
}

func below(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// diskErrors are the failures of a disk that callers can tell apart; the engine
// passes on their words alone.
var diskErrors = []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EACCES}

// kindly gives an error of the engine back the kind it had.
func kindly(err error) error {
	if err == nil {
		return nil
	}
	for _, kind := range diskErrors {
		if !errors.Is(err, kind) && strings.Contains(err.Error(), kind.Error()) {
			return fmt.Errorf("%w: %w", kind, err)
		}
	}
	return err
}
