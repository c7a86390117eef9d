package survey

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/flags"
	"gastown/cmd/bd/internal/session"
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
		Examples: []string{"bd orphans    # commits that say (gt-a3f8x), or closes gt-a3f8x", "bd orphans -l backend --json"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &orphansOptions{call: call}
			o.filters.Define(c)
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
	return o.call.Show(found, func(p *term.Printer) {
		for _, b := range found {
			p.Line("%s", p.Fit(b.ID+" "+b.Title))
			p.Styled(term.Dim, "%s", p.Fit("    "+b.Commit+" "+b.Subject))
		}
		if len(found) == 0 {
			p.Line("No open bead is named as done.")
		} else {
			p.Styled(term.Dim, "bd close ID closes one that is done")
		}
	})
}

// doneWords find the ids that a commit message names as done: in parentheses, or
// after a word that closes.
var doneWords = regexp.MustCompile(`(?i)\(([a-z0-9][a-z0-9._-]*-[a-z0-9.]+)\)|\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):? +([a-z0-9][a-z0-9._-]*-[a-z0-9.]+)`)

// doneBy lists the ids that a commit message names as done.
func doneBy(message string) (ids []string) {
	for _, m := range doneWords.FindAllStringSubmatch(message, -1) {
		ids = append(ids, strings.TrimRight(m[1]+m[2], "."))
	}
	return ids
}
