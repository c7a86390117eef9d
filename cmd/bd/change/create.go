// Package change is the commands of bd that make, change, close and delete beads.
package change

import (
	"context"
	"fmt"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/flags"
	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/shell"
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
	due, start flags.Date
	silent     bool
}

// Create is bd create.
func Create() shell.Command {
	return shell.Command{
		Name: "create", Alias: "new", Help: "Make a bead.",
		Examples: []string{
			`bd create "Login fails with an empty password" -t bug -p 1`,
			`bd create "Write the page" --parent gt-a3f8x -l docs,web`,
			`bd create "Found on the way" --deps discovered-from:gt-a3f8x --json`,
			"git log -1 --format=%B | bd create \"Review this\" --body-file -",
		},
		Planes: []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &createOptions{call: call, due: flags.Date{Name: "due"}, start: flags.Date{Name: "defer"}}
			o.flags(c)
			return o.run
		},
	}
}

func (o *createOptions) flags(c *kingpin.CmdClause) {
	c.Arg("title", "What is to be done, in one line.").PlaceHolder("TITLE").StringVar(&o.title)
	c.Flag("title", "The same as TITLE.").Hidden().StringVar(&o.titleFlag)
	o.prose.Define(c)
	c.Flag("type", "task, bug, feature, epic, chore or another type.").Short('t').PlaceHolder("TYPE").StringVar(&o.kind)
	c.Flag("priority", "0 (most urgent) to 4; 2 by default.").Short('p').PlaceHolder("N").StringVar(&o.priority)
	c.Flag("status", "Where it stands; open by default.").Short('s').PlaceHolder("STATUS").StringVar(&o.status)
	c.Flag("assignee", "Who does it.").Short('a').PlaceHolder("NAME").StringVar(&o.assignee)
	c.Flag("owner", "Who answers for it; the author by default.").PlaceHolder("NAME").StringVar(&o.owner)
	c.Flag("labels", "Labels, separated by commas.").Short('l').PlaceHolder("LABEL,...").StringsVar(&o.labels)
	c.Flag("label", "The same as --labels.").Hidden().StringsVar(&o.labels)
	c.Flag("deps", "What it depends on: ID or TYPE:ID, separated by commas.").PlaceHolder("ID,...").StringsVar(&o.deps)
	c.Flag("parent", "Make it a child of this bead.").PlaceHolder("ID").StringVar(&o.parent)
	c.Flag("id", "Give it this id instead of a new one.").PlaceHolder("ID").StringVar(&o.id)
	c.Flag("prefix", "The prefix of its id, instead of the rig's.").PlaceHolder("PREFIX").StringVar(&o.prefix)
	c.Flag("rig", "The rig it is for (default: the rig of the working directory).").PlaceHolder("RIG").StringVar(&o.rig)
	c.Flag("estimate", "Minutes it may take.").Short('e').PlaceHolder("MINUTES").StringVar(&o.estimate)
	c.Flag("due", "When it is due: 2026-01-31, tomorrow, +2d.").PlaceHolder("DATE").StringVar(&o.due.Text)
	c.Flag("defer", "Not ready before then.").PlaceHolder("DATE").StringVar(&o.start.Text)
	c.Flag("external-ref", "Its id in another system, such as gh-42.").PlaceHolder("REF").StringVar(&o.external)
	c.Flag("silent", "Print the id alone.").BoolVar(&o.silent)
}

func (o *createOptions) run(ctx context.Context) error {
	n, err := o.bead()
	if err != nil {
		return session.Fail("create a bead", err)
	}
	var made town.Bead
	err = session.Use(ctx, o.call, func(l *session.Ledger) error {
		if n.Owner == "" {
			n.Owner = l.Host.Actor.Email
		}
		if n.Prefix, err = o.idPrefix(ctx, l); err != nil {
			return err
		}
		return o.create(ctx, l, n, &made)
	})
	if err != nil {
		return session.Fail("create "+town.Clip(n.Title, 80), err)
	}
	if o.silent {
		_, err := fmt.Fprintln(o.call.Stdout, made.ID)
		return shell.ErrAppliedUnprinted(err)
	}
	made.Dependencies = nil // strict clients know them in lists only, and would make the bead again
	return view.Done(o.call, made, "created %s", view.Line(made))
}

