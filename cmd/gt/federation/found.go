package federation

import (
	"context"
	"errors"
	"slices"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/sync/federate"
	"gastown/sync/gitremote"
	"gastown/town/config"
)

// initOptions are the options of init and join.
type initOptions struct {
	call *shell.Call
	url  string
	name string
	refs string
	yes  bool
	// secrets: documents may leave that have something that looks like a secret.
	secrets bool
}

// initResult is the result of init and join. Without a confirmation it has only the
// preview.
type initResult struct {
	Preview *preview `json:"preview,omitempty"`
	Pushed  *pushed  `json:"pushed,omitempty"`
	Joined  *joined  `json:"joined,omitempty"`
}

// joined is the engine's result for printing.
type joined struct {
	Store     string   `json:"store"`
	Offered   []string `json:"offered"`
	Notes     []string `json:"notes"`
	Documents int      `json:"documents"`
	Retired   string   `json:"retired,omitempty"`
	fileReport
}

func initCommand() shell.Command {
	return initOrJoin(shell.Command{
		Name: "init", Help: "Publish this Town's federation in a Git repository that holds none yet.",
		Examples: []string{"gt federation init git@example.com:town.git", "gt federation init /srv/town.git --yes"},
	}, (*initOptions).init)
}

func joinCommand() shell.Command {
	return initOrJoin(shell.Command{
		Name: "join", Help: "Join the federation a Git repository holds, keeping what is yours.",
		Examples: []string{"gt federation join https://example.com/town.git", "gt federation join /srv/town.git --yes"},
	}, (*initOptions).join)
}

// initOrJoin completes the entry of init or join. Both run alone: join replaces a
// plane, and a person may take any time to answer.
func initOrJoin(entry shell.Command, run func(*initOptions, context.Context) error) shell.Command {
	entry.Planes, entry.Permission = host.Planes, shell.MayWriteFederation
	entry.Alone, entry.Writes, entry.Repeatable = true, true, true
	entry.Define = func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
		o := &initOptions{call: call}
		c.Arg("url", "A path, an https or ssh URL, or USER@HOST:PATH.").Required().PlaceHolder("URL").StringVar(&o.url)
		c.Flag("name", "What to call the remote.").Default(host.DefaultRemote).PlaceHolder("REMOTE").StringVar(&o.name)
		refsFlag(c, &o.refs)
		secretsFlag(c, &o.secrets)
		c.Flag("yes", "Do not ask; what would leave is not shown.").Short('y').BoolVar(&o.yes)
		return func(ctx context.Context) error { return run(o, ctx) }
	}
	return entry
}

func (o *initOptions) init(ctx context.Context) error {
	return o.confirmed(ctx, func(h *target, r federate.Remote, confirm federate.Confirm, out *initResult) error {
		done, err := h.engine.Init(ctx, r, confirm)
		out.Pushed = newPushed(done).endedWith(err)
		return err
	})
}

func (o *initOptions) join(ctx context.Context) error {
	return o.confirmed(ctx, func(h *target, r federate.Remote, confirm federate.Confirm, out *initResult) (err error) {
		// Join replaces the store's directory, so no process may have it open.
		release, err := h.Borrow(ctx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, release()) }()
		done, err := h.engine.Join(ctx, r, confirm)
		out.Pushed = newPushed(done.Pushed).endedWith(err)
		if err == nil || done.Done {
			out.Joined = &joined{
				Store: done.Store, Offered: names(done.Offered), Notes: nonNil(done.Notes),
				Documents: done.Documents, Retired: done.Retired, fileReport: reportFiles(done.FileReport),
			}
		}
		return err
	})
}

