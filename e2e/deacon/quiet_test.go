package deacon

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/e2e/internal/scratch"
	"gastown/planes/doltdb"
	"gastown/town/layout"
)

const (
	// watched is how long a Deacon is left alone.
	watched = time.Minute
	// limit is the share of a core that an idle Deacon may use. A busy machine makes it use
	// more, so it is printed and not asserted.
	limit = 0.001
	// statements is how many SQL statements it may need in such a time: for the checks, which
	// measure how long the database takes, and one round of the jobs that rest.
	statements = 100
	// evaluated is how many expressions of rules it may evaluate in such a time: in each of four or five
	// rounds those of rates, which change for a while after the start, and of what is computed
	// from them, and once those of how long the database takes. All would be 76 or 95.
	evaluated = 50
)

// A Deacon with nothing to do, in a Town with a remote and four rigs, starts no process
// for a minute: git and tmux are not called by their names, and the kernel has counted no
// child that ended. It asks its databases next to nothing.
func TestQuiet(t *testing.T) {
	t.Parallel()
	dir := scratch.Dir(t)
	p := found(t, dir, "quiet")
	p.Env = append(p.Env, "PATH="+wrappers(t, dir)+string(os.PathListSeparator)+scratch.Binaries+string(os.PathListSeparator)+os.Getenv("PATH"))
	p.Must("gt", "config", "federation.interval", "1h")
	p.Must("gt", "federation", "init", hub(t, dir, "hub"), "--yes")
	source := filepath.Join(dir, "source")
	p.Git("init", "-q", "-b", "main", source)
	p.Git("-C", source, "commit", "-q", "--allow-empty", "-m", "first")
	for _, name := range []string{"north", "south", "east", "west"} {
		p.Must("gt", "rig", "add", name, source)
	}
	d := p.start()
	p.Must("gt", "deacon", "run", "federation-sync")
	p.Must("gt", "deacon", "run", "git")
	if called(t, dir) == "" {
		t.Fatal("no git process was counted: the wrapper is not in use")
	}
	scratch.Await(t, "nothing is under way", func() bool {
		for _, j := range d.status().Jobs {
			if j.Running {
				return false
			}
		}
		return len(offspring(d.PID)) == 0
	})
	scratch.Await(t, "jobs have run since something was written", func() bool { return rests(t, d) })
	_ = called(t, dir)
	began := time.Now()
	before, checks, asked := look(t, d), ran(t, d, "checks", ""), metric(t, d, "gt_sql_statements_total")
	rules := metric(t, d, "gt_rule_queries_total")
	<-time.After(watched)
	scratch.Await(t, "a check has run meanwhile", func() bool { return ran(t, d, "checks", "") > checks })
	after := look(t, d)
	if names := called(t, dir); names != "" {
		t.Errorf("it started:\n%s", names)
	}
	if after.faults != before.faults || after.children != 0 {
		t.Errorf("%d children, and page faults of former ones went from %d to %d", after.children, before.faults, after.faults)
	}
	asked, rules = metric(t, d, "gt_sql_statements_total")-asked, metric(t, d, "gt_rule_queries_total")-rules
	took := time.Since(began)
	times := took.Seconds() / watched.Seconds() // on a slow machine it was left alone for longer
	if asked > statements*times {
		t.Errorf("it sent %.0f SQL statements in %s, limit %d a minute", asked, took, statements)
	}
	if rules > evaluated*times {
		t.Errorf("it evaluated %.0f expressions of rules in %s, limit %d a minute", rules, took, evaluated)
	}
	spent := after.cpu - before.cpu
	share := spent.Seconds() / took.Seconds()
	t.Logf("CPU %s in %s: %.2f %% of a core, limit %.2f %%, ratio %.2f; %.0f SQL statements, %.0f expressions of rules; %d MB resident, %d goroutines, %d descriptors", spent, took.Round(time.Second),
		100*share, 100*limit, share/limit, asked, rules, after.resident/1e6, after.goroutines, after.descriptors)
}

// rests reports whether every job about work has run since the planes were last written and
// that was visible.
func rests(t *testing.T, d *daemon) bool {
	t.Helper()
	var written time.Time
	for _, plane := range []string{layout.Operational, layout.Ledger} {
		_, at, err := doltdb.FileState(d.p.Layout().Data(plane))
		if err != nil {
			t.Fatal(err)
		}
		if at.After(written) {
			written = at
		}
	}
	for _, name := range []string{"dispatch", "deliver", "refinery", "witness", "convoys"} {
		if last := d.job(name).Last; last == nil || last.Began.Before(written.Add(3*time.Second)) {
			return false
		}
	}
	return true
}

// wrappers makes a directory of programs that log their call and then run the real
// program.
func wrappers(t *testing.T, dir string) string {
	t.Helper()
	bin := filepath.Join(dir, "wrap")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"git", "tmux", "sh"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		script := fmt.Sprintf("#!%s\necho \"%s $*\" >>'%s'\nexec '%s' \"$@\"\n", shell(t), name, filepath.Join(dir, "called"), path)
		if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return bin
}

func shell(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// called returns the calls since the last call of it.
func called(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "called")
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return ""
	}
	if err := errors.Join(err, os.Remove(path)); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}
