package tables

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Parts of an archive, in bytes. After the spans, which are chunks or the
// dictionaries to unpack them with, come an index (end of each span; for each
// chunk the prefix of its address, the numbers of its two spans, and the rest
// of its address), metadata, and a footer: length of the index (8, or 4 before
// version 3), number of spans (4), of chunks (4), length of the metadata (4),
// unused (192), version (1), signature (7).
const (
	archiveFooter    = 8 + 4 + 4 + 4 + 192 + 1 + 7
	archiveSignature = "DOLTARC"
	archiveSpan      = 8
	archivePrefix    = 8
	archiveRef       = 4 + 4
	archiveVersions  = 3
	archiveWide      = 3 // the first version with a length of 8 bytes
)

const (
	// maxDictionary is the size limit of one dictionary, unpacked, in bytes.
	maxDictionary = 1 << 20
	// maxDictionaries bounds all dictionaries of an archive together, because
	// the engine holds them all while it reads. dictionaryCost is what each
	// takes beside its content.
	maxDictionaries = 256 << 20
	dictionaryCost  = 64 << 10
)

// What a span is for.
const (
	spanUnused = iota
	spanDictionary
	spanZstd
	spanSnappy
)

func checkArchive(ctx context.Context, f io.ReaderAt, size int64) error {
	if size < archiveFooter {
		return io.ErrUnexpectedEOF
	}
	var footer [archiveFooter]byte
	if _, err := f.ReadAt(footer[:], size-archiveFooter); err != nil {
		return err
	}
	version := footer[archiveFooter-8]
	if string(footer[archiveFooter-7:]) != archiveSignature || version < 1 || version > archiveVersions {
		return errors.New("it is not an archive of a known version")
	}
	length, end := binary.BigEndian.Uint64(footer[:8]), size-archiveFooter
	if version < archiveWide {
		length, end = uint64(binary.BigEndian.Uint32(footer[4:8])), end+4
	}
	spans, count := int64(binary.BigEndian.Uint32(footer[8:])), int64(binary.BigEndian.Uint32(footer[12:]))
	index := end - int64(binary.BigEndian.Uint32(footer[16:])) - spans*archiveSpan - count*(archivePrefix+archiveRef+tableSuffix)
	if index < 0 || length != uint64(spans*archiveSpan+count*(archivePrefix+archiveRef+tableSuffix)) {
		return fmt.Errorf("it says %d spans and %d chunks, which its %d bytes do not hold", spans, count, size)
	}
	use, err := spanUses(section(f, index+spans*archiveSpan+count*archivePrefix, count*archiveRef), spans, count, version)
	if err != nil {
		return err
	}
	return checkSpans(ctx, section(f, 0, index), section(f, index, spans*archiveSpan), use, index)
}

// spanUses finds out what each span is for. Spans are numbered from 1. A span
// that two chunks share, or that is also a dictionary, would be verified for
// only one of them.
func spanUses(refs io.Reader, spans, count int64, version byte) ([]uint8, error) {
	use := make([]uint8, spans+1)
	var entry [archiveRef]byte
	for range count {
		if _, err := io.ReadFull(refs, entry[:]); err != nil {
			return nil, err
		}
		dictionary, data := int64(binary.BigEndian.Uint32(entry[:])), int64(binary.BigEndian.Uint32(entry[4:]))
		if data < 1 || data > spans || dictionary >= data || use[data] != spanUnused {
			return nil, errors.New("its index does not give every chunk a span of its own after its dictionary")
		}
		switch {
		case dictionary == 0 && version == 1:
			return nil, errors.New("a chunk has no dictionary")
		case dictionary == 0:
			use[data] = spanSnappy
		case use[dictionary] > spanDictionary:
			return nil, errors.New("a chunk serves as a dictionary")
		default:
			use[data], use[dictionary] = spanZstd, spanDictionary
		}
	}
	return use, nil
}

// checkSpans checks that no span, when unpacked, grows beyond its limit. It
// does not unpack them.
func checkSpans(ctx context.Context, data *bufio.Reader, ends io.Reader, use []uint8, size int64) error {
	at, dictionaries := uint64(0), int64(0)
	var entry [archiveSpan]byte
	for i := 1; i < len(use); i++ {
		if i%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if _, err := io.ReadFull(ends, entry[:]); err != nil {
			return err
		}
		end := binary.BigEndian.Uint64(entry[:])
		if end <= at || end > uint64(size) || end-at > maxChunk {
			return fmt.Errorf("its span %d ends at %d", i, end)
		}
		length := int64(end - at)
		at = end
		var err error
		switch use[i] {
		case spanSnappy:
			err = checkSnappy(data, length)
		case spanZstd:
			_, err = checkZstd(data, length, maxChunk)
		case spanDictionary:
			var n int64
			n, err = checkZstd(data, length, maxDictionary)
			if dictionaries += n + dictionaryCost; dictionaries > maxDictionaries {
				err = errors.New("its dictionaries take too much memory")
			}
		default:
			err = errors.New("nothing refers to it")
		}
		if err != nil {
			return fmt.Errorf("span %d: %w", i, err)
		}
	}
	return nil
}
