package find

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/exchange"
	"gastown/planes/ledger"
	"gastown/town"
)

// record is a bead another Town shares, for printing.
type record struct {
	town.Bead
	Town string `json:"town"`
}

// otherTown returns what --town names if that is not the directory of a Town and
// can be the name or the id of another Town.
func otherTown(call *shell.Call) (name string, ok bool) {
	if !call.NamesTown() || town.CheckName(strings.ToLower(call.Town)) != nil {
		return "", false
	}
	if _, err := call.FindTown(); !errors.Is(err, town.ErrUsage) {
		return "", false
	}
	return call.Town, true
}

// withShared opens the records that other Towns share with the Town in the
// directory here, through all of its remotes.
func withShared(ctx context.Context, call *shell.Call, here string, work func(exchange.Shelf) error) (err error) {
	h, leave, err := session.Enter(ctx, call, here)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave()) }()
	shelf, err := h.Shelf(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shelf.Close()) }()
	if len(shelf) == 0 {
		return town.Fail("read what other Towns share", "gt federation pull brings it, once a Town shares something",
			"%w: nothing has arrived here", exchange.ErrTown)
	}
	return work(shelf)
}

// shares converts a filter into one for records of other Towns. It fails for a
// filter that selects by anything those records do not have.
func shares(f ledger.Filter) (exchange.Filter, error) {
	out := exchange.Filter{
		Statuses: f.Statuses, Not: f.Not, Types: f.Types, Priorities: f.Priorities, Assignees: f.Assignees,
		Labels: f.Labels, Text: f.Text, Title: f.Title, Limit: f.Limit,
	}
	rest := f
	rest.Statuses, rest.Not, rest.Types, rest.Priorities, rest.Assignees, rest.Labels = nil, nil, nil, nil, nil, nil
	rest.Text, rest.Title, rest.Limit, rest.Fields = "", "", 0, nil
	if !reflect.DeepEqual(normal(rest), ledger.Filter{}) {
		return out, fmt.Errorf("%w: records of another Town are selected by --status, --type, --priority, --assignee, --label, "+
			"--title-contains and --limit alone", town.ErrUsage)
	}
	return out, nil
}

// normal returns a filter whose empty lists are nil.
func normal(f ledger.Filter) ledger.Filter {
	v := reflect.ValueOf(&f).Elem()
	for i := range v.NumField() {
		if field := v.Field(i); field.CanSet() && field.Kind() == reflect.Slice && field.Len() == 0 {
			field.SetZero()
		}
	}
	return f
}

// listShared prints records of another Town.
func (o *listOptions) listShared(ctx context.Context, name string, f ledger.Filter) error {
	filter, err := shares(f)
	if err == nil && (o.tree || o.deleted || o.ready || o.long || o.format != "") {
		err = fmt.Errorf("%w: records of another Town are listed plainly", town.ErrUsage)
	}
	if err != nil {
		return err
	}
	var list []exchange.Record
	err = withShared(ctx, o.call, o.call.EnvTown(), func(s exchange.Shelf) error {
		return s.List(ctx, name, filter, func(r exchange.Record) error {
			list = append(list, r)
			return nil
		})
	})
	if err != nil {
		return err
	}
	values := make([]any, len(list))
	for i, r := range list {
		values[i] = shownRecord(r, f.Fields)
	}
	if o.call.JSON {
		return o.call.Show(values, nil)
	}
	p := o.call.Printer(o.call.Stdout)
	if f.Fields != nil {
		return view.WriteTable(p, f.Fields, values)
	}
	for _, r := range list {
		p.Line("%s", p.Fit(recordLine(r)))
	}
	if !o.call.Quiet {
		p.Styled(term.Dim, "%s shared by %s", term.Plural(len(list), "record", "records"), name)
	}
	if f.Limit > 0 && len(list) == f.Limit {
		o.call.Hint("At most %d are shown: --limit N, or 0 for all.", f.Limit)
	}
	return p.Flush()
}

// shownRecord returns a record for printing, with its shared fields or those of
// them that were asked for.
func shownRecord(r exchange.Record, asked ledger.Fields) any {
	fields := ledger.Fields{}
	for _, f := range r.Fields {
		if asked == nil || slices.Contains(asked, f) {
			fields = append(fields, f)
		}
	}
	return view.Pick(record{r.Bead, r.Town.Name}, append(fields, "town"))
}

// recordLine shows the shared fields of a bead on one line.
func recordLine(r exchange.Record) string {
	b := r.Bead
	var parts []string
	has := func(field string) bool { return slices.Contains(r.Fields, field) }
	if has("status") {
		parts = append(parts, view.Glyph(b.Status))
	}
	parts = append(parts, r.Town.Name+"/"+b.ID)
	if has("priority") {
		parts = append(parts, fmt.Sprintf("P%d", b.Priority))
	}
	if has("issue_type") && b.Type != town.TypeTask && b.Type != town.TypeFeature {
		parts = append(parts, "["+string(b.Type)+"]")
	}
	if b.Title != "" {
		parts = append(parts, b.Title)
	}
	return strings.Join(parts, " ")
}

// sharedRefs separates references of the form TOWN/ID from ids of this Town.
func sharedRefs(refs []string) (own, shared []string) {
	for _, ref := range refs {
		if strings.Contains(ref, "/") {
			shared = append(shared, ref)
		} else {
			own = append(own, ref)
		}
	}
	return own, shared
}

// getShared reads records of other Towns.
func getShared(ctx context.Context, call *shell.Call, refs []string) (list []exchange.Record, err error) {
	err = withShared(ctx, call, call.Town, func(s exchange.Shelf) error {
		for _, ref := range refs {
			name, id, ok := exchange.ParseRef(ref)
			if !ok {
				return town.Fail("show "+town.Clip(ref, 80), "bd list --town NAME shows what a Town shares", "%w: it is not TOWN/ID", town.ErrUsage)
			}
			r, err := s.Get(ctx, name, id)
			if err != nil {
				return err
			}
			list = append(list, r)
		}
		return nil
	})
	return list, err
}

// showShared prints records of other Towns.
func (o *showOptions) showShared(ctx context.Context, refs []string, fields ledger.Fields) error {
	list, err := getShared(ctx, o.call, refs)
	if err != nil {
		return err
	}
	values := make([]any, len(list))
	for i, r := range list {
		values[i] = shownRecord(r, fields)
	}
	if o.call.JSON {
		return o.call.Show(values, nil)
	}
	p := o.call.Printer(o.call.Stdout)
	for i, r := range list {
		if i > 0 {
			p.Line("")
		}
		if err := sayRecord(p, r, fields); err != nil {
			return err
		}
	}
	return p.Flush()
}

func sayRecord(p *term.Printer, r exchange.Record, fields ledger.Fields) error {
	p.Styled(term.Head, "%s", recordLine(r))
	all, err := view.Keys(record{r.Bead, r.Town.Name})
	if err != nil {
		return err
	}
	for _, f := range r.Fields {
		value := view.Cell(all[f])
		switch {
		case f == "id" || f == "title" || fields != nil && !slices.Contains(fields, f):
		case strings.Contains(value, "\n"):
			view.Section(p, f, value)
		default:
			p.Line("  %-20s %s", f, value)
		}
	}
	return nil
}
