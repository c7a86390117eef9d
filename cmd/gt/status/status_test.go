package status

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/sys/unix"

	"gastown/cmd/gt/install"
	"gastown/cmd/gt/internal/gttest"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/e2e/terminal"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/glance"
	"gastown/town/layout"
	"gastown/town/lockfile"
)

var noon = time.Date(2031, 3, 10, 12, 0, 0, 0, time.UTC)

// hostile is a text of somebody who wants to be taken for the Town.
const hostile = "\x1b]0;owned\x07\x1b[2Jx\r\n\u202eTown"

// sample is a Town in which everything is long or hostile.
func sample() glance.Snapshot {
	long := strings.Repeat("long ", 40)
	s := glance.Snapshot{
		Town: "harbour" + hostile, Root: "/srv/" + strings.Repeat("x", 100), At: noon, Deacon: &glance.Deacon{Running: true, PID: 7},
		Beads: &glance.Beads{Total: 123456, Open: 99999, Ready: 88888}, Mail: &glance.Mail{Unread: 3, Urgent: 1},
		Federation: &glance.Federation{Remotes: []glance.Remote{{Name: "origin", Confirmed: true, Failing: "push", Error: long + hostile}}, Reviews: 2},
		Sessions:   &glance.Sessions{Count: 4, Attached: 1},
		Alerts:     []glance.Alert{{Name: "disk", State: "critical", Text: long + hostile, Since: noon.Add(-time.Hour), Next: "gt deacon run disk"}},
		Missing: []glance.Missing{
			{Part: "beads", Why: long + hostile, Next: "gt doctor"}, {Part: "mail", Why: long + hostile, Next: "gt doctor"}, {Part: "work", Why: "busy"},
		},
	}
	for range 4 {
		s.Rigs = append(s.Rigs, glance.Rig{Name: strings.Repeat("r", 64), Unknown: true, Polecats: map[town.AgentState]int{town.AgentWorking: 100, town.AgentZombie: 1}})
		for range 25 {
			a := town.PolecatAddress(strings.Repeat("r", 64), strings.Repeat("p", 64))
			s.Agents = append(s.Agents, operational.Agent{Address: a, State: town.AgentStalled, Bead: strings.Repeat("b", 200), Evidence: long + hostile, Since: noon})
			s.Mail.Boxes = append(s.Mail.Boxes, glance.Box{Name: a.String(), Unread: 1})
			s.Unsaid = append(s.Unsaid, operational.Watched{Agent: a, Evidence: long + hostile, Since: noon, Nudges: 2})
			s.Recoveries = append(s.Recoveries, operational.Recovery{Ticket: town.Ticket{Bead: strings.Repeat("b", 200), Agent: a}, State: operational.RecoveryBegun, Changed: noon})
			s.Queue = append(s.Queue, operational.Waiting{Bead: strings.Repeat("q", 100), Rig: "web", At: noon})
		}
	}
	return s
}

// On a terminal no line is wider than it, nothing of a name or message controls it, and
// the text stays one page however much there is.
func TestFits80Columns(t *testing.T) {
	person, program := terminal.Open(t)
	_ = person
	if err := unix.IoctlSetWinsize(int(program.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: 80, Row: 60}); err != nil {
		t.Fatal(err)
	}
	for _, color := range []bool{false, true} {
		out := term.NewCapture(program)
		p := term.New(out, color)
		view{sample(), p}.print()
		if err := p.Flush(); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if len(lines) > 80 {
			t.Errorf("%d lines", len(lines))
		}
		for _, line := range lines {
			if n := ansi.StringWidth(line); n > 80 {
				t.Errorf("%d columns: %s", n, line)
			}
		}
		text := out.String()
		if strings.Contains(text, "\x1b") != color || strings.Contains(text, "\x1b]") || strings.Contains(text, "\x1b[2J") || strings.ContainsAny(text, "\x07\r\u202e") {
			t.Errorf("color %v: %q", color, text)
		}
		if strings.Count(text, "beads, mail: ") != 1 {
			t.Error("two parts with one reason are not told together")
		}
	}
}