// confirmed runs init or join. The remote enters the configuration after a person
// has agreed and before anything leaves, so that the Town knows every remote it may
// have published at, even if the command is interrupted. If nothing was agreed with
// the remote, it is removed again.
func (o *initOptions) confirmed(ctx context.Context, call func(*target, federate.Remote, federate.Confirm, *initResult) error) error {
	h, err := openWith(o.call, host.EngineOptions{ConfirmShare: confirmShare(ctx, o.call, o.yes), FindRefs: o.refs == "", AllowSecrets: o.secrets})
	if err != nil {
		return err
	}
	// The Git origin of the Town's directory is never used.
	remote, err := h.NewRemote(o.name, o.url, true)
	if err != nil {
		return err
	}
	if o.refs != "" {
		remote.Space = refSpace(o.refs)
	}
	var out initResult
	entered := entry{target: h}
	confirm := func(p federate.Preview) error {
		h.call.Progress().Clear()
		out.Preview = newPreview(p)
		if err := o.confirm(ctx, out.Preview); err != nil {
			return err
		}
		return entered.write(ctx, p.Remote)
	}
	err = call(h, remote, confirm, &out)
	if err != nil {
		if out.Joined == nil && !errors.Is(err, gitremote.ErrUnknownOutcome) {
			err = errors.Join(err, entered.undo())
		}
		if out.Joined == nil && out.Pushed == nil {
			return err
		}
	}
	return h.end(out, out.print, err)
}

// entry is the remote's entry in the configuration, which init and join write.
type entry struct {
	*target
	remote federate.Remote
	// added: the entry was new. former is the one before it otherwise.
	added  bool
	former *config.Remote
}

// write gives the remote its entry, or the present one its refs.
func (e *entry) write(ctx context.Context, r federate.Remote) error {
	err := e.Change(ctx, func(c *config.Config) error {
		i := slices.IndexFunc(c.Remotes, func(known config.Remote) bool { return known.Name == r.Name })
		if i < 0 {
			e.added = true
			c.Remotes = append(c.Remotes, federate.Configuration(r))
			return nil
		}
		if former := c.Remotes[i]; e.former == nil && !e.added {
			e.former = &former
		}
		c.Remotes[i].Refs = federate.Configuration(r).Refs
		return nil
	})
	e.remote = r
	return err
}

// undo gives the remote its former entry. A new one it removes, unless the Town
// agreed with the remote. It has its own context, because it also runs after an
// interruption.
func (e *entry) undo() error {
	if e.former != nil {
		return e.write(context.Background(), federate.Configured(*e.former))
	}
	if !e.added {
		return nil
	}
	ctx := context.Background()
	status, err := e.engine.Status(ctx, []federate.Remote{e.remote})
	if err != nil || status.Remotes[0].Confirmed {
		return err
	}
	return e.Change(ctx, func(c *config.Config) error {
		c.Remotes = slices.DeleteFunc(c.Remotes, func(known config.Remote) bool { return known == federate.Configuration(e.remote) })
		return nil
	})
}

// confirm shows a person what would leave the Town, and asks.
func (o *initOptions) confirm(ctx context.Context, p *preview) error {
	if o.yes {
		return o.tellWhy(p)
	}
	return confirmation{"share with " + p.Remote, "nothing has left", initResult{Preview: p}, p.print}.ask(ctx, o.call)
}

// tellWhy says why the refs are not the usual ones, where nobody looks at the
// preview.
func (o *initOptions) tellWhy(p *preview) error {
	if p.Why == "" {
		return nil
	}
	out := o.call.Printer(o.call.Stderr)
	p.printRefs(out)
	return out.Flush()
}

func (out initResult) print(p *term.Printer) {
	if j := out.Joined; j != nil {
		p.Styled(term.Good, "joined the federation %s, %s written", short(j.Store), term.Plural(j.Documents, "file", "files"))
		printNotes(p, j.Notes)
		if j.Retired != "" {
			p.Line("  the Town's former plane is kept in %s", j.Retired)
		}
		j.fileReport.print(p)
	}
	if out.Pushed != nil {
		out.Pushed.print(p)
	}
}
