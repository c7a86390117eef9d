package work

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gastown/e2e/internal/scratch"
)

//go:embed testdata/lost.sh
var lost string

// watched makes a place whose agents do not get on, with thresholds of seconds, but for the
// time without progress. ways are the presets, each of which is also what its agent does.
func watched(t *testing.T, ways ...string) *place {
	t.Helper()
	p := found(t)
	p.Write("lost.sh", lost)
	var presets strings.Builder
	presets.WriteString("agents:\n")
	for _, way := range ways {
		fmt.Fprintf(&presets, "  - name: %s\n    command: [sh, %q, %s]\n    dialogs: [{name: usage limit, text: \"hit your usage limit\", always: true}]\n",
			way, filepath.Join(p.Dir, "lost.sh"), way)
	}
	if err := os.WriteFile(filepath.Join(p.Root, "config", "agents.yaml"), []byte(presets.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, kv := range [][2]string{
		{"quiet", "2s"}, {"idle", "3s"}, {"silent", "4s"}, {"computing", "10m"}, {"progress", "10m"}, {"nudges", "1"}, {"nudge_interval", "3s"}, {"hold", "0s"},
	} {
		p.GT("config", "witness."+kv[0], kv[1])
	}
	return p
}

// witnessed is what gt witness patrol --json says, as far as it matters here.
type witnessed struct {
	Polecats []struct{ Agent, Bead, Verdict, Cause, Evidence string }
	Actions  []struct{ Deed, Agent, Bead, Why string }
}

// witness runs a patrol, and goes on with what it left because something was busy.
func (p *place) witness(args ...string) (w witnessed) {
	p.T.Helper()
	p.Await("a patrol finds nothing busy", func() bool {
		out, err := p.Try("gt", append([]string{"witness", "patrol", "--json"}, args...)...)
		code := scratch.Exit(err)
		if code != 0 && code != scratch.ExitBusy {
			p.T.Fatal(err)
		}
		var now witnessed
		if err := json.Unmarshal([]byte(out), &now); err != nil && code == 0 {
			p.T.Fatalf("%v\n%s", err, out)
		}
		w.Polecats, w.Actions = now.Polecats, append(w.Actions, now.Actions...)
		return code == 0
	})
	return w
}

// settle waits until every agent that was handed its work has done what it does. On a slow
// machine an agent that still works looks like one that hangs. Only patrols hand work over.
func (p *place) settle() {
	p.T.Helper()
	p.Await("every agent has done what it does", func() bool {
		settled, runs := p.Lines("settled"), map[string]int{}
		for _, a := range p.Status().Agents {
			runs[a.Bead] = a.Run
		}
		for _, one := range p.witness("--dry-run").Polecats {
			if one.Verdict != "starting" && !slices.Contains(settled, fmt.Sprintf("%s\x01%d", one.Bead, runs[one.Bead])) {
				return false
			}
		}
		return true
	})
}

// watch runs passes and patrols until something holds, and returns what was done.
func (p *place) watch(what string, holds func(deeds []string) bool) (deeds []string) {
	p.T.Helper()
	p.Await(what, func() bool {
		p.patrol()
		p.settle()
		for _, a := range p.witness().Actions {
			deeds = append(deeds, a.Deed+" "+a.Bead)
			p.T.Log(a.Deed, a.Agent, a.Bead, a.Why)
		}
		return holds(deeds)
	})
	return deeds
}

// An agent that hangs, one that loops and one that forgot to push lose their work, which
// is saved, and another worker hands in. What an agent pushed is handed in for it. One
// that crashes has another session first.
func TestLostWorkers(t *testing.T) {
	t.Parallel()
	ways := []string{"hang", "loop", "crash", "unsaid", "unpushed"}
	p := watched(t, ways...)
	for _, way := range ways {
		p.bead("web-"+way, way)
		p.GT("sling", "web-"+way, "web", "--agent", way)
	}
	lacks := func(ways ...string) bool {
		g := p.Status()
		return slices.ContainsFunc(ways, func(way string) bool { return !p.HandedIn(g, "web-"+way) })
	}
	deeds := p.watch("all but what loops is handed in", func([]string) bool { return !lacks("hang", "crash", "unsaid", "unpushed") })
	// Only what is still at work can be without progress now.
	p.GT("config", "witness.progress", "6s")
	deeds = append(deeds, p.watch("all is handed in", func([]string) bool { return !lacks(ways...) })...)
	for _, want := range []string{
		"nudge web-hang", "recover web-hang", "queue again web-hang", "recover web-loop", "queue again web-loop", "nudge web-unsaid", "hand in web-unsaid", "recover web-unpushed",
	} {
		if !slices.Contains(deeds, want) {
			t.Errorf("no action %q: %q", want, deeds)
		}
	}
	for _, never := range []string{"recover web-unsaid", "recover web-crash", "recover web-usual"} {
		if slices.Contains(deeds, never) {
			t.Errorf("the action %q: %q", never, deeds)
		}
	}
	// What was in the sandboxes is at the remote, and the bead says where.
	saved := p.Git("-C", "web.git", "log", "--format=%H", "--name-only", "--glob=refs/gt/rescue/*", "-m")
	for _, file := range []string{"web-hang.half", "web-loop.txt", "web-unpushed.txt"} {
		if !strings.Contains(saved, file) {
			t.Errorf("%s is not at the remote:\n%s", file, saved)
		}
	}
	if text := p.BD("show", "web-hang"); !strings.Contains(text, "refs/gt/rescue/polecats/") || !strings.Contains(text, "no output, no heartbeat") {
		t.Errorf("the bead does not say what was found:\n%s", text)
	}
	if out := p.GT("escalate", "list"); !strings.Contains(out, "no") {
		t.Log(out)
	}
}

// A dialog is a person's: the Witness tells one, types nothing, and takes nothing away.
func TestWaitingIsToldOnce(t *testing.T) {
	t.Parallel()
	p := watched(t, "dialog")
	p.bead("web-dialog", "dialog")
	p.GT("sling", "web-dialog", "web", "--agent", "dialog")
	p.patrolUntil("the dialog is on the screen", func() bool {
		out, err := p.Try("gt", "peek", "web/amber")
		return err == nil && strings.Contains(out, "hit your usage limit")
	})
	deeds := p.watch("a person is told", func(deeds []string) bool { return len(deeds) > 0 })
	if want := "tell a person "; len(deeds) != 1 || deeds[0] != want {
		t.Fatalf("%q, want %q", deeds, want)
	}
	w := p.witness()
	if len(w.Polecats) != 1 || w.Polecats[0].Verdict != "waiting" || w.Polecats[0].Cause != "usage limit" || len(w.Actions) != 0 {
		t.Errorf("%+v", w)
	}
	if text := p.GT("escalate", "list"); !strings.Contains(text, "agents of web wait: usage limit") {
		t.Error(text)
	}
	p.GT("polecat", "nuke", "web/"+filepath.Base(w.Polecats[0].Agent))
	if w := p.witness(); len(w.Actions) != 1 || w.Actions[0].Deed != "settle" {
		t.Errorf("the trouble has gone: %+v", w)
	}
}

// A bead on which every worker is lost is blocked, and a person is told, once.
func TestLostTooOften(t *testing.T) {
	t.Parallel()
	p := watched(t, "always")
	p.bead("web-bad", "always")
	p.GT("sling", "web-bad", "web", "--agent", "always")
	deeds := p.watch("the bead is blocked, and a person is told", func(deeds []string) bool {
		return p.State("web-bad") == "blocked" && slices.Contains(deeds, "tell a person web-bad")
	})
	want := []string{"nudge web-bad", "recover web-bad", "queue again web-bad", "nudge web-bad", "recover web-bad", "tell a person web-bad"}
	if !slices.Equal(deeds, want) {
		t.Errorf("%q, want %q", deeds, want)
	}
	if runs := p.Lines("runs"); len(runs) != 2 {
		t.Errorf("%d workers: %q", len(runs), runs)
	}
	if w := p.witness(); len(w.Actions) != 0 || len(w.Polecats) != 0 {
		t.Errorf("it is told again: %+v", w)
	}
	// A dry run changes nothing.
	p.BD("update", "web-bad", "--status", "open")
	first, again := p.witness("--dry-run"), p.witness("--dry-run")
	if len(first.Actions) != 2 || len(again.Actions) != 2 || first.Actions[0].Deed != "free" || first.Actions[1].Deed != "settle" {
		t.Errorf("%+v, then %+v", first, again)
	}
	if w := p.witness(); len(w.Actions) != 2 {
		t.Errorf("%+v", w)
	}
	p.GT("sling", "web-bad", "web", "--agent", "always")
}
