package e2e

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// makeFor runs make install or make uninstall. root stands for the root of the
// file system.
func makeFor(t *testing.T, target, root, prefix string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "make", "--no-print-directory", target, "DESTDIR="+root, "PREFIX="+prefix, "GT_TEST_BIN="+bin)
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make %s: %v\n%s", target, err, out)
	}
}

// output runs a program in a directory, with this environment only.
func output(t *testing.T, dir string, env []string, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir, cmd.Env = dir, env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", program, args, err, out)
	}
	return string(out)
}

// An installed front finds the engine in libexec, also when it is called through a
// symbolic link or by its name alone.
func TestMakeInstall(t *testing.T) {
	work := t.TempDir()
	root, prefix := filepath.Join(work, "root"), "/opt/gas town"
	at := filepath.Join(root, prefix)
	makeFor(t, "install", root, prefix)
	makeFor(t, "install", root, prefix) // replaces the existing files
	all, err := readTree(at)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"/bin/bd", "/bin/gt", "/lib/systemd/user/gt-deacon@.service", "/libexec/gt/gt-engine",
		"/share/bash-completion/completions/bd", "/share/bash-completion/completions/gt",
		"/share/fish/vendor_completions.d/bd.fish", "/share/fish/vendor_completions.d/gt.fish",
		"/share/man/man1/bd.1", "/share/man/man1/gt.1",
		"/share/zsh/site-functions/_bd", "/share/zsh/site-functions/_gt",
	}
	if got := slices.Sorted(maps.Keys(all)); !slices.Equal(got, want) {
		t.Errorf("installed %q, want %q", got, want)
	}

	links := filepath.Join(work, "links")
	if err := os.Mkdir(links, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"gt", "bd"} {
		if err := os.Symlink(filepath.Join(at, "bin", program), filepath.Join(links, program)); err != nil {
			t.Fatal(err)
		}
	}
	town := filepath.Join(work, "town")
	env := []string{"HOME=" + work, "PATH=" + links + ":" + os.Getenv("PATH"), "GIT_CONFIG_GLOBAL=/dev/null"}
	output(t, work, env, filepath.Join(at, "bin", "gt"), "install", town)
	output(t, town, env, filepath.Join(links, "bd"), "create", "Sing")
	if out := output(t, town, env, "sh", "-c", "bd list"); !strings.Contains(out, "Sing") {
		t.Errorf("bd list printed %q", out)
	}

	// The unit names the path that gt has after DESTDIR was copied to the root.
	line := `ExecStart="/opt/gas town/bin/gt" --town %f deacon start --foreground`
	if unit := all["/lib/systemd/user/gt-deacon@.service"]; !strings.Contains(unit, line+"\n") {
		t.Errorf("the unit lacks %q:\n%s", line, unit)
	}

	makeFor(t, "uninstall", root, prefix)
	if all, err := readTree(root); err != nil || len(all) > 0 {
		t.Errorf("make uninstall left %q, %v", slices.Sorted(maps.Keys(all)), err)
	}
}

// The man pages hold every command that --help lists.
func TestManPages(t *testing.T) {
	for _, program := range []string{"gt", "bd"} {
		man := strings.ReplaceAll(output(t, t.TempDir(), nil, filepath.Join(bin, program), "--help-man"), `\-`, "-")
		help := output(t, t.TempDir(), nil, filepath.Join(bin, program), "--help")
		if n := strings.Count(help, "Usage:"); n != 1 {
			t.Fatalf("%s --help prints itself %d times", program, n)
		}
		_, commands, ok := strings.Cut(help, "\nCommands:\n")
		if !ok {
			t.Fatalf("%s --help lists no commands", program)
		}
		commands, _, _ = strings.Cut(commands, "\nThese words of the public bd") // they are no commands
		for line := range strings.Lines(commands) {
			command := strings.TrimSpace(line)
			if strings.HasPrefix(line, "   ") || command == "" || strings.HasPrefix(command, "help ") {
				continue
			}
			if heading := ".SS " + command + "\n"; !strings.Contains(man, heading) {
				t.Errorf("%s: the man page has no heading %q", program, heading)
			}
		}
		if strings.Contains(man, "Usage:") {
			t.Errorf("%s: the man page holds the text of --help", program)
		}
	}
}
