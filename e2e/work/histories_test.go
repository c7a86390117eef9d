package work

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gastown/e2e/internal/scratch"
)

var (
	histories = flag.Int("histories", 3, "how many random histories to run")
	seed      = flag.Uint64("seed", 1, "the seed of the first history")
	length    = flag.Int("length", 12, "how many steps a history has")
)

// deeds are those of robot.sh.
var deeds = []string{
	"usual", "amend", "reset", "detach", "stash", "dirty", "nothing", "twice", "cut", "handoff", "exit", "hang", "children", "stubborn", "late",
}

// In random histories of slings, deaths and restarts, with a real tmux and commands
// that are killed anywhere: a bead has one worker at a time, every commit that was
// ever made in a sandbox is at the remote, all work can be done afterwards, and
// nothing is left when all polecats are removed.
func TestHistories(t *testing.T) {
	for i := range *histories {
		n := *seed + uint64(i)
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			h := history{place: found(t), rand: rand.New(rand.NewPCG(n, 0))}
			h.GT("config", "polecat.max_per_rig", "4")
			if h.rand.IntN(3) > 0 {
				h.GT("deacon", "start")
			}
			for range *length {
				h.step()
			}
			h.calm()
			h.finish()
			h.check()
		})
	}
}

// history is one random history.
type history struct {
	*place
	rand  *rand.Rand
	beads []string
}

// step does one thing, and sometimes waits for what it caused.
func (h *history) step() {
	h.T.Helper()
	steps := []struct {
		weight int
		do     func()
	}{
		{6, h.sling}, {2, h.crowd}, {4, h.cut}, {3, h.kill}, {1, h.killTmux}, {2, h.nuke}, {3, h.restart}, {2, h.patrol}, {1, h.clear}, {1, h.take},
	}
	n := 0
	for _, s := range steps {
		n += s.weight
	}
	n = h.rand.IntN(n)
	for _, s := range steps {
		if n -= s.weight; n < 0 {
			s.do()
			break
		}
	}
	time.Sleep(time.Duration(h.rand.IntN(500)) * time.Millisecond) // the world goes on meanwhile
}

// say notes a step for a failure.
func (h *history) say(format string, args ...any) {
	h.T.Logf("%s  %s", time.Now().UTC().Format("15:04:05.000"), fmt.Sprintf(format, args...))
}

// may runs a command that may be refused.
func (h *history) may(name string, args ...string) {
	out, err := h.Try(name, args...)
	h.say("%s %s: %d %s", name, strings.Join(args, " "), scratch.Exit(err), strings.TrimSpace(out))
	if code := scratch.Exit(err); code != 0 && code != 1 && code != 4 && code != 5 && code != 2 {
		h.T.Errorf("%s %s: %v", name, strings.Join(args, " "), err)
	}
}

// fresh makes some beads.
func (h *history) fresh() []string {
	var ids []string
	for range 1 + h.rand.IntN(3) {
		id := fmt.Sprintf("web-%c%d", 'a'+len(h.beads)%26, len(h.beads))
		deed := deeds[h.rand.IntN(len(deeds))]
		h.bead(id, deed)
		h.say("%s: %s", id, deed)
		h.beads = append(h.beads, id)
		ids = append(ids, id)
	}
	return ids
}

func (h *history) sling() {
	args := append([]string{"sling"}, h.fresh()...)
	if h.rand.IntN(2) == 0 {
		args = append(args, "--parallel")
	}
	if h.rand.IntN(3) == 0 {
		args = append(args, "--use-pool")
	}
	h.may("gt", append(args, "--rig=web")...)
}

// crowd slings one bead by several commands at once.
func (h *history) crowd() {
	id := h.fresh()[0]
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() { h.may("gt", "sling", id, "web") })
	}
	all.Wait()
}

// cut kills a command at a random moment.
func (h *history) cut() {
	args := [][]string{{"polecat", "patrol"}, nil, nil}[h.rand.IntN(3)]
	if args == nil {
		args = append(append([]string{"sling"}, h.fresh()...), "web")
	}
	if who := h.someone(); who != "" && h.rand.IntN(4) == 0 {
		args = []string{"polecat", "nuke", who}
	}
	after := time.Duration(h.rand.IntN(600)) * time.Millisecond
	ctx, cancel := context.WithTimeout(context.Background(), after) // it kills with SIGKILL
	defer cancel()
	err := h.Command(ctx, "gt", args...).Run()
	h.say("gt %s: killed after %s: %v", strings.Join(args, " "), after, err)
}

