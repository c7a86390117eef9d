package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/term"
	"gastown/sync/federate"
	"gastown/town"
	"gastown/town/config"
)

// defaultRemote is what a remote is called when nobody says otherwise.
const defaultRemote = "origin"

// foundOptions are those of init and join.
type foundOptions struct {
	app  *App
	url  string
	name string
	yes  bool
}

// founded is what init and join did; without a confirmation only the preview.
type founded struct {
	Preview *preview `json:"preview,omitempty"`
	Pushed  *pushed  `json:"pushed,omitempty"`
	Joined  *joined  `json:"joined,omitempty"`
}

// joined is the engine's outcome for printing.
type joined struct {
	Store     string   `json:"store"`
	Offered   []string `json:"offered"`
	Notes     []string `json:"notes"`
	Documents int      `json:"documents"`
	Retired   string   `json:"retired,omitempty"`
	fileReport
}

func (a *App) configureFound(fed *kingpin.CmdClause) {
	for _, e := range []struct {
		name, help, examples string
		run                  func(*foundOptions, context.Context) error
	}{
		{"init", "Publish this Town's federation in a Git repository that holds none yet.",
			examples("gt federation init git@example.com:town.git", "gt federation init /srv/town.git --yes"), (*foundOptions).init},
		{"join", "Join the federation a Git repository holds, keeping what is yours.",
			examples("gt federation join https://example.com/town.git", "gt federation join /srv/town.git --yes"), (*foundOptions).join},
	} {
		o := &foundOptions{app: a}
		c := a.add(fed, e.name, e.help, e.examples, func(ctx context.Context) error { return e.run(o, ctx) })
		c.Arg("url", "A path, an https or ssh URL, or USER@HOST:PATH.").Required().PlaceHolder("URL").StringVar(&o.url)
		c.Flag("name", "What to call the remote.").Default(defaultRemote).PlaceHolder("REMOTE").StringVar(&o.name)
		c.Flag("yes", "Do not ask; what would leave is not shown.").Short('y').BoolVar(&o.yes)
	}
}

func (o *foundOptions) init(ctx context.Context) error {
	return o.found(ctx, func(h *workplace, r federate.Remote, confirm federate.Confirm, out *founded) error {
		done, err := h.engine.Init(ctx, r, confirm)
		out.Pushed = newPushed(done).until(err)
		return err
	})
}

func (o *foundOptions) join(ctx context.Context) error {
	return o.found(ctx, func(h *workplace, r federate.Remote, confirm federate.Confirm, out *founded) (err error) {
		// The store is replaced as a directory, which nobody may have open.
		release, err := h.borrow(ctx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, release()) }()
		done, err := h.engine.Join(ctx, r, confirm)
		out.Pushed = newPushed(done.Pushed).until(err)
		if err == nil || done.Done {
			out.Joined = &joined{
				Store: done.Store, Offered: names(done.Offered), Notes: list(done.Notes),
				Documents: done.Documents, Retired: done.Retired, fileReport: reportFiles(done.FileReport),
			}
		}
		return err
	})
}

// found runs init or join. The remote enters the configuration when a person
// has agreed and before anything leaves, so whatever interrupts it, the Town
// knows the remote it may have published at; one that nothing was agreed with
// is taken out again.
func (o *foundOptions) found(ctx context.Context, call func(*workplace, federate.Remote, federate.Confirm, *founded) error) error {
	h, err := o.app.open()
	if err != nil {
		return err
	}
	remote, err := o.remote(h)
	if err != nil {
		return err
	}
	o.app.confirmShare = o.app.askToShare(ctx, o.yes)
	var out founded
	added := false
	confirm := func(p federate.Preview) error {
		h.progress.clear()
		out.Preview = newPreview(p)
		if err := o.confirm(ctx, out.Preview); err != nil {
			return err
		}
		return h.change(ctx, func(c *config.Config) error {
			if _, ok := c.Remote(remote.Name); !ok {
				c.Remotes = append(c.Remotes, config.Remote(remote))
				added = true
			}
			return nil
		})
	}
	err = call(h, remote, confirm, &out)
	h.progress.clear()
	if err != nil {
		if added {
			err = errors.Join(err, h.withdraw(remote))
		}
		if out.Joined == nil && out.Pushed == nil {
			return err
		}
	}
	return h.end(out, out.say, err)
}

