package federate

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gastown/planes/doltdb/doltdbtest"
	"gastown/planes/ledger"
	"gastown/sync/share"
	"gastown/town"
)

// repository is everything a Git repository holds, reachable or not: its files
// as they are, its objects unpacked, and the chunks of the table files in them.
func repository(t testing.TB, url string) []byte {
	t.Helper()
	var all bytes.Buffer
	err := filepath.WalkDir(url, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		all.Write(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	objects := gitOut(t, url, "cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)")
	dir := tempDir(t)
	table := regexp.MustCompile(`^[0-9a-v]{32}(\.darc)?$`)
	seen := map[string]bool{}
	var tables []string
	for line := range strings.Lines(objects) {
		id, kind, _ := strings.Cut(strings.TrimSpace(line), " ")
		cmd := exec.Command("git", "cat-file", kind, id)
		cmd.Dir = url
		data, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		all.Write(data)
		if kind != "tree" {
			continue
		}
		for entry := range strings.Lines(gitOut(t, url, "ls-tree", id)) {
			meta, name, _ := strings.Cut(strings.TrimSpace(entry), "\t")
			fields := strings.Fields(meta)
			if !table.MatchString(name) || seen[name] || fields[1] != "blob" {
				continue
			}
			seen[name] = true
			cmd := exec.Command("git", "cat-file", "blob", fields[2])
			cmd.Dir = url
			content, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
			tables = append(tables, name)
		}
	}
	if len(tables) == 0 {
		t.Fatal("no table file was found: the search proves nothing")
	}
	err = doltdbtest.Chunks(t.Context(), dir, tables, func(b []byte) { all.Write(b); all.WriteByte('\n') })
	if err != nil {
		t.Fatal(err)
	}
	return all.Bytes()
}

// Values in fields that no rule names, in redacted parts, in withheld records, in
// comments and in deleted beads never appear in the repository in any form. Shared
// values do appear, which shows that the search works.
func TestPlantedValuesNeverLeave(t *testing.T) {
	t.Parallel()
	url := bare(t)
	a := newSharer(t, "alpha")
	a.init(url)
	long := strings.Repeat("filler ", 2000) // beside the row, in a chunk of its own
	a.rules(share.Rule{Name: "public", Labels: []string{"public"}, Fields: []string{"title", "description", "assignee"},
		Redact: []share.Redaction{{Field: "description", Pattern: `PLANTED-REDACTED-\d+`}}})
	b := town.Bead{ID: "gt-1", Title: "SHARED-TITLE", Description: "SHARED-TEXT PLANTED-REDACTED-1 " + long, Assignee: "SHARED-NAME",
		Notes: "PLANTED-NOTES " + long, Design: "PLANTED-DESIGN", AcceptanceCriteria: "PLANTED-ACCEPTANCE", Owner: "PLANTED-OWNER",
		ExternalRef: "PLANTED-REF", Labels: []string{"public", "PLANTED-LABEL"}}
	a.beads(b,
		town.Bead{ID: "gt-2", Title: "PLANTED-UNSELECTED " + strings.Repeat("x", 300)},
		town.Bead{ID: "gt-3", Title: "PLANTED-WITHHELD", Description: `password="PLANTED-SECRET-1"`, Labels: []string{"public"}},
		town.Bead{ID: "gt-4", Title: "PLANTED-DELETED", Labels: []string{"public"}})
	a.work(func(l *ledger.Store) error {
		_, err := l.Comment(t.Context(), "gt-1", "PLANTED-COMMENT")
		if err == nil {
			err = l.Delete(t.Context(), []string{"gt-4"}, "PLANTED-REASON")
		}
		return err
	})
	a.push(url)
	// Later changes, of shared and of other fields, through several commits.
	for _, text := range []string{"PLANTED-REDACTED-2 and more", "PLANTED-REDACTED-3"} {
		a.work(func(l *ledger.Store) error {
			patches, err := ledger.ReadPatches(strings.NewReader(`[{"id":"gt-1","description":"SHARED-TEXT ` + text + `","notes":"PLANTED-NOTES-` + text[17:18] + `"}]`))
			if err == nil {
				_, err = l.Update(t.Context(), patches)
			}
			return err
		})
		a.push(url)
	}
	gitOut(t, url, "repack", "-adq")
	everything := repository(t, url)
	for _, want := range []string{"SHARED-TITLE", "SHARED-TEXT", "SHARED-NAME", "gt-1"} {
		if !bytes.Contains(everything, []byte(want)) {
			t.Errorf("%s is nowhere: the search proves nothing", want)
		}
	}
	for _, planted := range []string{"PLANTED", "gt-2", "gt-3", "gt-4"} {
		if at := bytes.Index(everything, []byte(planted)); at >= 0 {
			t.Errorf("%q left: %q", planted, everything[max(0, at-20):min(len(everything), at+60)])
		}
	}
	// Without the redaction the search finds that part.
	a.rules(share.Rule{Name: "public", Labels: []string{"public"}, Fields: []string{"title", "notes"}})
	a.push(url)
	if !bytes.Contains(repository(t, url), []byte("PLANTED-NOTES")) {
		t.Error("the search misses long texts: it proves nothing")
	}
}
