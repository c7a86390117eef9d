package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/dolthub/dolt/go/libraries/doltcore/doltdb"
	"github.com/dolthub/dolt/go/libraries/doltcore/ref"
	"github.com/dolthub/dolt/go/store/datas"
	"github.com/dolthub/dolt/go/store/hash"
	"github.com/dolthub/dolt/go/store/prolly/tree"
	"github.com/dolthub/dolt/go/store/types"

	"gastown/town"
)

// checkHeads reads what the engine reads by name when it fetches from a mirror:
// the list of branches and the commit of each. Every chunk was found sound by
// itself when it arrived; this finds a chunk of one kind in the place of another.
// The engine would read it in a goroutine of its own, where a panic ends the
// process.
func checkHeads(ctx context.Context, db datas.Database, vrw types.ValueReadWriter, ns tree.NodeStore) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New(town.Clip(fmt.Sprint(p), 200))
		}
		if err != nil && ctx.Err() == nil {
			err = fmt.Errorf("%w: its list of branches: %w", ErrCorrupt, err)
		}
	}()
	heads, err := db.Datasets(ctx)
	if err != nil {
		return err
	}
	return heads.IterAll(ctx, func(name string, addr hash.Hash) error {
		if !ref.IsRef(name) {
			return nil
		}
		parsed, err := ref.Parse(name)
		if err != nil {
			return err
		}
		if _, err := db.GetDataset(ctx, name); err != nil {
			return err
		}
		if _, ok := ref.HeadRefTypes[parsed.GetType()]; !ok || parsed.GetType() == ref.TagRefType {
			return nil
		}
		return checkHead(ctx, vrw, ns, addr)
	})
}

func checkHead(ctx context.Context, vrw types.ValueReadWriter, ns tree.NodeStore, addr hash.Hash) error {
	value, err := datas.LoadCommitAddr(ctx, vrw, addr)
	if err != nil {
		return err
	}
	commit, err := doltdb.NewCommit(ctx, vrw, ns, value)
	if err != nil {
		return err
	}
	root, err := commit.GetRootValue(ctx)
	if err != nil {
		return err
	}
	_, err = root.HashOf()
	return err
}
