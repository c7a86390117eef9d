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
)

//go:embed testdata/lost.sh
var lost string

// watched makes a place whose agents do not get on, with thresholds of seconds. ways are
// the presets, each of which is also what its agent does.
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
		{"quiet", "2s"}, {"idle", "3s"}, {"silent", "4s"}, {"computing", "10m"}, {"progress", "6s"}, {"nudges", "1"}, {"nudge_interval", "3s"}, {"hold", "0s"},
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

func (p *place) witness(args ...string) (w witnessed) {
	p.T.Helper()
	out := p.GT(append([]string{"witness", "patrol", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &w); err != nil {
		p.T.Fatalf("%v\n%s", err, out)
	}
	return w
}

// watch runs passes and patrols until something holds, and returns what was done.
func (p *place) watch(what string, holds func(deeds []string) bool) (deeds []string) {
	p.T.Helper()
	p.Await(what, func() bool {
		p.GT("polecat", "patrol")
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
	deeds := p.watch("all is handed in", func([]string) bool {
		g := p.Status()
		return !slices.ContainsFunc(ways, func(way string) bool { return !p.HandedIn(g, "web-"+way) })
	})
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
	if text := p.BD("show", "web-hang"); !strings.Contains(text, "refs/gt/rescue/polecats/") || !strings.Contains(text, " was stalled (") {
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
	deeds := p.watch("the bead is blocked", func([]string) bool { return p.State("web-bad") == "blocked" })
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
