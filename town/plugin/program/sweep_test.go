package program

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"gastown/town/limits"
)

// What a killed call left is removed by a later run of any plugin: its files, its cgroup and
// its program. What may still be under way stays.
func TestSweep(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	killed := &Runner{Base: os.Environ(), Town: b.dir, Dir: b.runner.Dir, Tag: "c1-", Launcher: []string{self},
		Limiter: &limits.Limiter{Host: limits.Host{Env: os.Environ()}, Dir: b.runner.Dir, Town: "swept" + strconv.Itoa(os.Getpid())}}
	b.runner.Launcher, b.runner.Limiter = killed.Launcher, killed.Limiter
	leave := func(name string, age time.Duration) (files []string) {
		t.Helper()
		id, _ := killed.slots.take(killed.Tag + name)
		if _, _, _, err := killed.limited(id, what{name: name, argv: []string{"true"}, of: limits.Limits{Memory: 64 << 20, Processes: 8}}, nil); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(killed.Dir, id+".*"))
		if err != nil || len(files) == 0 {
			t.Fatalf("nothing is left of %s (%v)", id, err)
		}
		for _, f := range files {
			at := time.Now().Add(-age)
			if err := os.Chtimes(f, at, at); err != nil {
				t.Fatal(err)
			}
		}
		return files
	}
	old, young := leave("old", abandoned+time.Minute), leave("young", abandoned-time.Minute)
	program := exec.Command("sleep", "1000")
	program.Env = []string{killed.mark("plugin-c1-old-0")}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	if out, err := b.sh(`echo '{"version":1,"output":1}'`, nil).Execute(within(t, time.Minute), nil); err != nil {
		t.Fatal(out, err)
	}
	if err := program.Wait(); err == nil || program.ProcessState.Exited() {
		t.Errorf("the program was not ended: %v", err)
	}
	for _, f := range old {
		if _, err := os.Lstat(f); !os.IsNotExist(err) {
			t.Errorf("%s is left (%v)", f, err)
		}
	}
	for _, f := range young {
		if _, err := os.Lstat(f); err != nil {
			t.Error(err)
		}
	}
	if dirs := killed.Limiter.Processes("plugin-c1-old-0"); len(dirs) != 0 {
		t.Errorf("%v are in its cgroup", dirs)
	}
	if err := killed.Limiter.Remove("plugin-c1-young-0"); err != nil {
		t.Error(err)
	}
}
