package federation

import (
	"context"
	"strconv"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/federation"
	"gastown/sync/federate"
	"gastown/sync/policy"
	"gastown/town"
	"gastown/town/layout"
)

// conflictsOptions are the options of gt federation conflicts list and show.
type conflictsOptions struct {
	call *shell.Call
	what string
}

// review is federation.Review for printing. Ours is the proposal's text,
// Theirs the text in force.
type review struct {
	ID       string `json:"id"`
	Document string `json:"document"`
	// Delete proposes that the role be removed.
	Delete bool   `json:"delete"`
	Town   string `json:"town"`
	Author string `json:"author"`
	// Signed: the Town has signed the text. Otherwise nobody knows who wrote it.
	Signed bool `json:"signed"`
}

// reviewTexts is a review with the texts that a person needs to decide it.
type reviewTexts struct {
	review
	Base   string  `json:"base"`
	Ours   string  `json:"ours"`
	Theirs *string `json:"theirs"`
	// TheirsBy is the writer of the text in force.
	TheirsBy string `json:"theirs_by,omitempty"`
	// TheirsDigest is the digest of the text in force, for resolve --over.
	TheirsDigest string `json:"theirs_digest"`
	Merged       string `json:"merged"`
	// Open says that the merged text has conflicts that a person must settle.
	Open bool `json:"merged_has_conflicts"`
}

func addConflicts(p *shell.Program, fed *kingpin.CmdClause) {
	g := fed.Command("conflicts", "The roles that await a person's review.")
	p.Add(g, shell.Command{
		Name: "list", Default: true, Help: "List them.", Examples: []string{"gt federation conflicts", "gt federation conflicts list --json"},
		Planes: []string{layout.Federation}, Permission: shell.MayReadFederation, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action {
			return (&conflictsOptions{call: call}).list
		},
	})
	p.Add(g, shell.Command{
		Name: "show", Help: "Show one: what both sides started from, both texts, and the three merged.",
		Examples: []string{"gt federation conflicts show mayor"},
		Planes:   []string{layout.Federation}, Permission: shell.MayReadFederation, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &conflictsOptions{call: call}
			reviewArg(call, c, &o.what)
			return o.show
		},
	})
	p.Add(g, resolveCommand())
}

// reviewArg describes the argument that names a review.
func reviewArg(call *shell.Call, c *kingpin.CmdClause, what *string) {
	c.Arg("review", "The role's name, role/NAME, or the start of the review's id.").Required().PlaceHolder("X").
		HintAction(hintReviews(call)).StringVar(what)
}

// hintReviews completes the ids of open reviews. It opens no plane.
func hintReviews(call *shell.Call) kingpin.HintAction {
	return func() []string {
		h, err := host.Open(call)
		if err != nil {
			return nil
		}
		ids, err := h.OpenReviews()
		if err != nil {
			return nil
		}
		for i, id := range ids {
			ids[i] = town.Digest(id).Short()
		}
		return ids
	}
}

func newReview(r federation.Review) review {
	return review{ID: string(r.ID), Document: r.Key.String(), Delete: r.Delete, Town: string(r.Town), Author: r.Author, Signed: r.Signed}
}

// writer is the Town and the author as people are shown them. Of an unsigned row nobody knows
// whether they wrote it.
func (r review) writer(towns map[town.ID]string) (name, author string) {
	name, author = townName(towns, town.ID(r.Town)), r.Author
	if !r.Signed && r.Town != "" {
		name = "unsigned, says " + name
	}
	return name, author
}

// Short is the shortened id for printing.
func (r review) Short() string { return town.Digest(r.ID).Short() }

func (r review) proposes() string {
	if r.Delete {
		return "removal proposed"
	}
	return "change proposed"
}

