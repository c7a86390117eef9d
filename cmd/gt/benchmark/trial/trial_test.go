package trial

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"gastown/town/machine"
)

func TestFit(t *testing.T) {
	const plenty = 64 << 30
	for what, c := range map[string]struct {
		r    machine.Readings
		want int
		less bool
	}{
		"an idle machine":         {machine.Readings{Memory: plenty, Disk: plenty, Load: 0.5, Cores: 2}, 120, false},
		"nothing is known":        {machine.Unknown, 120, false},
		"memory for ten":          {machine.Readings{Memory: townMemory + 10*agentMemory, Disk: plenty, Load: -1}, 10, true},
		"memory for no Town":      {machine.Readings{Memory: townMemory - 1, Disk: plenty, Load: -1}, 0, true},
		"a full disk":             {machine.Readings{Memory: plenty, Disk: 0, Load: -1}, 0, true},
		"a busy machine":          {machine.Readings{Memory: plenty, Disk: plenty, Load: 17, Cores: 2}, 9, true},
		"busy, and little memory": {machine.Readings{Memory: townMemory + 4*agentMemory, Disk: plenty, Load: 17, Cores: 2}, 4, true},
	} {
		if n, why := Fit(120, 8, c.r); n != c.want || (why != "") != c.less {
			t.Errorf("%s: %d (%s), want %d", what, n, why, c.want)
		}
	}
	busy := machine.Readings{Memory: plenty, Disk: plenty, Load: 99, Cores: 1}
	if n, why := Fit(5, 8, busy); n != 5 || why != "" {
		t.Errorf("a small Town on a busy machine: %d (%s)", n, why)
	}
	if n, why := Fit(120, 0, busy); n != 120 || why != "" {
		t.Errorf("a load without bound: %d (%s)", n, why)
	}
	busy.Memory = townMemory + agentMemory
	if n, why := FitRows(120, busy); n != 120 || why != "" {
		t.Errorf("rows on a busy machine: %d (%s)", n, why)
	}
	busy.Memory = 0
	if n, why := FitRows(120, busy); n > 0 || why == "" {
		t.Errorf("rows on a full machine: %d (%s)", n, why)
	}
}

// The scenarios grow, and each is within its own range.
func TestSizes(t *testing.T) {
	for i, s := range Sizes[1:] {
		if before := Sizes[i]; s.Polecats <= before.Polecats || s.Convoys <= before.Convoys || s.Limit <= before.Limit {
			t.Errorf("%s is not larger than %s", s.Name, before.Name)
		}
	}
}

func TestCounter(t *testing.T) {
	dir := t.TempDir()
	c, err := NewCounter(filepath.Join(dir, "wrappers"), "true")
	if err != nil {
		t.Fatal(err)
	}
	for _, times := range []int{0, 1, 3} {
		for range times {
			cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "wrappers", "true"))
			cmd.Env = []string{c.Path(os.Getenv("PATH"))}
			if err := cmd.Run(); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := c.Take(); n != times || err != nil {
			t.Errorf("%d processes, %v, want %d", n, err, times)
		}
	}
}

// What a Place leaves is nothing: no file, and no process that was started in it.
func TestClosedPlace(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"gt", "bd"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\nexit 0\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(t.TempDir(), "gt") // bd is not beside it
	if err := os.Symlink(filepath.Join(dir, "gt"), link); err != nil {
		t.Fatal(err)
	}
	p, err := NewPlace(dir, link, os.Getenv("PATH"))
	if err != nil {
		t.Fatal(err)
	}
	if s, err := p.Run(t.Context(), p.Dir, []string{"HOME=x"}, "sh", "-c", `echo "trace queries a 2
trace queries 3
trace work 9" >&2; echo "$HOME $GT_ROOT"`); err != nil || s.Queries != 5 || s.Out != "x \n" {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := p.Run(t.Context(), p.Dir, nil, "sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 &"); err != nil {
		t.Fatal(err)
	}
	// A process that is becoming another program says nothing of itself for a moment.
	left := func(p Process) bool { return p.Line == "sleep 1000" }
	for end := time.Now().Add(time.Minute); !slices.ContainsFunc(Processes(p.Dir), left); time.Sleep(poll) {
		if time.Now().After(end) {
			t.Fatal("the process that was left is not found")
		}
	}
	if err := p.Close(t.Context(), false); err != nil {
		t.Error(err)
	}
	if left := Processes(p.Dir); len(left) > 0 {
		t.Errorf("left: %+v", left)
	}
	if _, err := os.Stat(p.Dir); !os.IsNotExist(err) {
		t.Errorf("the directory is left: %v", err)
	}
}

func TestNames(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "/tmp/a": true, "/tmp/a/b": true, "/tmp/ab": false, "x=/tmp/ab:/tmp/a": true, "/tmp/a-b": false,
	} {
		if names(text, "/tmp/a") != want {
			t.Errorf("%q: want %v", text, want)
		}
	}
	if !slices.Contains(SizeNames(), "xlarge") {
		t.Error("the largest scenario is not named as in the document")
	}
}
