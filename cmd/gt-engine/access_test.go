package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/google/go-cmp/cmp"

	bd "gastown/cmd/bd/cli"
	gt "gastown/cmd/gt/cli"
	"gastown/cmd/internal/gate"
	"gastown/cmd/internal/shell"
	"gastown/town"
	"gastown/town/guard"
	"gastown/town/layout"
)

// printed are the entries of the document, with logins.
const printed = `users:
  - email: "steve@example.com"
    role: "admin"
    login: "4001"
    permissions:
      - "*"

  - email: "contractor@example.com"
    role: "developer"
    login: "4002"
    permissions:
      - "rig:read"
      - "crew:*"
    restrictions:
      - "no:*polecat*"

  - email: "restricted@example.com"
    role: "admin"
    login: "4003"
    permissions:
      - "*"
    restrictions:
      - "no:*polecat*"

  - email: "reader@example.com"
    role: "reader"
    login: "4004"
    permissions:
      - "*:read"
`

// These are written by hand, so that an entry of the table that gets another permission is
// noticed here.
var (
	// ofDevelopers are what the developer of the document may run.
	ofDevelopers = []string{
		"gt crew add", "gt crew at", "gt crew list", "gt crew remove", "gt rig list", "gt rig status", "gt worktree pool list",
	}
	// aboutPolecats are what the restriction of the document takes away.
	aboutPolecats = []string{
		"gt polecat cleanup", "gt polecat list", "gt polecat nuke", "gt polecat patrol", "gt polecat show", "gt queue clear", "gt queue list", "gt sling",
	}
)

// Every command by every role and restriction of the document, and by users that have none.
func TestEveryCommandByEveryRole(t *testing.T) {
	at := layout.Town{Root: t.TempDir()}
	if err := os.Mkdir(filepath.Dir(at.Access()), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at.Access(), []byte(printed), 0o600); err != nil {
		t.Fatal(err)
	}
	g := gate.New(nil)
	for _, c := range allCommands() {
		for user, want := range map[int]bool{
			os.Getuid(): true,
			4001:        true,
			4002:        slices.Contains(ofDevelopers, c.name),
			4003:        !slices.Contains(aboutPolecats, c.name),
			4004:        strings.HasSuffix(c.entry.Permission, ":read"),
			4005:        false,
		} {
			if c.entry.Permission == shell.MayReadProgram {
				want = true // it touches nothing of a Town
			}
			// A person claims everything that can be claimed.
			call := callOf(user, "GT_ROLE=mayor/", "GIT_AUTHOR_EMAIL=steve@example.com", "USER=root", "LOGNAME=root", "GT_ACTOR=steve@example.com")
			p := &shell.Prepared{Name: c.name, Command: c.entry, Town: at.Root}
			if c.entry.Permission == shell.MayReadProgram {
				p.Town = ""
			}
			if err := g.Check(t.Context(), call, p); (err == nil) != want {
				t.Errorf("%s by %d: %v, want %v", c.name, user, err, want)
			}
		}
	}
}

type invoked struct {
	name  string
	entry shell.Command
}

// allCommands are the tables of both programs, with an entry more for what a command needs
// with flags that write.
func allCommands() (all []invoked) {
	for _, program := range []string{"bd", "gt"} {
		table := shell.Programs{"gt": gt.Program, "bd": bd.Program}[program](&shell.Invocation{Now: time.Now}).Table()
		for _, name := range slices.Sorted(maps.Keys(table)) {
			entry := table[name]
			all = append(all, invoked{program + " " + name, entry})
			if entry.WritePermission != "" {
				entry.Permission, entry.Writes = entry.WritePermission, true
				all = append(all, invoked{program + " " + name + " --writes", entry})
			}
		}
	}
	return all
}

func callOf(user int, env ...string) *shell.Call {
	return &shell.Call{Invocation: &shell.Invocation{User: user, Foreign: user != os.Getuid(), Env: env, Now: time.Now, Dir: "/"}}
}

// notForPolecats are written by hand, like the lists above. A name that is in no table yet
// does not count.
var notForPolecats = []string{
	"bd config set", "bd config set-many", "bd config unset", "bd init", "bd setup", "gt agents test", "gt alert silence", "gt alert test",
	"gt alert unsilence", "gt attach",
	"gt autotune disable", "gt autotune enable", "gt autotune undo", "gt backup key", "gt backup prune", "gt backup restore", "gt backup run", "gt backup verify", "gt cache clear", "gt cache refresh", "gt cache warmup", "gt config key --writes", "gt config set",
	"gt config unset", "gt convoy add", "gt convoy close", "gt convoy create", "gt convoy land", "gt convoy remove", "gt crew add", "gt crew remove",
	"gt deacon reload", "gt deacon restart", "gt deacon run", "gt deacon start", "gt deacon stop", "gt doctor --writes", "gt federation commit",
	"gt federation conflicts resolve", "gt federation distrust", "gt federation init", "gt federation instance continue", "gt federation instance new", "gt federation join", "gt federation key --writes",
	"gt federation leave", "gt federation pull", "gt federation push", "gt federation remote add", "gt federation remote remove",
	"gt federation repair", "gt federation restore", "gt federation share add", "gt federation share remove", "gt federation sync",
	"gt federation towns --writes", "gt federation trust", "gt federation verify --writes", "gt hooks install", "gt hooks remove", "gt hooks secret", "gt install", "gt mayor attach", "gt mayor start",
	"gt mayor stop", "gt monitor disable", "gt monitor enable", "gt monitor rules --writes", "gt plugin disable", "gt plugin enable",
	"gt plugin install", "gt plugin run", "gt plugin test", "gt polecat cleanup", "gt polecat nuke", "gt polecat patrol", "gt queue clear",
	"gt refinery merge", "gt refinery parallelism", "gt refinery pause", "gt refinery queue.size", "gt refinery reject", "gt refinery resume",
	"gt refinery retry", "gt refinery test", "gt refinery verify", "gt rig add", "gt rig rebalance", "gt rig remove", "gt sling", "gt tmux cleanup", "gt town promote", "gt town standby", "gt witness patrol",
	"gt worktree pool create", "gt worktree pool prune",
}

