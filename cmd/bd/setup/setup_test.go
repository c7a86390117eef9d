package setup

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"gastown/cmd/internal/shell"
)

// run runs bd setup in a directory.
func run(t testing.TB, dir string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, said bytes.Buffer
	i := &shell.Invocation{
		Program: "bd", Args: append([]string{"setup"}, args...), Dir: dir, Env: shell.Environment{"HOME=" + filepath.Join(dir, "no-home")},
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &said, Umask: 0o022, Now: time.Now,
	}
	p := shell.NewProgram(shell.Traits{Name: "bd"}, i)
	p.Begin()
	p.Add(p, Command())
	p.Add(p, Onboard())
	code = p.Prepare().Run(t.Context())
	return code, out.String(), said.String()
}

func must(t testing.TB, dir string, args ...string) string {
	t.Helper()
	code, out, said := run(t, dir, args...)
	if code != 0 {
		t.Fatalf("bd setup %q: exit %d: %s%s", args, code, out, said)
	}
	return out
}

// files are the files below a directory, by path.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		if !d.Type().IsRegular() {
			all[rel] = d.Type().String()
			return nil
		}
		text, err := os.ReadFile(path)
		all[rel] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// What bd setup writes for an agent is in the files that the agent reads; it can be
// written again without effect, and taken out again without a trace.
func TestSetUpAndRemoved(t *testing.T) {
	for _, a := range agents {
		dir := t.TempDir()
		if code, _, _ := run(t, dir, a.name, "--check"); code != 1 {
			t.Errorf("%s: --check before: exit %d", a.name, code)
		}
		if out := must(t, dir, a.name, "--preview"); !strings.Contains(out, "bd ready") || len(files(t, dir)) != 0 {
			t.Errorf("%s: --preview wrote %v and said %s", a.name, files(t, dir), out)
		}
		must(t, dir, a.name)
		made := files(t, dir)
		if !strings.Contains(made[a.text], "`bd ready`") || a.hook != "" && !strings.Contains(made[a.hook], `"command": "bd prime --hook-json"`) {
			t.Errorf("%s: %v", a.name, made)
		}
		must(t, dir, a.name, "--check")
		must(t, dir, a.name)
		if diff := cmp.Diff(made, files(t, dir)); diff != "" {
			t.Errorf("%s: written again: %s", a.name, diff)
		}
		must(t, dir, a.name, "--remove")
		if left := files(t, dir); len(left) != 0 {
			t.Errorf("%s left %v", a.name, left)
		}
		must(t, dir, a.name, "--remove")
	}
}

// Files that are there keep every byte.
func TestSetupKeepsWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "CLAUDE.md", "# Rules\n\nBe kind.\n")
	write(t, dir, ".claude/settings.json", `{
  "model": "m",
  "hooks": {
    "Stop": [
      {
        "hooks": []
      }
    ],
    "SessionStart": [
      {
        "matcher": "startup",
        "hooks": [
          {
            "type": "command",
            "command": "echo <hello> && ls"
          }
        ]
      }
    ]
  },
  "a": 1.50
}
`)
	before := files(t, dir)
	must(t, dir, "claude")
	after := files(t, dir)
	for _, want := range []string{`"echo <hello> && ls"`, `"a": 1.50`, hookCommand} {
		if !strings.Contains(after[".claude/settings.json"], want) {
			t.Errorf("no %q in %s", want, after[".claude/settings.json"])
		}
	}
	if !strings.HasPrefix(after["CLAUDE.md"], before["CLAUDE.md"]) {
		t.Error(after["CLAUDE.md"])
	}
	must(t, dir, "claude", "--remove")
	if diff := cmp.Diff(before, files(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// A hook of a person that runs bd prime is enough, and is not taken out.
func TestAHookOfAPersonStays(t *testing.T) {
	dir := t.TempDir()
	text := `{"hooks":{"SessionStart":[{"hooks":[{"type":"command","command":"bd prime"}]}]}}`
	write(t, dir, ".gemini/settings.json", text)
	must(t, dir, "gemini")
	must(t, dir, "gemini", "--check")
	must(t, dir, "gemini", "--remove")
	if got := files(t, dir)[".gemini/settings.json"]; got != text {
		t.Error(got)
	}
}

// Two agents that read one file share the section.
func TestAgentsShareAFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "AGENTS.md", "ours\n")
	must(t, dir, "codex")
	must(t, dir, "opencode")
	if got := files(t, dir)["AGENTS.md"]; strings.Count(got, "bd ready") != 1 || !strings.Contains(got, "codex opencode") {
		t.Error(got)
	}
	must(t, dir, "codex", "--remove")
	must(t, dir, "opencode", "--check")
	if code, _, _ := run(t, dir, "codex", "--check"); code != 1 {
		t.Errorf("codex is still set up: exit %d", code)
	}
	must(t, dir, "opencode", "--remove")
	if got := files(t, dir)["AGENTS.md"]; got != "ours\n" {
		t.Errorf("%q", got)
	}
}

