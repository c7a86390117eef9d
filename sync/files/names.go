package files

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
)

// A hidden name says what must become of the file, so that nothing has to be guessed
// when a process was killed. N and E are digests in hexadecimal, FILE is the name of
// the file concerned:
//
//	.gt-tmp-RANDOM      a text that is incomplete or has no name yet. It is removed.
//	.gt-swap-N-E-FILE   before the exchange of names: the complete text N that will
//	                    replace FILE, whose text should be E. After it: what FILE
//	                    was. A text with digest N or E is recorded elsewhere, so it
//	                    is removed. Any other text is an edit and gets its name
//	                    back.
//	.gt-keep-N-E-FILE   the same, where the file system cannot exchange names.
//	.gt-gone-E-FILE     FILE while it is being removed. It gets its name back, and
//	                    the next Apply removes it again.
//
// And beside the directories of documents:
//
//	.gt-renew-DIR-TOKEN a directory that will replace DIR, or the one that was
//	                    replaced; see staging.go.
const (
	hiddenPrefix = ".gt-"
	tempPrefix   = hiddenPrefix + "tmp-"
	swapPrefix   = hiddenPrefix + "swap-"
	keepPrefix   = hiddenPrefix + "keep-"
	gonePrefix   = hiddenPrefix + "gone-"

	// marker is a file in federation/ while an Apply runs. An Apply that finds it
	// looks for hidden files of a killed process. Scan always does.
	marker = hiddenPrefix + "applying"
)

func tempName() string { return tempPrefix + rand.Text() }

func swapName(wanted, expect [32]byte, file string) string {
	return swapPrefix + hex.EncodeToString(wanted[:]) + "-" + hex.EncodeToString(expect[:]) + "-" + file
}

func goneName(expect [32]byte, file string) string {
	return gonePrefix + hex.EncodeToString(expect[:]) + "-" + file
}

// leftover is a parsed hidden name.
type leftover struct {
	name, prefix string
	// recorded are digests of texts that are stored elsewhere; file is the name the
	// text belongs to.
	recorded [][32]byte
	file     string
}

// parseHidden parses a hidden name; ok is false for any other name.
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
