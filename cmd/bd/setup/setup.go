// Package setup is bd setup: it tells the agents of a project about bd, in the files
// of that project which each agent reads, and takes that out again. It never writes
// outside of the project, and leaves alone what a person changed.
package setup

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/town"
)

// agent is a program that reads files of a project.
type agent struct {
	name, title string
	// text is the file with instructions. hook is the file with hooks; "" for an agent
	// whose hooks no file of a project sets.
	text, hook string
	// note is what a person still has to know.
	note string
}

// agents are those that bd setup knows.
var agents = []agent{
	{name: "claude", title: "Claude Code", text: "CLAUDE.md", hook: ".claude/settings.json"},
	{name: "codex", title: "Codex", text: "AGENTS.md", hook: ".codex/hooks.json",
		note: "Codex runs the hooks of a project when .codex/config.toml has hooks = true under [features]."},
	{name: "opencode", title: "OpenCode", text: "AGENTS.md"},
	{name: "factory", title: "Factory Droid", text: "AGENTS.md"},
	{name: "gemini", title: "Gemini CLI", text: "GEMINI.md", hook: ".gemini/settings.json"},
	{name: "cursor", title: "Cursor", text: ".cursor/rules/beads.mdc"},
}

// setupOptions are those of bd setup.
type setupOptions struct {
	call                   *shell.Call
	name                   string
	check, remove, preview bool
}

// result is what bd setup prints of one agent.
type result struct {
	Agent string   `json:"agent"`
	Files []change `json:"files"`
	Note  string   `json:"note,omitempty"`
}

// Command is bd setup.
func Command() shell.Command {
	return shell.Command{
		Name: "setup", Help: "Tell an agent about bd, in files of the project in the working directory; without AGENT, say which are told.",
		Examples: []string{"bd setup claude --preview", "bd setup claude", "bd setup codex --check", "bd setup gemini --remove", "bd setup --json"},
		NoTown:   true, Permission: shell.MayAdminTown, Writes: true, DryWith: []string{"preview", "dry-run", "check"}, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &setupOptions{call: call}
			c.Arg("agent", "One of "+strings.Join(names(), ", ")+".").PlaceHolder("AGENT").HintOptions(names()...).StringVar(&o.name)
			c.Flag("check", "Change nothing; exit with 1 unless the agent is told, in the present words.").BoolVar(&o.check)
			c.Flag("remove", "Take out what bd setup wrote.").BoolVar(&o.remove)
			c.Flag("preview", "Show what would be written, and write nothing.").BoolVar(&o.preview)
			c.Flag("dry-run", "As --preview.").Hidden().BoolVar(&o.preview)
			c.Flag("list", "As without AGENT.").Hidden().Bool()
			c.Flag("project", "Accepted for scripts; bd setup writes files of the project only.").Hidden().Bool()
			return o.run
		},
	}
}

func names() (all []string) {
	for _, a := range agents {
		all = append(all, a.name)
	}
	return all
}

func (o *setupOptions) run(context.Context) error {
	if o.name == "" {
		return o.list()
	}
	for _, a := range agents {
		if a.name == o.name {
			return o.one(a)
		}
	}
	next := "use one of: " + strings.Join(names(), ", ")
	if near := town.Nearest(o.name, names(), 1); len(near) > 0 {
		next = "bd setup " + near[0]
	}
	return town.Fail("set up "+town.Clip(o.name, 40), next, "%w: bd does not know this agent", town.ErrUsage)
}

// list says which agents are told.
func (o *setupOptions) list() error {
	dir, err := o.project()
	if err != nil {
		return err
	}
	var all []result
	for _, a := range agents {
		r := result{Agent: a.name}
		for _, e := range dir.edits(a, false) {
			r.Files = append(r.Files, e.change)
		}
		all = append(all, r)
	}
	return o.call.Show(all, func(p *term.Printer) {
		var rows [][]string
		for _, r := range all {
			for _, c := range r.Files {
				rows = append(rows, []string{r.Agent, c.Path, string(c.State)})
			}
		}
		p.Table([]string{"AGENT", "FILE", "STATE"}, rows)
	})
}

