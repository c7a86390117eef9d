package doltdb

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/dolthub/dolt/go/store/chunks"
	"github.com/dolthub/dolt/go/store/constants"
	"github.com/dolthub/dolt/go/store/hash"
	"github.com/dolthub/dolt/go/store/nbs"
)

// ErrCorrupt reports table files whose content is not what their index says.
var ErrCorrupt = errors.New("damaged or altered data")

const (
	archiveSuffix = ".darc"
	// A table file ends in: number of chunks (4 bytes), size (8), magic (8).
	tableFooter = 20
	// verifyMemory is the in-memory write buffer of the scratch store. Nothing
	// is written to it.
	verifyMemory = 1 << 20
)

// VerifyTables checks that every chunk of the named table files in dir hashes
// to the address its index gives it. dir must hold those files and nothing the
// caller needs: a scratch manifest is written there and removed again.
func VerifyTables(ctx context.Context, dir string, tables []string) (err error) {
	defer recovered("verify what arrived", &err)
	if len(tables) == 0 {
		return nil
	}
	var specs strings.Builder
	for _, t := range tables {
		count, err := chunkCount(filepath.Join(dir, t))
		if err != nil {
			return fmt.Errorf("%w: table file %s: %w", ErrCorrupt, t, err)
		}
		fmt.Fprintf(&specs, ":%s:%d", strings.TrimSuffix(t, archiveSuffix), count)
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
	store, err := nbs.NewLocalStore(ctx, constants.FormatDoltString, dir, verifyMemory, nbs.NewUnlimitedMemQuotaProvider(), false)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	var bad error
	err = store.IterateAllChunks(ctx, func(c chunks.Chunk) {
		if bad == nil && hash.Of(c.Data()) != c.Hash() {
			bad = fmt.Errorf("%w: a chunk does not hash to its address %s", ErrCorrupt, c.Hash())
		}
	})
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return errors.Join(bad, err, store.Close())
}

// chunkCount reads how many chunks a table file says it has. An archive carries
// its count where the engine reads it itself.
func chunkCount(path string) (uint32, error) {
	if strings.HasSuffix(path, archiveSuffix) {
		return 1, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if info.Size() < tableFooter {
		return 0, io.ErrUnexpectedEOF
	}
	var footer [tableFooter]byte
	if _, err := f.ReadAt(footer[:], info.Size()-tableFooter); err != nil {
		return 0, err
	}
	count := binary.BigEndian.Uint32(footer[:4])
	// Each chunk takes at least an address and a length in the index; a count
	// that cannot fit would make the engine reserve memory for nothing.
	if int64(count)*20 > info.Size() {
		return 0, fmt.Errorf("it says %d chunks, which its %d bytes cannot hold", count, info.Size())
	}
	return count, nil
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
