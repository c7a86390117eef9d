package e2e

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"gastown/e2e/internal/scratch"
)

// sandbox runs programs as a user, in a directory.
type sandbox struct {
	dir, tmp string
	uid      uint32
}

// nobody is a user that owns nothing.
const nobody = 65534

func (s sandbox) run(t *testing.T, program string, args ...string) (code int, out, said string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, program), args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "TMPDIR=" + s.tmp}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: s.uid, Gid: s.uid}}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// must runs a program that has to succeed.
func (s sandbox) must(t *testing.T, program string, args ...string) string {
	t.Helper()
	code, out, said := s.run(t, program, args...)
	if code != 0 {
		t.Fatalf("%s %q: exit %d: %s%s", program, args, code, out, said)
	}
	return out
}

// town makes a Town with two beads below dir.
func (s sandbox) town(t *testing.T, dir string) sandbox {
	t.Helper()
	s.dir = dir
	s.must(t, "gt", "install", "town")
	s.dir = filepath.Join(dir, "town")
	s.must(t, "bd", "create", "A", "--id", "gt-a", "-d", "text")
	s.must(t, "bd", "create", "B", "--id", "gt-b", "--deps", "gt-a")
	s.must(t, "bd", "comment", "gt-a", "said")
	return s
}

// readers are commands that only read.
var readers = [][]string{
	{"list"}, {"list", "--json", "-n", "0"}, {"show", "gt-a"}, {"ready"}, {"blocked"}, {"search", "A"}, {"stats"}, {"export"}, {"history", "gt-a"},
	{"dep", "tree", "gt-b"}, {"comments", "gt-a"}, {"label", "list", "gt-a"}, {"doctor"}, {"where"}, {"info"}, {"ping"}, {"context"}, {"config", "list"},
}

// measuring are readers that print times and sizes, which differ.
var measuring = []string{"ping", "doctor"}

// reads is what the readers print.
func (s sandbox) reads(t *testing.T) (all []string) {
	t.Helper()
	for _, args := range readers {
		all = append(all, s.must(t, "bd", args...))
	}
	return all
}

// checkReads compares what the readers print here with what they printed to the owner,
// and expects that a change fails with one clear error.
func (s sandbox) checkReads(t *testing.T, owner sandbox, printed []string, want string) {
	t.Helper()
	for n, args := range readers {
		code, out, said := s.run(t, "bd", args...)
		if code != 0 || said != "" {
			t.Errorf("bd %q: exit %d: %s%s", args, code, out, said)
		}
		if !slices.Contains(measuring, args[0]) && strings.ReplaceAll(out, s.dir, owner.dir) != printed[n] {
			t.Errorf("bd %q prints\n%s, and to the owner\n%s", args, out, printed[n])
		}
	}
	if want != "" {
		for _, args := range [][]string{{"create", "C"}, {"update", "gt-a", "-p", "0"}, {"close", "gt-a"}, {"comment", "gt-a", "x"}} {
			code, out, said := s.run(t, "bd", args...)
			if code != 1 || out != "" || !strings.Contains(said, "change the ledger of "+s.dir+": "+want) || !strings.Contains(said, "next: ") {
				t.Errorf("bd %q: exit %d: %s%s", args, code, out, said)
			}
		}
	}
	left, err := filepath.Glob(filepath.Join(s.tmp, "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left over: %q, %v", left, err)
	}
}

// openDir is a directory that everybody may write to.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "sandbox-*")
	if err == nil {
		err = os.Chmod(dir, 0o777)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// A sandbox that mounts the Town read-only can read it, also while somebody writes it.
func TestReadOnlyMount(t *testing.T) {
	owner := sandbox{tmp: openDir(t)}.town(t, t.TempDir())
	mounted := filepath.Join(t.TempDir(), "mounted")
	if err := os.Mkdir(mounted, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(owner.dir, mounted, "", unix.MS_BIND, ""); err != nil {
		t.Fatalf("mount (run the tests as root): %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(mounted, unix.MNT_DETACH) })
	if err := unix.Mount("", mounted, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	inside := sandbox{dir: mounted, tmp: openDir(t)}
	inside.checkReads(t, owner, owner.reads(t), "read-only file system")
	for range 5 { // what was written since is read, too
		id := strings.TrimSpace(owner.must(t, "bd", "create", "D", "--silent"))
		inside.must(t, "bd", "show", id)
	}
}

// Another user whom the owner lets read the Town's files can read the ledger from then
// on: after the owner's changes, and while the owner's Deacon has it open.
func TestOtherUserReads(t *testing.T) {
	place := openDir(t)
	owner := sandbox{tmp: openDir(t)}.town(t, place)
	owner.must(t, "gt", "config", "deacon.http_address", "localhost:0")
	other := sandbox{dir: owner.dir, tmp: openDir(t), uid: nobody}
	printed := owner.reads(t)
	if out, err := exec.CommandContext(t.Context(), "chmod", "-R", "a+rX", place).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	other.checkReads(t, owner, printed, "permission denied")
	id := strings.TrimSpace(owner.must(t, "bd", "create", "C", "--silent"))
	other.must(t, "bd", "show", id)
	printed = owner.reads(t)
	owner.must(t, "gt", "deacon", "start")
	t.Cleanup(func() {
		if out, err := exec.Command(filepath.Join(bin, "gt"), "--town", owner.dir, "deacon", "stop").CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	other.checkReads(t, owner, printed, "permission denied")
	id = strings.TrimSpace(owner.must(t, "bd", "create", "D", "--silent"))
	other.must(t, "bd", "show", id)
}

// A directory that this user may not read is named as that, not as one without a Town.
func TestUnreadableTown(t *testing.T) {
	place := openDir(t)
	owner := sandbox{tmp: openDir(t)}.town(t, place)
	other := sandbox{dir: place, tmp: openDir(t), uid: nobody}
	if err := os.Chmod(owner.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--town", "town"}, {"--db", "town"}, {"--town", owner.dir}, {"-C", "town"}} {
		code, _, said := other.run(t, "bd", append(slices.Clone(args), "list")...)
		if code != 1 || !strings.Contains(said, owner.dir) || !strings.Contains(said, "permission denied") || strings.Contains(said, "no config/town.yaml") {
			t.Errorf("bd %q: exit %d: %s", args, code, said)
		}
	}
}

// A full disk can be read.
func TestFullDiskReads(t *testing.T) {
	for name, missing := range map[string][]string{"as it was": nil, "without what a reader makes": {".gt/locks", ".gt/touched", ".gt/engine", ".gt/data/ledger.lock"}} {
		t.Run(name, func(t *testing.T) {
			disk := faultDisk(t, 64<<20)
			full := sandbox{tmp: openDir(t)}.town(t, disk)
			printed := full.reads(t)
			for _, name := range missing {
				if err := os.RemoveAll(filepath.Join(full.dir, name)); err != nil {
					t.Fatal(err)
				}
			}
			scratch.Fill(t, disk, 0)
			full.checkReads(t, full, printed, "")
		})
	}
}
