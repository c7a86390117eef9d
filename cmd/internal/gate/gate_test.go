package gate

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gastown/cmd/internal/shell"
	"gastown/town"
	"gastown/town/access"
	"gastown/town/layout"
	"gastown/town/process"
)

const text = `users:
  - email: "steve@example.com"
    role: "admin"
    login: "4242"
    permissions: ["*"]
`

// newTown is a directory that is taken for a Town.
func newTown(t *testing.T) layout.Town {
	t.Helper()
	at := layout.Town{Root: t.TempDir()}
	if err := os.Mkdir(filepath.Dir(at.Access()), 0o700); err != nil {
		t.Fatal(err)
	}
	return at
}

func write(t *testing.T, at layout.Town, text string) {
	t.Helper()
	next := at.Access() + ".next" // another inode, as an editor makes it
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, at.Access()); err != nil {
		t.Fatal(err)
	}
}

// A file that is wrong, or gone, never opens anything, and the last one that was right
// stays in force.
func TestPolicyStaysWhileTheFileIsWrong(t *testing.T) {
	at := newTown(t)
	said := 0
	g := New(func(error) { said++ })
	is := func(step string, state access.State, wrong bool, stranger bool) {
		t.Helper()
		p, err := g.Policy(at)
		again, _ := g.Policy(at)
		if p.State() != state || (err != nil) != wrong || again != p {
			t.Errorf("%s: %s, %v", step, p.State(), err)
		}
		if err != nil && town.Next(err) == "" {
			t.Errorf("%s: no next step: %v", step, err)
		}
		if d := p.MayLocal(access.Local{ID: 4242}, access.AdminTown); d.Allowed != stranger {
			t.Errorf("%s: %+v", step, d)
		}
		if d := p.MayLocal(access.Local{ID: 7, Owner: true}, access.AdminTown); !d.Allowed {
			t.Errorf("%s: the owner: %+v", step, d)
		}
	}
	is("no file", access.NoFile, false, false)
	write(t, at, "users: [}\n")
	is("wrong at first", access.Unreadable, true, false)
	write(t, at, text)
	is("right", access.InForce, false, true)
	write(t, at, strings.Replace(text, `["*"]`, `["rgi:read"]`, 1))
	is("wrong", access.InForce, true, true)
	if err := os.Remove(at.Access()); err != nil {
		t.Fatal(err)
	}
	is("gone", access.InForce, true, true)
	write(t, at, strings.Replace(text, "4242", "4243", 1))
	is("right again", access.InForce, false, false)
	if err := os.Chmod(at.Access(), 0o666); err != nil {
		t.Fatal(err)
	}
	is("others may write it", access.InForce, true, false)
	if said != 4 {
		t.Errorf("%d faults were told, want each once", said)
	}
}

// What others may write, or what is another's, decides nothing from the start, also behind
// a link.
func TestFilesThatDecideNothing(t *testing.T) {
	for name, spoil := range map[string]func(layout.Town) error{
		"for the group":  func(at layout.Town) error { return os.Chmod(at.Access(), 0o620) },
		"for everybody":  func(at layout.Town) error { return os.Chmod(at.Access(), 0o602) },
		"a directory":    func(at layout.Town) error { return errors.Join(os.Remove(at.Access()), os.Mkdir(at.Access(), 0o700)) },
		"too large":      func(at layout.Town) error { return os.WriteFile(at.Access(), make([]byte, access.MaxFile+1), 0o600) },
		"another user's": func(at layout.Town) error { return os.Chown(at.Access(), 4242, -1) },
		"behind a link": func(at layout.Town) error {
			other := at.Access() + ".other"
			return errors.Join(os.Rename(at.Access(), other), os.Chmod(other, 0o606), os.Symlink(other, at.Access()))
		},
	} {
		at := newTown(t)
		write(t, at, text)
		if err := spoil(at); err != nil {
			if os.Getuid() != 0 && name == "another user's" {
				continue
			}
			t.Fatal(name, err)
		}
		p, err := New(nil).Policy(at)
		if err == nil || p.State() != access.Unreadable || p.MayLocal(access.Local{ID: 4242}, access.ReadTown).Allowed {
			t.Errorf("%s: %s, %v", name, p.State(), err)
		}
	}
}

// deep in the environment of the test binary makes it a process of a session: it starts a
// copy of itself with the variables that follow, which says its id and waits.
const deep = "GATE_TEST_CHILD"

// named is the path by which the copy is started, which gives it its name.
const named = "GATE_TEST_PATH"

func TestMain(m *testing.M) {
	child, ok := os.LookupEnv(deep)
	switch {
	case !ok:
		os.Exit(m.Run())
	case child == "":
		fmt.Println(os.Getpid())
		_, _ = os.Stdin.Read(make([]byte, 1))
	default:
		c := exec.Command(cmp.Or(os.Getenv(named), os.Args[0]))
		c.Env = append(strings.Fields(child), deep+"=")
		c.Stdin, c.Stdout = os.Stdin, os.Stdout
		_ = c.Run()
	}
}

