package federation

import (
	"context"
	"errors"
	"fmt"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/sync/federate"
	"gastown/town/layout"
)

// allPlanes is the value of --plane that means both planes.
const allPlanes = "all"

// exchangeOptions are the options of pull, push and sync.
type exchangeOptions struct {
	call   *shell.Call
	remote string
	plane  string
	dry    bool
	// secrets: documents may leave that have something that looks like a secret.
	secrets bool
	yes     bool
}

// pulled is the engine's result of a pull for printing, pushed that of a push.
type pulled struct {
	Remote   string `json:"remote"`
	UpToDate bool   `json:"up_to_date"`
	DryRun   bool   `json:"dry_run,omitempty"`
	Failed   bool   `json:"failed,omitempty"`
	Commits  int    `json:"commits"`
	// Documents counts files written, Removed files removed.
	Documents int `json:"documents"`
	Removed   int `json:"removed"`
	Records   int `json:"records"`
	// Changed names the documents that other Towns changed.
	Changed *changes `json:"changed,omitempty"`
	Notes   []string `json:"notes"`
	fileReport
}

type pushed struct {
	Remote   string    `json:"remote"`
	UpToDate bool      `json:"up_to_date"`
	DryRun   bool      `json:"dry_run,omitempty"`
	Failed   bool      `json:"failed,omitempty"`
	Commits  int       `json:"commits"`
	Sent     int64     `json:"sent_bytes"`
	Recorded *recorded `json:"recorded,omitempty"`
	Merged   *pulled   `json:"merged,omitempty"`
	Shared   *shared   `json:"shared,omitempty"`
	// Leaving names what would leave, in a dry run.
	Leaving *leaving `json:"leaving,omitempty"`
}

// exchanged is the result with one remote. A step that Failed is included when
// documents changed before the failure.
type exchanged struct {
	Recorded *recorded `json:"recorded,omitempty"`
	Pulled   *pulled   `json:"pulled,omitempty"`
	Pushed   *pushed   `json:"pushed,omitempty"`
}

func pullCommand() shell.Command {
	return exchangeCommand(shell.Command{
		Name: "pull", Help: "Take what other Towns published, decide conflicts and write the files that changed.",
		Examples: []string{"gt federation pull", "gt federation pull --remote backup --dry-run"},
	}, (*exchangeOptions).pull)
}

func pushCommand() shell.Command {
	return exchangeCommand(shell.Command{
		Name: "push", Help: "Record edited files and publish them.",
		Examples: []string{"gt federation push", "gt federation push --dry-run     # what would leave"},
	}, (*exchangeOptions).push)
}

func syncCommand() shell.Command {
	return exchangeCommand(shell.Command{
		Name: "sync", Help: "Record, pull and push; with every remote, unless one is named.",
		Examples: []string{"gt federation sync", "gt federation sync --json"},
	}, (*exchangeOptions).sync)
}

// exchangeCommand completes the entry of pull, push or sync.
func exchangeCommand(entry shell.Command, run func(*exchangeOptions, context.Context) error) shell.Command {
	entry.Planes, entry.Permission = host.Planes, shell.MayWriteFederation
	entry.Writes, entry.Repeatable = true, true
	entry.Define = func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
		o := &exchangeOptions{call: call}
		c.Flag("remote", "The remote (default: the only one, or "+host.DefaultRemote+").").PlaceHolder("NAME").HintAction(hintRemotes(call)).StringVar(&o.remote)
		c.Flag("plane", "What to exchange: federation, ledger (what rules share of it) or all.").Default(allPlanes).
			EnumVar(&o.plane, layout.Federation, layout.Ledger, allPlanes)
		c.Flag("dry-run", "Only say what there is to do.").Short('n').BoolVar(&o.dry)
		if entry.Name != "pull" {
			c.Flag("yes", "Confirm rules that are new for a remote without asking; see gt federation share preview.").Short('y').BoolVar(&o.yes)
			secretsFlag(c, &o.secrets)
		}
		return func(ctx context.Context) error { return run(o, ctx) }
	}
	return entry
}

