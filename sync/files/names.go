package files

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
)

// Hidden names, one per fate, so that a killed process leaves nothing whose
// meaning must be guessed. N and E are digests in hexadecimal, FILE is the name
// of the file concerned:
//
//	.gt-tmp-RANDOM      a text not yet complete or not yet placed. Removed.
//	.gt-swap-N-E-FILE   complete text N about to change places with FILE, whose
//	                    text was E; or, afterwards, what FILE was. With text N
//	                    or E it is recorded elsewhere and removed; with any
//	                    other text it is someone's edit and is put back.
//	.gt-keep-N-E-FILE   the same, where the file system cannot exchange names.
//	.gt-gone-E-FILE     FILE on its way out. Put back; the removal is done again.
//
// And beside the directories of documents:
//
//	.gt-renew-DIR-TOKEN a directory about to take the place of DIR, or the one
//	                    it has replaced; see staging.go.
const (
	hiddenPrefix = ".gt-"
	tempPrefix   = hiddenPrefix + "tmp-"
	swapPrefix   = hiddenPrefix + "swap-"
	keepPrefix   = hiddenPrefix + "keep-"
	gonePrefix   = hiddenPrefix + "gone-"

	// marker lies in federation/ while an Apply runs: an Apply that finds it
	// looks for what another left behind. Scan looks in any case.
	marker = hiddenPrefix + "applying"
)

func tempName() string { return tempPrefix + rand.Text() }

func swapName(wanted, expect [32]byte, file string) string {
	return swapPrefix + hex.EncodeToString(wanted[:]) + "-" + hex.EncodeToString(expect[:]) + "-" + file
}

func goneName(expect [32]byte, file string) string {
	return gonePrefix + hex.EncodeToString(expect[:]) + "-" + file
}

// leftover is a hidden name taken apart.
type leftover struct {
	name, prefix string
	// recorded are the texts that need no keeping; file is where it belongs.
	recorded [][32]byte
	file     string
}

// parseHidden is the inverse of the names above; ok is false for others.
func parseHidden(name string) (l leftover, ok bool) {
	l.name = name
	digests := 0
	switch {
	case strings.HasPrefix(name, tempPrefix):
		l.prefix = tempPrefix
		return l, true
	case strings.HasPrefix(name, swapPrefix):
		l.prefix, digests = swapPrefix, 2
	case strings.HasPrefix(name, keepPrefix):
		l.prefix, digests = keepPrefix, 2
	case strings.HasPrefix(name, gonePrefix):
		l.prefix, digests = gonePrefix, 1
	default:
		return l, false
	}
	rest := name[len(l.prefix):]
	for range digests {
		head, tail, found := strings.Cut(rest, "-")
		raw, err := hex.DecodeString(head)
		if !found || err != nil || len(raw) != 32 {
			return l, false
		}
		l.recorded = append(l.recorded, [32]byte(raw))
		rest = tail
	}
	l.file = rest
	return l, plainName(strings.TrimSuffix(strings.TrimSuffix(rest, ".md"), ".formula.toml"))
}

// ignored reports names that are no business of ours: hidden files and what
// editors leave beside the file they edit.
func ignored(name string) bool {
	return name[0] == '.' || name[len(name)-1] == '~' || name[0] == '#' && name[len(name)-1] == '#'
}
