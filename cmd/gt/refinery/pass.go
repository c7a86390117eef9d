package refinery

import (
	"context"
	"errors"
	"fmt"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/town"
	"gastown/town/refinery"
)

func passCommands(add adder) {
	add(shell.Command{
		Name: "merge", Help: "Run one pass of what the Deacon runs by itself: test what waits, land what passes, give back what does not.",
		Examples:   []string{"gt refinery merge --batch", "gt refinery merge --rig=web      # one by one"},
		Permission: shell.MayWriteRefinery, Writes: true,
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Flag("batch", "Test several together, as refinery.batch_size says, instead of one by one.").BoolVar(&o.batch)
		return o.merge
	})
	add(shell.Command{
		Name: "verify", Help: "Look how each request merges with its target now.",
		Examples:   []string{"gt refinery verify", "gt refinery verify --skip=duplicate"},
		Permission: shell.MayWriteRefinery, Writes: true,
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Flag("skip", "What to drop: duplicate, requests whose change the target has already. Their beads close.").EnumVar(&o.skip, "duplicate")
		return o.verify
	})
	add(shell.Command{
		Name: "test", Help: "Run the checks on requests, each merged alone onto its target. Nothing lands and nothing is given back.",
		Examples:   []string{"gt refinery test web-a1", "gt refinery test --parallel --cache"},
		Permission: shell.MayWriteRefinery, Writes: true,
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Arg("request", "Numbers of merge requests, or their beads (default: all that are open).").StringsVar(&o.requests)
		c.Flag("parallel", "As many at once as refinery.parallelism says, instead of one by one.").BoolVar(&o.parallel)
		c.Flag("cache", "Do not test a tree again of which the result is known.").BoolVar(&o.cache)
		return o.test
	})
}

// each calls fn with the refinery of each rig.
func (o *options) each(ctx context.Context, fn func(*refinery.Refinery) error) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	rigs, err := h.SomeRigs(o.rig)
	if err != nil {
		return err
	}
	var failed []error
	for _, r := range rigs {
		f, err := h.Refinery(r)
		if err == nil {
			err = fn(f)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("the refinery of %s: %w", r.Name, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(failed...)
}

// merged is what a pass did.
type merged struct {
	Rig  string   `json:"rig"`
	Runs int      `json:"check_runs"`
	Did  []string `json:"did"`
}

func (o *options) merge(ctx context.Context) error {
	all := []merged{}
	err := o.each(ctx, func(f *refinery.Refinery) error {
		if !o.batch {
			f.Batch, f.Parallel = 1, 1
		}
		f.Progress = func(a refinery.Action) { o.call.Progress().Step(f.Rig.Name+": "+a.String(), 0, 0, "") }
		done, err := f.Pass(ctx)
		m := merged{Rig: f.Rig.Name, Runs: done.Runs, Did: []string{}}
		for _, a := range done.Actions {
			m.Did = append(m.Did, a.String())
		}
		all = append(all, m)
		return err
	})
	return errors.Join(o.call.Summary(all, func(p *term.Printer) {
		for _, m := range all {
			if len(m.Did) == 0 {
				p.Line("%s: nothing to do; gt refinery status says what waits, and for what", m.Rig)
			}
			for _, line := range m.Did {
				p.Line("%s: %s", m.Rig, line)
			}
		}
	}), err)
}

func (o *options) verify(ctx context.Context) error {
	return o.findings(ctx, func(f *refinery.Refinery) ([]refinery.Finding, error) { return f.Verify(ctx, o.skip == "duplicate") })
}

func (o *options) test(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	some := map[string][]town.Epoch{}
	for _, word := range o.requests {
		m, err := o.request(ctx, h, word)
		if err != nil {
			return err
		}
		if !m.State.Open() {
			return town.Fail("test "+m.Bead, "gt refinery log "+m.Bead+" shows what decided", "%w: merge request %d is decided: %s", town.ErrRefused, m.Epoch, m.State)
		}
		some[m.Agent.Rig] = append(some[m.Agent.Rig], m.Epoch)
	}
	return o.findings(ctx, func(f *refinery.Refinery) ([]refinery.Finding, error) {
		if len(o.requests) > 0 && len(some[f.Rig.Name]) == 0 {
			return nil, nil
		}
		atOnce := 1
		if o.parallel {
			atOnce = f.Parallel
		}
		return f.Test(ctx, some[f.Rig.Name], atOnce, o.cache)
	})
}

// findings shows what was found about requests.
func (o *options) findings(ctx context.Context, look func(*refinery.Refinery) ([]refinery.Finding, error)) error {
	all := []refinery.Finding{}
	err := o.each(ctx, func(f *refinery.Refinery) error {
		found, err := look(f)
		all = append(all, found...)
		return err
	})
	return errors.Join(o.call.Summary(all, func(p *term.Printer) {
		if len(all) == 0 {
			p.Line("no merge requests")
			return
		}
		var rows [][]string
		for _, f := range all {
			what := f.What
			if f.Cached {
				what += " (known)"
			}
			rows = append(rows, []string{fmt.Sprint(f.Epoch), f.Bead, string(f.State), what, f.Why})
		}
		p.Table([]string{"MR", "BEAD", "STATE", "FOUND", "WHY"}, rows)
	}), err)
}