// start starts a process with variables, which starts another one with other variables, and
// returns the id of that one.
func start(t *testing.T, outer, inner []string) int {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(outer, deep+"=X=1 "+strings.Join(inner, " "))
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = c.Wait() })
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatal(err)
	}
	return pid
}

// What a process says of itself changes nothing about whose session it runs in.
func TestForgedVariables(t *testing.T) {
	at := newTown(t)
	amber := town.Address{Kind: town.Polecat, Rig: "web", Name: "amber"}
	session := append(town.Identity(town.Ticket{Bead: "gt-1", Agent: amber, Run: 3, Epoch: 1}), "GT_ROOT="+at.Root, "GT_TOWN_ROOT="+at.Root)
	write := func(action string) shell.Command { return shell.Command{Permission: action, Writes: true} }
	for name, c := range map[string]struct {
		outer, inner []string
		// sling, beads and read: what gives out work, changes beads, and reads.
		sling, beads, read bool
	}{
		"a person":                {nil, nil, true, true, true},
		"as the session says":     {session, session, false, true, true},
		"without variables":       {session, nil, false, true, true},
		"as the Mayor":            {session, []string{"GT_ROLE=mayor/"}, false, false, true},
		"as another polecat":      {session, []string{"GT_ROLE=web/polecats/nux", "GT_RUN=3"}, false, false, true},
		"as another run":          {session, []string{"GT_ROLE=web/polecats/amber", "GT_RUN=4"}, false, false, true},
		"as another by bd":        {session, []string{"BD_ACTOR=web/polecats/nux"}, false, false, true},
		"in another Town":         {session, []string{"GT_ROLE=mayor/", "GT_ROOT=/elsewhere"}, false, false, true},
		"a person who claims":     {nil, []string{"GT_ROLE=web/polecats/amber", "GT_RUN=3"}, false, true, true},
		"a session of another":    {[]string{"GT_ROLE=web/polecats/amber", "GT_ROOT=/elsewhere"}, nil, true, true, true},
		"the Mayor":               {[]string{"GT_ROLE=mayor/", "GT_ROOT=" + at.Root}, nil, true, true, true},
		"the Mayor, as a polecat": {[]string{"GT_ROLE=mayor/", "GT_ROOT=" + at.Root}, []string{"GT_ROLE=web/polecats/amber"}, false, true, true},
	} {
		pid := start(t, c.outer, c.inner)
		env, err := process.Environment(pid)
		if err != nil {
			t.Fatal(err)
		}
		call := &shell.Call{Invocation: &shell.Invocation{Env: env, Process: pid}}
		for what, is := range map[string]struct {
			command shell.Command
			want    bool
		}{"sling": {write(access.SlingPolecat), c.sling}, "beads": {write(access.WriteLedger), c.beads}, "read": {shell.Command{Permission: access.ReadTown}, c.read}} {
			if d := mayAgent(call, at, is.command); d.Allowed != is.want || !d.Allowed && (d.Next == "" || d.Reason == "") {
				t.Errorf("%s, %s: %+v", name, what, d)
			}
		}
	}
}

// A process that gives itself the name of tmux's server hides nothing of what started it.
func TestForgedServer(t *testing.T) {
	at := newTown(t)
	amber := town.Address{Kind: town.Polecat, Rig: "web", Name: "amber"}
	session := append(town.Identity(town.Ticket{Bead: "gt-1", Agent: amber, Run: 3, Epoch: 1}), "GT_ROOT="+at.Root, "GT_TOWN_ROOT="+at.Root)
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	server := filepath.Join(t.TempDir(), "tmux: server")
	if err := os.Symlink(own, server); err != nil {
		t.Fatal(err)
	}
	pid := start(t, append(session, named+"="+server), nil)
	if name, err := process.Name(pid); err != nil || name != "tmux: server" {
		t.Fatal(name, err)
	}
	if c := Session(at, pid); c.Agent != amber {
		t.Errorf("%+v", c)
	}
}

// What a flag of bd says of who acts counts like a variable.
func TestForgedFlag(t *testing.T) {
	at := newTown(t)
	amber := town.Address{Kind: town.Polecat, Rig: "web", Name: "amber"}
	session := append(town.Identity(town.Ticket{Bead: "gt-1", Agent: amber, Run: 3, Epoch: 1}), "GT_ROOT="+at.Root)
	pid := start(t, session, session)
	for actor, want := range map[string]bool{"": true, "web/polecats/amber": true, "Ada": true, "web/polecats/nux": false, "mayor/": false} {
		call := &shell.Call{Globals: shell.Globals{ActorName: actor}, Invocation: &shell.Invocation{Env: session, Process: pid}}
		if d := mayAgent(call, at, shell.Command{Permission: access.WriteLedger, Writes: true}); d.Allowed != want {
			t.Errorf("as %q: %+v", actor, d)
		}
	}
}
