package gitremote

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"gastown/town"
)

var (
	hashPattern   = regexp.MustCompile(`^[0-9a-v]{32}$`)
	formatPattern = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
)

// archiveSuffix marks a table file in Dolt's archive format.
const archiveSuffix = ".darc"

// parseManifest returns the table names a manifest lists, in its order. The
// text is colon-separated: version, format, lock, root, in version 5 a garbage
// collection generation, then pairs of table name and chunk count.
func parseManifest(text []byte) ([]string, error) {
	f := strings.Split(string(text), ":")
	hashes := 0
	switch f[0] {
	case "5":
		hashes = 3
	case "4":
		hashes = 2
	default:
		return nil, fmt.Errorf("%w: its manifest begins with %q, not with version 4 or 5", ErrNotDolt, town.Clip(f[0], 16))
	}
	head := 2 + hashes
	if len(f) < head || (len(f)-head)%2 != 0 {
		return nil, fmt.Errorf("%w: its manifest is cut short", ErrCorrupt)
	}
	if !formatPattern.MatchString(f[1]) {
		return nil, fmt.Errorf("%w: its manifest names no storage format", ErrCorrupt)
	}
	for i, h := range f[2:head] {
		if !hashPattern.MatchString(h) {
			return nil, fmt.Errorf("%w: field %d of its manifest is not a hash", ErrCorrupt, i+3)
		}
	}
	specs := f[head:]
	if len(specs)/2 > maxEntries {
		return nil, fmt.Errorf("%w: its manifest lists %d table files, at most %d are accepted", ErrTooLarge, len(specs)/2, maxEntries)
	}
	var names []string
	seen := map[string]bool{}
	for i := 0; i < len(specs); i += 2 {
		name, count := specs[i], specs[i+1]
		if !hashPattern.MatchString(name) {
			return nil, fmt.Errorf("%w: its manifest names a table file %q", ErrCorrupt, town.Clip(name, 40))
		}
		if _, err := strconv.ParseUint(count, 10, 32); err != nil {
			return nil, fmt.Errorf("%w: its manifest gives no chunk count for table file %s", ErrCorrupt, name)
		}
		if seen[name] {
			return nil, fmt.Errorf("%w: its manifest names table file %s twice", ErrCorrupt, name)
		}
		seen[name] = true
		names = append(names, name)
	}
	return names, nil
}
