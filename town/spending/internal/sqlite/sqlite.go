// Package sqlite reads rows of a table in an SQLite database that another program has
// open. It writes nothing and takes no lock: it reads the file and its write-ahead log as
// they are documented in https://www.sqlite.org/fileformat2.html, and View says ErrChanged
// when the program began the log anew meanwhile. Only what is needed for that is here:
// tables with row numbers and UTF-8 text, without indices.
//
// Files are hostile. Every number is checked before it is used, and the pages that one
// View reads are bounded.
package sqlite

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// ErrChanged reports a database that another program changed while it was read. A later
// try may succeed.
var ErrChanged = errors.New("another program changed the database meanwhile")

// errSpoilt reports a file that is no database, or a damaged one.
var errSpoilt = errors.New("it is not an SQLite database that can be read")

func spoilt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errSpoilt, fmt.Sprintf(format, args...))
}

const (
	magic = "SQLite format 3\x00"
	// maxDepth is more than a tree of pages has, maxPages how many pages one View reads.
	maxDepth, maxPages = 24, 1 << 18
	// MaxValue is the largest text of a row that is returned, in bytes.
	MaxValue = 1 << 20
)

// DB is a database while View runs.
type DB struct {
	file   *os.File
	log    *wal
	size   int // of a page
	usable int
	read   int
}

// View opens a database and calls fn with it. What fn found counts only if there is no error.
func View(path string, fn func(*DB) error) error {
	file, err := OpenRegular(path)
	if err != nil {
		return err
	}
	defer file.Close()
	log, err := openWAL(path + "-wal")
	if err != nil {
		return err
	}
	defer log.close()
	db := &DB{file: file, log: log}
	before, err := db.begin()
	if err == nil {
		err = fn(db)
	}
	if err != nil {
		if same, e := log.same(); e == nil && !same { // what it found is explained by that
			return ErrChanged
		}
		return err
	}
	same, err := log.same()
	if err != nil {
		return err
	}
	after := make([]byte, 100)
	if _, err := file.ReadAt(after, 0); err != nil {
		return err
	}
	if !same || !log.any() && !bytes.Equal(before, after) {
		return ErrChanged
	}
	return nil
}

// OpenRegular opens a regular file for reading. It waits for nobody, as opening a pipe
// would, and refuses everything else.
func OpenRegular(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// begin reads the header. It is in the first page, which may be in the log.
func (db *DB) begin() (header []byte, err error) {
	header = make([]byte, 100)
	if _, err := db.file.ReadAt(header, 0); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, spoilt("it has no header")
		}
		return nil, err
	}
	if string(header[:16]) != magic {
		return nil, spoilt("it begins with other bytes")
	}
	if db.size = int(binary.BigEndian.Uint16(header[16:])); db.size == 1 {
		db.size = 1 << 16
	}
	if db.size < 512 || db.size&(db.size-1) != 0 || db.log.any() && db.log.size != db.size {
		return nil, spoilt("its pages have %d bytes", db.size)
	}
	db.usable = db.size - int(header[20])
	if db.usable < 480 {
		return nil, spoilt("%d bytes of a page are usable", db.usable)
	}
	first, err := db.page(1)
	if err != nil {
		return nil, err
	}
	if encoding := binary.BigEndian.Uint32(first[56:]); encoding > 1 {
		return nil, spoilt("its text has the encoding %d", encoding)
	}
	return header, nil
}

// page reads a page, whose number begins at 1.
func (db *DB) page(n uint32) ([]byte, error) {
	if db.read++; db.read > maxPages {
		return nil, spoilt("more than %d pages were to be read", maxPages)
	}
	if n == 0 {
		return nil, spoilt("it refers to page 0")
	}
	page := make([]byte, db.size)
	if found, err := db.log.page(n, page); found || err != nil {
		return page, err
	}
	if _, err := db.file.ReadAt(page, int64(n-1)*int64(db.size)); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, spoilt("it ends before page %d", n)
		}
		return nil, err
	}
	return page, nil
}

// varint reads a number of up to nine bytes; n is 0 when it is cut off.
func varint(b []byte) (v int64, n int) {
	for n < len(b) && n < 9 {
		if n == 8 {
			return v<<8 | int64(b[8]), 9
		}
		v = v<<7 | int64(b[n]&0x7f)
		n++
		if b[n-1] < 0x80 {
			return v, n
		}
	}
	return 0, 0
}
