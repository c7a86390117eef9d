package story

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gastown/e2e/internal/scratch"
)

var (
	seeds  = flag.Int("seeds", 2, "how many stories under faults to tell")
	seed   = flag.Uint64("seed", 1, "the seed of the first story under faults")
	points = flag.Int("points", 8, "how many faults a story has")
)

// deeds are those of the robot that need no patience.
var deeds = []string{"usual", "usual", "exit", "amend", "reset", "detach", "twice", "cut", "handoff", "clash", "clash", "rival", "rival", "broken"}

// A Town goes on by itself, whatever is killed, stopped or full, and whoever pushes to
// main by hand: at the end all work has landed, once.
func TestFaults(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root mounts a small disk")
	}
	for i := range *seeds {
		n := *seed + uint64(i)
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("again: go test -vet=off -count 1 -v -run 'TestFaults/%d$' ./e2e/story -args -seed %d -seeds 1 -points %d", n, n, *points)
				}
			})
			dir := scratch.Dir(t)
			disk := filepath.Join(dir, "disk")
			scratch.Disk(t, disk, 256<<20)
			r := rand.New(rand.NewPCG(n, 0))
			f := &faults{rand: r, disk: disk, world: foundIn(t, dir, "disk/town", []string{"web", "api"}, random(r, 8+*points))}
			f.Write("tries", "60")
			f.GT("deacon", "start")
			for range *points {
				f.point()
			}
			f.calm()
			f.finish()
		})
	}
}

// random are so many beads in two rigs. One waits for up to two earlier ones.
func random(r *rand.Rand, n int) (beads []bead) {
	for i := range n {
		b := bead{id: fmt.Sprintf("%s-%d", []string{"web", "api"}[i%2], i/2+1), deed: deeds[r.IntN(len(deeds))]}
		for range r.IntN(3) {
			if i > 3 && r.IntN(2) == 0 {
				b.after = append(b.after, beads[r.IntN(len(beads))].id)
			}
		}
		slices.Sort(b.after)
		b.after = slices.Compact(b.after)
		beads = append(beads, b)
	}
	return beads
}

// faults is a story under faults.
type faults struct {
	*world
	rand *rand.Rand
	disk string
	// hands counts what was pushed by hand.
	hands int
}

// say notes what was done, for a failure.
func (f *faults) say(format string, args ...any) {
	f.T.Logf("%s  %s", time.Now().UTC().Format("15:04:05.000"), fmt.Sprintf(format, args...))
}

// pause is a random time.
func (f *faults) pause(most time.Duration) time.Duration {
	return time.Duration(f.rand.Int64N(int64(most)))
}

// point lets the Town work for a moment, gives out what is ready, and makes one fault.
func (f *faults) point() {
	time.Sleep(f.pause(1500 * time.Millisecond))
	if members, err := f.progress(); err != nil {
		f.say("progress: %v", err)
	} else if err := f.give(members); err != nil {
		f.say("sling: %v", err)
	}
	all := []func() bool{f.deacon, f.deacon, f.polecat, f.polecat, f.tmux, f.check, f.check, f.git, f.gits, f.full, f.push}
	for !all[f.rand.IntN(len(all))]() {
		time.Sleep(50 * time.Millisecond) // there was nothing of that kind
	}
}

// hurt kills a process, or stops it for a moment. It reports whether there is one.
func (f *faults) hurt(what string, pid int) bool {
	switch {
	case pid <= 1:
		return false
	case f.rand.IntN(2) == 0:
		f.say("kill %s (%d)", what, pid)
		return syscall.Kill(pid, syscall.SIGKILL) == nil
	}
	f.hold(what, pid)
	return true
}

// hold stops a process, or a group of them if pid is negative, for a moment.
func (f *faults) hold(what string, pid int) {
	after := f.pause(3 * time.Second)
	f.say("stop %s (%d) for %s", what, pid, after)
	_ = syscall.Kill(pid, syscall.SIGSTOP)
	time.Sleep(after)
	_ = syscall.Kill(pid, syscall.SIGCONT)
}

func (f *faults) deacon() bool {
	f.hurt("the Deacon", f.Deacon())
	time.Sleep(f.pause(time.Second))
	f.StartDeacon() // as the machine's init does
	return true
}

func (f *faults) polecat() bool { return f.hurt("a polecat", f.pane("#{pane_pid}")) }
func (f *faults) tmux() bool    { return f.hurt("tmux", f.pane("#{pid}")) }

