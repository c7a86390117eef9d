// Package change is the commands of bd that make, change, close and delete beads.
package change

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/flags"
	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/settings"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// createOptions are those of bd create.
type createOptions struct {
	call       *shell.Call
	title      string
	titleFlag  string
	prose      flags.Prose
	kind       string
	priority   string
	assignee   string
	owner      string
	labels     []string
	deps       []string
	parent     string
	id         string
	prefix     string
	rig        string
	status     string
	external   string
	estimate   string
	spec       string
	metadata   string
	due, start flags.Date
	waitsFor   string
	gate       string
	skills     string
	context    string
	extra      [len(extraFlags)]string
	ephemeral  bool
	noInherit  bool
	silent     bool
	dryRun     bool
	validate   bool
	repo       string
	// file and graph describe several beads.
	file, graph string
}

// Create is bd create.
func Create() shell.Command {
	return shell.Command{
		Name: "create", Alias: "new", Help: "Make a bead, or all beads of a file.",
		Examples: []string{
			`bd create "Login fails with an empty password" -t bug -p 1`,
			`bd create "Write the page" --parent gt-a3f8x -l docs,web`,
			`bd create "Found on the way" --deps discovered-from:gt-a3f8x --json`,
			`bd create "Before the release" --deps blocks:gt-a3f8x     # a3f8x waits for the new one`,
			"git log -1 --format=%B | bd create \"Review this\" --stdin",
			"bd create -f plan.md           # a bead for each heading ##, with fields under ###",
			"bd create --graph plan.json    # beads that link to each other",
		},
		// Another Town's ledger is not this Deacon's.
		AloneWith: []string{"repo"},
		Planes:    []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true, DryWith: []string{"dry-run"},
		Reads:      append(flags.ProseFiles(), "file", "graph", "metadata"),
		MayBeEmpty: append(extraNames(), "type", "priority", "status", "assignee", "owner", "estimate", "due", "defer", "external-ref", "spec-id", "metadata"),
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := newCreate(call)
			o.flags(c)
			return o.run
		},
	}
}

func newCreate(call *shell.Call) *createOptions {
	return &createOptions{call: call, due: flags.Date{Name: "due"}, start: flags.Date{Name: "defer"}}
}

func (o *createOptions) run(ctx context.Context) error {
	if o.repo != "" {
		if !filepath.IsAbs(o.repo) {
			return session.Fail("create a bead", fmt.Errorf("%w: --repo names a Town by its absolute path", town.ErrUsage))
		}
		call := *o.call
		call.Town = o.repo
		o.call = &call
	}
	switch {
	case o.file != "" && o.graph != "":
		return session.Fail("create beads", fmt.Errorf("%w: give --file or --graph, not both", town.ErrUsage))
	case o.file != "":
		return o.runFile(ctx)
	case o.graph != "":
		return o.runGraph(ctx)
	}
	n, err := o.bead()
	if err != nil {
		return session.Fail("create a bead", err)
	}
	made, err := o.make(ctx, []ledger.NewBead{n})
	if err != nil {
		return session.Fail("create "+town.Clip(n.Title, 80), err)
	}
	return o.say(made[0], made)
}

// make creates beads in one commit; the ids they name may be short. With --dry-run
// it only finds out whether that would succeed.
func (o *createOptions) make(ctx context.Context, list []ledger.NewBead) (made []town.Bead, err error) {
	if err := o.check(list); err != nil {
		return nil, err
	}
	err = session.Use(ctx, o.call, func(l *session.Ledger) error {
		for i := range list {
			n := &list[i]
			if n.Owner == "" {
				n.Owner = l.Host.Actor.Email
			}
			if n.Prefix, err = o.idPrefix(ctx, l); err != nil {
				return err
			}
		}
		return l.FullNew(ctx, list, func(list []ledger.NewBead) (err error) {
			if o.dryRun {
				return l.Try(ctx, func(c *ledger.Change) (err error) {
					made, err = c.Create(ctx, list)
					return err
				})
			}
			if made, err = l.Create(ctx, list); err == nil {
				touchLast(l, made)
			}
			return err
		})
	})
	for i := range made { // results have no links; bd show prints them
		made[i].Dependencies = nil
	}
	if o.dryRun {
		for i := range made {
			if list[i].ID == "" {
				made[i].ID = "" // a random id, which the real run does not use
			}
		}
	}
	return made, err
}

// check refuses beads that lack what their type should say, with --validate.
func (o *createOptions) check(list []ledger.NewBead) error {
	if !o.validate {
		return nil
	}
	var bad []string
	for _, n := range list {
		if n.Type == "" {
			n.Type = town.TypeTask
		}
		if lacks := ledger.Lacks(n.Bead); len(lacks) > 0 {
			bad = append(bad, fmt.Sprintf("%s lacks %s", town.Clip(n.Title, 80), strings.Join(lacks, ", ")))
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return town.Fail("create "+term.Plural(len(list), "bead", "beads"), "say it in the description, or with --acceptance TEXT",
		"%w: %s", town.ErrBadBead, strings.Join(bad, "\n"))
}

// say prints the beads that were made; with --json it prints value.
func (o *createOptions) say(value any, made []town.Bead) error {
	if o.silent {
		for _, b := range made {
			if _, err := fmt.Fprintln(o.call.Stdout, b.ID); err != nil {
				return shell.ErrAppliedUnprinted(err)
			}
		}
		return nil
	}
	verb := "created"
	if o.dryRun {
		verb = "would create"
	}
	return o.call.Changed(value, func(p *term.Printer) {
		for _, b := range made {
			p.Styled(term.Good, "%s %s", verb, view.Line(b))
		}
	})
}

// idPrefix returns the prefix of a new id: the one that was asked for, else the
// rig's, else the Town's.
func (o *createOptions) idPrefix(ctx context.Context, l *session.Ledger) (string, error) {
	if o.prefix != "" || o.id != "" || o.parent != "" {
		return strings.TrimSuffix(o.prefix, "-"), nil
	}
	usual, _, err := l.Config.Get(settings.BeadPrefix)
	if err != nil {
		return "", err
	}
	if o.rig != "" {
		return l.RigPrefix(ctx, o.rig)
	}
	rig := l.Rig(o.call)
	if rig == "" {
		return usual, nil
	}
	all, err := l.Prefixes(ctx)
	return cmp.Or(all[rig], usual), err
}
