package files

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// ErrBadIndex reports an index file that is torn, altered, of another format or
// no index at all. Nothing was used of it. The caller rebuilds: it begins with
// NewIndex, scans, and records the texts that equal a row under that row.
var ErrBadIndex = errors.New("the index of files is unusable")

// The index file, all numbers little-endian:
//
//	magic "gtfiles\n" | format u32 | CRC-32C of all that follows u32 |
//	length of all that follows u64 | entries u32 | head length u8 | head |
//	entries: kind u8, flags u8, name length u8, name,
//	         size u64, mtime u64, ctime u64, inode u64, content [32], base [32]
const (
	indexMagic  = "gtfiles\n"
	indexFormat = 1
	indexPrefix = len(indexMagic) + 4 + 4 + 8
	fixedEntry  = 3 + 4*8 + 2*32

	flagRacy  = 1 << 0
	flagBased = 1 << 1
	// maxIndexBytes bounds what is read: about ten million files.
	maxIndexBytes = 2 << 30
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (ix *Index) encode() ([]byte, error) {
	if len(ix.Head) > 255 {
		return nil, fmt.Errorf("head %.40q... is longer than 255 bytes", ix.Head)
	}
	le := binary.LittleEndian
	b := make([]byte, indexPrefix, indexPrefix+5+len(ix.Head)+len(ix.records)*(fixedEntry+32))
	b = le.AppendUint32(b, uint32(len(ix.records)))
	b = append(b, byte(len(ix.Head)))
	b = append(b, ix.Head...)
	for i := range ix.records {
		r := &ix.records[i]
		var flags byte
		if r.racy {
			flags |= flagRacy
		}
		if r.based {
			flags |= flagBased
		}
		b = append(b, r.kind, flags, byte(len(r.name)))
		b = append(b, r.name...)
		b = le.AppendUint64(b, uint64(r.size))
		b = le.AppendUint64(b, uint64(r.mtime))
		b = le.AppendUint64(b, uint64(r.ctime))
		b = le.AppendUint64(b, r.ino)
		b = append(b, r.content[:]...)
		b = append(b, r.base[:]...)
	}
	copy(b, indexMagic)
	le.PutUint32(b[8:], indexFormat)
	le.PutUint32(b[12:], crc32.Checksum(b[indexPrefix:], castagnoli))
	le.PutUint64(b[16:], uint64(len(b)-indexPrefix))
	return b, nil
}

// decode reads what encode wrote. Every fault is ErrBadIndex.
func decode(b []byte) (*Index, error) {
	bad := func(format string, args ...any) (*Index, error) {
		return nil, fmt.Errorf("%w: %s", ErrBadIndex, fmt.Sprintf(format, args...))
	}
	le := binary.LittleEndian
	if len(b) < indexPrefix+5 || string(b[:8]) != indexMagic {
		return bad("it does not begin as one")
	}
	if v := le.Uint32(b[8:]); v != indexFormat {
		return bad("format %d, this program reads %d", v, indexFormat)
	}
	sum, length := le.Uint32(b[12:]), le.Uint64(b[16:])
	if b = b[indexPrefix:]; uint64(len(b)) != length {
		return bad("%d bytes where %d were written", len(b), length)
	}
	if crc32.Checksum(b, castagnoli) != sum {
		return bad("its checksum does not match")
	}
	count, head := int(le.Uint32(b)), int(b[4])
	if b = b[5:]; head > len(b) || count > (len(b)-head)/fixedEntry {
		return bad("%d entries do not fit", count)
	}
	ix := &Index{Head: string(b[:head]), records: make([]record, count)}
	b = b[head:]
	var perKind [len(kinds)]int
	nameLen := make([]uint8, count)
	names := make([]byte, 0, 16*count) // of all entries, to become one string
	for i := range ix.records {
		if len(b) < fixedEntry || len(b) < fixedEntry+int(b[2]) {
			return bad("entry %d is cut short", i)
		}
		n := int(b[2])
		r := &ix.records[i]
		names = append(names, b[3:3+n]...)
		r.kind = b[0]
		r.racy, r.based = b[1]&flagRacy != 0, b[1]&flagBased != 0
		if int(r.kind) >= len(kinds) || b[1] > flagRacy|flagBased || !plainName(b[3:3+n]) {
			return bad("entry %d is none", i)
		}
		f := b[3+n:]
		r.size, r.mtime = int64(le.Uint64(f)), int64(le.Uint64(f[8:]))
		r.ctime, r.ino = int64(le.Uint64(f[16:])), le.Uint64(f[24:])
		copy(r.content[:], f[32:])
		copy(r.base[:], f[64:])
		nameLen[i] = uint8(n)
		b = f[96:]
		perKind[r.kind]++
	}
	if len(b) != 0 {
		return bad("%d bytes too many", len(b))
	}
	for k := range ix.at {
		ix.at[k] = make(map[string]int32, perKind[k])
	}
	rest := string(names)
	for i, n := range nameLen {
		ix.records[i].name, rest = rest[:n], rest[n:]
		ix.at[ix.records[i].kind][ix.records[i].name] = int32(i)
	}
	if known := len(ix.at[0]) + len(ix.at[1]) + len(ix.at[2]); known != count {
		return bad("%d of its names stand twice", count-known)
	}
	return ix, nil
}

// plainName is town.CheckName for places that check a hundred thousand names.
func plainName[T string | []byte](s T) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || i > 0 && (c == '.' || c == '_' || c == '-')) {
			return false
		}
	}
	return true
}
