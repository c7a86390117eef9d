package tables

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A Zstandard frame (RFC 8878): magic, descriptor, window (unless the content is
// one segment), dictionary id, content size, then blocks with a header of three
// bytes each, and maybe a checksum.
const (
	zstdMagic    = 0xFD2FB528
	zstdBlock    = 128 << 10 // what a block unpacks to at most
	zstdSegment  = 1 << 5
	zstdChecksum = 1 << 2
	// zstdWindow is the largest window descriptor accepted. Its upper five bits
	// are the binary logarithm of the window, less 10. The format itself
	// recommends 27.
	zstdWindow = (27 - 10) << 3
)

var errFrame = errors.New("it is not one whole Zstandard frame")

// checkZstd skips a frame of a length and returns the most bytes that it can
// unpack to, by its headers: the size it declares, or a bound on its blocks if
// it declares none. The frame must fill the length, because anything after it
// would be unpacked as well.
func checkZstd(r *bufio.Reader, length, limit int64) (int64, error) {
	in := io.LimitedReader{R: r, N: length}
	take := func(n int) (uint64, error) {
		var b [8]byte
		if _, err := io.ReadFull(&in, b[:n]); err != nil {
			return 0, errFrame
		}
		return binary.LittleEndian.Uint64(b[:]), nil
	}
	head, err := take(5)
	descriptor := byte(head >> 32)
	if err != nil || uint32(head) != zstdMagic {
		return 0, errFrame
	}
	single := descriptor&zstdSegment != 0
	if !single {
		if w, err := take(1); err != nil || w > zstdWindow {
			return 0, errFrame
		}
	}
	if _, err := take([]int{0, 1, 2, 4}[descriptor&3]); err != nil {
		return 0, err
	}
	sizeBytes := []int{0, 2, 4, 8}[descriptor>>6]
	if sizeBytes == 0 && single {
		sizeBytes = 1
	}
	size, err := take(sizeBytes)
	if err != nil {
		return 0, err
	}
	if sizeBytes == 2 {
		size += 256
	}
	if size > uint64(limit) {
		return 0, fmt.Errorf("it says it unpacks to %d bytes, at most %d are accepted", size, limit)
	}
	bound, err := zstdBlocks(&in, take)
	if err != nil {
		return 0, err
	}
	if descriptor&zstdChecksum != 0 {
		if _, err := take(4); err != nil {
			return 0, err
		}
	}
	if in.N != 0 {
		return 0, errFrame
	}
	if sizeBytes > 0 {
		return int64(size), nil // the unpacker goes no further
	}
	if bound > limit {
		return 0, fmt.Errorf("it may unpack to %d bytes, at most %d are accepted", bound, limit)
	}
	return bound, nil
}

// zstdBlocks skips the blocks of a frame and bounds what they unpack to.
func zstdBlocks(in io.Reader, take func(int) (uint64, error)) (bound int64, err error) {
	for {
		head, err := take(3)
		if err != nil {
			return 0, err
		}
		last, kind, size := head&1 != 0, head>>1&3, int64(head>>3)
		if size > zstdBlock || kind == 3 {
			return 0, errFrame
		}
		switch kind {
		case 0: // as it is
			bound += size
		case 1: // one byte, repeated
			bound, size = bound+size, 1
		default:
			bound += zstdBlock
		}
		if n, err := io.CopyN(io.Discard, in, size); err != nil || n != size {
			return 0, errFrame
		}
		if last {
			return bound, nil
		}
	}
}
