package files

import (
	"hash/crc32"
	"os"
)

// A save that changed little is appended to the index file as one change:
//
//	length u32 of what follows the sum | sum: CRC-32C u32 of the prefix of this
//	very file, the length, and what follows | head length u8 | head |
//	entries as in table.go; flagDeleted marks those that were removed
//
// An incomplete change at the end was being written when the process was killed.
// It is ignored, and the index is that of the save before.
const (
	changeHead  = 4 + 4
	flagDeleted = 1 << 2
	// defaultLogBytes is how many bytes of changes a file may have before the next
	// save writes it anew.
	defaultLogBytes = 256 << 10
)

// encodeChanges returns what is not saved yet, as one change. limit is as in encode.
func (ix *Index) encodeChanges(prefix []byte, limit int64) []byte {
	b := make([]byte, changeHead, changeHead+1+maxHead+dirTimesBytes+len(ix.dirty)*(fixedEntry+24))
	b = append(b, ix.encodeHead(limit)...)
	for _, i := range ix.dirty {
		r := ix.fresh[i]
		r.racy = r.racy || r.after(limit)
		start := len(b)
		if b = appendEntry(b, &r); r.deleted {
			b[start+1] |= flagDeleted
		}
	}
	le.PutUint32(b, uint32(len(b)-changeHead))
	le.PutUint32(b[4:], changeSum(prefix, b))
	return b
}

func changeSum(prefix, b []byte) uint32 {
	sum := crc32.Update(crc32.Checksum(prefix, castagnoli), castagnoli, b[:4])
	return crc32.Update(sum, castagnoli, b[changeHead:])
}

// replay applies the changes in log and returns how many bytes of it are complete.
func (ix *Index) replay(prefix, log []byte) (used int) {
	for {
		b := log[used:]
		if len(b) < changeHead+1 {
			break
		}
		length := int64(le.Uint32(b))
		if length < 1 || length > int64(len(b)-changeHead) {
			break
		}
		b = b[:changeHead+length]
		if changeSum(prefix, b) != le.Uint32(b[4:]) || !ix.replayOne(b[changeHead:], dirBytes(prefix)) {
			break
		}
		used += len(b)
	}
	for _, i := range ix.dirty {
		ix.fresh[i].dirty = false
	}
	ix.dirty = nil
	return used
}

// replayOne applies one change. It applies nothing if the change is malformed.
func (ix *Index) replayOne(b []byte, dirs int) bool {
	head, rest, ok := cutHead(b, dirs)
	if !ok {
		return false
	}
	var records []record
	for len(rest) > 0 {
		var e tableEntry
		if e, rest = cutEntry(rest); e == nil || !plainName(e.name()) {
			return false
		}
		r := e.record()
		r.deleted = e[1]&flagDeleted != 0
		records = append(records, r)
	}
	for _, r := range records {
		ix.put(r)
	}
	ix.decodeHead(head, dirs)
	return true
}

// savedFile is the file that the index was last loaded from or saved to.
type savedFile struct {
	path   string
	prefix [indexPrefix]byte
	// start is where the changes begin and end where the file ends. With end 0 the
	// next save writes the file anew.
	end, start int64
	commits    string // its Head and Tip
	dirTimes   [len(kinds)]stamp
}

// add appends changes to the file if nobody changed it since. It returns false when
// the index must be written whole.
func (s *savedFile) add(f *os.File, b []byte) (bool, error) {
	var prefix [indexPrefix]byte
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() || st.Size() != s.end {
		return false, err
	}
	if err := readAt(f, prefix[:], 0); err != nil || prefix != s.prefix {
		return false, nil // another process wrote this one; the caller wants its own
	}
	if _, err := f.WriteAt(b, s.end); err != nil {
		// A partial change does no harm, but takes room.
		_ = f.Truncate(s.end)
		return false, err
	}
	return true, nil
}
