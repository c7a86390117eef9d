package files

import (
	"regexp"
	"slices"
	"strings"
)

// litterSuffixes are how names end, in lower case, of what programs leave beside the
// file that they change: backups, swap files, and what patch and git leave after a
// conflict.
var litterSuffixes = []string{
	".bak", ".orig", ".rej", ".save", ".tmp", ".swp", ".swo", ".swx", ".swn", ".kate-swp",
	"___jb_tmp___", "___jb_old___",
}

// litterNames are whole names, in lower case: vim's trial of whether it can write,
// and what file managers leave.
var litterNames = []string{"4913", "thumbs.db"}

// mergetool matches the copies that git mergetool makes, such as
// mayor_BACKUP_4711.md and mayor.BASE.4711.md.
var mergetool = regexp.MustCompile(`[._](BACKUP|BASE|LOCAL|REMOTE)[._][0-9]+(\.|$)`)

// ignored reports names that cannot be documents: hidden files, and what editors,
// patch and git leave beside the file they change. Such files are never published
// and never removed. A document that is recorded under such a name stays one.
func ignored(name string) bool {
	if name[0] == '.' || strings.ContainsRune(name, '~') || name[0] == '#' && name[len(name)-1] == '#' {
		return true // among them name~, name.~1~ and git's name~HEAD
	}
	lower := strings.ToLower(name)
	return slices.Contains(litterNames, lower) || slices.ContainsFunc(litterSuffixes, func(s string) bool { return strings.HasSuffix(lower, s) }) ||
		mergetool.MatchString(name)
}
