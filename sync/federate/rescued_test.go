package federate

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"gastown/sync/files"
)

// A process was killed after a new directory took the place of the old one, and
// before it carried over what people did meanwhile. When the next command finds a
// file in the old directory whose name is taken, it puts the text beside that file
// only if the plane does not hold it.
func TestKilledBeforeCarryingOver(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"commit", "status", "pull"} {
		url := bare(t)
		tt := newTown(t, tempDir(t), "alpha")
		tt.write("templates/shown.txt", "recorded\n")
		tt.write("templates/former.txt", "first\n")
		tt.write("templates/mine.txt", "recorded\n")
		tt.init(url)
		tt.write("templates/former.txt", "second\n")
		tt.push(url)
		old := filepath.Join(tt.dir, "federation", ".gt-renew-templates-TOKEN")
		if err := os.Mkdir(old, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"shown.txt": "recorded\n", "former.txt": "first\n", "mine.txt": "nobody's\n"} {
			path := filepath.Join(old, name)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, time.Unix(1, 0), time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
		}
		tt.write("templates/shown.txt", "replaced by somebody\n")
		var told, dropped []files.Rescue
		switch command {
		case "commit":
			out := tt.commit()
			told, dropped = out.Rescued, out.Dropped
		case "status":
			status, err := tt.Status(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			told, dropped = status.Rescued, status.Dropped
		case "pull":
			b := newTown(t, tempDir(t), "beta")
			b.join(url)
			b.write("templates/bug.md", "changed\n")
			b.push(url)
			out := tt.pull(url)
			told, dropped = out.Rescued, out.Dropped
			if len(told) == 0 { // a pull that writes a file one by one need not look
				out := tt.commit()
				told, dropped = out.Rescued, append(dropped, out.Dropped...)
			}
		}
		if len(told) != 1 || told[0].Path != "templates/mine.txt.1~" {
			t.Errorf("%s: told of %v", command, told)
		}
		// A text that the history has is removed again, and that is reported.
		var gone []string
		for _, r := range dropped {
			gone = append(gone, r.Path)
		}
		slices.Sort(gone)
		if want := []string{"templates/former.txt.1~", "templates/shown.txt.1~"}; !slices.Equal(gone, want) {
			t.Errorf("%s: told that %q were removed", command, gone)
		}
		tt.want("templates/shown.txt", "replaced by somebody\n")
		tt.want("templates/former.txt", "second\n")
		tt.want("templates/mine.txt", "recorded\n")
		tt.want("templates/mine.txt.1~", "nobody's\n")
		entries, err := filepath.Glob(filepath.Join(tt.dir, "federation", "templates", "*"))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, path := range entries {
			names = append(names, filepath.Base(path))
		}
		if want := []string{"bug.md", "former.txt", "mine.txt", "mine.txt.1~", "shown.txt"}; !slices.Equal(names, want) {
			t.Errorf("%s: %q", command, names)
		}
		if _, err := os.Lstat(old); !os.IsNotExist(err) {
			t.Errorf("%s: the old directory is still there", command)
		}
		// Later calls do not report the rescued text again, and leave it in place.
		if out := tt.commit(); len(out.Rescued)+len(out.Dropped) > 0 {
			t.Errorf("%s: told again of %v", command, out.Rescued)
		}
		tt.want("templates/mine.txt.1~", "nobody's\n")
	}
}
