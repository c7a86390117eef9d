// Package worktree is the command group gt worktree: working trees that are kept ready.
package worktree

import (
	"context"
	"fmt"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/town"
	"gastown/town/rig"
)

// poolOptions are the options of gt worktree pool.
type poolOptions struct {
	call *shell.Call
	rig  string
	size int
}

// Commands adds the group to a program.
func Commands(p *shell.Program) {
	g := p.Command("worktree", "Working trees of rigs.")
	pool := g.Command("pool", "Working trees that are ready before a polecat needs one.").HelpLong(shell.Examples(
		"gt worktree pool create --size=10 --rig=web", "gt worktree pool list", "gt worktree pool prune --rig=web"))
	p.Add(pool, shell.Command{
		Name: "create", Help: "Set how many trees a rig keeps ready, and make them. The Deacon refills and refreshes them.",
		Examples:   []string{"gt worktree pool create --size=10 --rig=web", "gt worktree pool create --size=0 --rig=web     # no pool any more"},
		Permission: shell.MayAdminRig, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &poolOptions{call: call}
			o.rigFlag(c, "The rig (default: the only one).")
			shell.Number(c.Flag("size", "How many.").Default("5").PlaceHolder("N"), &o.size)
			return o.create
		},
	})
	p.Add(pool, shell.Command{
		Name: "list", Help: "Show the trees that are ready.", Examples: []string{"gt worktree pool list", "gt worktree pool list --rig=web --json"},
		Permission: shell.MayReadRig, Repeatable: true, Default: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &poolOptions{call: call}
			o.rigFlag(c, "Only of this rig.")
			return o.list
		},
	})
	p.Add(pool, shell.Command{
		Name: "prune", Help: "Remove trees that are damaged or too many, and what killed processes left; refresh the others.",
		Examples:   []string{"gt worktree pool prune", "gt worktree pool prune --rig=web"},
		Permission: shell.MayAdminRig, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &poolOptions{call: call}
			o.rigFlag(c, "Only of this rig.")
			return o.prune
		},
	})
}

func (o *poolOptions) rigFlag(c *kingpin.CmdClause, help string) {
	c.Flag("rig", help).PlaceHolder("R").StringVar(&o.rig)
}

// did is what was done to one rig's pool.
type did struct {
	Rig  string           `json:"rig"`
	Size int              `json:"size"`
	Done []rig.PoolAction `json:"done"`
}

func (o *poolOptions) create(ctx context.Context) error {
	if o.size < 0 || o.size > rig.MaxPool {
		return town.Fail("make a pool", "give a number such as --size=10", "%w: --size %d is not from 0 to %d", town.ErrUsage, o.size, rig.MaxPool)
	}
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	r, err := h.OneRig(o.rig)
	if err != nil {
		return err
	}
	if err := h.Rigs().SetPool(ctx, r.Name, o.size); err != nil {
		return err
	}
	return o.keep(ctx, []*rig.Rig{r}, o.size)
}

// keep brings pools to their size; size replaces that of the settings unless it is
// negative.
func (o *poolOptions) keep(ctx context.Context, rigs []*rig.Rig, size int) error {
	all := []did{}
	for _, r := range rigs {
		d := did{Rig: r.Name, Size: r.Pool, Done: []rig.PoolAction{}}
		if size >= 0 {
			d.Size = size
		}
		o.call.Progress().Step("pool of "+r.Name, 0, 0, "")
		done, err := r.KeepPool(ctx, d.Size, 2*rig.MaxPool, time.Minute)
		d.Done = append(d.Done, done...)
		all = append(all, d)
		if err != nil && len(done) == 0 {
			return err
		}
		if err != nil {
			o.call.Hint("%s: %v", r.Name, err)
		}
	}
	return o.call.Changed(all, func(p *term.Printer) {
		for _, d := range all {
			n := map[string]int{}
			for _, a := range d.Done {
				n[a.Do]++
			}
			p.Line("%s: %d added, %d refreshed, %d removed; it keeps %d", d.Rig, n["add"], n["renew"], n["drop"], d.Size)
		}
	})
}

func (o *poolOptions) list(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	rigs, err := h.SomeRigs(o.rig)
	if err != nil {
		return err
	}
	type ready struct {
		Rig   string         `json:"rig"`
		Size  int            `json:"size"`
		Trees []rig.PoolTree `json:"trees"`
	}
	all := []ready{}
	for _, r := range rigs {
		trees, err := r.PoolTrees(ctx)
		if err != nil {
			return err
		}
		all = append(all, ready{r.Name, r.Pool, append([]rig.PoolTree{}, trees...)})
	}
	return o.call.Show(all, func(p *term.Printer) {
		var rows [][]string
		for _, r := range all {
			fresh := 0
			for _, t := range r.Trees {
				if t.Fresh {
					fresh++
				}
			}
			rows = append(rows, []string{r.Rig, fmt.Sprint(r.Size), fmt.Sprint(len(r.Trees)), fmt.Sprint(fresh)})
		}
		p.Table([]string{"RIG", "SIZE", "READY", "AT THE NEWEST BASE"}, rows)
	})
}

func (o *poolOptions) prune(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	rigs, err := h.SomeRigs(o.rig)
	if err != nil {
		return err
	}
	return o.keep(ctx, rigs, -1)
}
