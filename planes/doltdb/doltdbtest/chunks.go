package doltdbtest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dolthub/dolt/go/store/chunks"
	"github.com/dolthub/dolt/go/store/constants"
	"github.com/dolthub/dolt/go/store/hash"
	"github.com/dolthub/dolt/go/store/nbs"
)

// Chunks calls each for every chunk in the named table files in dir, unpacked,
// whether anything refers to the chunk or not. It writes a scratch manifest
// into dir.
func Chunks(ctx context.Context, dir string, tables []string, each func([]byte)) (err error) {
	var specs strings.Builder
	for _, t := range tables {
		count := uint32(1) // of an archive, which says it itself
		if !strings.HasSuffix(t, ".darc") {
			data, err := os.ReadFile(filepath.Join(dir, t))
			if err != nil {
				return err
			}
			if len(data) < 20 {
				return fmt.Errorf("%s has %d bytes", t, len(data))
			}
			count = binary.BigEndian.Uint32(data[len(data)-20:])
		}
		fmt.Fprintf(&specs, ":%s:%d", strings.TrimSuffix(t, ".darc"), count)
	}
	zero := hash.Hash{}.String()
	text := fmt.Sprintf("5:%s:%s:%s:%s%s", constants.FormatDoltString, hash.Of([]byte(specs.String())), zero, zero, specs.String())
	if err := os.WriteFile(filepath.Join(dir, "manifest"), []byte(text), 0o600); err != nil {
		return err
	}
	store, err := nbs.NewLocalStore(ctx, constants.FormatDoltString, dir, 1<<20, nbs.NewUnlimitedMemQuotaProvider(), false)
	if err != nil {
		return err
	}
	err = store.IterateAllChunks(ctx, func(c chunks.Chunk) { each(c.Data()) })
	return errors.Join(err, store.Close())
}
