package e2e

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"gastown/e2e/internal/depot"
	"gastown/e2e/internal/scratch"
	"gastown/sync/federate"
	"gastown/sync/files"
	"gastown/sync/gitcmd"
	"gastown/town"
)

// faultDisk mounts a file system of so many bytes for a Town. It needs root.
func faultDisk(t *testing.T, bytes int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "disk")
	scratch.Disk(t, dir, bytes)
	return dir
}

// faultText is hard to compress, so that storing it takes its full size.
func faultText(n, seed int) string {
	var b strings.Builder
	for x := uint32(seed + 1); b.Len() < n; {
		x = x*1664525 + 1013904223
		fmt.Fprintf(&b, "%08x\n", x)
	}
	return b.String()
}

// When the disk fills up, at any point of a call, the call fails with a clear error
// and loses nothing. With room again it succeeds.
func TestFaultFullDisk(t *testing.T) {
	t.Parallel()
	disk := faultDisk(t, 64<<20)
	repo := depot.Bare(t)
	a := depot.New(t, filepath.Join(disk, "a"), "alpha", repo)
	a.MustInit()
	b := depot.New(t, filepath.Join(t.TempDir(), "b"), "beta", repo)
	b.MustJoin()
	a.MustPull()
	edits := map[string]string{}
	failed := 0
	for i, free := range []int64{0, 64 << 10, 400 << 10, 900 << 10, 1800 << 10} {
		t.Run(fmt.Sprintf("%d KiB free", free>>10), func(t *testing.T) {
			ours, theirs := fmt.Sprintf("templates/alpha-%d.txt", i), fmt.Sprintf("templates/beta-%d.txt", i)
			edits[ours], edits[theirs] = faultText(500<<10, 2*i), faultText(500<<10, 2*i+1)
			b.Write(theirs, edits[theirs])
			b.MustPush()
			a := a.With(t)
			a.Write(ours, edits[ours])
			release := scratch.Fill(t, disk, free)
			for what, call := range map[string]func() error{
				"commit": func() error { _, err := a.Commit(t.Context(), ""); return err },
				"pull":   func() error { _, err := a.Pull(t.Context(), a.Remote, false); return err },
				"push":   func() error { _, err := a.Push(t.Context(), a.Remote, false); return err },
				"sync":   func() error { _, err := a.Sync(t.Context(), a.Remote, false); return err },
			} {
				if err := call(); err != nil {
					failed++
					faultError(t, what, faultAny(err, gitcmd.ErrNoSpace, syscall.ENOSPC), err)
				}
			}
			if a.Read(ours) != edits[ours] {
				t.Error("the edit is gone")
			}
			release()
			faultSettled(t, a)
			faultRecovered(t, a, b.With(t), edits)
		})
	}
	if failed < 8 {
		t.Errorf("only %d calls met a full disk", failed)
	}
}

// faultAny returns the first of the kinds that an error has, or the first kind if
// it has none.
func faultAny(err error, kinds ...error) error {
	for _, k := range kinds {
		if errors.Is(err, k) {
			return k
		}
	}
	return kinds[0]
}