// create makes the bead; the ids it names may be short.
func (o *createOptions) create(ctx context.Context, l *session.Ledger, n ledger.NewBead, made *town.Bead) error {
	var refs []string
	for _, dep := range n.Dependencies {
		refs = append(refs, dep.Target)
	}
	if n.Parent != "" {
		refs = append(refs, n.Parent)
	}
	return l.FullIDs(ctx, refs, func(ids []string) error {
		for i := range n.Dependencies {
			n.Dependencies[i].Target = ids[i]
		}
		if n.Parent != "" {
			n.Parent = ids[len(ids)-1]
		}
		list, err := l.Create(ctx, []ledger.NewBead{n})
		if err == nil {
			*made = list[0]
			touchLast(l, list)
		}
		return err
	})
}

// bead returns the bead that the flags describe.
func (o *createOptions) bead() (n ledger.NewBead, err error) {
	if o.title != "" && o.titleFlag != "" && o.title != o.titleFlag {
		return n, fmt.Errorf("%w: give TITLE or --title, not both", town.ErrUsage)
	}
	if err := o.prose.Read(o.call); err != nil {
		return n, err
	}
	n.Title = o.title + o.titleFlag
	if o.title == o.titleFlag {
		n.Title = o.title
	}
	n.Description, n.Design = o.prose.Description.Value, o.prose.Design.Value
	n.AcceptanceCriteria, n.Notes = o.prose.Acceptance.Value, o.prose.Notes.Value
	n.Assignee, n.Owner, n.ExternalRef = o.assignee, o.owner, o.external
	n.ID, n.Parent, n.Labels = o.id, o.parent, flags.Split(o.labels)
	if n.Title == "" {
		return n, fmt.Errorf("%w: a bead has a title: bd create TITLE", town.ErrUsage)
	}
	if o.kind != "" {
		if n.Type, err = town.TypeWord(o.kind); err != nil {
			return n, err
		}
	}
	if o.status != "" {
		if n.Status, err = town.StatusWord(o.status); err != nil {
			return n, err
		}
	}
	n.NoPriority = o.priority == ""
	if !n.NoPriority {
		if n.Priority, err = town.ParsePriority(o.priority); err != nil {
			return n, err
		}
	}
	if o.estimate != "" {
		minutes, err := flags.Minutes(o.estimate)
		if err != nil {
			return n, err
		}
		n.EstimatedMinutes = &minutes
	}
	now := o.call.Now()
	if n.DueAt, err = o.due.Optional(now); err != nil {
		return n, err
	}
	if n.DeferUntil, err = o.start.Optional(now); err != nil {
		return n, err
	}
	n.Dependencies, err = parseDeps(flags.Split(o.deps))
	return n, err
}

// parseDeps reads links written as ID or TYPE:ID.
func parseDeps(words []string) (list []town.Dependency, err error) {
	for _, word := range words {
		d := town.Dependency{Type: town.DepBlocks, Target: word}
		if kind, id, ok := strings.Cut(word, ":"); ok && kind != "external" {
			if d.Type, err = town.ParseDepType(kind); err != nil {
				return nil, err
			}
			d.Target = id
		}
		list = append(list, d)
	}
	return list, nil
}

// idPrefix returns the prefix of the new id: the one that was asked for, else the
// rig's, else the Town's.
func (o *createOptions) idPrefix(ctx context.Context, l *session.Ledger) (string, error) {
	if o.prefix != "" || o.id != "" || o.parent != "" {
		return strings.TrimSuffix(o.prefix, "-"), nil
	}
	usual, _, err := l.Config.Get("bd.prefix")
	if err != nil {
		return "", err
	}
	rig := o.rig
	if rig == "" {
		rig = l.Rig(o.call)
	}
	if rig == "" {
		return usual, nil
	}
	all, err := l.Prefixes(ctx)
	if err != nil {
		return "", err
	}
	prefix, ok := all[rig]
	switch {
	case ok:
		return prefix, nil
	case o.rig != "":
		return "", town.Fail("create a bead", "give the prefix itself with --prefix, or leave --rig out",
			"%w: no rig %q has a prefix", town.ErrUsage, town.Clip(rig, 64))
	}
	return usual, nil
}
