package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"gastown/e2e/internal/programs"
	"gastown/e2e/internal/scratch"
)

// bin is the directory of the programs under test.
var bin string

// TestMain builds or finds the programs, so that scripts run what a person runs.
func TestMain(m *testing.M) {
	dir, remove, err := programs.Dir()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	bin = dir
	code := m.Run()
	remove()
	os.Exit(code)
}

// TestScripts runs what people type. Beside testscript's own words there are
//
//	exits CODE COMMAND...    the command ends with exactly that code
//	patient COMMAND...       the command succeeds, once it finds nothing busy any more
//	replace FILE OLD NEW     OLD occurs once in the file and becomes NEW
//	append FILE LINE         adds a line to the end of the file
//	same DIR DIR             both trees hold the same files, byte for byte
//	mode PERMISSIONS FILE    the file has exactly these permissions
//	await FILE PATTERN       waits until a line of the file matches
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                filepath.Join("testdata", "script"),
		RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			env.Defer(func() { stopDeacons(env.WorkDir) })
			home := filepath.Join(env.WorkDir, ".home")
			env.Vars = append(env.Vars,
				"PATH="+bin+string(os.PathListSeparator)+env.Getenv("PATH"), "HOME="+home, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
				"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com",
				"GT_ROOT=", "BD_ACTOR=", "BEADS_ACTOR=", "BEADS_DIR=", "VISUAL=", "EDITOR=", "GT_MAX_CONCURRENT_BD=", "GT_MACHINE_CHECK=false", "GT_GIT_TOKEN=")
			return os.Mkdir(home, 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"gt": program("gt"), "bd": program("bd"), "exits": exits, "patient": patient, "replace": replace, "append": appendLine, "same": same, "mode": mode, "await": await,
		},
	})
}

// program runs one of the programs under test.
func program(name string) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		err := ts.Exec(filepath.Join(bin, name), args...)
		plain(ts)
		if (err != nil) != neg {
			if neg {
				ts.Fatalf("%s succeeded", name)
			}
			ts.Fatalf("%s: %v", name, err)
		}
	}
}

// raw matches what means nothing to the person who reads it: texts of Go's libraries,
// names of its types, and what the database's protocol puts before an error.
var raw = regexp.MustCompile(`context deadline exceeded|context canceled|\bEOF\b|\bError \d{4}\b|\(HY000\)|%!|<nil>|goroutine \d+ \[|` +
	`runtime error|panic:|strconv\.|\bsql: |driver: bad|cannot unmarshal|\bof type (?:u?int|string|bool|map|\[\])|Go (?:struct|value)|` +
	`\*[a-z]+\.[A-Z][A-Za-z]+|dolt fsck|i/o timeout|time: (?:invalid|missing|unknown)|x509:|dial (?:tcp|unix)|` +
	`\bno such host|connect: [a-z]|\blookup \S+ on |read: connection reset|write: broken pipe`)

// plain fails when a program told a person something raw, on standard error or
// standard output, with --json or without.
func plain(ts *testscript.TestScript) {
	for _, stream := range []string{"stderr", "stdout"} {
		if found := raw.FindString(ts.ReadFile(stream)); found != "" {
			ts.Fatalf("%q stands on %s, in what a person reads", found, stream)
		}
	}
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := code(ts, args[1:]); got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// code runs a command and returns its exit code.
func code(ts *testscript.TestScript, args []string) int {
	err := ts.Exec(args[0], args[1:]...)
	plain(ts)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	ts.Check(err)
	return 0
}

// patient runs a command again that waits for a moment only, and on a busy machine not long
// enough.
func patient(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: patient COMMAND...")
	}
	got := code(ts, args)
	for end := time.Now().Add(awaitLimit); got == scratch.ExitBusy && time.Now().Before(end); got = code(ts, args) {
		time.Sleep(awaitPoll)
	}
	if got != 0 {
		ts.Fatalf("exit code %d", got)
	}
}

func replace(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace FILE OLD NEW")
	}
	path, text := ts.MkAbs(args[0]), ts.ReadFile(args[0])
	if n := strings.Count(text, args[1]); n != 1 {
		ts.Fatalf("%q stands %d times in %s", args[1], n, args[0])
	}
	ts.Check(os.WriteFile(path, []byte(strings.Replace(text, args[1], args[2], 1)), 0o600))
}

func appendLine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: append FILE LINE")
	}
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_APPEND|os.O_WRONLY, 0)
	ts.Check(err)
	_, err = f.WriteString(args[1] + "\n")
	ts.Check(errors.Join(err, f.Close()))
}

func same(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: same DIR DIR")
	}
	a, err := readTree(ts.MkAbs(args[0]))
	ts.Check(err)
	b, err := readTree(ts.MkAbs(args[1]))
	ts.Check(err)
	if len(a) == 0 {
		ts.Fatalf("%s holds no file", args[0])
	}
	var differ []string
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if text, ok := b[name]; !ok || text != a[name] {
			differ = append(differ, name)
		}
		delete(b, name)
	}
	differ = append(differ, slices.Sorted(maps.Keys(b))...)
	if neg != (len(differ) > 0) {
		ts.Fatalf("files that differ: %q", differ)
	}
}

func readTree(dir string) (map[string]string, error) {
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		all[strings.TrimPrefix(path, dir)] = string(data)
		return err
	})
	return all, err
}

func mode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode PERMISSIONS FILE")
	}
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] {
		ts.Fatalf("%s has mode %s, want %s", args[1], got, args[0])
	}
}
