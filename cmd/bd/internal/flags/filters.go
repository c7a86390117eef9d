package flags

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/planes/ledger"
	"gastown/town"
)

// defaultLimit is how many beads a list shows without --limit.
const defaultLimit = ledger.UsualLimit

// usualOrder is the order of lists without --sort, for --reverse.
const usualOrder = "priority,-created_at"

// Filters are the flags that select beads.
type Filters struct {
	// All keeps closed beads in a list whose flags do not mention the status, and
	// Text is what the title, the description or the id contains.
	All  bool
	Text string

	statuses, types, priorities            []string
	assignees, owners, creators, ids       []string
	labels, anyLabels, notLabels, prefixes []string
	parent, sort                           string
	unassigned, overdue, reverse           bool
	limit, offset                          int
	spans                                  [len(spanFlags)]string
}

// spanFlags are the flags that bound times, in pairs: from, to.
var spanFlags = [...]string{
	"created-after", "created-before", "updated-after", "updated-before",
	"closed-after", "closed-before", "due-after", "due-before",
}

// Define describes the flags.
func (f *Filters) Define(c *kingpin.CmdClause) {
	c.Flag("status", "Statuses, separated by commas; all for every one.").Short('s').PlaceHolder("STATUS,...").StringsVar(&f.statuses)
	c.Flag("type", "Types.").Short('t').PlaceHolder("TYPE,...").StringsVar(&f.types)
	c.Flag("priority", "Priorities, 0 to 4 or P0 to P4.").Short('p').PlaceHolder("N,...").StringsVar(&f.priorities)
	c.Flag("assignee", "Who it is assigned to; none for nobody.").Short('a').PlaceHolder("NAME,...").StringsVar(&f.assignees)
	c.Flag("unassigned", "Only beads nobody is assigned to.").BoolVar(&f.unassigned)
	c.Flag("owner", "Who owns it.").PlaceHolder("NAME,...").StringsVar(&f.owners)
	c.Flag("created-by", "Who created it.").PlaceHolder("NAME,...").StringsVar(&f.creators)
	c.Flag("label", "Labels that must all be there.").Short('l').PlaceHolder("LABEL,...").StringsVar(&f.labels)
	c.Flag("label-any", "Labels of which one must be there.").PlaceHolder("LABEL,...").StringsVar(&f.anyLabels)
	c.Flag("label-not", "Labels that must not be there.").PlaceHolder("LABEL,...").StringsVar(&f.notLabels)
	c.Flag("id", "These ids only.").PlaceHolder("ID,...").StringsVar(&f.ids)
	c.Flag("prefix", "Ids that begin with a rig's prefix.").PlaceHolder("PREFIX,...").StringsVar(&f.prefixes)
	c.Flag("parent", "Children of a bead.").PlaceHolder("ID").StringVar(&f.parent)
	for i, name := range spanFlags {
		c.Flag(name, "A bound in time: 2026-01-31, yesterday, -2w.").PlaceHolder("DATE").StringVar(&f.spans[i])
	}
	c.Flag("overdue", "Only beads past their due date that are not closed.").BoolVar(&f.overdue)
	c.Flag("sort", "Order: fields separated by commas, - before one reverses it.").PlaceHolder("FIELD,...").StringVar(&f.sort)
	c.Flag("reverse", "Reverse the order, that of --sort or the usual one.").Short('r').BoolVar(&f.reverse)
	c.Flag("limit", "How many at most; 0 for all.").Short('n').Default(fmt.Sprint(defaultLimit)).PlaceHolder("N").IntVar(&f.limit)
	c.Flag("offset", "Skip this many.").PlaceHolder("N").IntVar(&f.offset)
}

// Build returns the flags as a filter. With unclosed it leaves closed beads out
// unless a flag selects some. The error lists every flag that is wrong.
func (f *Filters) Build(now time.Time, unclosed bool) (ledger.Filter, error) {
	out := ledger.Filter{
		IDs: Split(f.ids), Owners: Split(f.owners), CreatedBy: Split(f.creators),
		Labels: Split(f.labels), AnyLabels: Split(f.anyLabels), NotLabels: Split(f.notLabels), Prefixes: Split(f.prefixes),
		Parent: f.parent, Text: f.Text, Overdue: f.overdue, Limit: f.limit, Offset: f.offset,
	}
	var errs []error
	f.buildStatuses(&out, &errs)
	out.Types = parseEach(f.types, town.ParseBeadType, &errs)
	out.Priorities = parseEach(f.priorities, town.ParsePriority, &errs)
	for _, name := range Split(f.assignees) {
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
		span.From, from = Date{spanFlags[2*i], f.spans[2*i]}.At(now)
		span.To, to = Date{spanFlags[2*i+1], f.spans[2*i+1]}.At(now)
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
	if unclosed && len(out.Statuses) == 0 && !f.All && out.Closed == (ledger.Span{}) && len(out.IDs) == 0 {
		out.Not = []town.Status{town.StatusClosed}
	}
	return out, errors.Join(errs...)
}

// buildStatuses reads the statuses. The word all selects every status. The flag
// --all only keeps closed beads in when no status is named.
func (f *Filters) buildStatuses(out *ledger.Filter, errs *[]error) {
	var named []string
	every := false
	for _, word := range Split(f.statuses) {
		if strings.EqualFold(word, "all") {
			every, f.All = true, true
			continue
		}
		named = append(named, word)
	}
	if list := parseEach(named, town.ParseStatus, errs); !every {
		out.Statuses = list
	}
}