// A section in the words of another version is written anew; one that a person changed
// is left alone.
func TestStaleAndChangedSections(t *testing.T) {
	other := strings.Replace(section{agents: []string{"codex"}}.String(), sum(body), sum("old\n"), 1)
	other = strings.Replace(other, body, "old\n", 1)
	dir := t.TempDir()
	write(t, dir, "AGENTS.md", "a\n\n"+other+"b\n")
	if code, out, _ := run(t, dir, "codex", "--check"); code != 1 || !strings.Contains(out, string(stale)) {
		t.Errorf("exit %d: %s", code, out)
	}
	must(t, dir, "codex")
	if got := files(t, dir)["AGENTS.md"]; !strings.HasPrefix(got, "a\n\n"+beginMark) || !strings.HasSuffix(got, endMark+"b\n") || strings.Contains(got, "old") {
		t.Error(got)
	}
	edited := strings.Replace(files(t, dir)["AGENTS.md"], "bd ready", "bd ready -n 3", 1)
	write(t, dir, "AGENTS.md", edited)
	for _, args := range [][]string{{"codex"}, {"codex", "--remove"}, {"opencode"}} {
		if code, _, said := run(t, dir, args...); code != shell.ExitRefused || !strings.Contains(said, "AGENTS.md") {
			t.Errorf("%q: exit %d: %s", args, code, said)
		}
	}
	if got := files(t, dir)["AGENTS.md"]; got != edited {
		t.Error(got)
	}
}