func (o *conflictsOptions) list(ctx context.Context) error {
	h, err := open(o.call)
	if err != nil {
		return err
	}
	out := []review{}
	var towns map[town.ID]string
	err = h.engine.Read(ctx, func(s *federation.Store) error {
		open, err := s.Reviews(ctx)
		if err != nil {
			return err
		}
		for _, r := range open {
			out = append(out, newReview(r))
		}
		towns, err = townNames(ctx, s)
		return err
	})
	if err != nil {
		return err
	}
	return o.call.Show(out, func(p *term.Printer) {
		if len(out) == 0 {
			p.Line("nothing awaits review")
			return
		}
		var rows [][]string
		for _, r := range out {
			name, author := r.writer(towns)
			rows = append(rows, []string{r.Short(), r.Document, r.proposes(), name, author})
		}
		p.Table([]string{"ID", "DOCUMENT", "WHAT", "TOWN", "AUTHOR"}, rows)
	})
}

func (o *conflictsOptions) show(ctx context.Context) error {
	h, err := open(o.call)
	if err != nil {
		return err
	}
	r, towns, err := h.pick(ctx, o.what)
	if err != nil {
		return err
	}
	out := newReviewTexts(r)
	return o.call.Show(out, func(p *term.Printer) { out.print(p, r, towns) })
}

// pick finds one open review.
func (h *target) pick(ctx context.Context, what string) (r federation.Review, towns map[town.ID]string, err error) {
	err = h.engine.Read(ctx, func(s *federation.Store) error {
		open, err := s.Reviews(ctx)
		if err != nil {
			return err
		}
		if r, err = federation.Pick(open, what); err != nil {
			return err
		}
		towns, err = townNames(ctx, s)
		return err
	})
	return r, towns, err
}

func newReviewTexts(r federation.Review) reviewTexts {
	out := reviewTexts{review: newReview(r), Base: r.Base, Ours: r.Text}
	theirs := ""
	out.TheirsDigest = federate.NoText
	if r.Current != nil {
		theirs = r.Current.Text
		out.Theirs, out.TheirsBy, out.TheirsDigest = &theirs, r.Current.Author, string(r.Current.Content())
	}
	out.Merged, out.Open = policy.ThreeWay(r.Base, r.Text, theirs)
	return out
}

func (out reviewTexts) print(p *term.Printer, r federation.Review, towns map[town.ID]string) {
	p.Styled(term.Head, "Review %s of %s", out.Short(), out.Document)
	name, author := out.writer(towns)
	p.Line("  ours:   %s by %s in %s", out.proposes(), author, name)
	if r.Current == nil {
		p.Line("  theirs: the role is not there any more")
	} else {
		p.Line("  theirs: in force, by %s in %s (revision %s, digest %s)", out.TheirsBy, townName(towns, r.Current.Town),
			strconv.FormatUint(r.Current.Revision, 10), r.Current.Content().Short())
	}
	section := func(title, text, absent string) {
		p.Line("")
		p.Styled(term.Hunk, "==== %s ====", title)
		if text == "" {
			p.Line("%s", absent)
		}
		p.Body("", text)
	}
	section("base: what both started from", out.Base, "(there was nothing)")
	absent := "(an empty text)"
	if out.Delete {
		absent = "(remove the role)"
	}
	section("ours: the proposal", out.Ours, absent)
	if out.Theirs == nil {
		section("theirs: in force now", "", "(no such role)")
	} else {
		section("theirs: in force now", *out.Theirs, "(an empty text)")
	}
	if !out.Delete && out.Theirs != nil {
		title := "merged: the three together"
		if out.Open {
			title += ", to be settled at the marks"
		}
		section(title, out.Merged, "(an empty text)")
	}
	p.Line("")
	p.Line("Decide with one of:")
	for _, how := range [][2]string{
		{"--ours", "put the proposal in force"}, {"--theirs", "keep what is in force"},
		{"--edit", "finish the merged text in an editor"}, {"--merged FILE", "put the text of a file in force"},
	} {
		p.Line("  gt federation conflicts resolve %s %-14s # %s", out.Short(), how[0], how[1])
	}
}
