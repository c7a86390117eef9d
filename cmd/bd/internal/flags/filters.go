package flags

import (
	"errors"
	"fmt"
	"slices"
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

	statuses, types, notTypes, priorities  []string
	assignees, owners, creators, ids       []string
	labels, anyLabels, notLabels, prefixes []string
	parent, sort, lowest, highest          string
	unassigned, overdue, reverse           bool
	spec                                   string
	metadata, metadataKeys                 []string
	limit, offset                          int
	standard                               int // the limit of this list without --limit, plus one
	withDeferred, withEphemeral            bool
	details                                ledger.Details
	spans                                  [len(spanFlags)]string
}

// Limited sets how many beads the list shows without --limit; 0 means all.
func (f *Filters) Limited(n int) { f.standard = n + 1 }

// DefineReady describes the flags that only bd ready has.
func (f *Filters) DefineReady(c *kingpin.CmdClause) {
	c.Flag("include-deferred", "Deferred beads and their children, too.").BoolVar(&f.withDeferred)
	c.Flag("include-ephemeral", "Short-lived beads, too.").BoolVar(&f.withEphemeral)
	c.GetFlag("parent").Help("Children of a bead, and theirs.")
	c.Flag("mol", "The steps of a molecule: the same as --parent.").PlaceHolder("ID").StringVar(&f.parent)
}

// AssignedTo selects the beads of somebody, beside those of --assignee.
func (f *Filters) AssignedTo(name string) { f.assignees = append(f.assignees, name) }

// WithPrefix selects the ids that begin with a rig's prefix, beside those of --prefix.
func (f *Filters) WithPrefix(prefix string) { f.prefixes = append(f.prefixes, prefix) }

// ChildrenOf selects the children of a bead.
func (f *Filters) ChildrenOf(id string) { f.parent = id }

// Parent is the bead whose children are selected; "" if all may be.
func (f *Filters) Parent() string { return f.parent }

// Within selects beads by their full ids, in place of the children of a bead and of those
// that --id names.
func (f *Filters) Within(ids []string) { f.parent, f.ids = "", ids }

// Named are the ids that --id names.
func (f *Filters) Named() []string { return Split(f.ids) }

// Build returns the flags as a filter. With unclosed it leaves closed beads out
// unless a flag selects some. The error lists every flag that is wrong.
func (f *Filters) Build(now time.Time, unclosed bool) (ledger.Filter, error) {
	out := ledger.Filter{
		IDs: Split(f.ids), Owners: Split(f.owners), CreatedBy: Split(f.creators),
		Labels: Split(f.labels), AnyLabels: Split(f.anyLabels), NotLabels: Split(f.notLabels), Prefixes: Split(f.prefixes),
		Parent: f.parent, Text: f.Text, Overdue: f.overdue, Limit: f.limit, Offset: f.offset, Details: f.details,
	}
	var errs []error
	f.buildStatuses(&out, &errs)
	out.Types = parseEach(f.types, town.TypeWord, &errs)
	out.NotTypes = parseEach(f.notTypes, town.TypeWord, &errs)
	f.buildPriorities(&out, &errs)
	f.buildMetadata(&out, &errs)
	for _, name := range Split(f.assignees) {
		if strings.EqualFold(name, "none") {
			name = ""
		}
		out.Assignees = append(out.Assignees, name)
	}
	if f.unassigned {
		out.Assignees = append(out.Assignees, "")
	}
	for i, span := range []*ledger.Span{&out.Created, &out.Updated, &out.Closed, &out.Due, &out.DeferUntil} {
		var from, to error
		span.From, from = Date{spanFlags[2*i], f.spans[2*i]}.At(now)
		span.To, to = Date{spanFlags[2*i+1], f.spans[2*i+1]}.At(now)
		errs = append(errs, from, to)
	}
	out.IncludeDeferred, out.IncludeEphemeral = f.withDeferred, f.withEphemeral
	errs = append(errs, f.details.CheckPatterns())
	if f.reverse && f.sort == "" {
		f.sort = usualOrder
	}
	if f.policy(&out) {
		f.sort = ""
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

// policy reads the orders of ready work: hybrid, and oldest for the longest waiting
// first. It reports whether --sort is one of them.
func (f *Filters) policy(out *ledger.Filter) bool {
	switch f.sort {
	case "hybrid":
		out.Hybrid = true
	case "oldest":
		out.Sort = []ledger.Order{{Field: "created_at", Desc: f.reverse}}
	default:
		return false
	}
	return true
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
	if list := parseEach(named, town.StatusWord, errs); !every {
		out.Statuses = list
	}
}

// buildMetadata reads the conditions on metadata and spec.
func (f *Filters) buildMetadata(out *ledger.Filter, errs *[]error) {
	out.Spec, out.MetadataKeys = f.spec, f.metadataKeys
	for _, key := range f.metadataKeys {
		*errs = append(*errs, ledger.CheckMetadataKey(key))
	}
	for _, field := range f.metadata {
		key, value, ok := strings.Cut(field, "=")
		if !ok {
			*errs = append(*errs, fmt.Errorf("%w: --metadata-field %q is not KEY=VALUE", town.ErrUsage, town.Clip(field, 40)))
			continue
		}
		if out.Metadata == nil {
			out.Metadata = map[string]string{}
		}
		out.Metadata[key] = value
		*errs = append(*errs, ledger.CheckMetadataKey(key))
	}
}

// buildPriorities reads the priorities, and the bounds of a range of them.
func (f *Filters) buildPriorities(out *ledger.Filter, errs *[]error) {
	out.Priorities = parseEach(f.priorities, town.ParsePriority, errs)
	bound := func(flag, text string, usual int) int {
		if text == "" {
			return usual
		}
		n, err := town.ParsePriority(text)
		if err != nil {
			*errs = append(*errs, fmt.Errorf("--%s: %w", flag, err))
		}
		return n
	}
	if f.lowest+f.highest == "" {
		return
	}
	from, to := bound("priority-min", f.lowest, 0), bound("priority-max", f.highest, town.MaxPriority)
	var within []int
	for p := from; p <= to; p++ {
		if len(out.Priorities) == 0 || slices.Contains(out.Priorities, p) {
			within = append(within, p)
		}
	}
	if len(within) == 0 {
		*errs = append(*errs, fmt.Errorf("%w: no priority is within --priority-min and --priority-max; 0 is the most urgent", town.ErrUsage))
	}
	out.Priorities = within
}