// The server and the hook of agents refuse polecats the same commands, and say the right way.
func TestPolecats(t *testing.T) {
	at := layout.Town{Root: t.TempDir()}
	amber := town.Address{Kind: town.Polecat, Rig: "web", Name: "amber"}
	var refused []string
	for _, c := range allCommands() {
		call := callOf(os.Getuid(), "GT_ROLE=web/polecats/amber", "GT_RUN=1")
		if err := gate.New(nil).Check(t.Context(), call, &shell.Prepared{Name: c.name, Command: c.entry, Town: at.Root}); err != nil {
			refused = append(refused, c.name)
			if town.Next(err) == "" {
				t.Errorf("%s: %v: no right way", c.name, err)
			}
			line, flagged := strings.CutSuffix(c.name, " --writes")
			v := guard.Facts{Agent: amber, Town: at.Root, Sandbox: at.Root + "/rigs/web/polecats/amber"}.Line(line + " one two")
			if !flagged && v.Allowed {
				t.Errorf("%s: the hook allows what the server refuses", c.name)
			}
		}
	}
	names := map[string]bool{}
	for _, c := range allCommands() {
		names[c.name] = true
	}
	want := slices.DeleteFunc(slices.Clone(notForPolecats), func(name string) bool { return !names[name] })
	slices.Sort(want)
	slices.Sort(refused)
	if diff := cmp.Diff(want, refused); diff != "" {
		t.Error(diff)
	}
}

// exempt are flags and arguments that sound like a path and are none. Of @FILE, Open refuses
// the file when the command runs.
var exempt = map[string]bool{
	"bd create rig": true, "bd create metadata": true, "bd update metadata": true, "bd dep add metadata": true,
	"gt federation diff document": true, "gt federation remote add refs": true, "gt rig add branch": true,
}

// value is a flag or argument of a command.
type value struct {
	command string // with the program's name
	entry   shell.Command
	name    string
	help    string
	// placeholder stands for it in the help; takes is false for a flag that is on or off.
	placeholder string
	takes       bool
}

// allValues are all flags and arguments of both programs.
func allValues() (all []value) {
	for _, program := range []string{"bd", "gt"} {
		p := shell.Programs{"gt": gt.Program, "bd": bd.Program}[program](&shell.Invocation{Now: time.Now})
		table := p.Table()
		var walk func(list []*kingpin.CmdModel)
		walk = func(list []*kingpin.CmdModel) {
			for _, m := range list {
				walk(m.Commands)
				c, ok := table[m.FullCommand]
				if !ok {
					continue
				}
				for _, f := range m.Flags {
					all = append(all, value{program + " " + m.FullCommand, c, f.Name, f.Help, f.PlaceHolder, !f.IsBoolFlag()})
				}
				for _, a := range m.Args {
					all = append(all, value{program + " " + m.FullCommand, c, a.Name, a.Help, a.PlaceHolder, true})
				}
			}
		}
		walk(p.Model().Commands)
	}
	return all
}

// Another user than the Town's owner may not have the Deacon open a path, so every flag and
// argument that names one is known as such.
func TestPathsAreKnown(t *testing.T) {
	sounds := regexp.MustCompile(`(?i)\b(file|path|directory|repository|clone on this machine)\b`)
	for _, v := range allValues() {
		key := v.command + " " + v.name
		if v.takes && sounds.MatchString(v.help) && !shell.NamesPath(v.entry, v.name, v.placeholder) && !exempt[key] && !v.entry.Alone {
			t.Errorf("%s: %q: does it name a path? Then say so with its placeholder or in Paths", key, v.help)
		}
	}
}

// ownersFiles are the flags of commands inside the Deacon that name a file and that nobody but
// the Town's owner may use: what is in such a file decides what the Deacon does, or the
// command looks at the file before it writes.
var ownersFiles = []string{"gt hooks install secret-file", "gt hooks secret out", "gt report output"}

// Each flag and argument that names a file says whether the command only reads or writes it,
// and those of commands that nobody passes files to are known.
func TestFilesArePassed(t *testing.T) {
	var rest []string
	missing := map[string]bool{}
	for _, c := range allCommands() {
		for _, name := range slices.Concat(c.entry.Reads, c.entry.Rewrites) {
			missing[strings.TrimSuffix(c.name, " --writes")+" "+name] = true
		}
	}
	for _, v := range allValues() {
		key := v.command + " " + v.name
		if strings.HasPrefix(v.placeholder, "FILE") && !missing[key] && (!v.entry.Alone || v.entry.Bounded) {
			rest = append(rest, key)
		}
		missing[key] = false
	}
	slices.Sort(rest)
	if diff := cmp.Diff(ownersFiles, rest); diff != "" {
		t.Error(diff)
	}
	for key, is := range missing {
		if is {
			t.Errorf("there is no %s", key)
		}
	}
}
