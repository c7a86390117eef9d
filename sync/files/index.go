package files

import (
	"encoding/hex"
	"fmt"
	"iter"
	"strings"

	"gastown/town"
)

// Index remembers every file that shows a row: the state of the file when it was
// last read or written, and the row it then showed. The zero value is not usable;
// see [NewIndex] and [LoadIndex].
//
// An Index is a cache of the tree plus one fact that is stored nowhere else: the
// row each file is based on. Losing it is safe: a Scan with an empty Index reports
// every file as added, and the caller matches the texts with rows by content. An
// older Index is safe too: it is as if the command that saved the newer one had
// been killed before it did.
type Index struct {
	// Head is the commit of the federation database whose rows the files show;
	// empty when none was recorded.
	Head string
	// Tip is a later commit, some of whose rows the files show already; empty when
	// there is none. A database that lacks it may lack texts of the entries, also where
	// it has Head. Head and Tip have no line feed, and together at most 158 bytes.
	Tip string

	// base is the part that was read from the file; entries are looked up in it in
	// place. What was set or deleted since is in fresh, and its slot in base is
	// marked in hidden.
	base   table
	hidden []bool
	fresh  []record
	// dirTimes has the state of each directory when every document in it was known
	// here, or the zero stamp. See dirtimes.go.
	dirTimes [len(kinds)]stamp
	// at has the places of records in fresh, by kind and name.
	at [len(kinds)]map[string]int32
	// count is the number of entries, dirty the places of those in fresh that are
	// not saved.
	count int
	dirty []int32
	file  savedFile
}

// kinds gives the numbers of kinds in the index file. Only append to it; there is
// room for four.
var kinds = [...]town.Kind{town.KindRole, town.KindFormula, town.KindTemplate}

// Entry is what the Index says of one file.
type Entry struct {
	// Size in bytes; ModTime and ChangeTime in nanoseconds since 1970.
	Size, ModTime, ChangeTime int64
	Inode                     uint64
	// Content is the digest of the file's bytes. Base is the digest of the row the
	// file was written from or recorded as; empty when there is none.
	Content, Base town.Digest
	// Racy: the file changed so shortly before it was read that a later edit could
	// leave the same times. The next Scan reads it again.
	Racy bool
}

// stamp is the part of a file's inode that differs after an edit.
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

	// These are for records in fresh. deleted: there is no such entry any more.
	// dirty: the change is not saved.
	deleted, dirty bool
}

// commits is how Head and Tip are saved.
func (ix *Index) commits() string {
	if ix.Tip == "" {
		return ix.Head
	}
	return ix.Head + "\n" + ix.Tip
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

// Set adds or replaces an entry. It refuses a key that cannot be a document's and
// a malformed digest. Use [Index.Record] to record what Scan reported: it knows
// the times of the text that was read.
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

// Record notes that the text or deletion that Scan reported is recorded as the row
// with the digest base (empty for a deletion). The file is not read again: the
// next Scan sees a later edit as one of this text.
func (ix *Index) Record(c Change, base town.Digest) error {
	if c.Deleted {
		ix.Delete(c.Key)
		return nil
	}
	return ix.Set(c.Key, c.seen.entry(c.Content, base, c.racy))
}

// Delete removes the entry of key, if there is one.
func (ix *Index) Delete(key town.Key) {
	for k, kind := range kinds {
		if kind == key.Kind && ix.lookup(uint8(k), key.Name) != none {
			ix.put(record{name: key.Name, kind: uint8(k), deleted: true})
		}
	}
}

// All yields every entry, in no particular order. The Index must not change
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

// kindNumber is the number of key's kind. It fails for a key that cannot be a
// document's.
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
		return raw, fmt.Errorf("%q is not a digest", town.Clip(string(d), 80))
	}
	if _, err := hex.Decode(raw[:], []byte(d)); err != nil {
		return raw, fmt.Errorf("%q is not a digest", town.Clip(string(d), 80))
	}
	return raw, nil
}