// In a read-only directory every call that would write says so, and nothing is
// lost.
func TestFaultReadOnlyDisk(t *testing.T) {
	t.Parallel()
	disk := faultDisk(t, 64<<20)
	repo := depot.Bare(t)
	a := depot.New(t, filepath.Join(disk, "a"), "alpha", repo)
	a.MustInit()
	b := depot.New(t, filepath.Join(t.TempDir(), "b"), "beta", repo)
	b.MustJoin()
	a.MustPull()
	edits := map[string]string{"templates/alpha.txt": "alpha\n", "templates/beta.txt": "beta\n"}
	a.Write("templates/alpha.txt", edits["templates/alpha.txt"])
	b.Write("templates/beta.txt", edits["templates/beta.txt"])
	b.MustPush()
	before := depot.Tree(t, disk)
	if err := unix.Mount("", disk, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	for what, err := range transportAll(t, a) {
		faultError(t, what, syscall.EROFS, err)
	}
	_, err := a.Commit(t.Context(), "")
	faultError(t, "commit", syscall.EROFS, err)
	_, err = a.Status(t.Context(), []federate.Remote{a.Remote})
	faultError(t, "status", syscall.EROFS, err)
	_, err = a.Join(t.Context(), federate.Remote{Name: "other", URL: repo}, depot.Yes)
	faultError(t, "join", syscall.EROFS, err)
	hostileEqual(t, "the Town", before, depot.Tree(t, disk))
	if err := unix.Mount("", disk, "", unix.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	faultSettled(t, a)
	faultRecovered(t, a, b, edits)
}

// When only the directory of the edited files is read-only, documents that arrive
// remain in the database until their files can be written.
func TestFaultReadOnlyFiles(t *testing.T) {
	t.Parallel()
	a, b, _ := depot.Pair(t)
	a.MustPull()
	b.Write("templates/beta.txt", "beta\n")
	b.MustPush()
	dir := filepath.Join(a.Dir, "federation")
	if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
		t.Fatalf("mount the files read-only (run the tests as root): %v", err)
	}
	mounted := true
	defer func() {
		if mounted {
			_ = unix.Unmount(dir, unix.MNT_DETACH)
		}
	}()
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	shown := a.Files()
	for range 2 {
		_, err := a.Pull(t.Context(), a.Remote, false)
		faultError(t, "pull", syscall.EROFS, err)
	}
	hostileEqual(t, "files", shown, a.Files())
	if err := unix.Unmount(dir, 0); err != nil {
		t.Fatal(err)
	}
	mounted = false
	faultRecovered(t, a, b, map[string]string{"templates/beta.txt": "beta\n"})
}

// Files that do not parse are reported with line and reason and not changed. The
// other files are recorded and exchanged as usual.
func TestFaultMalformedFiles(t *testing.T) {
	t.Parallel()
	a, b, _ := depot.Pair(t)
	a.MustPull()
	broken := map[string]struct {
		text string
		line int // -1: some line, the parser's idea of where it went wrong
	}{
		"roles/mayor.md":                  {"---\nname: mayor\ndescription: [unclosed\n---\nbody\n", -1},
		"roles/nameless.md":               {"---\nname: other\ndescription: x\n---\nbody\n", 2},
		"roles/endless.md":                {"---\nname: endless\nbody\n", 1},
		"formulas/build.formula.toml":     {"formula = \"build\"\nversion = 1.0.0\n", 2},
		"formulas/circle.formula.toml":    {depot.Formula("circle", "1.0.0", "x") + "needs = [\"two\"]\n\n[[steps]]\nid = \"two\"\ntitle = \"y\"\nneeds = [\"one\"]\n", 8},
		"templates/binary.txt":            {"text\n\x00\xff\n", 2},
		"templates/large.txt":             {strings.Repeat("x", town.MaxDocumentBytes+1), 0},
		"templates/UPPER.txt":             {"x\n", 0},
		"formulas/not-a-formula.toml":     {"x = 1\n", 0},
		"roles/Also Not Allowed.md":       {depot.Role("x", "x"), 0},
		"templates/sub/directory-too.txt": {"x\n", 0},
	}
	for path, f := range broken {
		a.Write(path, f.text)
	}
	a.Write("roles/sound.md", depot.Role("sound", "goes"))
	b.Write("roles/mayor.md", depot.Role("mayor", "beta's"))
	b.Write("templates/from-beta.txt", "arrives\n")
	b.MustPush()
	out := a.MustPush()
	told := map[string]string{}
	lines := map[string]int{}
	for _, f := range out.Recorded.Invalid {
		told[f.Path] = f.Err.Error()
		var syntax *files.SyntaxError
		if errors.As(f.Err, &syntax) {
			lines[f.Path] = syntax.Line
		}
	}
	for path, f := range broken {
		reason := told[path]
		if strings.Contains(path, "/sub/") && reason == "" {
			reason = told["templates/sub"]
		}
		if reason == "" {
			t.Errorf("nothing is said of %s", path)
		}
		if lines[path] != f.line && (f.line >= 0 || lines[path] == 0) {
			t.Errorf("%s: line %d (%s), want %d", path, lines[path], reason, f.line)
		}
		if a.Read(path) != f.text {
			t.Errorf("%s was changed", path)
		}
		t.Logf("%s:%d: %s", path, lines[path], reason)
	}
	if a.Read("templates/from-beta.txt") != "arrives\n" {
		t.Error("what another Town wrote did not arrive")
	}
	b.MustPull()
	if b.Read("roles/sound.md") == "" {
		t.Error("the sound file did not go")
	}
	for path := range broken {
		if path != "roles/mayor.md" && path != "formulas/build.formula.toml" && b.Read(path) != "" {
			t.Errorf("%s left the Town", path)
		}
	}
	// Once repaired, the file is an ordinary edit: the other Town's text remains in
	// force, and ours is a proposal.
	a.Write("roles/mayor.md", depot.Role("mayor", "mended"))
	if out := a.MustPush(); out.Reviews != 1 {
		t.Errorf("push of the mended role: %+v", out)
	}
	if a.Read("roles/mayor.md") != depot.Role("mayor", "beta's") {
		t.Errorf("the role is %q", a.Read("roles/mayor.md"))
	}
}
