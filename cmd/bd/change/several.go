package change

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"gastown/cmd/bd/internal/flags"
	"gastown/cmd/bd/internal/session"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
)

// maxPlan is how large a file of beads to create may be, in bytes.
const maxPlan = 64 << 20

// alone refuses flags that describe one bead beside a file that describes several.
func (o *createOptions) alone(flag string) error {
	one := o.title + o.titleFlag + o.kind + o.priority + o.status + o.assignee + o.parent + o.id + o.waitsFor + o.metadata + o.spec + o.external
	if one != "" || len(o.labels)+len(o.deps) > 0 || o.prose.Given() {
		return fmt.Errorf("%w: %s describes every bead; give no title and no fields beside it", town.ErrUsage, flag)
	}
	return nil
}

// runFile creates the beads of a Markdown file.
func (o *createOptions) runFile(ctx context.Context) error {
	op := "create the beads of " + town.Clip(o.file, 200)
	if err := o.alone("--file"); err != nil {
		return session.Fail(op, err)
	}
	text, err := flags.ReadFile(o.call, o.file, maxPlan)
	if err != nil {
		return session.Fail(op, err)
	}
	list, err := ledger.ReadMarkdown(text)
	if err != nil {
		return session.Fail(op, err)
	}
	for i := range list {
		list[i].Owner, list[i].Ephemeral = o.owner, o.ephemeral
	}
	made, err := o.make(ctx, list)
	if err != nil {
		return session.Fail(op, err)
	}
	return o.say(made, made)
}

// graphDone is what bd create --graph prints.
type graphDone struct {
	IDs    map[string]string `json:"ids"`
	DryRun bool              `json:"dry_run,omitempty"`
}

// runGraph creates the beads and links of a plan.
func (o *createOptions) runGraph(ctx context.Context) error {
	op := "create the beads of " + town.Clip(o.graph, 200)
	if err := o.alone("--graph"); err != nil {
		return session.Fail(op, err)
	}
	text, err := flags.ReadFile(o.call, o.graph, maxPlan)
	if err != nil {
		return session.Fail(op, err)
	}
	plan, err := ledger.ReadPlan([]byte(text))
	if err != nil {
		return session.Fail(op, err)
	}
	for _, name := range plan.Unknown {
		o.call.Hint("warning: %s is no key of a plan, and left out", name)
	}
	done := graphDone{DryRun: o.dryRun}
	err = session.Use(ctx, o.call, func(l *session.Ledger) error {
		usual := ledger.NewBead{}
		if usual.Owner = o.owner; usual.Owner == "" {
			usual.Owner = l.Host.Actor.Email
		}
		usual.Ephemeral = o.ephemeral
		if usual.Prefix, err = o.idPrefix(ctx, l); err != nil {
			return err
		}
		return l.FullByRef(ctx, plan.Refs(), func(full map[string]string) error {
			return l.Change(ctx, o.dryRun, plan.Title(), func(c *ledger.Change) (err error) {
				done.IDs, err = c.Plan(ctx, plan, full, usual)
				return err
			})
		})
	})
	if err != nil {
		return session.Fail(op, err)
	}
	return o.sayGraph(done)
}

func (o *createOptions) sayGraph(done graphDone) error {
	keys := slices.Sorted(maps.Keys(done.IDs))
	if o.silent {
		for _, key := range keys {
			if _, err := fmt.Fprintln(o.call.Stdout, done.IDs[key]); err != nil {
				return shell.ErrAppliedUnprinted(err)
			}
		}
		return nil
	}
	verb := "created"
	if done.DryRun {
		verb = "would create"
	}
	return o.call.Changed(done, func(p *term.Printer) {
		p.Styled(term.Good, "%s %s", verb, term.Plural(len(keys), "bead", "beads"))
		for _, key := range keys {
			p.Line("  %s: %s", key, done.IDs[key])
		}
	})
}
