package crash

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test runs its own binary as the process to kill, so that the kill ends
// everything the call does.
const (
	childVerb = "GT_CRASH_VERB"
	childTown = "GT_CRASH_TOWN"
	childName = "GT_CRASH_NAME"
	childURL  = "GT_CRASH_URL"
	childTask = "GT_CRASH_TASK"
)

func TestMain(m *testing.M) {
	if verb := os.Getenv(childVerb); verb != "" {
		if err := child(verb); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child(verb string) error {
	ctx := context.Background()
	m := at(os.Getenv(childTown), os.Getenv(childName))
	fmt.Println("ready")
	if verb == "crowd" {
		return m.crowd(ctx, os.Getenv(childTask), os.Getenv(childURL))
	}
	return m.do(ctx, verb, os.Getenv(childURL))
}

// process is a child that has begun its call.
type process struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer
}

// begin starts a process and returns when it is about to make the call.
func (m *machine) begin(t testing.TB, verb, url, task string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), childVerb+"="+verb, childTown+"="+m.dir, childName+"="+m.name, childURL+"="+url, childTask+"="+task)
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		_ = p.cmd.Wait()
		t.Fatalf("the process did not begin: %v: %s", err, p.stderr.String())
	}
	return p
}

// wait returns nil when the call succeeded.
func (p *process) wait() error {
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(p.stderr.String()))
	}
	return nil
}

// killAfter kills the process after a while and reports whether it was still running.
func (p *process) killAfter(t testing.TB, d time.Duration) bool {
	t.Helper()
	time.Sleep(d) // the kill must come at a given moment of the call
	killed := p.cmd.Process.Kill()
	err := p.wait()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return false
	case killed == nil && errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL:
		return true
	}
	t.Fatal(err)
	return false
}

// took measures a call until its process has ended.
func (m *machine) took(t testing.TB, verb, url string) time.Duration {
	t.Helper()
	p := m.begin(t, verb, url, "")
	start := time.Now()
	if err := p.wait(); err != nil {
		t.Fatal(err)
	}
	return time.Since(start)
}

// defaultGrace is how long processes may take to end after their parent was killed.
const defaultGrace = time.Minute

// alone waits until this is the only process that works in dir.
func alone(t testing.TB, dir string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(defaultGrace)
	for {
		left := processesIn(dir)
		if len(left) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			t.Errorf("processes are left: %q", left)
			return
		}
	}
}

func processesIn(dir string) (found []string) {
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range all {
		if filepath.Base(p) == strconv.Itoa(os.Getpid()) {
			continue
		}
		line, _ := os.ReadFile(p + "/cmdline")
		where, _ := os.Readlink(p + "/cwd")
		env, _ := os.ReadFile(p + "/environ")
		if bytes.Contains(line, []byte(dir)) || strings.HasPrefix(where, dir) || bytes.Contains(env, []byte(childTown+"="+dir)) {
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

// expected are the files of gt that stay when no process works.
var expected = regexp.MustCompile(`^(` + strings.Join([]string{
	`index`, `instance`, `keys`, `remotes/origin/host\.json`, `(engine|data/\.home)/\.dolt/config_global\.json`, `locks/[a-z-]+\.lock`, `data/federation(\.client)?\.lock`, `retired/.*`,
	`data/federation/\.dolt/.*`, `data/federation/\.doltcfg/.*`,
	`remotes/origin/(state|sync)\.json`, `remotes/origin/mirror/(manifest|LOCK|[0-9a-v]{32}(\.darc)?)`,
	`remotes/origin/objects\.git/.*`,
}, "|") + `)$`)

// debris are files that may exist only while a process works.
var debris = regexp.MustCompile(`(\.lock|/tmp_[^/]*|/fast_import_crash[^/]*|/nbs_table_[^/]*|\.next|/buffered[^/]*)$`)

// formerKeys reports whether a file of gt holds the keys of a Town that the directory was
// before. A directory that becomes a Town of its own gets a longer name each time.
func (m *machine) formerKeys(name string) bool {
	former, ok := strings.CutPrefix(name, "keys-of-id-")
	return ok && strings.HasPrefix(m.name, former+"-")
}

// tidy checks that no temporary file is left in a Town.
func (m *machine) tidy(t testing.TB) {
	t.Helper()
	for name := range m.files(t) {
		if base := filepath.Base(name); strings.HasPrefix(base, ".") || strings.HasSuffix(base, "~") {
			t.Errorf("%s: federation/%s is left", m.name, name)
		}
	}
	root := m.layout.Private()
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name := strings.TrimPrefix(path, root+"/")
		held := name == "data/federation.lock" || name == "data/federation.client.lock" || strings.HasPrefix(name, "locks/")
		if !expected.MatchString(name) && !m.formerKeys(name) || debris.MatchString("/"+name) && !held {
			t.Errorf("%s: .gt/%s is left", m.name, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