// secretsFlag defines --allow-secrets.
func secretsFlag(c *kingpin.CmdClause, value *bool) {
	c.Flag("allow-secrets", "Publish documents although something in them looks like a secret. Later versions of them are searched again for others.").BoolVar(value)
}

// open opens the Town for an exchange.
func (o *exchangeOptions) open(ctx context.Context) (*target, error) {
	opts := host.EngineOptions{ConfirmShare: confirmShare(ctx, o.call, o.yes), AllowSecrets: o.secrets}
	if o.plane != allPlanes {
		opts.Plane = o.plane
	}
	return openWith(o.call, opts)
}

func (o *exchangeOptions) pull(ctx context.Context) error {
	return o.one(ctx, func(h *target, r federate.Remote) (exchanged, error) {
		out, err := h.engine.Pull(ctx, r, o.dry)
		return exchanged{Pulled: newPulled(out).endedWith(err)}, err
	})
}

func (o *exchangeOptions) push(ctx context.Context) error {
	return o.one(ctx, func(h *target, r federate.Remote) (exchanged, error) {
		out, err := h.engine.Push(ctx, r, o.dry)
		return exchanged{Pushed: newPushed(out).endedWith(err)}, err
	})
}

// one runs a step with the named remote.
func (o *exchangeOptions) one(ctx context.Context, call func(*target, federate.Remote) (exchanged, error)) error {
	h, err := o.open(ctx)
	if err != nil {
		return err
	}
	remote, err := h.Remote(o.remote)
	if err != nil {
		return err
	}
	out, err := call(h, remote)
	if err != nil && out == (exchanged{}) {
		return err
	}
	return h.end(out, out.print, errors.Join(err, out.waiting()))
}

// end prints the result and returns the error of the command. After a failure it
// also reports open reviews, but the failure alone decides the exit code.
func (h *target) end(value any, print func(*term.Printer), failed error) error {
	err := errors.Join(failed, h.call.Summary(value, print))
	left := h.CheckReviews()
	if err == nil || left == nil {
		return errors.Join(err, left)
	}
	return fmt.Errorf("%w\n%v", err, left)
}

// sync continues with the next remote when one fails, so that a dead remote does
// not hold up the others.
func (o *exchangeOptions) sync(ctx context.Context) error {
	h, err := o.open(ctx)
	if err != nil {
		return err
	}
	remotes := h.Remotes()
	if o.remote != "" || len(remotes) == 0 {
		r, err := h.Remote(o.remote)
		if err != nil {
			return err
		}
		remotes = []federate.Remote{r}
	}
	done := []exchanged{}
	var failed []error
	for _, r := range remotes {
		out, err := h.engine.Sync(ctx, r, o.dry)
		if err != nil {
			failed = append(failed, err)
		}
		if e := newExchanged(out, err); e != (exchanged{}) {
			done = append(done, e)
		}
	}
	for _, e := range done {
		if err := e.waiting(); err != nil {
			failed = append(failed, err)
		}
	}
	value := struct {
		Remotes []exchanged `json:"remotes"`
	}{done}
	print := func(p *term.Printer) {
		for _, e := range done {
			e.print(p)
		}
	}
	return h.end(value, print, errors.Join(failed...))
}

// newExchanged is the result of a sync that ended with err.
func newExchanged(out federate.Synced, err error) (e exchanged) {
	if rec := newRecorded(out.Recorded); rec.worthPrinting() && (err != nil || rec.Edits > 0) {
		e.Recorded = &rec
	}
	if out.Pushed.Remote == "" { // the sync ended before the push
		e.Pulled = newPulled(out.Pulled).endedWith(err)
		return e
	}
	e.Pulled, e.Pushed = newPulled(out.Pulled).endedWith(nil), newPushed(out.Pushed).endedWith(err)
	return e
}

// endedWith is the result of a pull that ended with err; nil if there is nothing to
// print.
func (out pulled) endedWith(err error) *pulled {
	out.Failed = err != nil && !errors.Is(err, federate.ErrRecords)
	if out.Failed && len(out.Notes) == 0 && !out.fileReport.hasEntries() {
		return nil
	}
	return &out
}

