package files

import (
	"encoding/binary"
	"math/bits"
)

// table is the part of an index that was read from its file. It is not decoded:
// entries are looked up in its bytes. All numbers are little-endian.
//
//	slots:   u64 each, a power of two of them; 0 is free, else
//	         offset of the entry + 1 (40 bits) | kind (2 bits) | hash (22 bits)
//	entries: kind u8, flags u8, name length u8, size u64, mtime u64, ctime u64,
//	         inode u64, name, content [32], base [32]
//
// The slot of an entry is its hash modulo the number of slots, or the next free one
// after that. The bytes have passed their checksums. A slot that refers to no
// entry all the same counts as free.
type table struct {
	slots, entries []byte
	seed           uint64
	count          int
}

const (
	slotBytes  = 8
	stampBytes = 4 * 8
	entryHead  = 3 + stampBytes
	fixedEntry = entryHead + 2*32

	offsetBits = 40
	kindBits   = 2
	tagShift   = offsetBits + kindBits
	// defaultFill is how many of ten slots may be in use.
	defaultFill = 8

	flagRacy  = 1 << 0
	flagBased = 1 << 1
)

var le = binary.LittleEndian

// slotsFor returns a power of two that is large enough for count entries.
func slotsFor(count int) int {
	return 1 << bits.Len(uint(count*10/defaultFill))
}

func (t *table) size() int { return len(t.slots) / slotBytes }

// find returns the slot of an entry, or -1.
func (t *table) find(kind uint8, name string) int32 {
	n := t.size()
	if n == 0 {
		return -1
	}
	hash := hashName(t.seed, kind, name)
	tag := hash>>tagShift<<kindBits | uint64(kind)
	for i, probed := int(hash)&(n-1), 0; probed < n; i, probed = (i+1)&(n-1), probed+1 {
		v := le.Uint64(t.slots[i*slotBytes:])
		if v == 0 {
			return -1
		}
		if v>>offsetBits != tag {
			continue
		}
		if e := t.at(v); e != nil && string(e.name()) == name {
			return int32(i)
		}
	}
	return -1
}

// insert takes a free slot for the entry at offset.
func (t *table) insert(kind uint8, name string, offset int) {
	n := t.size()
	hash := hashName(t.seed, kind, name)
	i := int(hash) & (n - 1)
	for le.Uint64(t.slots[i*slotBytes:]) != 0 {
		i = (i + 1) & (n - 1)
	}
	le.PutUint64(t.slots[i*slotBytes:], (hash>>tagShift<<kindBits|uint64(kind))<<offsetBits|uint64(offset+1))
}

// offset returns where the entry of a slot is; ok is false for a free slot.
func (t *table) offset(slot int) (at int, ok bool) {
	v := le.Uint64(t.slots[slot*slotBytes:]) & (1<<offsetBits - 1)
	return int(v) - 1, v != 0
}

// move changes where the entry of a slot is.
func (t *table) move(slot, offset int) {
	v := le.Uint64(t.slots[slot*slotBytes:])
	le.PutUint64(t.slots[slot*slotBytes:], v>>offsetBits<<offsetBits|uint64(offset+1))
}

// slotKind returns the kind of the entry of a slot; ok is false for a free slot.
func (t *table) slotKind(slot int32) (kind uint8, ok bool) {
	v := le.Uint64(t.slots[int(slot)*slotBytes:])
	return uint8(v >> offsetBits & (1<<kindBits - 1)), v != 0
}

// entry returns the entry of a slot; nil if the slot is free or refers to none.
func (t *table) entry(slot int32) tableEntry {
	return t.at(le.Uint64(t.slots[int(slot)*slotBytes:]))
}

func (t *table) at(v uint64) tableEntry {
	offset := v & (1<<offsetBits - 1)
	if offset == 0 || offset > uint64(len(t.entries)) {
		return nil
	}
	e, _ := cutEntry(t.entries[offset-1:])
	return e
}

// tableEntry is an encoded entry, in a table or in a change.
type tableEntry []byte

// cutEntry splits b after its first entry. The entry is nil if b does not begin with
// a whole one.
func cutEntry(b []byte) (e tableEntry, rest []byte) {
	if len(b) < fixedEntry || len(b) < fixedEntry+int(b[2]) || int(b[0]) >= len(kinds) {
		return nil, nil
	}
	n := fixedEntry + int(b[2])
	return tableEntry(b[:n]), b[n:]
}

func (e tableEntry) kind() uint8  { return e[0] }
func (e tableEntry) racy() bool   { return e[1]&flagRacy != 0 }
func (e tableEntry) name() []byte { return e[entryHead : entryHead+int(e[2])] }

func (e tableEntry) stamp() stamp {
	return readStamp(e[3:entryHead])
}

func readStamp(b []byte) stamp {
	return stamp{
		size: int64(le.Uint64(b)), mtime: int64(le.Uint64(b[8:])),
		ctime: int64(le.Uint64(b[16:])), ino: le.Uint64(b[24:]),
	}
}

func appendStamp(b []byte, s stamp) []byte {
	b = le.AppendUint64(b, uint64(s.size))
	b = le.AppendUint64(b, uint64(s.mtime))
	b = le.AppendUint64(b, uint64(s.ctime))
	return le.AppendUint64(b, s.ino)
}

func (e tableEntry) record() record {
	r := record{name: string(e.name()), kind: e.kind(), stamp: e.stamp(), racy: e.racy(), based: e[1]&flagBased != 0}
	digests := e[len(e)-64:]
	r.content, r.base = [32]byte(digests[:32]), [32]byte(digests[32:])
	return r
}

// appendEntry appends an encoded record.
func appendEntry(b []byte, r *record) []byte {
	var flags byte
	if r.racy {
		flags |= flagRacy
	}
	if r.based {
		flags |= flagBased
	}
	b = append(b, r.kind, flags, byte(len(r.name)))
	b = appendStamp(b, r.stamp)
	b = append(b, r.name...)
	b = append(b, r.content[:]...)
	return append(b, r.base[:]...)
}

// hashName spreads names over slots. The seed is random for each file, so nobody
// can choose names that collide.
func hashName(seed uint64, kind uint8, name string) uint64 {
	h := seed ^ uint64(len(name))<<8 ^ uint64(kind)
	for ; len(name) >= 8; name = name[8:] {
		h = mix(h^le.Uint64([]byte(name[:8])), 0x9e3779b97f4a7c15)
	}
	var tail uint64
	for i := range len(name) {
		tail = tail<<8 | uint64(name[i])
	}
	return mix(h^tail, 0xd6e8feb86659fd93)
}

func mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high ^ low
}
