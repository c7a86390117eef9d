package about

import (
	"reflect"
	"testing"

	"gastown"
)

// What is new is what the changelog says about bd, by version, without its marks.
func TestChangesOfBd(t *testing.T) {
	const text = "# Changelog\n\nWords about `bd`.\n\n## Unreleased\n\n### Added\n\n- `bd q` makes a bead. See\n  [docs](docs/bd.md).\n- `gt feed`.\n" +
		"\n### Fixed\n\n- It fits: `bd` again.\n\n## [1.2.0] - 2026-01-31\n\n- Nothing.\n"
	want := []changes{
		{"Unreleased", "", []string{"bd q makes a bead. See docs.", "It fits: bd again."}},
		{"1.2.0", "2026-01-31", []string{}},
	}
	if got := changesOfBd(text); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if all := changesOfBd(gastown.Changelog); len(all) == 0 || len(all[0].Changes) < 3 {
		t.Errorf("%+v", all)
	}
}
