package cli

import (
	"context"
	"strconv"

	"github.com/alecthomas/kingpin/v2"

	"gastown/planes/federation"
	"gastown/sync/federate"
	"gastown/sync/policy"
	"gastown/town"
)

// conflictsOptions are those of gt federation conflicts list and show.
type conflictsOptions struct {
	app  *App
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
}

// reviewTexts is a review with everything needed to decide it.
type reviewTexts struct {
	review
	Base   string  `json:"base"`
	Ours   string  `json:"ours"`
	Theirs *string `json:"theirs"`
	// TheirsBy wrote the text in force.
	TheirsBy string `json:"theirs_by,omitempty"`
	// TheirsDigest names it for resolve --over.
	TheirsDigest string `json:"theirs_digest"`
	Merged       string `json:"merged"`
	// Open: the merged text has conflicts for a person to settle.
	Open bool `json:"merged_has_conflicts"`
}

func (a *App) configureConflicts(fed *kingpin.CmdClause) {
	g := fed.Command("conflicts", "The roles that await a person's review.")
	l := &conflictsOptions{app: a}
	a.add(g, "list", "List them.", examples("gt federation conflicts", "gt federation conflicts list --json"), l.list).Default()

	s := &conflictsOptions{app: a}
	c := a.add(g, "show", "Show one: what both sides started from, both texts, and the three merged.",
		examples("gt federation conflicts show mayor"), s.show)
	c.Arg("review", "The role's name, role/NAME, or the start of the review's id.").Required().PlaceHolder("X").HintAction(a.hintReviews).StringVar(&s.what)

	a.configureResolve(g)
}

func newReview(r federation.Review) review {
	return review{ID: string(r.ID), Document: r.Key.String(), Delete: r.Delete, Town: string(r.Town), Author: r.Author}
}

// Short is the part of the id people are shown.
func (r review) Short() string { return town.Digest(r.ID).Short() }

func (r review) wish() string {
	if r.Delete {
		return "removal proposed"
	}
	return "change proposed"
}

func (o *conflictsOptions) list(ctx context.Context) error {
	h, err := o.app.open()
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
	return o.app.show(out, func(p *printer) {
		if len(out) == 0 {
			p.line("nothing awaits review")
			return
		}
		var rows [][]string
		for _, r := range out {
			rows = append(rows, []string{r.Short(), r.Document, r.wish(), townName(towns, town.ID(r.Town)), r.Author})
		}
		p.table([]string{"ID", "DOCUMENT", "WHAT", "TOWN", "AUTHOR"}, rows)
	})
}

func (o *conflictsOptions) show(ctx context.Context) error {
	h, err := o.app.open()
	if err != nil {
		return err
	}
	r, towns, err := h.pick(ctx, o.what)
	if err != nil {
		return err
	}
	out := newReviewTexts(r)
	return o.app.show(out, func(p *printer) { out.say(p, r, towns) })
}

// pick finds one open review.
func (h *workplace) pick(ctx context.Context, what string) (r federation.Review, towns map[town.ID]string, err error) {
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

func (out reviewTexts) say(p *printer, r federation.Review, towns map[town.ID]string) {
	p.styled(styleHead, "Review %s of %s", out.Short(), out.Document)
	p.line("  ours:   %s by %s in %s", out.wish(), out.Author, townName(towns, r.Town))
	if r.Current == nil {
		p.line("  theirs: the role is not there any more")
	} else {
		p.line("  theirs: in force, by %s in %s (revision %s, digest %s)", out.TheirsBy, townName(towns, r.Current.Town),
			strconv.FormatUint(r.Current.Revision, 10), r.Current.Content().Short())
	}
	section := func(title, text, absent string) {
		p.line("")
		p.styled(styleHunk, "==== %s ====", title)
		if text == "" {
			p.line("%s", absent)
		}
		p.body("", text)
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
	p.line("")
	p.line("Decide with one of:")
	for _, how := range [][2]string{
		{"--ours", "put the proposal in force"}, {"--theirs", "keep what is in force"},
		{"--edit", "finish the merged text in an editor"}, {"--merged FILE", "put the text of a file in force"},
	} {
		p.line("  gt federation conflicts resolve %s %-14s # %s", out.Short(), how[0], how[1])
	}
}

// hintReviews completes names of roles under review, from what is known
// without opening anything.
func (a *App) hintReviews() []string {
	h, err := a.open()
	if err != nil {
		return nil
	}
	ids, err := h.reviews.known()
	if err != nil {
		return nil
	}
	for i, id := range ids {
		ids[i] = town.Digest(id).Short()
	}
	return ids
}
