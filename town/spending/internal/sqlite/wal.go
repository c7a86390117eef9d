package sqlite

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
)

const (
	walHeader, frameHeader = 32, 24
	// maxWAL bounds a log that is read, in bytes.
	maxWAL = 1 << 29
)

// wal is the write-ahead log: newer pages than those of the database.
type wal struct {
	file   *os.File // nil without a log
	header []byte
	size   int
	// at is where the newest committed content of a page is.
	at map[uint32]int64
}

// openWAL reads which pages the log has, up to its last whole transaction.
func openWAL(path string) (w *wal, err error) {
	w = &wal{}
	file, err := OpenRegular(path)
	if errors.Is(err, fs.ErrNotExist) {
		return w, nil
	}
	if err != nil {
		return nil, err
	}
	w.file = file
	if err := w.scan(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return w, nil
}

func (w *wal) scan() error {
	header := make([]byte, walHeader)
	if n, err := w.file.ReadAt(header, 0); err != nil {
		if errors.Is(err, io.EOF) {
			w.header = header[:n]
			return nil
		}
		return err
	}
	w.header = header
	var order binary.ByteOrder
	switch binary.BigEndian.Uint32(header) {
	case 0x377f0682:
		order = binary.LittleEndian
	case 0x377f0683:
		order = binary.BigEndian
	default:
		return spoilt("its log begins with other bytes")
	}
	w.size = int(binary.BigEndian.Uint32(header[8:]))
	if w.size < 512 || w.size > 1<<16 || w.size&(w.size-1) != 0 {
		return spoilt("the pages of its log have %d bytes", w.size)
	}
	sum := checksum{order: order}
	sum.add(header[:24])
	if !sum.is(header[24:]) {
		return nil // the program has just begun it
	}
	pending := map[uint32]int64{}
	w.at = map[uint32]int64{}
	frame := make([]byte, frameHeader+w.size)
	for offset := int64(walHeader); offset < maxWAL; offset += int64(len(frame)) {
		if _, err := w.file.ReadAt(frame, offset); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		sum.add(frame[:8])
		sum.add(frame[frameHeader:])
		if !bytes.Equal(frame[8:16], header[16:24]) || !sum.is(frame[16:24]) {
			return nil // left from before, or not written yet
		}
		pending[binary.BigEndian.Uint32(frame)] = offset + frameHeader
		if binary.BigEndian.Uint32(frame[4:]) == 0 {
			continue
		}
		for page, at := range pending { // the frame ends a transaction
			w.at[page] = at
		}
		clear(pending)
	}
	return spoilt("its log is larger than %d bytes", maxWAL)
}

func (w *wal) any() bool { return len(w.at) > 0 }

// page reads a page that the log has.
func (w *wal) page(n uint32, into []byte) (found bool, err error) {
	at, found := w.at[n]
	if found {
		_, err = w.file.ReadAt(into, at)
	}
	return found, err
}

// same reports whether the log was not begun anew since it was opened.
func (w *wal) same() (bool, error) {
	if w.file == nil {
		return true, nil
	}
	header := make([]byte, walHeader)
	n, err := w.file.ReadAt(header, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	return bytes.Equal(header[:n], w.header), nil
}

func (w *wal) close() {
	if w.file != nil {
		_ = w.file.Close()
	}
}

// checksum is the sum that each frame carries on from the one before.
type checksum struct {
	order  binary.ByteOrder
	s0, s1 uint32
}

func (c *checksum) add(b []byte) {
	for ; len(b) >= 8; b = b[8:] {
		c.s0 += c.order.Uint32(b) + c.s1
		c.s1 += c.order.Uint32(b[4:]) + c.s0
	}
}

func (c *checksum) is(b []byte) bool {
	return binary.BigEndian.Uint32(b) == c.s0 && binary.BigEndian.Uint32(b[4:]) == c.s1
}
