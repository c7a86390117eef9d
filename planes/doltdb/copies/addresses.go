package copies

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/dolthub/dolt/go/store/hash"
)

// Parts of a table file, in bytes, as planes/doltdb/tables describes them.
const (
	prefixBytes, ordinalBytes, lengthBytes, suffixBytes, footerBytes = 8, 4, 4, 12, 20
	entryBytes                                                       = prefixBytes + ordinalBytes + lengthBytes + suffixBytes
)

// Addresses is a set of addresses of chunks. nil is the empty set.
type Addresses map[hash.Hash]struct{}

func (a Addresses) has(h hash.Hash) bool {
	_, ok := a[h]
	return ok
}

// Add adds a list of addresses as List returns it.
func (a Addresses) Add(list []byte) error {
	if len(list)%hash.ByteLen != 0 {
		return errors.New("it is not a list of addresses")
	}
	for ; len(list) > 0; list = list[hash.ByteLen:] {
		a[hash.New(list[:hash.ByteLen])] = struct{}{}
	}
	return nil
}

// List reads the addresses of a table file's chunks from its index, one after the
// other, 20 bytes each. It checks no chunk.
func List(path string) (list []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	var footer [footerBytes]byte
	if _, err := f.ReadAt(footer[:], info.Size()-footerBytes); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCorrupt, path, err)
	}
	n := int64(binary.BigEndian.Uint32(footer[:4]))
	at := info.Size() - footerBytes - n*entryBytes
	if at < 0 {
		return nil, fmt.Errorf("%w: %s says %d chunks, which its %d bytes cannot hold", ErrCorrupt, path, n, info.Size())
	}
	index := make([]byte, n*entryBytes)
	if _, err := io.ReadFull(io.NewSectionReader(f, at, n*entryBytes), index); err != nil {
		return nil, err
	}
	suffixes := index[n*(prefixBytes+ordinalBytes+lengthBytes):]
	for i := range n {
		entry := index[i*(prefixBytes+ordinalBytes):]
		ordinal := int64(binary.BigEndian.Uint32(entry[prefixBytes:]))
		if ordinal >= n {
			return nil, fmt.Errorf("%w: the index of %s names chunk %d of %d", ErrCorrupt, path, ordinal, n)
		}
		list = append(list, entry[:prefixBytes]...)
		list = append(list, suffixes[ordinal*suffixBytes:(ordinal+1)*suffixBytes]...)
	}
	return list, nil
}
