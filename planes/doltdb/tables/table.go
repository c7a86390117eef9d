package tables

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"gastown/planes/doltdb/internal/engine"
)

// maxChunk is the size limit of one chunk in bytes, packed or not. The engine's
// own chunks are a thousand times smaller.
const maxChunk = 64 << 20

// Parts of a table file, in bytes. After the chunks come an index entry each
// (prefix of the address and ordinal; length; rest of the address) and a footer:
// number of chunks (4), size unpacked (8), magic (8).
const (
	tablePrefix = 8 + 4
	tableLength = 4
	tableSuffix = 12
	tableFooter = 20
	chunkSum    = 4 // the checksum that ends a packed chunk
)

// checkShape checks what the engine trusts when it opens a table file or reads
// its chunks one after the other, and returns the number of chunks. For an
// archive it returns 1, because the engine reads the number from the archive
// itself.
func checkShape(ctx context.Context, path string) (uint32, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if strings.HasSuffix(path, engine.ArchiveSuffix) {
		return 1, checkArchive(ctx, f, info.Size())
	}
	return checkTable(ctx, f, info.Size())
}

func checkTable(ctx context.Context, f io.ReaderAt, size int64) (uint32, error) {
	if size < tableFooter {
		return 0, io.ErrUnexpectedEOF
	}
	var footer [tableFooter]byte
	if _, err := f.ReadAt(footer[:], size-tableFooter); err != nil {
		return 0, err
	}
	count := binary.BigEndian.Uint32(footer[:4])
	n := int64(count)
	// A count that cannot be right would make the engine allocate memory for
	// nothing.
	index := size - tableFooter - n*(tablePrefix+tableLength+tableSuffix)
	if index < 0 {
		return 0, fmt.Errorf("it says %d chunks, which its %d bytes cannot hold", count, size)
	}
	// Chunks are verified in the order in which they are stored, but looked up
	// by ordinal. That is the same content only if each has an ordinal of its
	// own.
	seen := make([]bool, n)
	prefixes := section(f, index, n*tablePrefix)
	var entry [tablePrefix]byte
	for range n {
		if _, err := io.ReadFull(prefixes, entry[:]); err != nil {
			return 0, err
		}
		ordinal := binary.BigEndian.Uint32(entry[tablePrefix-4:])
		if ordinal >= count || seen[ordinal] {
			return 0, errors.New("its index does not name every chunk once")
		}
		seen[ordinal] = true
	}
	lengths := section(f, index+n*tablePrefix, n*tableLength)
	data, left := section(f, 0, index), index
	for i := range n {
		if i%1024 == 0 && ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if _, err := io.ReadFull(lengths, entry[:tableLength]); err != nil {
			return 0, err
		}
		length := int64(binary.BigEndian.Uint32(entry[:tableLength]))
		if left -= length; left < 0 {
			return 0, errors.New("its chunks are longer than the file")
		}
		if err := checkSnappy(data, length); err != nil {
			return 0, err
		}
	}
	return count, nil
}

// checkSnappy skips a chunk of a length, packed with Snappy, after checking the
// unpacked length that it declares.
func checkSnappy(r *bufio.Reader, length int64) error {
	if length <= chunkSum || length > maxChunk {
		return fmt.Errorf("a chunk takes %d bytes", length)
	}
	head, err := r.Peek(int(min(length-chunkSum, binary.MaxVarintLen32)))
	if err != nil {
		return err
	}
	if n, read := binary.Uvarint(head); read <= 0 || n > maxChunk {
		return fmt.Errorf("a chunk says it has more than %d bytes", maxChunk)
	}
	_, err = r.Discard(int(length))
	return err
}

func section(f io.ReaderAt, offset, length int64) *bufio.Reader {
	return bufio.NewReaderSize(io.NewSectionReader(f, offset, length), 64<<10)
}
