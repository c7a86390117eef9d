package federation

import (
	"context"
	"slices"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/sync/federate"
	"gastown/sync/gitremote"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/layout"
)

// remoteOptions are the options of gt federation remote.
type remoteOptions struct {
	call      *shell.Call
	name, url string
	refs      string
}

// remoteEntry is a remote for printing.
type remoteEntry struct {
	Name string `json:"name"`
	URL  string `json:"url"`
	// Refs is "branches" where the refs are below refs/heads/dolt/.
	Refs string `json:"refs,omitempty"`
}

// The values of --refs.
const (
	refsDolt     = "dolt"
	refsBranches = config.RefsBranches
)

// refsFlag defines --refs.
func refsFlag(c *kingpin.CmdClause, value *string) {
	c.Flag("refs", "Where in the repository its refs are: "+refsDolt+" (refs/dolt/) or, on hosts that take only branches, "+refsBranches+
		" (refs/heads/dolt/). Without it, init and join find out.").EnumVar(value, refsDolt, refsBranches)
}

// refSpace is the space that a value of --refs names.
func refSpace(refs string) gitremote.Space {
	if refs == refsBranches {
		return gitremote.SpaceBranches
	}
	return gitremote.SpaceDolt
}

func newRemoteEntry(r federate.Remote) remoteEntry {
	return remoteEntry{Name: r.Name, URL: r.URL, Refs: string(r.Space)}
}

func addRemote(p *shell.Program, fed *kingpin.CmdClause) {
	g := fed.Command("remote", "The Git repositories this Town exchanges with.")
	p.Add(g, shell.Command{
		Name: "list", Default: true, Help: "List them.", Examples: []string{"gt federation remote list"},
		Permission: shell.MayReadFederation, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action {
			return (&remoteOptions{call: call}).list
		},
	})
	p.Add(g, shell.Command{
		Name: "add", Help: "Add one. Nothing is exchanged before gt federation init or join has shown what would leave.",
		Examples:   []string{"gt federation remote add backup ssh://git@example.com/town.git", "gt federation join ssh://git@example.com/town.git --name backup"},
		Permission: shell.MayWriteFederation, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &remoteOptions{call: call}
			c.Arg("name", "What to call it.").Required().PlaceHolder("NAME").StringVar(&o.name)
			c.Arg("url", "A path, an https or ssh URL, or USER@HOST:PATH.").Required().PlaceHolder("URL").StringVar(&o.url)
			refsFlag(c, &o.refs)
			return o.add
		},
	})
	p.Add(g, shell.Command{
		Name: "remove", Help: "Forget one. The repository, and what was exchanged with it, stay as they are.",
		Examples: []string{"gt federation remote remove backup"},
		Planes:   []string{layout.Federation}, Permission: shell.MayWriteFederation, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &remoteOptions{call: call}
			c.Arg("name", "Its name.").Required().PlaceHolder("NAME").HintAction(hintRemotes(call)).StringVar(&o.name)
			return o.remove
		},
	})
}

func (o *remoteOptions) list(context.Context) error {
	h, err := open(o.call)
	if err != nil {
		return err
	}
	out := []remoteEntry{}
	for _, r := range h.Config.Remotes {
		out = append(out, newRemoteEntry(federate.Configured(r)))
	}
	return o.call.Show(out, func(p *term.Printer) {
		head := []string{"NAME", "URL"}
		if slices.ContainsFunc(out, func(r remoteEntry) bool { return r.Refs != "" }) {
			head = append(head, "REFS")
		}
		var rows [][]string
		for _, r := range out {
			rows = append(rows, []string{r.Name, r.URL, gitremote.Space(r.Refs).Prefix()}[:len(head)])
		}
		if len(rows) > 0 {
			p.Table(head, rows)
		}
	})
}

func (o *remoteOptions) add(ctx context.Context) error {
	h, err := open(o.call)
	if err != nil {
		return err
	}
	r, err := h.NewRemote(o.name, o.url, false)
	if err != nil {
		return err
	}
	r.Space = refSpace(o.refs)
	err = h.Change(ctx, func(c *config.Config) error {
		c.Remotes = append(c.Remotes, federate.Configuration(r))
		return nil
	})
	if err != nil {
		return err
	}
	return o.call.Summary(newRemoteEntry(r), func(p *term.Printer) {
		p.Line("remote %s is %s", r.Name, r.URL)
		p.Line("  nothing was looked at: whether it can be reached, and where its refs are, init and join find out")
		p.Line("  confirm it with: gt federation init (first Town) or join, the URL, and --name %s", r.Name)
	})
}

func (o *remoteOptions) remove(ctx context.Context) error {
	h, err := open(o.call)
	if err != nil {
		return err
	}
	// The agreement is dropped before the remote leaves the configuration: if this
	// is interrupted, the remote asks for a confirmation again instead of being
	// trusted.
	if r, ok := h.Config.Remote(o.name); ok {
		if err := h.engine.Forget(ctx, federate.Configured(r)); err != nil {
			return err
		}
	}
	var gone remoteEntry
	err = h.Change(ctx, func(c *config.Config) error {
		i := slices.IndexFunc(c.Remotes, func(r config.Remote) bool { return r.Name == o.name })
		if i < 0 {
			return town.Fail("remove the remote "+town.Clip(o.name, 64), "gt federation remote list shows them", "%w: there is none of that name", town.ErrUsage)
		}
		gone = newRemoteEntry(federate.Configured(c.Remotes[i]))
		c.Remotes = slices.Delete(c.Remotes, i, i+1)
		return nil
	})
	if err != nil {
		return err
	}
	return o.call.Summary(gone, func(p *term.Printer) { p.Line("remote %s (%s) is forgotten here", gone.Name, gone.URL) })
}
