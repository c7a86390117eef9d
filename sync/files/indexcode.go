package files

import (
	"crypto/rand"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"
	"strings"

	"gastown/town/group"
)

// ErrBadIndex reports a file that is torn, altered, of another format or not an
// index. Nothing of it was used. The caller rebuilds the index: it starts with
// NewIndex, scans, and records each text that equals a row under that row.
var ErrBadIndex = errors.New("the index of files is unusable")

// This is the format of the index file. All numbers are little-endian. Saved
// changes follow the body; see indexlog.go.
//
//	prefix: magic "gtfiles\n" | format u32 | CRC-32C of the rest of the prefix
//	        and of the sums u32 | length of the body u64 | slots u32 |
//	        entries u32 | seed u64
//	sums:   CRC-32C of each block of the body
//	body:   head length u8 | head | slots and entries (see table.go)
//	head:   for each kind the times of its directory (see dirtimes.go), like the
//	        times of an entry | Head | and, where there is a Tip, a line feed and Tip
const (
	indexMagic  = "gtfiles\n"
	indexFormat = 3
	// undatedFormat is the same without the times of directories. It is still read:
	// without an index, a document whose file somebody removed would be written
	// again.
	undatedFormat = 2
	indexPrefix   = len(indexMagic) + 4 + 4 + 8 + 4 + 4 + 8
	prefixSum     = len(indexMagic) + 4
	maxHead       = 255 - dirTimesBytes
	// maxIndexBytes is how large a file is read at most: about ten million entries.
	maxIndexBytes = 2 << 30
	// blockBytes is how many bytes of the body one sum covers. A block fits into a
	// processor's cache.
	blockBytes = 256 << 10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func blocks(body int) int { return (body + blockBytes - 1) / blockBytes }

// encode returns the whole index as a file. It marks entries as racy whose times
// are not before limit.
func (ix *Index) encode(limit int64) ([]byte, error) {
	if len(ix.commits()) > maxHead {
		return nil, errLongHead(ix)
	}
	head := ix.encodeHead(limit)
	count, size := 0, 0
	for ref := range ix.refs() {
		count++
		size += fixedEntry + ix.nameLen(ref)
	}
	slots := slotsFor(count) * slotBytes
	body := len(head) + slots + size
	sums := indexPrefix + 4*blocks(body)
	b := make([]byte, sums, sums+body)
	b = append(b, head...)
	t := table{slots: b[len(b) : len(b)+slots], entries: b[len(b)+slots : len(b)+slots : sums+body], count: count}
	var seed [8]byte
	rand.Read(seed[:])
	t.seed = le.Uint64(seed[:])
	for ref := range ix.refs() {
		r := ix.record(ref)
		t.insert(r.kind, r.name, int(ref))
	}
	// Entries are in the order of the slots, so that a reader of all of them reads
	// the file from beginning to end.
	for slot := range t.size() {
		if at, ok := t.offset(slot); ok {
			r := ix.record(ref(at))
			r.racy = r.racy || r.after(limit)
			t.move(slot, len(t.entries))
			t.entries = appendEntry(t.entries, &r)
		}
	}
	b = b[:sums+body]

	copy(b, indexMagic)
	le.PutUint32(b[len(indexMagic):], indexFormat)
	f := b[prefixSum+4:]
	le.PutUint64(f, uint64(body))
	le.PutUint32(f[8:], uint32(t.size()))
	le.PutUint32(f[12:], uint32(t.count))
	le.PutUint64(f[16:], t.seed)
	for i := range blocks(body) {
		block := b[sums+i*blockBytes : min(sums+(i+1)*blockBytes, len(b))]
		le.PutUint32(b[indexPrefix+4*i:], crc32.Checksum(block, castagnoli))
	}
	le.PutUint32(b[prefixSum:], crc32.Checksum(b[prefixSum+4:sums], castagnoli))
	return b, nil
}

// after reports whether an edit made right after limit could have the same times.
func (s stamp) after(limit int64) bool { return max(s.mtime, s.ctime) >= limit }

func errLongHead(ix *Index) error {
	return fmt.Errorf("head %.40q... is longer than %d bytes", ix.commits(), maxHead)
}

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrBadIndex, fmt.Sprintf(format, args...))
}

