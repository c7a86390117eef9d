// Package crew is the command group gt crew: the clones of a rig in which people work.
package crew

import (
	"cmp"
	"context"
	"errors"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/sync/gitcmd"
	"gastown/town"
	"gastown/town/rig"
)

// crewOptions are the options of the group.
type crewOptions struct {
	call   *shell.Call
	name   string
	rig    string
	branch string
	force  bool
}

// Commands adds the group to a program.
func Commands(p *shell.Program) {
	g := p.Command("crew", "People's own clones of a rig.").HelpLong(shell.Examples(
		"gt crew add ann --rig web", `cd "$(gt crew at ann --rig web)"`, "gt crew list", "gt crew remove ann --rig web"))
	p.Add(g, shell.Command{
		Name: "add", Help: "Make a person's own clone of a rig. Its commits bear the name that the person's git has.",
		Examples:   []string{"gt crew add ann --rig web", "gt crew add ann --rig web --branch release"},
		Permission: shell.MayWriteCrew, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &crewOptions{call: call}
			o.nameAndRig(c)
			c.Flag("branch", "What to check out (default: the rig's branch).").PlaceHolder("B").StringVar(&o.branch)
			return o.add
		},
	})
	p.Add(g, shell.Command{
		Name: "at", Help: "Print the directory of a person's clone.",
		Examples:   []string{`cd "$(gt crew at ann)"`, "gt crew at ann --rig web --json"},
		Permission: shell.MayReadCrew, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &crewOptions{call: call}
			o.nameAndRig(c)
			return o.at
		},
	})
	p.Add(g, shell.Command{
		Name: "list", Help: "Show the clones, and what each holds that the remote does not have.",
		Examples:   []string{"gt crew list", "gt crew list --rig web --json"},
		Permission: shell.MayReadCrew, Repeatable: true, Default: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &crewOptions{call: call}
			c.Flag("rig", "Only of this rig.").PlaceHolder("R").StringVar(&o.rig)
			return o.list
		},
	})
	p.Add(g, shell.Command{
		Name: "remove", Help: "Remove a person's clone. Refused while it holds anything that the remote does not have.",
		Examples:   []string{"gt crew remove ann --rig web", "gt crew remove ann --rig web --force     # saves what is unsaved first"},
		Permission: shell.MayWriteCrew, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &crewOptions{call: call}
			o.nameAndRig(c)
			c.Flag("force", "Save what is unsaved to a rescue ref at the remote, then remove.").BoolVar(&o.force)
			return o.remove
		},
	})
}

func (o *crewOptions) nameAndRig(c *kingpin.CmdClause) {
	c.Arg("name", "The person, as NAME or RIG/crew/NAME.").Required().StringVar(&o.name)
	c.Flag("rig", "The rig (default: the only one).").PlaceHolder("R").StringVar(&o.rig)
}

// open finds the rig: that of the address, of --rig, or the only one.
func (o *crewOptions) open() (*rig.Rig, error) {
	h, err := host.Open(o.call)
	if err != nil {
		return nil, err
	}
	if a, err := town.ParseAddress(o.name); err == nil && a.Kind == town.Crew {
		o.name, o.rig = a.Name, a.Rig
	}
	return h.OneRig(o.rig)
}

func (o *crewOptions) add(ctx context.Context) error {
	r, err := o.open()
	if err != nil {
		return err
	}
	var who town.Actor
	if who.Name, who.Email, err = gitcmd.Identity(ctx, host.Git(o.call)); err != nil {
		return err
	}
	s, err := r.AddCrew(ctx, rig.Join{Name: o.name, Branch: o.branch, Who: who})
	if err != nil {
		return err
	}
	return o.call.Changed(s, func(p *term.Printer) {
		p.Line("%s is in %s, on %s", s.Address(), s.Dir, s.Branch)
		if who.Name == "" || who.Email == "" {
			p.Line("git does not know who you are; tell it there: git config user.name NAME; git config user.email ADDRESS")
		}
		if s.Stale != "" {
			p.Line("it may not be the newest: %s", s.Stale)
		}
	})
}

func (o *crewOptions) at(ctx context.Context) error {
	r, err := o.open()
	if err != nil {
		return err
	}
	s, err := r.Sandbox(ctx, rig.Crew, o.name)
	if err != nil {
		return o.missing(r, err)
	}
	return o.call.Show(s, func(p *term.Printer) { p.Line("%s", s.Dir) })
}

// missing words the error for a clone that is not there.
func (o *crewOptions) missing(r *rig.Rig, err error) error {
	names, lerr := r.Sandboxes(rig.Crew)
	next := "gt crew list shows them; gt crew add " + o.name + " --rig " + r.Name + " makes it"
	if near := town.Nearest(o.name, names, 1); lerr == nil && len(near) > 0 {
		next = "did you mean " + near[0] + "?"
	}
	return host.NotThere("find the clone of "+o.name+" in the rig "+r.Name, next, err)
}

func (o *crewOptions) list(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	all, err := h.SomeRigs(o.rig)
	if err != nil {
		return err
	}
	found := []rig.SandboxStatus{}
	for _, r := range all {
		st, err := r.Status(ctx)
		if err != nil {
			return err
		}
		for _, s := range st.Sandboxes {
			if s.Kind == rig.Crew {
				found = append(found, s)
			}
		}
	}
	return o.call.Show(found, func(p *term.Printer) {
		if len(found) == 0 {
			p.Line("nobody has a clone; make one: gt crew add NAME --rig RIG")
			return
		}
		var rows [][]string
		for _, s := range found {
			holds := cmp.Or(s.Problem, s.Unsaved.String())
			if s.Unsaved.Rescue != "" {
				holds = "rescued to " + s.Unsaved.Rescue
			}
			rows = append(rows, []string{s.Address(), cmp.Or(s.Branch, "(detached)"), holds, s.Dir})
		}
		p.Table([]string{"WHO", "BRANCH", "UNSAVED", "DIRECTORY"}, rows)
	})
}

func (o *crewOptions) remove(ctx context.Context) error {
	r, err := o.open()
	if err != nil {
		return err
	}
	s, err := r.Sandbox(ctx, rig.Crew, o.name)
	if err != nil {
		return o.missing(r, err)
	}
	var saved rig.Saved
	if o.force {
		if saved, err = r.Rescue(ctx, s, "gt crew remove"); err != nil {
			return err
		}
	}
	if err := r.Remove(ctx, s); err != nil {
		var held *rig.HeldError
		if errors.As(err, &held) {
			return town.Fail("remove the clone of "+o.name, "push it, or let gt save it: gt crew remove "+s.Address()+" --force", "%w", held)
		}
		return err
	}
	return o.call.Changed(struct {
		Removed rig.Sandbox `json:"removed"`
		Rescued rig.Saved   `json:"rescued"`
	}{s, saved}, func(p *term.Printer) {
		if saved.Ref != "" {
			p.Line("rescued %s to %s", saved.What, saved.Ref)
		}
		p.Line("removed %s", s.Address())
	})
}
