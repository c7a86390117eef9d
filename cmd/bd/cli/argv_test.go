package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"pgregory.net/rapid"

	"gastown/cmd/bd/internal/hostile"
	"gastown/cmd/internal/shell"
)

// vocabulary is what arguments are made of: the names of commands with their flags,
// and values that a person may give.
type vocabulary struct {
	commands [][]string
	flags    map[string][]*kingpin.FlagModel // by the command's full name; "" are the program's
	values   []string
	ids      []string
}

// outside are commands that work on more than the ledger: files, editors, other
// programs.
var outside = []string{"help", "export", "import", "completion", "edit", "setup", "init", "hooks", "config", "onboard", "dolt", "sync"}

// paths are flags that name files or other Towns.
var paths = []string{
	"output", "input", "body-file", "batch", "file", "town", "db", "directory", "design-file", "reason-file", "graph", "wait", "repo", "version", "help",
	"watch", "help-long", "help-man", "completion-bash", "completion-script-bash", "completion-script-zsh",
}

func newVocabulary(t testing.TB, ids ...string) *vocabulary {
	parser := Program(&shell.Invocation{})
	v := &vocabulary{ids: ids, flags: map[string][]*kingpin.FlagModel{}}
	usable := func(all []*kingpin.FlagModel) []*kingpin.FlagModel {
		return slices.DeleteFunc(slices.Clone(all), func(f *kingpin.FlagModel) bool { return slices.Contains(paths, f.Name) })
	}
	model := parser.Model()
	v.flags[""] = usable(model.Flags)
	for _, c := range model.FlattenedCommands() {
		words := strings.Fields(c.FullCommand)
		if !slices.Contains(outside, words[0]) {
			v.commands = append(v.commands, words)
			v.flags[c.FullCommand] = usable(c.Flags)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(ignored)) {
		if !ignored[name] {
			v.values = append(v.values, "--"+name)
		}
	}
	v.values = append(append(v.values, hostile.Values()...), ids...)
	v.values = append(v.values, "open", "closed", "bug", "epic", "0", "4", "P1", "5", "Ada", "x,y", "tomorrow", "-2w", "2026-01-31", "blocks", "gt-a:gt-b",
		"true", "false", "maybe", "- point", "--json", "--readonly", "--", "-", "", "k=v", "a text", "none", "all", "id,title")
	if len(v.commands) < 25 {
		t.Fatalf("only %d commands", len(v.commands))
	}
	return v
}

// draw draws the arguments of one command: a command's name, mostly flags that it
// has, and values in any place.
func (v *vocabulary) draw(t *rapid.T) []string {
	command := rapid.SampledFrom(v.commands).Draw(t, "command")
	known := append(slices.Clone(v.flags[""]), v.flags[strings.Join(command, " ")]...)
	own := v.flags[strings.Join(command, " ")]
	if len(own) == 0 {
		own = known
	}
	value := rapid.SampledFrom(v.values)
	var rest []string
	if rapid.Bool().Draw(t, "named") { // most commands do nothing without a bead
		rest = append(rest, rapid.SampledFrom(v.ids).Draw(t, "id"))
	}
	for range rapid.IntRange(0, 4).Draw(t, "parts") {
		switch rapid.IntRange(0, 9).Draw(t, "part") {
		case 0:
			rest = append(rest, "--"+rapid.SampledFrom(known).Draw(t, "program flag").Name)
		case 1, 2:
			rest = append(rest, "--"+rapid.SampledFrom(own).Draw(t, "flag").Name+"="+value.Draw(t, "value"))
		case 3:
			rest = append(rest, "--"+rapid.SampledFrom(own).Draw(t, "flag").Name, value.Draw(t, "value"))
		case 4:
			if f := rapid.SampledFrom(own).Draw(t, "flag"); f.Short != 0 {
				rest = append(rest, "-"+string(f.Short)+rapid.SampledFrom([]string{"", "=", " "}).Draw(t, "sign")+value.Draw(t, "value"))
			}
		default:
			rest = append(rest, value.Draw(t, "value"))
		}
	}
	return append(slices.Clone(command), rest...)
}

// patience bounds one drawn command: some follow something until they are stopped.
const patience = 2 * time.Minute

// Whatever the arguments, bd ends normally with one of its exit codes. With
// --readonly nothing changes, and what it says was created, updated or closed is.
func TestAnyArguments(t *testing.T) {
	w := newWorld(t)
	for _, line := range []string{"create A --id gt-a", "create B --id gt-b --deps gt-a", "create C --id gt-c --parent gt-a -t epic"} {
		w.must(words(t, line)...)
	}
	w.env = append(w.env, "HOME="+t.TempDir(), "EDITOR=true", "VISUAL=true")
	v := newVocabulary(t, "gt-a", "gt-b", "gt-c", "a", "gt-none")
	rapid.Check(t, func(rt *rapid.T) { w.checkArguments(rt, v.draw(rt)) })
}

// FuzzArguments runs words in any order.
func FuzzArguments(f *testing.F) {
	for _, line := range []string{
		"create\x00- point\x00--json", "update\x00gt-a\x00-p0\x00--notes\x00--", "close\x00gt-a\x00--reason=x", "--readonly=false\x00create\x00x",
		"-\x00-", "--\x00list", "list\x00--\xff", "create\x00--title\x00-\x00--readonly", "help\x00dep", "-hq", "--no-no-color\x00list",
	} {
		f.Add(line)
	}
	w := newWorld(f)
	w.must("create", "A", "--id", "gt-a")
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, "\x00")
		if slices.ContainsFunc(args, func(a string) bool { return slices.Contains(outside, a) }) || strings.Contains(line, "/") {
			t.Skip("works on more than the ledger")
		}
		w.checkArguments(t, args)
	})
}

