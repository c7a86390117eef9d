package town

import (
	"crypto/rand"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// The length of the random part of an id grows with the ledger, so that two
// machines which make beads without knowing of each other hardly ever make the
// same id. With n ids of L base-36 digits the birthday bound of a collision is
// n*n / (2 * 36^L). BeadSuffixLength keeps that under collisionBound for twice
// the beads the ledger holds. Ten Towns of that size together are a hundred
// times likelier to collide: one in a thousand over their whole life.
const (
	minSuffix      = 5
	maxSuffix      = 20
	collisionBound = 1e-5
)

const base36 = "0123456789abcdefghijklmnopqrstuvwxyz"

// BeadSuffixLength is how many random digits a new id gets in a ledger that
// holds n beads: 5 up to 17 beads, 7 at 600, 8 at 3,700, 9 at 22,000, 10 at
// 130,000.
func BeadSuffixLength(n int) int {
	ids := 2 * float64(max(n, 1))
	length := minSuffix
	for length < maxSuffix && ids*ids/2/math.Pow(36, float64(length)) > collisionBound {
		length++
	}
	return length
}

// NewBeadID makes an id of a prefix and random digits.
func NewBeadID(prefix string, length int) string {
	digits := make([]byte, length)
	for i := range digits {
		// The reader of crypto/rand never fails; it ends the process instead.
		n, _ := rand.Int(rand.Reader, big.NewInt(int64(len(base36))))
		digits[i] = base36[n.Int64()]
	}
	return prefix + "-" + string(digits)
}

// CheckBranchOf reports whether git takes a branch whose name ends with a bead's id.
func CheckBranchOf(id string) error {
	if strings.Contains(id, "..") || strings.HasSuffix(id, ".") || strings.HasSuffix(id, ".lock") {
		return fmt.Errorf("%w: git takes no branch whose name ends with %q", ErrRefused, Clip(id, 80))
	}
	return nil
}

// ChildID is the id of the nth child of a bead, counted from 1.
func ChildID(parent string, n int) string { return parent + "." + strconv.Itoa(n) }

// ParentID is the inverse of ChildID; ok is false for an id that is no child's.
func ParentID(id string) (parent string, n int, ok bool) {
	dot := strings.LastIndexByte(id, '.')
	if dot <= 0 {
		return "", 0, false
	}
	n, err := strconv.Atoi(id[dot+1:])
	if err != nil || n < 1 || id[dot+1:] != strconv.Itoa(n) {
		return "", 0, false
	}
	return id[:dot], n, true
}

// PrefixOf is what stands before the last dash of an id: its rig's prefix.
func PrefixOf(id string) string {
	dash := strings.LastIndexByte(id, '-')
	if dash < 0 {
		return ""
	}
	return id[:dash]
}
