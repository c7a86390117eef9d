package doltdb

import (
	"context"
	"errors"

	"github.com/dolthub/dolt/go/store/datas"
	"github.com/dolthub/dolt/go/store/prolly/tree"
	"github.com/dolthub/dolt/go/store/types"
)

// ownDirKey is where the context of a server's statement says which directory
// is the server's own. Every store a statement opens elsewhere is a mirror,
// whose content came from another machine.
type ownDirKey struct{}

func withOwnDir(ctx context.Context, dir string) context.Context {
	return context.WithValue(ctx, ownDirKey{}, dir)
}

// serverMirror reports whether the path is a mirror to the server whose
// statement ctx is of.
func serverMirror(ctx context.Context, path string) bool {
	dir, ok := ctx.Value(ownDirKey{}).(string)
	return ok && !below(path, dir)
}

// checkMirror is checkHeads for a store a statement has just opened. The engine
// opens one anew for each statement, and closes it when the statement ends.
func checkMirror(ctx context.Context, db datas.Database, vrw types.ValueReadWriter, ns tree.NodeStore) error {
	if err := checkHeads(ctx, db, vrw, ns); err != nil {
		return errors.Join(err, db.Close())
	}
	return nil
}
