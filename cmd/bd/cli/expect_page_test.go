package cli

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/elsewhere"
	"gastown/cmd/internal/shell"
)

// known are the commands and flags with which people and programs call the public bd,
// one command a line. bd must have each of them, and a test must run each of them.
const known = `
prime
onboard
quickstart
init --prefix
q
show --long --current --id --children --refs --thread --watch --as-of --include-dependents
list --status --limit --tree --title --no-assignee --no-labels --no-parent --priority-min --priority-max
list --title-contains --desc-contains --notes-contains --exclude-type --exclude-label --metadata-field --ready --sort
list --external-ref --label-exact --skip-labels
list --deferred --overdue --spec --long --format --watch --label-pattern --label-regex
ready --limit --claim --gated --explain --exclude-type --exclude-label --include-deferred --metadata-field --sort
ready --mine --plain --rig --mol --include-ephemeral
blocked
create --deps --file --stdin --design-file --metadata --spec-id --validate --dry-run --ephemeral --repo
create --append-notes --waits-for --graph --type
update --status --assignee --priority --title --description --notes --design --acceptance-criteria --set-labels --defer
update --metadata --set-metadata --unset-metadata --spec-id --stdin --design-file --session --ephemeral --persistent
close --force --continue --suggest-next --claim-next --reason-file --reason
reopen --reason
dep
dep add --type --metadata --blocked-by --depends-on --file
dep remove
dep list
dep tree --direction --format --status --max-depth
dep relate
dep unrelate
dep cycles
label add
label remove
label list
comment --author --file --stdin
comments
comments add --author
search
remember
memories
recall
forget
import --strict --skip-invalid
export --all --no-memories --include-infra --scrub --output
config set
config get
config list
config unset
doctor --agent --check
version
info --whats-new
where
ping
defer --until
undefer
supersede --with
duplicate --of
duplicates
find-duplicates --threshold --status
stale
count
children
lint
orphans --fix
note
assign
priority
tag
link
epic status
epic close-eligible
statuses
types
human
graph --html
query
todo
state
kv set
kv get
kv list
kv clear
rename-prefix
edit
context
preflight
batch
stats
delete --force
setup --preview --remove
dolt push
dolt pull
dolt status
dolt show
sync
`

// knownFlags are those that every command has; knownWords the commands that are
// answered by one line here.
const (
	knownFlags = "json directory db readonly actor verbose version sandbox no-pager flat pretty no-auto-flush"
	knownWords = "hooks gate mol formula cook pour wisp swarm merge-slot slot agent backup federation vc branch sql worktree repo gc compact admin " +
		"migrate jira github heartbeat hb lease reclaim promote rename"
)

// knownCommand is one line of known.
type knownCommand struct {
	name  string
	flags []string
}

func knownCommands() (list []knownCommand) {
	for line := range strings.Lines(known) {
		var c knownCommand
		for _, word := range strings.Fields(line) {
			if f, ok := strings.CutPrefix(word, "--"); ok {
				c.flags = append(c.flags, f)
			} else {
				c.name = strings.TrimSpace(c.name + " " + word)
			}
		}
		if c.name != "" {
			list = append(list, c)
		}
	}
	return list
}

// commandNamed finds a command by its name or another name of it.
func commandNamed(list []*kingpin.CmdModel, name string) *kingpin.CmdModel {
	first, rest, _ := strings.Cut(name, " ")
	for _, c := range list {
		switch {
		case c.Name != first && !slices.Contains(c.Aliases, first):
		case rest == "":
			return c
		default:
			return commandNamed(c.Commands, rest)
		}
	}
	return nil
}

// hasFlag reports whether a command, or one that its name alone stands for, has a flag.
func hasFlag(c *kingpin.CmdModel, name string) bool {
	return slices.ContainsFunc(c.Flags, func(f *kingpin.FlagModel) bool { return f.Name == name }) ||
		slices.ContainsFunc(c.Commands, func(c *kingpin.CmdModel) bool { return hasFlag(c, name) })
}

// bd has what people and programs type.
func TestEveryKnownCommandAndFlag(t *testing.T) {
	model := Program(&shell.Invocation{}).Model()
	for _, c := range knownCommands() {
		m := commandNamed(model.Commands, c.name)
		if m == nil {
			t.Errorf("there is no bd %s", c.name)
			continue
		}
		for _, f := range c.flags {
			if !hasFlag(m, f) {
				t.Errorf("bd %s has no --%s", c.name, f)
			}
		}
	}
	for _, f := range strings.Fields(knownFlags) {
		_, without := ignored[f]
		if !without && !slices.ContainsFunc(model.Flags, func(m *kingpin.FlagModel) bool { return m.Name == f }) {
			t.Errorf("bd has no --%s", f)
		}
	}
	for _, w := range strings.Fields(knownWords) {
		if !slices.Contains(elsewhere.Words(), w) {
			t.Errorf("nothing answers bd %s", w)
		}
	}
}

// tested are the commands that tests ran, with their flags: "list", "list --title".
var tested sync.Map

// prepare parses an invocation of a test, and notes what it tests.
func prepare(i *shell.Invocation) *shell.Prepared {
	p := Program(i).Prepare()
	name := strings.TrimPrefix(p.Name, "bd ")
	tested.Store(name, true)
	for _, arg := range i.Args {
		f, long := strings.CutPrefix(arg, "--")
		if f, _, _ = strings.Cut(f, "="); long && p.Command.Name != "" {
			tested.Store(name+" --"+f, true)
		}
	}
	return p
}

// wholeRun reports whether all tests run, as go test does without flags.
func wholeRun() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list", "test.bench", "test.fuzz"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			return false
		}
	}
	return true
}

// reportUntested fails when no test ran a command or flag that people type.
func reportUntested() (code int) {
	model := Program(&shell.Invocation{}).Model()
	for _, c := range knownCommands() {
		m := commandNamed(model.Commands, c.name)
		if m == nil {
			continue
		}
		for _, f := range append([]string{""}, c.flags...) {
			if f != "" {
				f = " --" + f
			}
			if !ran(m, f) {
				fmt.Fprintf(os.Stderr, "no test runs bd %s%s: add a row to an expect_AREA_test.go\n", c.name, f)
				code = 1
			}
		}
	}
	return code
}

// ran reports whether a test ran a command, or one below it, with the end of a line.
func ran(c *kingpin.CmdModel, end string) bool {
	_, found := tested.Load(c.FullCommand + end)
	return found || slices.ContainsFunc(c.Commands, func(c *kingpin.CmdModel) bool { return ran(c, end) })
}
