package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// The users of these tests. No account has their numbers.
const (
	admin      = 64001
	contractor = 64002
	writer     = 64003
	stranger   = 64004 // in the group, without an entry
	outsider   = 64005 // not in the group
)

// shared is a Town that other users use through its Deacon.
type shared struct {
	t     *testing.T
	root  string // of the Town
	place string // anybody may write there
	group uint32
}

// as runs a program of ours as another user, with variables that claim the owner's rights.
func (s shared) as(uid uint32, in string, args ...string) (code int, out, said string) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), filepath.Join(bin, args[0]), args[1:]...)
	cmd.Dir = "/"
	cmd.Env = []string{
		"PATH=" + s.place + ":" + os.Getenv("PATH"), "GT_ROOT=" + s.root, "HOME=" + s.place, "USER=root", "LOGNAME=root", "GT_ROLE=mayor/", "BD_ACTOR=root",
		"GIT_AUTHOR_NAME=Steve", "GIT_AUTHOR_EMAIL=steve@example.com", "GIT_CONFIG_GLOBAL=" + s.place + "/gitconfig", "TMPDIR=" + s.place,
	}
	gid := s.group
	if uid == outsider {
		gid = outsider
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	cmd.Stdin = strings.NewReader(in)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run()
	if cmd.ProcessState == nil {
		s.t.Fatalf("%q did not start", args)
	}
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// exits runs a program as another user and expects an exit code and a text.
func (s shared) exits(uid uint32, code int, text string, args ...string) string {
	s.t.Helper()
	got, out, said := s.as(uid, "", args...)
	if got != code || !strings.Contains(out+said, text) {
		s.t.Errorf("%d runs %q: exit %d, want %d and %q: %s%s", uid, args, got, code, text, out, said)
	}
	if code == 5 && !strings.Contains(said, "next: ") {
		s.t.Errorf("%d runs %q: no next step: %s", uid, args, said)
	}
	return out
}

// other users are allowed what their entries permit, and get at nothing else.
func TestOtherUsersThroughTheDeacon(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can be other users")
	}
	group, err := user.LookupGroup("users")
	if err != nil {
		t.Skip("there is no group users")
	}
	gid, err := strconv.ParseUint(group.Gid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	place := openDir(t)
	home, err := os.MkdirTemp("/tmp", "owner-*") // may be passed, as a home often may
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	if err := os.Chmod(home, 0o711); err != nil {
		t.Fatal(err)
	}
	owner := sandbox{dir: home, tmp: openDir(t)}
	owner.must(t, "gt", "install", "town")
	s := shared{t: t, root: filepath.Join(home, "town"), place: place, group: uint32(gid)}
	owner.dir = s.root
	owner.must(t, "bd", "create", "--id", "gt-a", "A")
	owner.must(t, "gt", "config", "deacon.http_address", "localhost:0")
	var text strings.Builder
	text.WriteString("users:\n")
	for _, u := range []struct {
		login        int
		email, rules string
	}{
		{admin, "steve@example.com", `permissions: ["*"]`},
		{contractor, "contractor@example.com", `{permissions: ["rig:read", "crew:*"], restrictions: ["no:*polecat*"]}`},
		{writer, "writer@example.com", `permissions: ["ledger:*", "polecat:*", "rig:*", "federation:*"]`},
	} {
		rules := strings.NewReplacer("{", "", "}", "", "], ", "]\n    ").Replace(u.rules)
		fmt.Fprintf(&text, "  - email: %s\n    role: user\n    login: \"%d\"\n    %s\n", u.email, u.login, rules)
	}
	if err := os.WriteFile(filepath.Join(s.root, "config", "access.yaml"), []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	owner.must(t, "gt", "access", "list")

	// Without the setting nobody else gets in.
	owner.must(t, "gt", "deacon", "start")
	t.Cleanup(func() {
		if out, err := exec.Command(filepath.Join(bin, "gt"), "--town", s.root, "deacon", "stop").CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	if code, out, _ := s.as(admin, "", "bd", "list"); code == 0 || out != "" {
		t.Errorf("without deacon.group: exit %d: %s", code, out)
	}
	s.modes(0o600, 0o700)

	owner.must(t, "gt", "config", "deacon.group", "users")
	owner.must(t, "gt", "deacon", "restart")
	s.modes(0o660, 0o710)
	s.commands(owner)
	s.hostile(owner)
	s.passed(owner)
	s.files()
	if out := owner.must(t, "gt", "feed", "--limit", "200"); strings.Count(out, "access.refused") < 5 || !strings.Contains(out, "contractor@example.com") || !strings.Contains(out, "under no other name") {
		t.Errorf("the feed:\n%s", out)
	}
	if out := owner.must(t, "gt", "deacon", "logs"); strings.Contains(out, "panic") {
		t.Error(out)
	}

	owner.must(t, "gt", "config", "unset", "deacon.group")
	owner.must(t, "gt", "deacon", "restart")
	s.modes(0o600, 0o700)
	if code, out, _ := s.as(admin, "", "bd", "list"); code == 0 || out != "" {
		t.Errorf("after deacon.group: exit %d: %s", code, out)
	}
}

// modes expects the modes of the socket and of the directories on the way to it.
func (s shared) modes(socket, dir fs.FileMode) {
	s.t.Helper()
	for path, want := range map[string]fs.FileMode{".gt/deacon/command.sock": socket, ".gt/deacon": dir, ".gt": dir, ".gt/deacon/control.sock": 0o600, ".gt/deacon/sql.sock": 0o600} {
		info, err := os.Stat(filepath.Join(s.root, path))
		if err != nil || info.Mode().Perm() != want {
			s.t.Errorf("%s: %v, %v; want %04o", path, info.Mode(), err, want)
		}
	}
}

// commands are what users may and may not do by their entries.
func (s shared) commands(owner sandbox) {
	t := s.t
	s.exits(contractor, 0, "", "gt", "rig", "list")
	s.exits(contractor, 5, "covers ledger:read", "bd", "list")
	s.exits(contractor, 5, "no:*polecat*", "gt", "polecat", "list")
	s.exits(contractor, 5, "no:*polecat*", "gt", "sling", "gt-a", "web")
	s.exits(stranger, 5, "no user of config/access.yaml has the login", "gt", "rig", "list")
	s.exits(admin, 0, "gt-a", "bd", "list")
	s.exits(admin, 0, "", "gt", "status")
	if code, out, _ := s.as(outsider, "", "gt", "rig", "list"); code == 0 || out != "" {
		t.Errorf("an outsider: exit %d: %s", code, out)
	}

	// The author is the one that the file has for the user, whatever the variables say.
	s.exits(writer, 0, "", "bd", "create", "--id", "gt-w", "W")
	if out := owner.must(t, "bd", "show", "gt-w", "--json"); !strings.Contains(out, `"created_by": "writer@example.com"`) {
		t.Errorf("the author: %s", out)
	}
	s.exits(writer, 5, "under no other name", "bd", "--actor", "root", "create", "X")

	// Paths are the user's shell's.
	s.exits(writer, 5, "opens no path for another user", "bd", "-C", filepath.Join(s.root, "config"), "list")
	s.exits(writer, 5, "opens no path for another user", "gt", "rig", "add", "x", "/var/secret.git")
	if code, _, said := s.as(writer, "from a shell", "bd", "create", "--id", "gt-x", "X", "--body-file", "-"); code != 0 {
		t.Errorf("a text on standard input: %s", said)
	}
	if out := owner.must(t, "bd", "show", "gt-x"); !strings.Contains(out, "from a shell") {
		t.Error(out)
	}

	// What needs a process of its own is refused, and what needs no Town is the user's own.
	s.exits(admin, 5, "process of its own", "gt", "deacon", "stop")
	s.exits(admin, 0, "gt ", "gt", "--version")
	s.exits(admin, 0, "", "gt", "completion", "bash")
}

// passed are files that arguments name: the user's own front opens them.
func (s shared) passed(owner sandbox) {
	t := s.t
	own := func(name, text string, mode fs.FileMode) string {
		t.Helper()
		path := filepath.Join(s.place, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, writer, int(s.group)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	body, lines := own("body.md", "from a file of the writer's", 0o600), own("lines.jsonl", `{"id":"gt-i","title":"I","status":"open","issue_type":"task","priority":2}`+"\n", 0o600)
	values := own("values.json", `{"k":"v"}`, 0o600)
	s.exits(writer, 0, "", "bd", "create", "--id", "gt-f", "F", "--body-file", body, "--metadata", "@"+values)
	s.exits(writer, 0, "", "bd", "comment", "gt-f", "-f"+body)
	s.exits(writer, 0, "1 new", "bd", "import", lines)
	if out := owner.must(t, "bd", "show", "gt-f", "--json"); !strings.Contains(out, "from a file of the writer's") || !strings.Contains(out, `"k": "v"`) {
		t.Error(out)
	}
	// A name counts in the user's directory, and not in the Deacon's.
	s.exits(writer, 1, "no such file", "bd", "create", "X", "--body-file", "config/town.yaml")

	// What is written appears whole, as the user's, and replaces what stood there.
	out := own("out.jsonl", "former", 0o640)
	s.exits(writer, 0, "", "bd", "export", "-o", out)
	info, err := os.Stat(out)
	if err != nil || info.Mode() != 0o640 || info.Sys().(*syscall.Stat_t).Uid != writer {
		t.Errorf("%v, %v", info, err)
	}
	if text, err := os.ReadFile(out); err != nil || strings.Count(string(text), "\n") < 3 || strings.Contains(string(text), "former") {
		t.Errorf("%q, %v", text, err)
	}
	own("out.jsonl", "former", 0o640)
	s.exits(contractor, 5, "covers ledger:read", "bd", "export", "-o", filepath.Join(s.place, "refused.jsonl"))
	if left, _ := filepath.Glob(filepath.Join(s.place, "*refused*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}

	// Nobody gets at what the user may not open: of the Town, of the machine, by a link, or by
	// something that keeps the Deacon waiting.
	town := filepath.Join(s.root, "config", "access.yaml")
	link, fifo := filepath.Join(s.place, "link"), filepath.Join(s.place, "fifo")
	if err := os.Symlink(town, link); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(fifo, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{town, link, "/etc/shadow"} {
		s.exits(writer, 1, "permission denied", "bd", "create", "X", "--body-file", path)
		s.exits(writer, 1, "permission denied", "bd", "import", path)
	}
	s.exits(writer, 1, "permission denied", "bd", "export", "-o", filepath.Join(s.root, "config", "new"))
	s.exits(writer, 1, "not a regular file", "bd", "create", "X", "--body-file", fifo)
	s.exits(writer, 1, "not a regular file", "bd", "create", "X", "--body-file", "/dev/zero")
	s.exits(writer, 1, "not a regular file", "bd", "export", "-o", fifo)
	s.exits(writer, 5, "opens no path for another user", "gt", "report", "--output", filepath.Join(s.place, "report.html"))
}

// hostile is what a user of the group tries beside commands.
func (s shared) hostile(owner sandbox) {
	t := s.t
	mark := filepath.Join(s.place, "ran")
	for _, name := range []string{"git", "ssh", "tmux", "gt", "gt-engine"} {
		script := "#!/bin/sh\nid -u >> " + mark + "\nexit 1\n"
		if err := os.WriteFile(filepath.Join(s.place, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"gt", "status"}, {"gt", "rig", "status"}, {"gt", "agents"}, {"gt", "federation", "status"}, {"gt", "federation", "sync"}} {
		_, _, _ = s.as(admin, "", args...)
	}
	if text, err := os.ReadFile(mark); err == nil {
		t.Errorf("the Deacon ran a program of another user, as %s", text)
	}
	// A file that takes what is written to it as an order is no standard output.
	sh := exec.CommandContext(t.Context(), "/bin/sh", "-c", filepath.Join(bin, "gt")+" rig list > /proc/self/comm")
	sh.Env = []string{"PATH=/bin:/usr/bin", "GT_ROOT=" + s.root}
	sh.Dir = "/"
	sh.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: contractor, Gid: s.group}}
	if out, err := sh.CombinedOutput(); err == nil {
		t.Errorf("a stream of /proc was used: %s", out)
	}
	// The socket can be neither removed nor replaced.
	for _, script := range []string{"rm -f command.sock", "mv command.sock x", "ln -sf /tmp/x command.sock", "touch new", "ls .", "cat deacon.log"} {
		c := exec.CommandContext(t.Context(), "/bin/sh", "-c", "cd "+filepath.Join(s.root, ".gt", "deacon")+" && "+script)
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: contractor, Gid: s.group}}
		if out, err := c.CombinedOutput(); err == nil {
			t.Errorf("%s: %s", script, out)
		}
	}
	owner.must(t, "bd", "list") // the Deacon serves as before
	s.exits(contractor, 0, "", "gt", "rig", "list")
}

// files expects that a user of the group can read no file of the Town, and write none but
// connect to the command socket.
func (s shared) files() {
	t := s.t
	var all []string
	err := filepath.WalkDir(s.root, func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			all = append(all, path)
		}
		return nil // removed meanwhile
	})
	if err != nil || len(all) < 50 {
		t.Fatal(len(all), err)
	}
	c := exec.CommandContext(t.Context(), "/usr/bin/xargs", "-0", "/bin/sh", "-c", `for f; do [ -r "$f" ] && echo "r $f"; [ -w "$f" ] && echo "w $f"; done; true`, "sh")
	c.Stdin = strings.NewReader(strings.Join(all, "\x00"))
	c.Dir = "/"
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: contractor, Gid: s.group}}
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	socket := filepath.Join(s.root, ".gt", "deacon", "command.sock")
	for line := range strings.Lines(string(out)) {
		if how, path, _ := strings.Cut(strings.TrimSpace(line), " "); path != socket {
			t.Errorf("a user of the group may %s %s", how, path)
		}
	}
}
