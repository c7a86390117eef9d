package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/planes/ledger"
	"gastown/town"
)

// defaultLimit is how many beads a list shows when nobody says.
const defaultLimit = ledger.UsualLimit

// usualOrder is how lists are sorted when nobody says, for those who reverse it.
const usualOrder = "priority,-created_at"

// filters are the flags that select beads.
type filters struct {
	statuses, types, priorities            []string
	assignees, owners, creators, ids       []string
	labels, anyLabels, notLabels, prefixes []string
	text, parent, sort                     string
	all, unassigned, overdue, reverse      bool
	limit, offset                          int
	spans                                  [8]dateFlag
}

// spanFlags are the bounds of time, in pairs: from, to.
var spanFlags = [...]string{
	"created-after", "created-before", "updated-after", "updated-before",
	"closed-after", "closed-before", "due-after", "due-before",
}

func (f *filters) flags(c *kingpin.CmdClause) {
	c.Flag("status", "Statuses, separated by commas; all for every one.").Short('s').PlaceHolder("STATUS,...").StringsVar(&f.statuses)
	c.Flag("type", "Types.").Short('t').PlaceHolder("TYPE,...").StringsVar(&f.types)
	c.Flag("priority", "Priorities, 0 to 4 or P0 to P4.").Short('p').PlaceHolder("N,...").StringsVar(&f.priorities)
	c.Flag("assignee", "Who does it; none for nobody.").Short('a').PlaceHolder("NAME,...").StringsVar(&f.assignees)
	c.Flag("unassigned", "Only what nobody does.").BoolVar(&f.unassigned)
	c.Flag("owner", "Who answers for it.").PlaceHolder("NAME,...").StringsVar(&f.owners)
	c.Flag("created-by", "Who made it.").PlaceHolder("NAME,...").StringsVar(&f.creators)
	c.Flag("label", "Labels that must all be there.").Short('l').PlaceHolder("LABEL,...").StringsVar(&f.labels)
	c.Flag("label-any", "Labels of which one must be there.").PlaceHolder("LABEL,...").StringsVar(&f.anyLabels)
	c.Flag("label-not", "Labels that must not be there.").PlaceHolder("LABEL,...").StringsVar(&f.notLabels)
	c.Flag("id", "These ids only.").PlaceHolder("ID,...").StringsVar(&f.ids)
	c.Flag("prefix", "Ids that begin with a rig's prefix.").PlaceHolder("PREFIX,...").StringsVar(&f.prefixes)
	c.Flag("parent", "Children of a bead.").PlaceHolder("ID").StringVar(&f.parent)
	for i, name := range spanFlags {
		f.spans[i].name = name
		c.Flag(name, "Bound of time: 2026-01-31, yesterday, -2w.").PlaceHolder("DATE").StringVar(&f.spans[i].text)
	}
	c.Flag("overdue", "Only what was due and is not closed.").BoolVar(&f.overdue)
	c.Flag("sort", "Order: fields separated by commas, - before one reverses it.").PlaceHolder("FIELD,...").StringVar(&f.sort)
	c.Flag("reverse", "Reverse the order, that of --sort or the usual one.").Short('r').BoolVar(&f.reverse)
	c.Flag("limit", "How many at most; 0 for all.").Short('n').Default(fmt.Sprint(defaultLimit)).PlaceHolder("N").IntVar(&f.limit)
	c.Flag("offset", "Skip so many.").PlaceHolder("N").IntVar(&f.offset)
}

// build is the flags as a filter. unclosed leaves closed beads out where no flag
// speaks of them. Every flag that is wrong is in the error.
func (f *filters) build(now time.Time, unclosed bool) (ledger.Filter, error) {
	out := ledger.Filter{
		IDs: split(f.ids), Owners: split(f.owners), CreatedBy: split(f.creators),
		Labels: split(f.labels), AnyLabels: split(f.anyLabels), NotLabels: split(f.notLabels), Prefixes: split(f.prefixes),
		Parent: f.parent, Text: f.text, Overdue: f.overdue, Limit: f.limit, Offset: f.offset,
	}
	var errs []error
	f.states(&out, &errs)
	out.Types = words(f.types, town.ParseBeadType, &errs)
	out.Priorities = words(f.priorities, town.ParsePriority, &errs)
	for _, name := range split(f.assignees) {
		if strings.EqualFold(name, "none") {
			name = ""
		}
		out.Assignees = append(out.Assignees, name)
	}
	if f.unassigned {
		out.Assignees = append(out.Assignees, "")
	}
	for i, span := range []*ledger.Span{&out.Created, &out.Updated, &out.Closed, &out.Due} {
		var from, to error
		span.From, from = f.spans[2*i].at(now)
		span.To, to = f.spans[2*i+1].at(now)
		errs = append(errs, from, to)
	}
	if f.reverse && f.sort == "" {
		f.sort = usualOrder
	}
	if f.sort != "" {
		sort, err := ledger.ParseOrder(f.sort)
		if err != nil {
			errs = append(errs, fmt.Errorf("--sort: %w: %w", town.ErrUsage, err))
		}
		for i := range sort {
			sort[i].Desc = sort[i].Desc != f.reverse
		}
		out.Sort = sort
	}
	if f.limit < 0 || f.offset < 0 {
		errs = append(errs, fmt.Errorf("%w: --limit and --offset are not negative", town.ErrUsage))
	}
	if unclosed && len(out.Statuses) == 0 && !f.all && out.Closed == (ledger.Span{}) && len(out.IDs) == 0 {
		out.Not = []town.Status{town.StatusClosed}
	}
	return out, errors.Join(errs...)
}

// located is a filter with the ids and the parent it names in full: those that
// are no beads are an error, and not an empty list.
func located(ctx context.Context, r reader, f ledger.Filter) (ledger.Filter, error) {
	refs := slices.Clone(f.IDs)
	if f.Parent != "" {
		refs = append(refs, f.Parent)
	}
	if len(refs) == 0 {
		return f, nil
	}
	got, err := r.Get(ctx, refs, ledger.Fields{"id"})
	if err != nil {
		return f, err
	}
	if f.Parent != "" {
		f.Parent = got[len(f.IDs)].ID
	}
	ids := make([]string, len(f.IDs))
	for i := range ids {
		ids[i] = got[i].ID
	}
	f.IDs = ids
	return f, nil
}

// states reads the statuses. The word all is every one; the flag --all only says
// that closed beads are not left out where no status is named.
func (f *filters) states(out *ledger.Filter, errs *[]error) {
	var named []string
	every := false
	for _, word := range split(f.statuses) {
		if strings.EqualFold(word, "all") {
			every, f.all = true, true
			continue
		}
		named = append(named, word)
	}
	if list := words(named, town.ParseStatus, errs); !every {
		out.Statuses = list
	}
}

// words parses values that are separated by commas.
func words[T any](values []string, parse func(string) (T, error), errs *[]error) []T {
	var all []T
	for _, word := range split(values) {
		v, err := parse(word)
		*errs = append(*errs, err)
		all = append(all, v)
	}
	return all
}
