package failover

import (
	"context"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/town"
	"gastown/town/feed"
	"gastown/town/instance"
)

func promoteCommand() shell.Command {
	return shell.Command{
		Name: "promote", Help: "Make this directory the Town's active one, in the next epoch. The former one stops before it publishes anything again.",
		Examples: []string{"gt town promote              # after the former one stepped down", "gt town promote --force      # when it is lost"},
		Alone:    true, Planes: host.Planes, Permission: shell.MayPromoteTown, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &options{call: call}
			c.Flag("force", "Also when nobody can say what the former directory still does, or when no remote answers. What is not known is printed.").BoolVar(&o.force)
			return o.promote
		},
	}
}

// promoted is what gt town promote prints.
type promoted struct {
	Town      string    `json:"town"`
	Path      string    `json:"path"`
	Already   bool      `json:"already"`
	Epoch     uint64    `json:"epoch"`
	Former    string    `json:"former,omitempty"`
	Point     string    `json:"point,omitempty"`
	Taken     time.Time `json:"taken,omitzero"`
	Published []string  `json:"published"`
	Unknown   []string  `json:"unknown"`
	Deacon    bool      `json:"deacon"`
}

func (o *options) promote(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	ft, err := h.Failover()
	if err != nil {
		return err
	}
	done, err := ft.Promote(ctx, o.force)
	if err != nil {
		return err
	}
	out := promoted{
		Town: h.Config.Town.Name, Path: h.Layout.Root, Already: done.Already, Epoch: done.Epoch, Former: done.Former, Point: done.Point, Taken: done.Taken,
		Published: append([]string{}, done.Published...), Unknown: append([]string{}, done.Unknown...), Deacon: h.HasDeacon(),
	}
	if !out.Already && !out.Deacon { // a Deacon tells the feed itself
		h.Wakes(ctx, feed.Event{Kind: feed.RolePrefix + string(instance.Active), Subject: h.Layout.Root, Actor: h.Actor.String(), Text: "this directory was promoted: it is the active one of the Town"})
	}
	return o.call.Changed(out, func(p *term.Printer) { out.print(p, o.call) })
}

func (out promoted) print(p *term.Printer, call *shell.Call) {
	if out.Already {
		p.Line("%s is the active directory of Town %s, epoch %d", out.Path, out.Town, out.Epoch)
		return
	}
	p.Styled(term.Good, "%s is the active directory of Town %s now, epoch %d", out.Path, out.Town, out.Epoch)
	if out.Point != "" {
		p.Line("  it goes on from %s, taken %s", out.Point, call.Ago(out.Taken))
	}
	if out.Former != "" {
		p.Line("  instance %s, which was active before, publishes nothing any more once it asks a remote", town.Clip(out.Former, 8))
	}
	for _, what := range out.Unknown {
		p.Styled(term.Warn, "  not known: %s", what)
	}
	if len(out.Published) == 0 {
		p.Styled(term.Warn, "  no remote has the new epoch yet; the next publication brings it: gt federation sync")
	}
	if !out.Deacon {
		p.Line("next: gt deacon start")
	}
	p.Line("next: gt rig rebalance --from=%s, then gt nudge broadcast \"Town failover completed\"", out.Town)
}