// What the Witness is busy with is told with the bead.
func TestWithTheWitness(t *testing.T) {
	_, program := terminal.Open(t)
	nux, ace := town.PolecatAddress("web", "nux"), town.PolecatAddress("web", "ace")
	s := glance.Snapshot{
		Town: "harbour", At: noon, Agents: []operational.Agent{{Address: ace, Bead: "web-b", State: town.AgentWorking, Since: noon}},
		Recoveries: []operational.Recovery{{Ticket: town.Ticket{Bead: "web-a", Agent: nux}, State: operational.RecoveryBegun, Changed: noon.Add(-time.Minute)}},
		Unsaid:     []operational.Watched{{Agent: ace, Verdict: operational.VerdictUnsaid, Evidence: "it waits", Since: noon.Add(-time.Hour)}},
	}
	out := term.NewCapture(program)
	p := term.New(out, false)
	view{s, p}.print()
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{
		"With the Witness: 2 (gt witness status)", "web/polecats/nux web-a taken away 1m its work is being saved", "web/polecats/ace web-b finished-unsaid 1h it waits",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %s", want, text)
		}
	}
}

// A Town without anything shows that there is nothing, and exits 0. The operational plane
// is read in two queries and the ledger in four, and no program is started: there is none in PATH.
func TestStatusOfANewTown(t *testing.T) {
	w := gttest.New(t, install.Commands, Commands)
	w.Must("install", "alpha")
	var out, stderr bytes.Buffer
	i := w.Invocation("--town", "alpha", "status")
	i.Env = shell.Environment{"PATH=/nowhere", "GT_TRACE=1"}
	i.Stdout, i.Stderr = &out, &stderr
	if code := w.Program(i).Prepare().Run(t.Context()); code != shell.ExitOK {
		t.Fatalf("exit %d: %s", code, stderr.String())
	}
	for _, want := range []string{"Town alpha", "gt deacon start", "Alerts      none", "0 open, 0 ready", "0 unread", "0 in tmux", "Federation  none"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("lacks %q:\n%s", want, out.String())
		}
	}
	for _, want := range []string{"trace queries operational 2\n", "trace queries ledger 4\n"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("lacks %q: %s", want, stderr.String())
		}
	}
}

// A plane that another process has, or whose files are damaged, is named; the others are
// shown. The exit code says which of the two it is.
func TestStatusWithoutAPlane(t *testing.T) {
	w := gttest.New(t, install.Commands, Commands)
	w.Must("install", "alpha")
	where := layout.Town{Root: filepath.Join(w.Dir, "alpha")}
	status := func() (int, glance.Snapshot) {
		t.Helper()
		code, stdout, stderr := w.Run("--town", "alpha", "--wait", "3s", "--json", "status")
		var s glance.Snapshot
		if err := json.Unmarshal([]byte(stdout), &s); err != nil {
			t.Fatalf("exit %d: %v: %s", code, err, stderr)
		}
		return code, s
	}
	held, err := lockfile.Try(where.Data(layout.Operational)+".lock", "gt test")
	if err != nil || held == nil {
		t.Fatal(held, err)
	}
	code, s := status()
	if code != shell.ExitBusy || len(s.Missing) != 1 || s.Missing[0].Part != glance.PartWork || s.Beads == nil || s.Federation == nil {
		t.Errorf("locked: exit %d, %+v", code, s)
	}
	if err := held.Release(); err != nil {
		t.Fatal(err)
	}
	if code, s := status(); code != shell.ExitOK || len(s.Missing) != 0 {
		t.Errorf("unlocked: exit %d, %+v", code, s.Missing)
	}
	manifest := filepath.Join(where.Data(layout.Ledger), ".dolt", "noms", "manifest")
	if err := os.WriteFile(manifest, []byte("5:__DOLT__:nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, s = status()
	if code != shell.ExitFailed || len(s.Missing) != 2 || s.Missing[0].Part != glance.PartBeads || s.Missing[0].Next == "" || s.Federation == nil {
		t.Errorf("damaged: exit %d, %+v", code, s.Missing)
	}
}
