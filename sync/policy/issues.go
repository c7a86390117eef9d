package policy

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"gastown/town"
)

// maxIssue bounds the numbers accepted from rows. A hostile number at the end of
// the range would leave none for the next issue.
const maxIssue = 1 << 31

// number reads the issue number of e. Only one spelling of a number counts.
func number(e town.Edit) (n uint64, ok bool) {
	n, err := strconv.ParseUint(e.Version, 10, 64)
	if err != nil || n < 1 || n > maxIssue || strconv.FormatUint(n, 10) != e.Version {
		return 0, false
	}
	return n, true
}

// numberOr reads the issue number of e, or 0.
func numberOr(e town.Edit) uint64 {
	n, _ := number(e)
	return n
}

// sorted orders issues by number, those without a usable number last. The result
// does not depend on the order of the list.
func sorted(list []town.Edit) []town.Edit {
	return slices.SortedFunc(slices.Values(list), func(a, b town.Edit) int {
		na, oka := number(a)
		nb, okb := number(b)
		switch {
		case oka && okb && na != nb:
			return cmp.Compare(na, nb)
		case oka != okb && oka:
			return -1
		case oka != okb:
			return 1
		}
		return cmp.Or(
			cmp.Compare(len(a.Version), len(b.Version)),
			cmp.Compare(a.Version, b.Version),
			cmp.Compare(a.Digest(), b.Digest()))
	})
}

// content is what an issue says, without its writer, number and revision.
type content struct {
	text    string
	deleted bool
}

func contentOf(e town.Edit) content { return content{e.Text, e.Deleted} }

// alike reports whether two issues say the same.
func alike(a, b town.Edit) bool { return contentOf(a) == contentOf(b) }

// contents is the set of what several lists say.
func contents(lists ...[]town.Edit) map[content]bool {
	set := map[content]bool{}
	for _, list := range lists {
		for _, e := range list {
			set[contentOf(e)] = true
		}
	}
	return set
}

// byNumber holds issues by their number.
type byNumber map[uint64]town.Edit

// since returns the issues of list that b does not hold at their number.
func (b byNumber) since(list []town.Edit) []town.Edit {
	var fresh []town.Edit
	for _, e := range list {
		if held, ok := b[numberOr(e)]; !ok || !alike(held, e) {
			fresh = append(fresh, e)
		}
	}
	return fresh
}

// list returns the issues in order.
func (b byNumber) list() []town.Edit {
	var list []town.Edit
	for _, n := range slices.Sorted(maps.Keys(b)) {
		list = append(list, b[n])
	}
	return list
}
