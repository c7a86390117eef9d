package survey

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/flags"
	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/sync/gitcmd"
	"gastown/town"
	"gastown/town/layout"
)

// maxCommits bounds how far back bd orphans looks.
const maxCommits = 10_000

// orphansOptions are those of bd orphans.
type orphansOptions struct {
	call    *shell.Call
	filters flags.Filters
	fix     bool
	force   bool
}

// orphan is an open bead that a commit names as its own.
type orphan struct {
	ID      string      `json:"issue_id"`
	Title   string      `json:"title"`
	Status  town.Status `json:"status"`
	Commit  string      `json:"latest_commit"`
	Subject string      `json:"latest_commit_message"`
}

// Orphans is bd orphans.
func Orphans() shell.Command {
	return shell.Command{
		Name: "orphans", Help: "Find beads that a commit of the Git repository here names as done, and that are still open.",
		Examples: []string{"bd orphans    # commits that say (gt-a3f8x), or closes gt-a3f8x", "bd orphans -l backend --json", "bd orphans --fix"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		WritesWith: []string{"fix"}, WritePermission: shell.MayWriteLedger,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &orphansOptions{call: call}
			o.filters.Define(c)
			c.Flag("fix", "Close them, all or none, after asking on a terminal.").Short('f').BoolVar(&o.fix)
			c.Flag("force", "With --fix: close also what waits for open beads or has open children.").BoolVar(&o.force)
			c.Flag("details", "Without effect: the commit is always named.").Hidden().Bool()
			return o.run
		},
	}
}

func (o *orphansOptions) run(ctx context.Context) error {
	const op = "look for beads that commits name"
	f, err := o.filters.Build(o.call.Now(), true)
	if err != nil {
		return session.Fail(op, err)
	}
	place, err := gitcmd.Locate(ctx, o.call.Dir, host.Git(o.call))
	if err != nil {
		return err
	}
	named := map[string]gitcmd.Logged{}
	err = place.Log(ctx, maxCommits, func(c gitcmd.Logged) error {
		for _, id := range doneBy(c.Message) {
			if _, newer := named[id]; !newer {
				named[id] = c
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(f.Statuses) == 0 {
		f.Statuses = []town.Status{town.StatusOpen, town.StatusInProgress}
	}
	f.Limit, f.Fields = 0, ledger.Fields{"title", "status"}
	found := []orphan{}
	err = session.UseFilter(ctx, o.call, f, func(l *session.Ledger, f ledger.Filter) error {
		return l.List(ctx, f, func(i ledger.Item) error {
			if c, ok := named[i.ID]; ok {
				subject, _, _ := strings.Cut(c.Message, "\n")
				found = append(found, orphan{i.ID, i.Title, i.Status, c.ID, subject})
			}
			return nil
		})
	})
	if err != nil {
		return session.Fail(op, err)
	}
	slices.SortFunc(found, func(a, b orphan) int { return strings.Compare(a.ID, b.ID) })
	if !o.fix || len(found) == 0 {
		return o.call.Show(found, func(p *term.Printer) { sayOrphans(p, found) })
	}
	if sure, err := o.confirm(ctx, found); err != nil || !sure {
		return session.Fail("close beads that commits name", err)
	}
	var done ledger.Closed
	err = session.Use(ctx, o.call, func(l *session.Ledger) (err error) {
		done, err = l.CloseReady(ctx, orphanIDs(found), ledger.Closing{Reason: orphanReason, Force: o.force})
		return err
	})
	if err != nil {
		return session.Fail("close beads that commits name", err)
	}
	for i := range found {
		found[i].Status = town.StatusClosed
	}
	return o.call.Changed(found, func(p *term.Printer) {
		for _, b := range done.Beads {
			p.Styled(term.Good, "closed %s", view.Line(b))
		}
	})
}

// orphanReason is the close reason of beads that bd orphans closes.
const orphanReason = "Implemented"

// confirm asks a person on a terminal. Elsewhere --fix itself is the answer.
func (o *orphansOptions) confirm(ctx context.Context, found []orphan) (bool, error) {
	if !o.call.CanAsk() {
		return true, nil
	}
	p := o.call.Printer(o.call.Stderr)
	sayOrphans(p, found)
	if err := p.Flush(); err != nil {
		return false, err
	}
	return term.Ask(ctx, o.call.Stdin, o.call.Stderr, "Close "+term.Plural(len(found), "bead", "beads")+"?")
}

func orphanIDs(found []orphan) []string {
	ids := make([]string, len(found))
	for i, b := range found {
		ids[i] = b.ID
	}
	return ids
}

func sayOrphans(p *term.Printer, found []orphan) {
	for _, b := range found {
		p.Line("%s", p.Fit(b.ID+" "+b.Title))
		p.Styled(term.Dim, "%s", p.Fit("    "+b.Commit+" "+b.Subject))
	}
	if len(found) == 0 {
		p.Line("No open bead is named as done.")
	} else {
		p.Styled(term.Dim, "bd close ID closes one that is done, bd orphans --fix all of them")
	}
}

// doneWords find the ids that a commit message names as done: in parentheses, or
// after a word that closes.
var doneWords = regexp.MustCompile(`(?i)\((` + ledger.IDPattern + `)\)|\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):? +(` + ledger.IDPattern + `)`)

// doneBy lists the ids that a commit message names as done.
func doneBy(message string) (ids []string) {
	for _, m := range doneWords.FindAllStringSubmatch(message, -1) {
		id := strings.TrimRight(m[1]+m[2], ".")
		if prefix, rest, ok := strings.Cut(id, "-"); ok && prefix != "" && rest != "" {
			ids = append(ids, id)
		}
	}
	return ids
}
