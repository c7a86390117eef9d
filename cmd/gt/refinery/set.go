package refinery

import (
	"context"
	"strconv"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/settings"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/rig"
)

// adder adds a command to the group.
type adder func(c shell.Command, define func(o *options, c *kingpin.CmdClause) shell.Action)

// setting is a number of the refinery that a command changes.
type setting struct {
	name, key, help string
	examples        []string
	most            int
	of              func(*rig.Refinery) *int
}

var numbers = []setting{
	{"queue.size", "refinery.queue_size", "Set how many merge requests a pass looks at. The others wait behind them; none is refused.",
		[]string{"gt refinery queue.size 20", "gt refinery queue.size 50 --rig=web"}, rig.MaxQueue, func(r *rig.Refinery) *int { return &r.QueueSize }},
	{"parallelism", "refinery.parallelism", "Set how many batches are tested at once.",
		[]string{"gt refinery parallelism 3", "gt refinery parallelism 5 --rig=web"}, rig.MaxParallelism, func(r *rig.Refinery) *int { return &r.Parallelism }},
}

// changed is what a command that sets a number prints.
type changed struct {
	Setting string `json:"setting"`
	Rig     string `json:"rig,omitempty"`
	Value   int    `json:"value"`
}

func settingCommands(add adder) {
	for _, n := range numbers {
		add(shell.Command{
			Name: n.name, Help: n.help + " Without --rig it is the Town's setting " + n.key + ".",
			Examples: n.examples, Permission: shell.MayAdminRefinery, Writes: true,
		}, func(o *options, c *kingpin.CmdClause) shell.Action {
			shell.Number(c.Arg("n", "The number.").Required().PlaceHolder("N"), &o.number)
			return func(ctx context.Context) error { return o.set(ctx, n) }
		})
	}
}

func (o *options) set(ctx context.Context, n setting) error {
	if o.number < 1 || o.number > n.most {
		return town.Fail("set "+n.name, "give a number such as 3", "%w: %d is not from 1 to %d", town.ErrUsage, o.number, n.most)
	}
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	if o.rig != "" {
		s, err := h.Rigs().Find(o.rig)
		if err != nil {
			return err
		}
		*n.of(&s.Refinery) = o.number
		if err := h.Rigs().SetRefinery(ctx, s.Name, s.Refinery); err != nil {
			return err
		}
	} else if err := h.Change(ctx, func(c *config.Config) error { return settings.Set(c, n.key, strconv.Itoa(o.number)) }); err != nil {
		return err
	}
	return o.call.Changed(changed{n.key, o.rig, o.number}, func(p *term.Printer) {
		if o.rig != "" {
			p.Line("%s of %s is %d", n.name, o.rig, o.number)
			return
		}
		p.Line("%s is %d", n.key, o.number)
	})
}
