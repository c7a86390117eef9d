package doltdb

import (
	"context"
	"errors"
	"fmt"

	"github.com/dolthub/dolt/go/libraries/doltcore/dbfactory"
	"github.com/dolthub/dolt/go/libraries/doltcore/doltdb"
	"github.com/dolthub/dolt/go/libraries/doltcore/ref"
	"github.com/dolthub/dolt/go/libraries/utils/filesys"
	"github.com/dolthub/dolt/go/store/types"

	"gastown/planes/doltdb/internal/engine"
	"gastown/town"
)

// ErrUnreachable reports a mirror that the server which has the database cannot
// use, because the server runs on another machine or as another user.
var ErrUnreachable = errors.New("the database server cannot use the mirror")

// sameMirror fails with ErrUnreachable unless the mirror's branch, as this process
// sees it, is at the commit that the server reported. A server on another machine
// would create and use its own directory with that path, and what it writes there
// would never be published.
func (db *Shared) sameMirror(ctx context.Context, mirror, commit string) error {
	if db.opts.External == nil {
		return nil
	}
	head, err := mirrorHead(ctx, mirror)
	if err != nil {
		return fmt.Errorf("read the mirror %s: %w", mirror, err)
	}
	if head == commit {
		return nil
	}
	return town.Fail("exchange with the database at "+db.opts.External.Address,
		"run gt on the server's machine, as a user whose files the server may read and write, or unset dolt.host",
		"%w: %s is at commit %q, the server says %q", ErrUnreachable, mirror, head, commit)
}

// mirrorHead is the commit of the mirror's branch; "" when there is none.
func mirrorHead(ctx context.Context, mirror string) (_ string, err error) {
	defer engine.Recovered("read the mirror "+mirror, &err)
	engine.Tame()
	defer engine.Forget(mirror)
	url, err := mirrorURL(mirror)
	if err != nil {
		return "", err
	}
	db, err := doltdb.LoadDoltDBWithParams(ctx, types.Format_DOLT, url, filesys.LocalFS,
		map[string]any{dbfactory.DisableSingletonCacheParam: struct{}{}})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	commit, err := db.ResolveCommitRef(ctx, ref.NewBranchRef(Branch))
	if errors.Is(err, doltdb.ErrBranchNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	hash, err := commit.HashOf()
	return hash.String(), err
}