// endedWith is the result of a push that ended with err; nil if there is nothing to
// print.
func (out pushed) endedWith(err error) *pushed {
	out.Failed = err != nil && !errors.Is(err, federate.ErrRecords)
	if out.Failed && out.Recorded == nil && out.Merged == nil {
		return nil
	}
	return &out
}

func newPulled(out federate.Pulled) pulled {
	p := pulled{
		Remote: out.Remote, UpToDate: out.UpToDate, DryRun: out.DryRun, Commits: out.Commits,
		Documents: out.Documents, Removed: out.Removed, Records: out.Records, Notes: nonNil(out.Notes), fileReport: reportFiles(out.FileReport),
	}
	if out.Arrived.Total() > 0 {
		p.Changed = newChanges(out.Arrived, nil)
	}
	return p
}

func newPushed(out federate.Pushed) pushed {
	p := pushed{Remote: out.Remote, UpToDate: out.UpToDate, DryRun: out.DryRun, Commits: out.Commits, Sent: out.Sent,
		Shared: newShared(out.Shared, out.DryRun), Leaving: newLeaving(out.Leaving)}
	if rec := newRecorded(out.Recorded); rec.worthPrinting() {
		p.Recorded = &rec
	}
	if out.Pulled != nil {
		merged := newPulled(*out.Pulled)
		p.Merged = &merged
	}
	return p
}

func (e exchanged) print(p *term.Printer) {
	if e.Recorded != nil {
		e.Recorded.print(p)
	}
	if e.Pulled != nil {
		e.Pulled.print(p)
	}
	if e.Pushed != nil {
		e.Pushed.print(p)
	}
}

func (out pulled) print(p *term.Printer) {
	switch {
	case out.Failed: // the error says why
	case out.UpToDate || out.Commits == 0 && out.Documents == 0 && out.Removed == 0 && out.Records == 0:
		p.Line("%s: nothing new", out.Remote)
	case out.DryRun:
		p.Line("%s: %s to merge", out.Remote, term.Plural(out.Commits, "commit", "commits"))
	case out.Commits == 0 && out.Documents == 0 && out.Removed == 0:
		p.Styled(term.Good, "%s: records arrived", out.Remote)
	default:
		removed := ""
		if out.Removed > 0 {
			removed = ", " + term.Plural(out.Removed, "file", "files") + " removed"
		}
		p.Styled(term.Good, "%s: %s merged, %s written%s", out.Remote,
			term.Plural(out.Commits, "commit", "commits"), term.Plural(out.Documents, "file", "files"), removed)
	}
	out.Changed.printBy(p)
	if out.Records > 0 && !out.DryRun {
		p.Line("  %s of other Towns (bd list --town NAME)", term.Plural(out.Records, "record", "records"))
	}
	printNotes(p, out.Notes)
	out.fileReport.print(p)
}

func (out pushed) print(p *term.Printer) {
	if out.Recorded != nil {
		out.Recorded.printFor(p, out.DryRun)
	}
	if out.Merged != nil {
		out.Merged.print(p)
	}
	switch {
	case out.Failed: // the error says why
	case out.UpToDate:
		p.Line("%s: has everything", out.Remote)
	case out.DryRun:
		p.Line("%s: %s to publish", out.Remote, term.Plural(out.Commits, "commit", "commits"))
	case out.Commits == 0 && out.Shared.moved():
		p.Styled(term.Good, "%s: records published, %s", out.Remote, term.Size(out.Sent))
	case out.Sent > 0:
		p.Styled(term.Good, "%s: %s published, %s", out.Remote, term.Plural(out.Commits, "commit", "commits"), term.Size(out.Sent))
	default:
		p.Styled(term.Good, "%s: %s published", out.Remote, term.Plural(out.Commits, "commit", "commits"))
	}
	out.Leaving.print(p, out.Shared)
	out.Shared.print(p)
}
