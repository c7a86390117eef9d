package gate

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"gastown/cmd/internal/shell"
	"gastown/town"
	"gastown/town/access"
	"gastown/town/layout"
)

// A directory that stands by changes nothing of the Town's, and a fenced one does not do
// what controllers do. Reading is possible in both.
func TestWhatADirectoryMayDo(t *testing.T) {
	at := layout.Town{Root: t.TempDir()}
	if err := os.MkdirAll(filepath.Dir(at.Instance()), 0o700); err != nil {
		t.Fatal(err)
	}
	reads, bd, sling, promote := shell.Command{Permission: access.ReadTown}, shell.Command{Permission: access.WriteLedger, Writes: true},
		shell.Command{Permission: access.SlingPolecat, Writes: true}, shell.Command{Permission: access.PromoteTown, Writes: true}
	for note, may := range map[string]map[*shell.Command]bool{
		`{"instance": "a"}`:                                        {&reads: true, &bd: true, &sling: true, &promote: true},
		`{"instance": "a", "standby": {"of": "/mnt"}}`:             {&reads: true, &bd: false, &sling: false, &promote: true},
		`{"instance": "a", "other": {"instance": "b"}}`:            {&reads: true, &bd: true, &sling: false, &promote: true},
		`{"instance": "a"`:                                         {&reads: true, &bd: true, &sling: false, &promote: true},
		`{"instance": "a", "epoch": 2, "other": {"instance": ""}}`: {&reads: true, &bd: true, &sling: true, &promote: true},
	} {
		if err := os.WriteFile(at.Instance(), []byte(note), 0o600); err != nil {
			t.Fatal(err)
		}
		for c, want := range may {
			err := mayHere(at, &shell.Prepared{Name: "gt test", Command: *c})
			if (err == nil) != want || err != nil && (!errors.Is(err, town.ErrRefused) || town.Next(err) == "") {
				t.Errorf("%s: %s: %v", note, c.Permission, err)
			}
		}
	}
}
