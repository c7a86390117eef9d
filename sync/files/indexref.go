package files

import (
	"iter"
	"maps"
	"slices"
	"strings"
)

// ref names one entry of an Index, until the next put. Numbers below the size of
// base are slots in it; higher ones are places in fresh.
type ref = int32

const none ref = -1

// bound is greater than every ref of the Index.
func (ix *Index) bound() int { return ix.base.size() + len(ix.fresh) }

// lookup returns the ref of an entry, or none. Several goroutines may call it while
// none calls put.
func (ix *Index) lookup(kind uint8, name string) ref {
	if len(ix.at[kind]) > 0 {
		if i, ok := ix.at[kind][name]; ok {
			if ix.fresh[i].deleted {
				return none
			}
			return ref(ix.base.size()) + i
		}
	}
	return ix.base.find(kind, name)
}

// stampOf returns the recorded state of a file, and whether the entry is racy.
func (ix *Index) stampOf(r ref) (s stamp, racy bool) {
	if i := int(r) - ix.base.size(); i >= 0 {
		return ix.fresh[i].stamp, ix.fresh[i].racy
	}
	e := ix.base.entry(r)
	return e.stamp(), e.racy()
}

func (ix *Index) nameLen(r ref) int {
	if i := int(r) - ix.base.size(); i >= 0 {
		return len(ix.fresh[i].name)
	}
	return len(ix.base.entry(r).name())
}

// fileOf returns the name of an entry and the name of its file.
func (ix *Index) fileOf(r ref, suffix string) (name, file string) {
	n := ix.nameLen(r)
	if i := int(r) - ix.base.size(); i >= 0 {
		file = ix.fresh[i].name + suffix
	} else {
		file = string(ix.base.entry(r).name()) + suffix
	}
	return file[:n], file
}

func (ix *Index) record(r ref) record {
	if i := int(r) - ix.base.size(); i >= 0 {
		return ix.fresh[i]
	}
	return ix.base.entry(r).record()
}

// refsOf yields the entries of a kind for which want holds; kind -1 means all kinds.
func (ix *Index) refsOf(kind int, want func(ref) bool) iter.Seq[ref] {
	return func(yield func(ref) bool) {
		for r := range ix.between(kind, 0, ref(ix.bound())) {
			if want(r) && !yield(r) {
				return
			}
		}
	}
}

// between yields the entries of a kind from one ref up to another; kind -1 means
// all kinds.
func (ix *Index) between(kind int, from, to ref) iter.Seq[ref] {
	slots := ref(ix.base.size())
	return func(yield func(ref) bool) {
		for r := from; r < min(to, slots); r++ {
			k, ok := ix.base.slotKind(r)
			if !ok || kind >= 0 && int(k) != kind || ix.hidden != nil && ix.hidden[r] {
				continue
			}
			// A name must be that of a file in the directory, never a path out of it.
			if e := ix.base.entry(r); e != nil && e.kind() == k && plainName(e.name()) && !yield(r) {
				return
			}
		}
		for r := max(from, slots); r < to; r++ {
			f := &ix.fresh[r-slots]
			if !f.deleted && (kind < 0 || int(f.kind) == kind) && !yield(r) {
				return
			}
		}
	}
}

func (ix *Index) refs() iter.Seq[ref] { return ix.refsOf(-1, func(ref) bool { return true }) }

// grow reserves memory for n more records of a kind.
func (ix *Index) grow(kind uint8, n int) {
	ix.fresh = slices.Grow(ix.fresh, n)
	ix.dirty = slices.Grow(ix.dirty, n)
	if n > len(ix.at[kind]) {
		larger := make(map[string]int32, len(ix.at[kind])+n)
		maps.Copy(larger, ix.at[kind])
		ix.at[kind] = larger
	}
}

// put adds or replaces an entry, or removes it if r is marked deleted. The caller
// has checked r.
func (ix *Index) put(r record) {
	before := ix.lookup(r.kind, r.name) != none
	if r.deleted {
		ix.dirTimes[r.kind] = stamp{} // the file may exist, and is not known any more
	}
	i, ok := ix.at[r.kind][r.name]
	if !ok {
		r.name = strings.Clone(r.name)
		i = int32(len(ix.fresh))
		ix.fresh = append(ix.fresh, record{})
		if slot := ix.base.find(r.kind, r.name); slot != none {
			if ix.hidden == nil {
				ix.hidden = make([]bool, ix.base.size())
			}
			ix.hidden[slot] = true
		}
		ix.at[r.kind][r.name] = i
	} else {
		r.name = ix.fresh[i].name
		r.dirty = ix.fresh[i].dirty
	}
	if !r.dirty {
		r.dirty = true
		ix.dirty = append(ix.dirty, i)
	}
	ix.fresh[i] = r
	switch {
	case before && r.deleted:
		ix.count--
	case !before && !r.deleted:
		ix.count++
	}
}