// pane is a process of a pane; 0 for none.
func (f *faults) pane(which string) int {
	out, _ := f.Tmux("list-panes", "-a", "-F", which)
	all := strings.Fields(out)
	if len(all) == 0 {
		return 0
	}
	pid, _ := strconv.Atoi(all[f.rand.IntN(len(all))])
	return pid
}

// find waits a moment for a process of the Town; 0 when there is none.
func (f *faults) find(holds func(scratch.Process) bool) (pid int) {
	for range 20 {
		var some []int
		for _, p := range f.Processes() {
			if holds(p) {
				some = append(some, p.PID)
			}
		}
		if len(some) > 0 {
			return some[f.rand.IntN(len(some))]
		}
		time.Sleep(50 * time.Millisecond)
	}
	return 0
}

func (f *faults) check() bool {
	return f.hurt("a check", f.find(func(p scratch.Process) bool { return strings.HasPrefix(p.Line, "sh check.sh") }))
}

func (f *faults) gits() bool {
	return f.hurt("a git", f.find(func(p scratch.Process) bool {
		return strings.HasPrefix(p.Line, "git ") && !strings.Contains(p.Line, "daemon")
	}))
}

// git kills the Git server, or stops it.
func (f *faults) git() bool {
	if f.rand.IntN(2) == 0 {
		f.hold("the Git server", -f.server.Process.Pid)
		return true
	}
	f.unserve()
	after := f.pause(3 * time.Second)
	f.say("no Git server for %s", after)
	time.Sleep(after)
	f.serve()
	return true
}

func (f *faults) full() bool {
	free := []int64{0, 60 << 10, 300 << 10, 1 << 20}[f.rand.IntN(4)]
	after := f.pause(2 * time.Second)
	f.say("%d bytes free for %s", free, after)
	release := scratch.Fill(f.T, f.disk, free)
	time.Sleep(after)
	release()
	return true
}

// push pushes to main by hand. Somebody else may be quicker, and a git of the server that was
// killed may have left a lock.
func (f *faults) push() bool {
	rig := f.rigs[f.rand.IntN(len(f.rigs))]
	f.hands++
	name := fmt.Sprintf("hand-%d.txt", f.hands)
	f.say("push %s to main of %s", name, rig)
	src, remote := filepath.Join(f.Dir, rig), filepath.Join(f.Dir, rig+".git")
	f.Await("a push by hand succeeds", func() bool {
		f.Git("-C", src, "fetch", "-q", remote, "main")
		f.Git("-C", src, "reset", "-q", "--hard", "FETCH_HEAD")
		if err := os.WriteFile(filepath.Join(src, name), []byte(name+"\n"), 0o600); err != nil {
			f.T.Fatal(err)
		}
		f.Git("-C", src, "add", "-A")
		f.Git("-C", src, "commit", "-q", "-m", "by hand")
		_, err := f.Try("git", "-C", src, "push", "-q", remote, "HEAD:main")
		if err != nil && strings.Contains(err.Error(), ".lock': File exists") {
			f.renew()
		}
		return err == nil
	})
	f.pushed[rig] = append(f.pushed[rig], name)
	return true
}

// renew restarts the Git server, as its keeper does. What a git left that was killed is
// cleared then.
func (f *faults) renew() {
	f.say("the Git server is restarted")
	f.unserve()
	f.serve()
}

// calm ends the faults. What was given back may be given out again.
func (f *faults) calm() {
	f.say("calm")
	f.Write("calm", "")
	f.renew()
	f.StartDeacon()
	f.slung = map[string]bool{}
}

// finish waits until all beads have landed. A person does what the Town asks for.
func (f *faults) finish() {
	f.T.Helper()
	asked := 0
	f.until(8*time.Minute, func(m member) bool {
		if m.State == "held" {
			f.say("a person is needed: %s", m)
			asked++
			if _, err := f.Try("gt", "refinery", "retry", m.ID); err != nil {
				_, err = f.Try("bd", "update", m.ID, "--status", "open", "--assignee", "")
				f.say("%v", err)
			}
		}
		if m.State == "ready" {
			delete(f.slung, m.ID)
		}
		return m.State == "landed"
	})
	members, err := f.progress()
	if err != nil {
		f.T.Fatal(err)
	}
	f.mains(members)
	f.over()
	f.say("a person was needed %d times", asked)
}
