package scratch

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gastown/sync/gitcmd/gittest"
	"gastown/town"
)

// Glance is what gt status --json says, as far as tests need it.
type Glance struct {
	Agents []struct {
		Agent, Bead, State, Session, Evidence string
		Run                                   int
	}
	Queue []struct{ Bead string }
	Merge []Merge `json:"merge_requests"`
}

// Merge is a merge request.
type Merge struct{ Bead, Branch, Head, State string }

// Status is the Town as gt status shows it. gt status waits seconds for a plane and one for
// tmux, and says what it could not read; on a busy machine it is asked again.
func (p *Town) Status() (g Glance) {
	p.T.Helper()
	p.Await("gt status has read everything", func() bool {
		g = Glance{}
		out, err := p.Try("gt", "status", "--json")
		if Exit(err) == ExitBusy {
			return false
		}
		if err == nil {
			err = json.Unmarshal([]byte(out), &g)
		}
		if err != nil {
			p.T.Fatalf("%v\n%s", err, out)
		}
		return true
	})
	return g
}

// ExitBusy is the exit code of a command that found something busy.
const ExitBusy = 4

// HandedIn reports whether a bead's work was handed in or has ended.
func (p *Town) HandedIn(g Glance, bead string) bool {
	p.T.Helper()
	return slices.ContainsFunc(g.Merge, func(m Merge) bool { return m.Bead == bead }) || p.State(bead) == "closed"
}

// Deacon is the process of the Town's Deacon; 0 without one. One that does not answer in
// time is asked again.
func (p *Town) Deacon() int {
	p.T.Helper()
	var s struct{ PID int }
	p.Await("the Deacon says whether it runs", func() bool {
		out, err := p.Try("gt", "deacon", "status", "--json")
		if err != nil || json.Unmarshal([]byte(out), &s) != nil {
			s.PID = 0
		}
		return Exit(err) != ExitBusy
	})
	return s.PID
}

// StartDeacon starts a Deacon where none runs. A former one that was killed may take a
// moment to go.
func (p *Town) StartDeacon() {
	p.T.Helper()
	p.Await("a Deacon runs", func() bool {
		if p.Deacon() != 0 {
			return true
		}
		if _, err := p.Try("gt", "deacon", "start"); err != nil {
			p.T.Log(err)
		}
		return p.Deacon() != 0
	})
}

// State is a bead's status in the ledger.
func (p *Town) State(bead string) string {
	p.T.Helper()
	var all []struct{ Status string }
	if err := json.Unmarshal([]byte(p.BD("show", bead, "--json")), &all); err != nil || len(all) != 1 {
		p.T.Fatal(err, all)
	}
	return all[0].Status
}

// Lines are those of a file beside the Town, their blanks as \x01.
func (p *Town) Lines(name string) []string {
	text, err := os.ReadFile(filepath.Join(p.Dir, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		p.T.Fatal(err)
	}
	return strings.Fields(strings.ReplaceAll(string(text), " ", "\x01"))
}

// Event is one of the feed.
type Event struct{ Kind, Subject, Text string }

// Feed is all that happened.
func (p *Town) Feed() (all []Event) {
	p.T.Helper()
	for line := range strings.Lines(p.GT("feed", "--json", "--limit", "100000")) {
		var e Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			p.T.Fatal(err, line)
		}
		all = append(all, e)
	}
	return all
}

// OneEach checks that a bead was assigned only while nobody had it, as the feed has it.
func (p *Town) OneEach() {
	p.T.Helper()
	holder := map[string]string{}
	for _, e := range p.Feed() {
		kind, ok := strings.CutPrefix(e.Kind, "assignment.")
		switch {
		case !ok || kind == string(town.Working):
		case kind != string(town.Assigned):
			delete(holder, e.Subject)
		case holder[e.Subject] != "":
			p.T.Errorf("%s was assigned %s while it was %s", e.Subject, e.Text, holder[e.Subject])
		default:
			holder[e.Subject] = e.Text
		}
	}
}

// NukeAll removes every polecat. One that is in use for a moment is tried again.
func (p *Town) NukeAll() {
	p.T.Helper()
	for _, a := range p.Status().Agents {
		if !strings.Contains(a.Agent, "/polecats/") {
			continue
		}
		p.Await("gt polecat nuke "+a.Agent+" succeeds", func() bool {
			_, err := p.Try("gt", "polecat", "nuke", a.Agent)
			if code := Exit(err); code != 0 && code != ExitBusy {
				p.T.Fatal(err)
			}
			return err == nil
		})
	}
}

// NothingLost checks that each commit that the file commits notes is in a repository
// beside the Town.
func (p *Town) NothingLost(repositories ...string) {
	p.T.Helper()
	var reached []string
	for _, name := range repositories {
		reached = append(reached, strings.Fields(p.Git("-C", name, "rev-list", "--all"))...)
	}
	for _, id := range p.Lines("commits") {
		if !slices.Contains(reached, id) {
			p.T.Errorf("the commit %s was made in a sandbox and is not at the remote", id)
		}
	}
}

// NothingLeft checks that no session, process, cgroup, working tree or lock is left.
func (p *Town) NothingLeft() {
	p.T.Helper()
	if out, err := p.Tmux("list-sessions"); err == nil {
		p.T.Errorf("sessions are left:\n%s", out)
	}
	p.Await("processes that were ended are gone", func() bool { return len(p.Processes()) == 0 || p.T.Failed() })
	for _, dir := range p.Cgroups() {
		p.T.Errorf("a cgroup is left: %s", dir)
	}
	clones, _ := filepath.Glob(filepath.Join(p.Layout().Rigs(), "*", "repo.git"))
	for _, clone := range clones {
		gittest.AgeLocks(p.T, clone)
	}
	p.GT("worktree", "pool", "prune") // as the Deacon does
	for _, clone := range clones {
		p.cleanClone(clone)
	}
	files, err := os.ReadDir(p.Layout().Sessions())
	for _, f := range files {
		// A call that was killed may leave the file that it was writing, under a hidden name.
		if !strings.HasSuffix(f.Name(), ".lock") && !strings.HasPrefix(f.Name(), ".") {
			p.T.Errorf("a file of a session is left: %s", f.Name())
		}
	}
	if err != nil && !os.IsNotExist(err) {
		p.T.Error(err)
	}
}

// cleanClone checks that a rig's clone has no locks, and no working trees but those in
// which the refinery runs checks.
func (p *Town) cleanClone(clone string) {
	p.T.Helper()
	for line := range strings.Lines(p.Git("-C", clone, "worktree", "list")) {
		if path, _, _ := strings.Cut(line, " "); path != clone && filepath.Base(filepath.Dir(path)) != "refinery" {
			p.T.Errorf("a working tree is left: %s", line)
		}
	}
	for _, dir := range []string{"polecats", "pool"} {
		if names, err := os.ReadDir(filepath.Join(filepath.Dir(clone), dir)); err == nil && len(names) > 0 {
			p.T.Errorf("%s/%s has %s", filepath.Dir(clone), dir, names)
		}
	}
	err := filepath.WalkDir(clone, func(path string, _ os.DirEntry, err error) error {
		if err == nil && (strings.HasSuffix(path, ".lock") || filepath.Base(path) == "locked") {
			p.T.Errorf("a lock of git's is left: %s", path)
		}
		return err
	})
	if err != nil {
		p.T.Error(err)
	}
}
