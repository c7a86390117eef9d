// Package copies makes copies of databases that are in use, as files, and makes
// databases of such copies.
//
// Take catches one moment of several databases: what each of them held at that
// moment, with rows that nobody has committed. It stops no writer and needs no lock,
// because the engine's files are either never changed or only grow. It looks at all
// databases twice; when nothing changed between the two looks, there was a moment at
// which all were as it saw them.
//
// Database.Write writes what a moment has and earlier files have not, as table files.
// Such a file is named by its content and never changes, so that copies share them.
// With Manifest, a directory of table files is a file remote of stock Dolt.
//
// Place makes a database of table files. It trusts none of them.
package copies

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/dolthub/dolt/go/libraries/doltcore/dbfactory"
	"github.com/dolthub/dolt/go/libraries/doltcore/doltdb"
	"github.com/dolthub/dolt/go/libraries/utils/filesys"
	"github.com/dolthub/dolt/go/store/datas"
	"github.com/dolthub/dolt/go/store/nbs"
	"github.com/dolthub/dolt/go/store/types"

	"gastown/planes/doltdb/internal/engine"
	"gastown/town"
)

// ErrCorrupt reports a database or a copy that lacks a chunk, or has one that is not
// what its address says.
var ErrCorrupt = engine.ErrCorrupt

// open opens the store of a database that nobody else has open, below dir.
func open(ctx context.Context, dir string) (*doltdb.DoltDB, nbs.NBSCompressedChunkStore, error) {
	store := dir + "/" + engine.StoreDir
	if strings.ContainsAny(store, "%?#") {
		return nil, nil, town.Fail("open "+dir, "move the Town to a path without % ? #",
			"%w: the database engine cannot address such a path", town.ErrRefused)
	}
	engine.Tame()
	defer engine.Forget(dir)
	db, err := doltdb.LoadDoltDBWithParams(ctx, types.Format_DOLT, (&url.URL{Scheme: "file", Path: store}).String(), filesys.LocalFS,
		map[string]any{
			dbfactory.DisableSingletonCacheParam: struct{}{}, dbfactory.ChunkJournalParam: struct{}{},
			dbfactory.FailOnJournalLockTimeoutParam: struct{}{},
		})
	if err != nil {
		return nil, nil, engine.Classify(err)
	}
	engine.FailSoftly(dir)
	chunks, ok := datas.ChunkStoreFromDatabase(doltdb.ExposeDatabaseFromDoltDB(db)).(nbs.NBSCompressedChunkStore)
	if !ok {
		_ = db.Close()
		return nil, nil, fmt.Errorf("%w: %s has no store of chunks", ErrCorrupt, dir)
	}
	return db, chunks, nil
}
