// Package begin is how work with bd begins and ends: bd init makes a Town in a
// project, bd quickstart teaches a person, bd preflight looks before work is handed in.
package begin

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/settings"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/layout"
)

// initOptions are those of bd init.
type initOptions struct {
	call    *shell.Call
	prefix  string
	ignored bool
}

// Commands adds the commands to a program.
func Commands(p *shell.Program) {
	p.Add(p, shell.Command{
		Name: "init", Help: "Make a Town in the working directory. Files that are there stay as they are, and a Git repository does not see the Town.",
		Examples: []string{"bd init", "bd init --prefix web"},
		Alone:    true, NoTown: true, Permission: shell.MayAdminTown, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &initOptions{call: call}
			c.Flag("prefix", "What ids of beads begin with (default: bd).").Short('p').PlaceHolder("PREFIX").StringVar(&o.prefix)
			for _, name := range []string{"stealth", "skip-hooks", "skip-agents", "non-interactive", "force", "setup-exclude", "server"} {
				c.Flag(name, "Accepted for scripts of the public bd; without effect.").Hidden().BoolVar(&o.ignored)
			}
			return o.run
		},
	})
	p.Add(p, quickstart())
	p.Add(p, preflight())
}

// made is the result of bd init where there is a Town already.
type made struct {
	Town    string `json:"town"`
	Path    string `json:"path"`
	Prefix  string `json:"prefix"`
	Created bool   `json:"created"`
}

// installed is the result of bd init where it made a Town.
type installed struct {
	Town      string   `json:"town"`
	ID        string   `json:"id"`
	Path      string   `json:"path"`
	Prefix    string   `json:"prefix"`
	Created   bool     `json:"created"`
	Made      []string `json:"made"`
	Documents int      `json:"documents"`
	Federated bool     `json:"federated"`
}

// run makes a Town, or says that the working directory is in one.
func (o *initOptions) run(ctx context.Context) error {
	o.prefix = strings.TrimSuffix(o.prefix, "-")
	if o.prefix != "" {
		if err := town.CheckPrefix(o.prefix); err != nil {
			return town.Fail("make a Town", "bd init --prefix web", "%w: %w", town.ErrUsage, err)
		}
	}
	if t, err := o.call.FindTown(); err == nil {
		return o.joins(t)
	}
	dir := o.call.Dir
	if o.call.Town != "" {
		dir = o.call.Abs(o.call.Town)
	}
	public := isDir(filepath.Join(dir, ".beads"))
	call := *o.call
	call.Town = ""
	made, err := install(ctx, call, dir)
	if err != nil {
		return err
	}
	made.Prefix = cmp.Or(o.prefix, "bd")
	if o.prefix != "" {
		call.Quiet, call.JSON = true, false
		if err := call.Delegate(ctx, "bd", "--town="+dir, "config", "set", settings.BeadPrefix, o.prefix); err != nil {
			return err
		}
	}
	err = o.call.Summary(made, func(p *term.Printer) {
		p.Styled(term.Good, "Town %s is ready in %s; its beads begin with %s-", made.Town, made.Path, made.Prefix)
	})
	if err != nil {
		return err
	}
	o.call.Hint("Next: bd create TITLE, bd quickstart, and bd setup claude (or codex, opencode, gemini, cursor) for agents.")
	if public {
		o.call.Hint("Beads of the public bd are in .beads/, which stays as it is: bd export there writes them, bd import FILE takes them.")
	}
	return nil
}

// install makes a Town by gt install and reads what that prints.
func install(ctx context.Context, call shell.Call, dir string) (out installed, err error) {
	var printed, said bytes.Buffer
	i := *call.Invocation
	i.Stdout, i.Stderr = &printed, &said
	quiet := call
	quiet.Invocation, quiet.JSON = &i, true
	if failed := quiet.Delegate(ctx, "gt", "install", dir, "--project"); failed != nil {
		var f shell.Failure
		text := strings.TrimSpace(said.String())
		if json.Unmarshal([]byte(text[strings.LastIndex(text, "\n")+1:]), &f) != nil {
			f.Error = text
		}
		if _, cause, found := strings.Cut(f.Error, dir+": "); found { // the operation names the directory already
			f.Error = cause
		}
		return out, town.Fail("make a Town in "+dir, f.Next, "%w", refusal{f.Error, shell.Kind(shell.ExitCode(failed))})
	}
	if !call.Quiet {
		_, _ = said.WriteTo(call.Stderr) // hints
	}
	if err := json.Unmarshal(printed.Bytes(), &out); err != nil {
		return out, fmt.Errorf("read what gt install printed: %w", err)
	}
	return out, nil
}

// refusal is an error of gt install with its kind.
type refusal struct {
	text string
	kind error
}

func (r refusal) Error() string { return r.text }
func (r refusal) Unwrap() error { return r.kind }

// joins says which Town the working directory is in.
func (o *initOptions) joins(t layout.Town) error {
	cfg, err := config.Load(t.Config())
	if err != nil {
		return err
	}
	prefix, _, err := cfg.In(o.call.Getenv).Get(settings.BeadPrefix)
	if err != nil {
		return err
	}
	if o.prefix != "" && o.prefix != prefix {
		return town.Fail("make a Town with the prefix "+o.prefix, "bd config set bd.prefix "+o.prefix,
			"%w: the Town %s is here already, with the prefix %s", town.ErrRefused, cfg.Town.Name, prefix)
	}
	out := made{Town: cfg.Town.Name, Path: t.Root, Prefix: prefix}
	return o.call.Summary(out, func(p *term.Printer) {
		p.Line("This directory is in the Town %s (%s): nothing to make. Next: bd ready", out.Town, out.Path)
	})
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