// remote checks the name and the URL, and that they do not contradict the
// configuration. A Git origin of the Town's directory is never looked at.
func (o *foundOptions) remote(h *workplace) (federate.Remote, error) {
	return newRemote(h, o.name, o.url, true)
}

func newRemote(h *workplace, name, url string, sameIsFine bool) (federate.Remote, error) {
	op := "add the remote " + town.Clip(name, 64)
	if err := config.CheckRemoteName(name); err != nil {
		return federate.Remote{}, town.Fail(op, "choose another name", "%w", err)
	}
	if err := config.CheckRemoteURL(url); err != nil {
		return federate.Remote{}, town.Fail(op, "", "%w", err)
	}
	r := federate.Remote{Name: name, URL: config.AbsRemoteURL(url, h.app.Dir)}
	known, ok := h.config.Remote(name)
	if ok && (!sameIsFine || known.URL != r.URL) {
		return r, town.Fail(op, "choose another name for the new one; gt federation remote list shows all",
			"%w: there is one, with the URL %s", town.ErrRefused, known.URL)
	}
	// A repository under two names would show each what the Town published under
	// the other as somebody else's doing.
	i := slices.IndexFunc(h.config.Remotes, func(o config.Remote) bool { return o.URL == r.URL && o.Name != name })
	if i >= 0 {
		return r, town.Fail(op, "go on with "+h.config.Remotes[i].Name+"; to give it another name, remove it first",
			"%w: that repository is remote %s already", town.ErrRefused, h.config.Remotes[i].Name)
	}
	return r, nil
}

// withdraw takes a remote out of the configuration, unless it was agreed with.
// It is done also when the command was interrupted.
func (h *workplace) withdraw(r federate.Remote) error {
	ctx := context.Background()
	status, err := h.engine.Status(ctx, []federate.Remote{r})
	if err != nil || status.Remotes[0].Confirmed {
		return err
	}
	return h.change(ctx, func(c *config.Config) error {
		c.Remotes = slices.DeleteFunc(c.Remotes, func(known config.Remote) bool { return known == config.Remote(r) })
		return nil
	})
}

// confirm shows what would leave and asks.
func (o *foundOptions) confirm(ctx context.Context, p *preview) error {
	if o.yes {
		return nil
	}
	a := o.app
	refused := town.Fail("share with "+p.Remote, "look at it, then run the command again with --yes",
		"%w: nobody has confirmed it, and nothing has left", town.ErrRefused)
	if a.JSON {
		return errors.Join(a.show(founded{Preview: p}, nil), refused)
	}
	out := a.printer(a.Stderr)
	p.say(out)
	if err := out.flush(); err != nil {
		return err
	}
	if !isTerminal(a.Stdin) || !isTerminal(a.Stderr) {
		return refused
	}
	fmt.Fprint(a.Stderr, "Continue? [y/N] ")
	answer, err := term.ReadLine(ctx, a.Stdin)
	if err != nil {
		return err
	}
	if term.Yes(answer) {
		return nil
	}
	return refused
}

func (out founded) say(p *printer) {
	if j := out.Joined; j != nil {
		p.styled(styleGood, "joined the federation %s, %s written", short(j.Store), plural(j.Documents, "file", "files"))
		sayNotes(p, j.Notes)
		if j.Retired != "" {
			p.line("  the Town's former plane is kept in %s", j.Retired)
		}
		j.fileReport.say(p)
	}
	if out.Pushed != nil {
		out.Pushed.say(p)
	}
}
