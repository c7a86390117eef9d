package engine

import (
	"context"
	"errors"

	"github.com/dolthub/dolt/go/libraries/doltcore/dbfactory"
)

// UseMirror has the engine check a mirror whenever it opens it, until
// ReleaseMirror.
func UseMirror(mirror string) {
	opened.Lock()
	defer opened.Unlock()
	opened.mirrors[mirror] = true
}

// ReleaseMirror closes what the engine would keep open of a mirror for the life
// of the process. Otherwise it would hold files that were replaced since, and
// would not read a manifest whose lock equals that of the one it knows.
func ReleaseMirror(mirror string, err *error) {
	Forget(mirror)
	opened.Lock()
	delete(opened.mirrors, mirror)
	opened.Unlock()
	*err = errors.Join(*err, dbfactory.DeleteFromSingletonCache(mirror, true))
}

// ownDirKey is where the context of a server's statement names the directory of
// the server's own databases.
type ownDirKey struct{}

// WithOwnDir marks the context of a server's statement. Every store that the
// statement opens outside dir is a mirror, whose content came from another
// machine.
func WithOwnDir(ctx context.Context, dir string) context.Context {
	return context.WithValue(ctx, ownDirKey{}, dir)
}

// isServersMirror reports whether the path is a mirror to the server whose
// statement ctx is of.
func isServersMirror(ctx context.Context, path string) bool {
	dir, ok := ctx.Value(ownDirKey{}).(string)
	return ok && !Below(path, dir)
}
