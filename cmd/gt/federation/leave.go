package federation

import (
	"context"
	"slices"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/sync/federate"
	"gastown/town/config"
)

// leaveOptions are the options of gt federation leave.
type leaveOptions struct {
	call   *shell.Call
	remote string
	keep   bool
	dry    bool
	yes    bool
}

// departure is the engine's result for printing.
type departure struct {
	Remote  string `json:"remote"`
	URL     string `json:"url"`
	Address string `json:"address"`
	// Town is the name of the Town that leaves.
	Town string `json:"town"`
	// Federation: the registry says that the Town left, because it has no other remote.
	Federation  bool     `json:"leaves_federation"`
	Records     []string `json:"records"`
	KeepRecords bool     `json:"keep_records"`
	Commits     int      `json:"commits"`
	Edits       int      `json:"edits"`
	// Done: the Town has left. Without it, this is a preview.
	Done   bool    `json:"done"`
	Pushed *pushed `json:"pushed,omitempty"`
}

func leaveCommand() shell.Command {
	return shell.Command{
		Name: "leave", Help: "Stop exchanging with a remote: take shared records back, and tell other Towns that this one left. Everything here stays; gt federation join comes back.",
		Examples: []string{
			"gt federation leave --dry-run           # what would happen", "gt federation leave origin",
			"gt federation leave --keep-records      # other Towns go on reading what was shared",
		},
		Planes: host.Planes, Permission: shell.MayWriteFederation,
		Alone: true, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &leaveOptions{call: call}
			c.Arg("remote", "The remote (default: the only one, or "+host.DefaultRemote+").").PlaceHolder("REMOTE").HintAction(hintRemotes(call)).StringVar(&o.remote)
			c.Flag("keep-records", "Leave the records of the ledger that were shared there, instead of taking them back.").BoolVar(&o.keep)
			c.Flag("dry-run", "Only say what would happen.").Short('n').BoolVar(&o.dry)
			c.Flag("yes", "Do it without asking.").Short('y').BoolVar(&o.yes)
			return o.run
		},
	}
}

func (o *leaveOptions) run(ctx context.Context) error {
	h, err := open(o.call)
	if err != nil {
		return err
	}
	remote, err := h.Remote(o.remote)
	if err != nil {
		return err
	}
	others := slices.DeleteFunc(h.Remotes(), func(r federate.Remote) bool { return r.Name == remote.Name })
	done, err := h.engine.Leave(ctx, remote, federate.LeaveOptions{
		Others: others, KeepRecords: o.keep, Dry: o.dry,
		Confirm: func(d federate.Departure) error {
			h.call.Progress().Clear()
			return o.confirm(ctx, newDeparture(h, d))
		},
	})
	h.call.Progress().Clear()
	if err != nil {
		return err
	}
	out := newDeparture(h, done)
	if o.dry {
		return h.call.Show(out, out.preview)
	}
	if done.Pushed.Remote != "" {
		p := newPushed(done.Pushed)
		out.Pushed = &p
	}
	// The agreement has ended before the remote leaves the configuration; see remote
	// remove.
	err = h.Change(ctx, func(c *config.Config) error {
		c.Remotes = slices.DeleteFunc(c.Remotes, func(r config.Remote) bool { return r == federate.Configuration(remote) })
		return nil
	})
	if err != nil {
		return err
	}
	out.Done = true
	return h.end(out, out.print, nil)
}

// confirm shows a person what would happen, and asks.
func (o *leaveOptions) confirm(ctx context.Context, out departure) error {
	if o.yes {
		return nil
	}
	return confirmation{"leave " + out.Remote, "nothing was changed", out, out.preview}.ask(ctx, o.call)
}

func newDeparture(h *target, d federate.Departure) departure {
	return departure{
		Remote: d.Remote.Name, URL: d.Remote.URL, Address: d.Address, Town: h.Config.Town.Name,
		Federation: d.Last, Records: nonNil(d.Records), KeepRecords: d.KeepRecords, Commits: d.Commits, Edits: d.Edits,
	}
}

// preview says what would happen.
func (out departure) preview(p *term.Printer) {
	p.Styled(term.Head, "Town %s would leave %s (%s):", out.Town, out.Remote, out.URL)
	if out.Federation {
		p.Line("  %-20s says that %s left", "registry of Towns", out.Town)
	} else {
		p.Line("  %-20s stays as it is: other remotes remain", "registry of Towns")
	}
	if n := len(out.Records); n > 0 {
		what := "taken back; the repository's history keeps them"
		if out.KeepRecords {
			what = "stay there, as they are now"
		}
		p.Line("  %-20s %s: %s", term.Plural(n, "shared record", "shared records"), what, clipped(out.Records))
	}
	if out.Commits > 0 {
		p.Line("  %-20s recorded here and not published yet; published with it", term.Plural(out.Commits, "commit", "commits"))
	}
	if out.Edits > 0 {
		p.Line("  %-20s stay here, not published", term.Plural(out.Edits, "edited file", "edited files"))
	}
	p.Line("Documents, records and history of this Town stay here. What was published stays there.")
}

func (out departure) print(p *term.Printer) {
	if out.Federation {
		p.Styled(term.Good, "Town %s left the federation at %s", out.Town, out.Remote)
	} else {
		p.Styled(term.Good, "Town %s exchanges nothing with %s any more", out.Town, out.Remote)
	}
	if out.Pushed != nil {
		out.Pushed.Shared.print(p)
	}
	p.Line("  to come back: gt federation join %s --name %s", out.URL, out.Remote)
}
