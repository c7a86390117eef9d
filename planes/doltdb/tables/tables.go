// Package tables verifies the engine's table files, which hold the chunks of
// databases and mirrors, without trusting them. What arrives from another machine
// is verified here before the engine reads it.
package tables

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/dolthub/dolt/go/store/chunks"
	"github.com/dolthub/dolt/go/store/constants"
	"github.com/dolthub/dolt/go/store/hash"
	"github.com/dolthub/dolt/go/store/nbs"

	"gastown/planes/doltdb/internal/engine"
	"gastown/town/durable"
	"gastown/town/group"
)

// ErrCorrupt reports table files whose content is not what their index says.
var ErrCorrupt = engine.ErrCorrupt

const (
	// bufferBytes is the write buffer of the scratch store. Nothing is written to
	// it.
	bufferBytes = 1 << 20
	// readAhead is how many chunks are read ahead of the checks. The engine's are
	// about 4 KiB each, and none is larger than maxChunk.
	readAhead = 16
)

// Verify checks that every chunk of the named table files in dir hashes to the
// address its index gives it, that the engine can read it, and that reading it
// takes no more memory than maxChunk; anything else is ErrCorrupt. dir must hold
// those files and nothing the caller needs: a scratch manifest is written there
// and removed again.
func Verify(ctx context.Context, dir string, tables []string) (err error) {
	defer engine.Recovered("verify what arrived", &err)
	if len(tables) == 0 {
		return nil
	}
	var specs strings.Builder
	for _, t := range tables {
		count, err := checkShape(ctx, filepath.Join(dir, t))
		if err != nil && ctx.Err() != nil {
			return err
		}
		if err != nil {
			return damaged(fmt.Errorf("table file %s: %w", t, err))
		}
		fmt.Fprintf(&specs, ":%s:%d", strings.TrimSuffix(t, engine.ArchiveSuffix), count)
	}
	zero := hash.Hash{}.String()
	lock := hash.Of([]byte(specs.String())).String()
	manifest := filepath.Join(dir, "manifest")
	text := fmt.Sprintf("5:%s:%s:%s:%s%s", constants.FormatDoltString, lock, zero, zero, specs.String())
	if err := os.WriteFile(manifest, []byte(text), 0o600); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, remove(manifest), remove(filepath.Join(dir, "LOCK")))
	}()
	return verifyStore(ctx, dir)
}

func verifyStore(ctx context.Context, dir string) error {
	store, err := nbs.NewLocalStore(ctx, constants.FormatDoltString, dir, bufferBytes, nbs.NewUnlimitedMemQuotaProvider(), false)
	if err != nil {
		return damaged(err)
	}
	// One goroutine reads and unpacks, the others hash and check.
	all, checking := group.WithContext(ctx)
	arriving := make(chan chunks.Chunk, readAhead)
	for range max(1, runtime.GOMAXPROCS(0)-1) {
		all.Go(func() error {
			for c := range arriving {
				if hash.Of(c.Data()) != c.Hash() {
					return fmt.Errorf("%w: a chunk does not hash to its address %s", ErrCorrupt, c.Hash())
				}
				if err := checkChunk(c); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err = store.IterateAllChunks(checking, func(c chunks.Chunk) {
		select {
		case arriving <- c:
		case <-checking.Done():
		}
	})
	close(arriving)
	bad := all.Wait()
	if err != nil && bad == nil && ctx.Err() == nil {
		err = damaged(err)
	}
	if bad != nil {
		err = nil // reading ended because of bad
	}
	return errors.Join(bad, err, store.Close())
}

// damaged makes an error of reading table files ErrCorrupt, unless this machine could
// not read them.
func damaged(err error) error {
	if err = engine.Classify(err); durable.OfMachine(err) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrCorrupt, err)
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
