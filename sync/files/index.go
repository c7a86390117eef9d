package files

import (
	"encoding/hex"
	"fmt"
	"iter"
	"strings"

	"gastown/town"
)

// Index remembers every file that shows a row: what the file was when it was
// last read or written, and which row it then showed. The zero value is not
// usable; see [NewIndex] and [LoadIndex].
//
// An Index is a cache of the tree plus one fact that is nowhere else, the row
// each file is based on. Losing it is safe: a Scan with an empty Index reports
// every file as added, and the caller matches the texts with rows by content.
// So is having an older one: it is as if the command that saved the newer one
// had ended before.
type Index struct {
	// Head is the commit of the federation database whose rows the files show;
	// empty when none was recorded. At most 159 bytes.
	Head string

	// base is what was read, where entries are looked up in place. Whatever was
	// set or deleted since stands in fresh, and hides that slot of base.
	base   table
	hidden []bool
	fresh  []record
	// listed are the directories as they were when every document in them was
	// known here; the zero stamp is none. See listed.go.
	listed [len(kinds)]stamp
	// at finds records in fresh by kind and name.
	at [len(kinds)]map[string]int32
	// count is the number of entries; dirty are the fresh ones not yet saved.
	count int
	dirty []int32
	file  savedFile
}

// kinds fixes the numbers of kinds in the index file. Append only, at most 4.
var kinds = [...]town.Kind{town.KindRole, town.KindFormula, town.KindTemplate}

// Entry is what the Index says of one file.
type Entry struct {
	// Size in bytes; ModTime and ChangeTime in nanoseconds since 1970.
	Size, ModTime, ChangeTime int64
	Inode                     uint64
	// Content is the digest of the file's bytes; Base that of the row the file
	// was written from or recorded as, empty when there is none.
	Content, Base town.Digest
	// Racy marks a file that was touched so shortly before it was read that a
	// later edit might show the same times: it is read again by the next Scan.
	Racy bool
}

// stamp is what a file's inode says, and what tells an edit from no edit.
type stamp struct {
	size, mtime, ctime int64
	ino                uint64
}

type record struct {
	name string
	stamp
	content, base [32]byte
	kind          uint8
	racy, based   bool

	// Of records in fresh: deleted stands for the absence of an entry, dirty
	// for a change that is not saved.
	deleted, dirty bool
}

// NewIndex returns an empty Index.
func NewIndex() *Index {
	ix := &Index{}
	for k := range ix.at {
		ix.at[k] = map[string]int32{}
	}
	return ix
}

// Len is the number of files the Index knows.
func (ix *Index) Len() int { return ix.count }

// Get returns the entry of key.
func (ix *Index) Get(key town.Key) (Entry, bool) {
	for k, kind := range kinds {
		if kind == key.Kind {
			if ref := ix.lookup(uint8(k), key.Name); ref != none {
				r := ix.record(ref)
				return r.entry(), true
			}
		}
	}
	return Entry{}, false
}

// Set adds or replaces an entry. It refuses a key that names no document and a
// digest that is none. To record what Scan reported use [Index.Record], which
// knows the times at which the text was read.
func (ix *Index) Set(key town.Key, e Entry) error {
	k, err := kindNumber(key)
	if err != nil {
		return err
	}
	r := record{
		name: key.Name, kind: k, racy: e.Racy,
		stamp: stamp{size: e.Size, mtime: e.ModTime, ctime: e.ChangeTime, ino: e.Inode},
	}
	if r.content, err = rawDigest(e.Content); err != nil {
		return fmt.Errorf("content of %s: %w", key, err)
	}
	if r.based = e.Base != ""; r.based {
		if r.base, err = rawDigest(e.Base); err != nil {
			return fmt.Errorf("base of %s: %w", key, err)
		}
	}
	ix.put(r)
	return nil
}

// Record notes that the text or absence Scan reported is now the row base (the
// row's digest; empty for a deletion). Nothing is read again: a later edit of
// the file is seen by the next Scan as an edit of this text.
func (ix *Index) Record(c Change, base town.Digest) error {
	if c.Deleted {
		ix.Delete(c.Key)
		return nil
	}
	return ix.Set(c.Key, c.seen.entry(c.Content, base, c.racy))
}

// Delete forgets key, if it is known.
func (ix *Index) Delete(key town.Key) {
	for k, kind := range kinds {
		if kind == key.Kind && ix.lookup(uint8(k), key.Name) != none {
			ix.put(record{name: key.Name, kind: uint8(k), deleted: true})
		}
	}
}

// All yields every entry in no particular order. The Index must not be changed
// meanwhile.
func (ix *Index) All() iter.Seq2[town.Key, Entry] {
	return func(yield func(town.Key, Entry) bool) {
		for ref := range ix.refs() {
			r := ix.record(ref)
			if !yield(r.key(), r.entry()) {
				return
			}
		}
	}
}

func (r *record) key() town.Key { return town.Key{Kind: kinds[r.kind], Name: r.name} }

func (r *record) baseDigest() town.Digest {
	if !r.based {
		return ""
	}
	return hexDigest(r.base)
}

func (r *record) entry() Entry {
	return r.stamp.entry(hexDigest(r.content), r.baseDigest(), r.racy)
}

func (s stamp) entry(content, base town.Digest, racy bool) Entry {
	return Entry{
		Size: s.size, ModTime: s.mtime, ChangeTime: s.ctime, Inode: s.ino,
		Content: content, Base: base, Racy: racy,
	}
}

// kindNumber is the number of key's kind; it refuses what names no document.
func kindNumber(key town.Key) (uint8, error) {
	for k, kind := range kinds {
		if kind == key.Kind {
			return uint8(k), town.CheckName(key.Name)
		}
	}
	return 0, fmt.Errorf("unknown kind %q", town.Clip(string(key.Kind), 40))
}

func hexDigest(raw [32]byte) town.Digest { return town.Digest(hex.EncodeToString(raw[:])) }

func rawDigest(d town.Digest) (raw [32]byte, err error) {
	if len(d) != 2*len(raw) || strings.ContainsAny(string(d), "ABCDEF") {
		return raw, fmt.Errorf("%q is no digest", town.Clip(string(d), 80))
	}
	if _, err := hex.Decode(raw[:], []byte(d)); err != nil {
		return raw, fmt.Errorf("%q is no digest", town.Clip(string(d), 80))
	}
	return raw, nil
}