// checkArguments runs a command and checks what it says and does.
func (w *world) checkArguments(t rapid.TB, args []string) {
	var out, said bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	i := &shell.Invocation{
		Program: "bd", Args: args, Dir: w.dir, Env: w.env, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &said,
		User: os.Getuid(), Now: time.Now, Resident: w,
	}
	prepared := Program(i).Prepare()
	if prepared.Endless || prepared.Alone {
		return
	}
	before, err := w.store.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	code := prepared.Run(ctx)
	if !slices.Contains([]int{shell.ExitOK, shell.ExitFailed, shell.ExitReview, shell.ExitBusy, shell.ExitRefused}, code) {
		t.Fatalf("bd %q: exit %d: %s", args, code, said.String())
	}
	after, err := w.store.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	partly := prepared.Name == "bd close" && slices.Contains(args, "--continue") // it closes what it can
	if before != after && (code != shell.ExitOK && !partly || !prepared.Command.Writes) {
		t.Fatalf("bd %q: exit %d, and the ledger changed: %s%s", args, code, out.String(), said.String())
	}
	if code != shell.ExitOK {
		if out.Len()+said.Len() == 0 {
			t.Fatalf("bd %q: exit %d without a word", args, code)
		}
		return
	}
	switch prepared.Name {
	case "bd create", "bd update", "bd close", "bd reopen":
		w.checkPrinted(t, args, prepared.Name, out.Bytes())
	}
}

// checkPrinted compares the beads that a command printed as JSON with the ledger.
func (w *world) checkPrinted(t rapid.TB, args []string, name string, out []byte) {
	type bead struct {
		ID, Title, Status, Description, Notes, Assignee string
		Priority                                        int
	}
	var printed []bead
	if bytes.HasPrefix(out, []byte("{")) {
		out = slices.Concat([]byte("["), out, []byte("]"))
	}
	if json.Unmarshal(out, &printed) != nil {
		return // printed for people
	}
	for _, b := range printed {
		code, text, said := w.run("", nil, "show", b.ID, "--json")
		var stored []bead
		if code != 0 || json.Unmarshal([]byte(text), &stored) != nil || len(stored) != 1 || stored[0] != b {
			t.Fatalf("bd %q printed %+v, and there is %s%s", args, b, text, said)
		}
		if name == "bd close" && b.Status != "closed" || name == "bd reopen" && b.Status == "closed" {
			t.Fatalf("bd %q: %s is %s", args, b.ID, b.Status)
		}
	}
}