// decode reads an index from a file of that size. It also returns where the index
// ends in the file, and the prefix, which is unique to it. It fails with
// ErrBadIndex when the file is at fault.
func decode(f io.ReaderAt, size int64) (ix *Index, end int64, prefix [indexPrefix]byte, err error) {
	if err := readAt(f, prefix[:], 0); err != nil {
		return nil, 0, prefix, err
	}
	if string(prefix[:len(indexMagic)]) != indexMagic {
		return nil, 0, prefix, bad("the file does not begin like an index")
	}
	if v := formatOf(prefix[:]); v != indexFormat && v != undatedFormat {
		return nil, 0, prefix, bad("it has format %d, and this program reads %d and %d", v, undatedFormat, indexFormat)
	}
	fields := prefix[prefixSum+4:]
	length, slots, count := le.Uint64(fields), int(le.Uint32(fields[8:])), int(le.Uint32(fields[12:]))
	if length > uint64(size) || int64(length)+int64(indexPrefix+4*blocks(int(length))) > size {
		return nil, 0, prefix, bad("the file has %d bytes, too few for a body of %d", size, length)
	}
	sums := make([]byte, 4*blocks(int(length)))
	if err := readAt(f, sums, int64(indexPrefix)); err != nil {
		return nil, 0, prefix, err
	}
	sum := crc32.Update(crc32.Checksum(fields, castagnoli), castagnoli, sums)
	if sum != le.Uint32(prefix[prefixSum:]) {
		return nil, 0, prefix, bad("its checksum does not match")
	}
	start := int64(indexPrefix + len(sums))
	body := make([]byte, length)
	if err := readBlocks(f, body, sums, start); err != nil {
		return nil, 0, prefix, err
	}
	dirs := dirBytes(prefix[:])
	head, body, ok := cutHead(body, dirs) // readBlocks refuses an empty body
	if !ok || slots&(slots-1) != 0 || slots > len(body)/slotBytes || count > slots {
		return nil, 0, prefix, bad("%d slots for %d entries do not fit", slots, count)
	}
	ix = NewIndex()
	ix.decodeHead(head, dirs)
	ix.count = count
	ix.base = table{slots: body[:slots*slotBytes], entries: body[slots*slotBytes:], seed: le.Uint64(fields[16:]), count: count}
	return ix, start + int64(length), prefix, nil
}

func formatOf(prefix []byte) uint32 { return le.Uint32(prefix[len(indexMagic):]) }

// dirBytes is how many bytes of a head the times of directories take.
func dirBytes(prefix []byte) int {
	if formatOf(prefix) == undatedFormat {
		return 0
	}
	return dirTimesBytes
}

// encodeHead encodes what precedes the entries, in the file and in changes. It leaves
// out times of directories that are not before limit.
func (ix *Index) encodeHead(limit int64) []byte {
	commits := ix.commits()
	b := make([]byte, 1, 1+dirTimesBytes+len(commits))
	b[0] = byte(dirTimesBytes + len(commits))
	for _, s := range ix.dirTimes {
		if s.after(limit) {
			s = stamp{}
		}
		b = appendStamp(b, s)
	}
	return append(b, commits...)
}

// cutHead splits b, which is not empty, after its head. dirs is how many bytes of it
// the times of directories take. ok is false if b is too short.
func cutHead(b []byte, dirs int) (head, rest []byte, ok bool) {
	n := 1 + int(b[0])
	if n > len(b) || n <= dirs {
		return nil, nil, false
	}
	return b[1:n], b[n:], true
}

// decodeHead decodes what cutHead returned.
func (ix *Index) decodeHead(b []byte, dirs int) {
	ix.dirTimes = [len(kinds)]stamp{}
	for k := range dirs / stampBytes {
		ix.dirTimes[k] = readStamp(b[k*stampBytes:])
	}
	ix.Head, ix.Tip, _ = strings.Cut(string(b[dirs:]), "\n")
}

// readBlocks reads and checks the body, several blocks at a time.
func readBlocks(f io.ReaderAt, body, sums []byte, start int64) error {
	if len(body) == 0 {
		return bad("it has no body")
	}
	g := group.New()
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range blocks(len(body)) {
		g.Go(func() error {
			from := i * blockBytes
			block := body[from:min(from+blockBytes, len(body))]
			if err := readAt(f, block, start+int64(from)); err != nil {
				return err
			}
			if crc32.Checksum(block, castagnoli) != le.Uint32(sums[4*i:]) {
				return bad("the checksum of its block %d does not match", i)
			}
			return nil
		})
	}
	return g.Wait()
}

func readAt(f io.ReaderAt, b []byte, at int64) error {
	if _, err := f.ReadAt(b, at); errors.Is(err, io.EOF) {
		return bad("it ends too early")
	} else if err != nil {
		return err
	}
	return nil
}

// plainName is a faster town.CheckName, for code that checks a hundred thousand
// names.
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
