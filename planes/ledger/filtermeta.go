package ledger

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"gastown/town"
)

// CheckMetadataKey refuses a key that a filter cannot ask for, because the database
// reads other characters as parts of a path, also within quotes: it has letters,
// digits, underscores, dots, dashes, colons and slashes, and at most
// town.MaxNameBytes.
func CheckMetadataKey(key string) error {
	odd := func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_.-:/", r)
	}
	if key == "" || len(key) > town.MaxNameBytes || strings.ContainsFunc(key, odd) {
		return fmt.Errorf("%w: metadata key %q: use at most %d bytes of letters, digits, underscores, dots, dashes, colons and slashes", town.ErrUsage, town.Clip(key, 40), town.MaxNameBytes)
	}
	return nil
}

// metadata adds the conditions on metadata, spec_id, ephemeral and is_template. The
// first two are looked for in extra too, as promote says. A key that CheckMetadataKey
// refuses selects nothing.
func (f Filter) metadata(w *where) {
	const stored = "COALESCE(i.metadata, CASE WHEN i.extra LIKE '%\"metadata\":%' THEN JSON_EXTRACT(i.extra, '$.metadata') END)"
	const object = "CASE WHEN JSON_VALID(" + stored + ") THEN " + stored + " ELSE '{}' END"
	path := func(key string) string {
		if CheckMetadataKey(key) != nil {
			w.add("1 = 0")
			key = "-"
		}
		return `$."` + key + `"`
	}
	for _, key := range slices.Sorted(maps.Keys(f.Metadata)) {
		w.add("JSON_UNQUOTE(JSON_EXTRACT("+object+", ?)) = ?", path(key), f.Metadata[key])
	}
	for _, key := range f.MetadataKeys {
		w.add("JSON_CONTAINS_PATH("+object+", 'one', ?)", path(key))
	}
	if f.Spec != "" {
		w.add("COALESCE(i.spec_id, CASE WHEN i.extra LIKE '%\"spec_id\":%' THEN JSON_UNQUOTE(JSON_EXTRACT(i.extra, '$.spec_id')) END) LIKE ?", like(f.Spec)+"%")
	}
	if f.Ephemeral != nil {
		want := 0
		if *f.Ephemeral {
			want = 1
		}
		w.add("COALESCE(i.ephemeral, 0) = ?", want)
	}
	if f.NoTemplates {
		w.add("COALESCE(i.is_template, 0) = 0")
	}
}

// describes reports whether the filter has conditions of metadata or spec_id.
func (f Filter) describes() bool { return len(f.Metadata)+len(f.MetadataKeys) > 0 || f.Spec != "" }
