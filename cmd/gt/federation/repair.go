package federation

import (
	"context"
	"errors"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/sync/federate"
)

// repairOptions are the options of gt federation repair.
type repairOptions struct {
	call     *shell.Call
	remote   string
	dry, yes bool
}

// repaired is federate.Repair for printing.
type repaired struct {
	// Remote is empty for the Town's own plane.
	Remote string         `json:"remote,omitempty"`
	DryRun bool           `json:"dry_run,omitempty"`
	Done   bool           `json:"repaired"`
	Parts  []repairedPart `json:"parts"`
	// Copy is where what was at the remote is now.
	Copy   string  `json:"copy,omitempty"`
	Pulled *pulled `json:"pulled,omitempty"`
}

type repairedPart struct {
	What      string        `json:"what"`
	Reason    string        `json:"reason"`
	Good      string        `json:"good"`
	Own       bool          `json:"own"`
	Commits   int           `json:"commits"`
	Kept      int           `json:"kept_rows"`
	Gone      []string      `json:"gone"`
	GoneTotal int           `json:"gone_total"`
	Unread    []publication `json:"unread"`
}

type publication struct {
	Commit  string `json:"commit"`
	Subject string `json:"subject"`
}

func repairCommand() shell.Command {
	return shell.Command{
		Name: "repair", Help: "Take a remote that holds what no Town can take back to its last good state; without REMOTE, the same for what this Town has recorded.",
		Examples: []string{
			"gt federation repair origin --dry-run    # what would go, and what stays", "gt federation repair origin",
			"gt federation repair                     # this Town's own plane, before a push",
		},
		Planes: host.Planes, Permission: shell.MayWriteFederation, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &repairOptions{call: call}
			c.Arg("remote", "The remote; without it, the Town's own plane.").PlaceHolder("REMOTE").HintAction(hintRemotes(call)).StringVar(&o.remote)
			c.Flag("dry-run", "Only say what would go and what stays.").Short('n').BoolVar(&o.dry)
			c.Flag("yes", "Do it without asking.").Short('y').BoolVar(&o.yes)
			return o.run
		},
	}
}

func (o *repairOptions) run(ctx context.Context) error {
	h, err := open(o.call)
	if err != nil {
		return err
	}
	confirm := func(r federate.Repair) error {
		h.call.Progress().Clear()
		return o.confirm(ctx, newRepaired(r))
	}
	var done federate.Repair
	if o.remote == "" {
		done, err = h.engine.RepairOwn(ctx, o.dry, confirm)
	} else {
		var remote federate.Remote
		if remote, err = h.Remote(o.remote); err != nil {
			return err
		}
		done, err = h.engine.RepairRemote(ctx, remote, o.dry, confirm)
	}
	h.call.Progress().Clear()
	out := newRepaired(done)
	out.DryRun, out.Done = o.dry, !o.dry && len(out.Parts) > 0 && err == nil
	if err != nil && !errors.Is(err, federate.ErrRecords) {
		return err
	}
	if out.Done {
		pulled := newPulled(done.Pulled)
		pulled.Remote = done.Remote
		out.Pulled = &pulled
	}
	return h.end(out, out.print, err)
}

// confirm shows a person what would go, and asks.
func (o *repairOptions) confirm(ctx context.Context, out repaired) error {
	if o.yes {
		return nil
	}
	return confirmation{"repair " + out.subject(), "nothing was changed", out, out.preview}.ask(ctx, o.call)
}

func newRepaired(r federate.Repair) repaired {
	out := repaired{Remote: r.Remote, Parts: []repairedPart{}, Copy: r.Copy}
	for _, p := range r.Parts {
		part := repairedPart{
			What: p.What, Reason: p.Reason, Good: p.Good, Own: p.Own, Commits: p.Commits, Kept: p.Kept,
			Gone: nonNil(p.Gone), GoneTotal: p.GoneTotal, Unread: []publication{},
		}
		for _, u := range p.Unread {
			part.Unread = append(part.Unread, publication{u.ID, u.Subject})
		}
		out.Parts = append(out.Parts, part)
	}
	return out
}

// subject names what is repaired.
func (out repaired) subject() string {
	if out.Remote == "" {
		return "this Town's federation plane"
	}
	return out.Remote
}

// preview says what goes and what stays.
func (out repaired) preview(p *term.Printer) {
	for _, part := range out.Parts {
		p.Styled(term.Head, "%s, %s: Towns refuse it", out.subject(), part.What)
		p.Line("  %-12s %s", "because", part.Reason)
		p.Line("  %-12s %s", "goes back to", part.Good)
		if part.Own {
			p.Line("  %-12s %s", "", "nothing older can be read there; Towns that have more publish it again with their next sync")
		}
		if part.Commits > 0 {
			p.Line("  %-12s %s of %s since then", "stays", term.Plural(part.Kept, "changed row", "changed rows"),
				term.Plural(part.Commits, "commit", "commits"))
		}
		for _, gone := range part.Gone {
			p.Line("  %-12s %s", "goes", gone)
		}
		if more := part.GoneTotal - len(part.Gone); more > 0 {
			p.Line("  %-12s and %d more", "goes", more)
		}
		for _, u := range part.Unread {
			p.Line("  %-12s what only the publication %s (%s) held, which cannot be read", "goes", short(u.Commit), u.Subject)
		}
	}
	if out.Remote == "" {
		p.Line("The plane's history retains what goes, and the next push publishes that history.")
		return
	}
	p.Line("What is there is copied into .gt/retired first.")
}

func (out repaired) print(p *term.Printer) {
	switch {
	case len(out.Parts) == 0:
		p.Line("%s: nothing to repair", out.subject())
		return
	case out.DryRun:
		out.preview(p)
		return
	}
	for _, part := range out.Parts {
		p.Styled(term.Good, "%s, %s: back to %s, with %s", out.subject(), part.What, part.Good,
			term.Plural(part.Kept, "later row", "later rows"))
	}
	if out.Copy != "" {
		p.Line("  what was there is in %s, a Git repository that dolt can clone", out.Copy)
	}
	if out.Pulled != nil && out.Remote != "" {
		out.Pulled.print(p)
	}
}