// What bd does not understand is left alone, with everything else of that agent.
func TestHostileFilesAreLeftAlone(t *testing.T) {
	ours := section{agents: []string{"claude"}}.String()
	outside := t.TempDir()
	write(t, outside, "theirs", "theirs")
	for name, make := range map[string]func(dir string){
		"no JSON":          func(dir string) { write(t, dir, ".claude/settings.json", "{ // comment\n}") },
		"an array":         func(dir string) { write(t, dir, ".claude/settings.json", "[]") },
		"null":             func(dir string) { write(t, dir, ".claude/settings.json", "null") },
		"hooks are a list": func(dir string) { write(t, dir, ".claude/settings.json", `{"hooks":[]}`) },
		"twice":            func(dir string) { write(t, dir, ".claude/settings.json", `{"hooks":{},"hooks":{}}`) },
		"more":             func(dir string) { write(t, dir, ".claude/settings.json", `{}{}`) },
		"groups":           func(dir string) { write(t, dir, ".claude/settings.json", `{"hooks":{"SessionStart":"x"}}`) },
		"no text":          func(dir string) { write(t, dir, "CLAUDE.md", "\xff\xfe") },
		"large":            func(dir string) { write(t, dir, "CLAUDE.md", strings.Repeat("x", maxFile+1)) },
		"two sections":     func(dir string) { write(t, dir, "CLAUDE.md", ours+ours) },
		"no end":           func(dir string) { write(t, dir, "CLAUDE.md", strings.TrimSuffix(ours, endMark)) },
		"no begin":         func(dir string) { write(t, dir, "CLAUDE.md", endMark) },
		"the wrong order":  func(dir string) { write(t, dir, "CLAUDE.md", endMark+strings.TrimSuffix(ours, endMark)) },
		"a directory":      func(dir string) { write(t, dir, "CLAUDE.md/x", "") },
		"a link out":       func(dir string) { link(t, filepath.Join(outside, "theirs"), filepath.Join(dir, "CLAUDE.md")) },
		"a directory out":  func(dir string) { link(t, outside, filepath.Join(dir, ".claude")) },
		"a link to nothing": func(dir string) {
			link(t, filepath.Join(outside, "none"), filepath.Join(dir, "CLAUDE.md"))
		},
	} {
		dir := t.TempDir()
		make(dir)
		before := files(t, dir)
		for _, args := range [][]string{{"claude"}, {"claude", "--preview"}, {"claude", "--check"}} {
			want := shell.ExitRefused
			if args[len(args)-1] == "--check" {
				want = shell.ExitFailed
			}
			if code, _, said := run(t, dir, args...); code != want || said == "" {
				t.Errorf("%s: %q: exit %d: %s", name, args, code, said)
			}
		}
		must(t, dir) // the list
		if diff := cmp.Diff(before, files(t, dir)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if got := files(t, outside); len(got) != 1 || got["theirs"] != "theirs" {
		t.Errorf("outside: %v", got)
	}
}

func link(t testing.TB, to, at string) {
	t.Helper()
	if err := os.Symlink(to, at); err != nil {
		t.Fatal(err)
	}
}

// A link inside the project is followed, and stays one.
func TestALinkInsideIsFollowed(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "AGENTS.md", "ours\n")
	link(t, "AGENTS.md", filepath.Join(dir, "CLAUDE.md"))
	must(t, dir, "claude")
	must(t, dir, "codex")
	if info, err := os.Lstat(filepath.Join(dir, "CLAUDE.md")); err != nil || info.Mode().Type() != fs.ModeSymlink {
		t.Errorf("%v, %v", info, err)
	}
	if got := files(t, dir)["AGENTS.md"]; strings.Count(got, beginMark) != 1 || !strings.Contains(got, "claude codex") {
		t.Error(got)
	}
}

// A home directory has the settings of all projects.
func TestHomeIsRefused(t *testing.T) {
	dir := t.TempDir()
	i := &shell.Invocation{Dir: dir, Env: shell.Environment{"HOME=" + dir + "/"}}
	if _, err := (&setupOptions{call: &shell.Call{Invocation: i}}).project(); shell.ExitCode(err) != shell.ExitRefused {
		t.Error(err)
	}
}

func TestUnknownAgent(t *testing.T) {
	if code, _, said := run(t, t.TempDir(), "claud"); code == 0 || !strings.Contains(said, "bd setup claude") {
		t.Errorf("exit %d: %s", code, said)
	}
	var list []result
	if err := json.Unmarshal([]byte(must(t, t.TempDir(), "--json")), &list); err != nil || len(list) != len(agents) {
		t.Errorf("%v, %v", list, err)
	}
}

// Whatever a person wrote is there after bd setup came and went; only a missing line
// end at the end of the file is added.
func TestSectionsComeAndGo(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringMatching(`([a-z#<>!\- ]{0,12}\r?\n){0,6}[a-z]{0,4}`).Draw(rt, "text")
		s, err := parseSection(text)
		if err != nil {
			rt.Fatal(err)
		}
		with := s.with("claude")
		again, err := parseSection(with)
		if err != nil || again.state("claude") != current || again.with("claude") != with {
			rt.Fatalf("%v, %q", err, with)
		}
		if got := again.without("claude"); got != text && got != text+"\n" {
			rt.Fatalf("%q became %q", text, got)
		}
	})
}