// someone is a polecat, "" when there is none.
func (h *history) someone() string {
	out, _ := h.Try("gt", "polecat", "list", "--json")
	var all []struct{ Agent string }
	if json.Unmarshal([]byte(out), &all) != nil || len(all) == 0 {
		return ""
	}
	return all[h.rand.IntN(len(all))].Agent
}

// kill kills the program of a session, or the session.
func (h *history) kill() {
	out, err := h.Tmux("list-panes", "-a", "-F", "#{pane_pid} #{session_id} #{session_name}")
	all := strings.Split(strings.TrimSpace(out), "\n")
	if err != nil || out == "" {
		return
	}
	f := strings.Fields(all[h.rand.IntN(len(all))])
	if h.rand.IntN(2) == 0 {
		_ = exec.Command("kill", "-9", f[0]).Run()
		h.say("killed the program of %s", f[2])
		return
	}
	_, _ = h.Tmux("kill-session", "-t", f[1])
	h.say("killed the session %s", f[2])
}

func (h *history) killTmux() {
	out, err := h.Tmux("display-message", "-p", "#{pid}")
	if err == nil {
		_ = exec.Command("kill", "-9", strings.TrimSpace(out)).Run()
		h.say("killed tmux")
	}
}

func (h *history) nuke() {
	if who := h.someone(); who != "" {
		h.may("gt", "polecat", "nuke", who)
	}
}

func (h *history) patrol() { h.may("gt", "polecat", "patrol") }
func (h *history) clear()  { h.may("gt", "queue", "clear", "--type=sling") }

// take gives a bead to a person.
func (h *history) take() {
	if len(h.beads) > 0 {
		h.may("bd", "update", h.beads[h.rand.IntN(len(h.beads))], "--assignee", "Ada", "--status", "open")
	}
}

// restart stops the Deacon or starts one, or kills it.
func (h *history) restart() {
	pid := h.Deacon()
	switch {
	case pid == 0:
		h.may("gt", "deacon", "start")
		return
	case h.rand.IntN(2) == 0:
		_ = syscall.Kill(pid, syscall.SIGKILL)
		h.say("killed the Deacon")
	default:
		h.may("gt", "deacon", "stop")
	}
	if h.rand.IntN(3) > 0 {
		h.may("gt", "deacon", "start")
	}
}

// calm ends the faults: a Deacon runs, agents do what is usual, and what stubborn ones
// hold is given back.
func (h *history) calm() {
	h.T.Helper()
	h.Write("calm", "")
	h.say("calm")
	h.StartDeacon()
	h.GT("queue", "clear", "--type=sling") // first, so that nothing takes the place of what is removed
	h.NukeAll()
}

// finish has every bead worked on that was not handed in, and waits for it. A bead that
// came back is queued again by the Witness, at any moment.
func (h *history) finish() {
	h.T.Helper()
	for _, id := range h.beads {
		if h.BD("list", "--id", id, "--assignee", "Ada", "--status", "open", "--quiet") != "" {
			h.BD("update", id, "--assignee", "")
		}
	}
	h.Await("everything is handed in", func() bool {
		g := h.Status()
		over := len(g.Queue) == 0
		for _, id := range h.beads {
			if h.HandedIn(g, id) {
				continue
			}
			over = false
			if held(g, id) {
				continue
			}
			_, err := h.Try("gt", "sling", id, "--rig=web")
			if code := scratch.Exit(err); code != 0 && code != 4 && code != 5 { // 5: it waits, or somebody works on it
				h.T.Fatal(err)
			}
		}
		return over
	})
}

// held reports whether a bead waits in the queue or is a polecat's.
func held(g scratch.Glance, bead string) bool {
	for _, a := range g.Agents {
		if a.Bead == bead {
			return true
		}
	}
	return slices.ContainsFunc(g.Queue, func(q struct{ Bead string }) bool { return q.Bead == bead })
}

// check removes everything and looks at what is left.
func (h *history) check() {
	h.T.Helper()
	h.OneEach()
	h.NukeAll()
	h.GT("deacon", "stop")
	for _, line := range h.Lines("wrong") {
		h.T.Error(line)
	}
	h.NothingLost("web.git")
	h.T.Logf("%d beads, %d sessions, %d commits", len(h.beads), len(h.Lines("runs")), len(h.Lines("commits")))
	h.NothingLeft()
}