// one looks at an agent's files and changes them as the flags say. It changes none
// unless each of them can be changed.
func (o *setupOptions) one(a agent) error {
	if o.check && o.remove {
		return town.Fail("set up "+a.title, "use one of the two", "%w: --check and --remove exclude each other", town.ErrUsage)
	}
	dir, err := o.project()
	if err != nil {
		return err
	}
	r := result{Agent: a.name, Note: a.note}
	edits := dir.edits(a, o.remove)
	for _, e := range edits {
		if e.err != nil && !o.check {
			return town.Fail("set up "+a.title, "bd setup "+a.name+" --preview shows what belongs there; write it yourself, or put the file right",
				"%w: %s was left as it is: %w", town.ErrRefused, e.Path, e.err)
		}
	}
	for i := range edits {
		e := &edits[i]
		if !o.check && !o.preview {
			if err := dir.write(e); err != nil {
				return err
			}
		}
		r.Files = append(r.Files, e.change)
	}
	if o.check {
		return o.checked(a, r)
	}
	return o.call.Summary(r, func(p *term.Printer) { o.say(p, a, r, edits) })
}

func (o *setupOptions) checked(a agent, r result) error {
	err := o.call.Show(r, func(p *term.Printer) {
		for _, c := range r.Files {
			p.Line("%s: %s", c.Path, c.State)
		}
	})
	for _, c := range r.Files {
		if c.State != current && err == nil {
			return town.Fail("check the setup of "+a.title, "bd setup "+a.name, "%s: %s", c.Path, c.State)
		}
	}
	return err
}

func (o *setupOptions) say(p *term.Printer, a agent, r result, edits []edit) {
	for _, e := range edits {
		switch {
		case !e.changes():
			p.Line("%s: nothing to do, it is %s", e.Path, e.State)
		case o.preview && e.remove:
			p.Line("%s: would be removed, as nothing else is in it", e.Path)
		case o.preview:
			p.Line("%s would be:", e.Path)
			p.Body("    ", e.after)
		case e.remove:
			p.Line("%s: removed, as nothing else was in it", e.Path)
		default:
			p.Line("%s: written", e.Path)
		}
	}
	if r.Note != "" && !o.remove {
		p.Line("%s", r.Note)
	}
	if !o.preview && !o.remove {
		p.Line("%s reads this when its next session starts. To undo it: bd setup %s --remove", a.title, a.name)
	}
}

// project is the directory whose files are written. It is never a person's home,
// where the same names are settings for all projects.
func (o *setupOptions) project() (project, error) {
	dir, err := filepath.EvalSymlinks(o.call.Dir)
	if err != nil {
		return project{}, err
	}
	if home := o.call.Getenv("HOME"); home != "" {
		if real, err := filepath.EvalSymlinks(home); err == nil && real == dir {
			return project{}, town.Fail("set up agents in "+dir, "go to a project, and run it there",
				"%w: this is your home directory, whose files are settings for all projects", town.ErrRefused)
		}
	}
	return project{dir: dir, call: o.call}, nil
}

// state says what a file of an agent is now.
type state string

const (
	absent  state = "not set up"
	current state = "set up"
	stale   state = "set up in words of another version"
	changed state = "changed by a person"
	broken  state = "not understood"
)

// change is what is done to one file.
type change struct {
	Path  string `json:"path"`
	State state  `json:"state"`
	// Changed says that the file is written or removed.
	Changed bool `json:"changed"`
}

// fault is why a file is left alone.
func fault(format string, args ...any) error { return fmt.Errorf(format, args...) }

// Onboard is bd onboard.
func Onboard() shell.Command {
	return shell.Command{
		Name: "onboard", Help: "Print what a project's file for agents should say, and the command that writes it.",
		Examples: []string{"bd onboard"},
		NoTown:   true, Permission: shell.MayReadProgram, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action {
			return func(context.Context) error {
				return call.Show(struct {
					Text    string `json:"text"`
					Command string `json:"command"`
				}{body, "bd setup AGENT"}, func(p *term.Printer) {
					p.Body("", body)
					p.Line("")
					p.Line("bd setup AGENT writes this where the agent reads it, and has bd prime run when a session starts.")
					p.Line("AGENT is one of %s. bd setup AGENT --preview shows it first.", strings.Join(names(), ", "))
				})
			}
		},
	}
}
