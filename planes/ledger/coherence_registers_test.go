package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"gastown/town"
)

// registers makes beads, one for each operation that changes something.
func registers(t *testing.T, s *Store) []*register {
	t.Helper()
	list := []NewBead{titled("retitled 0"), titled("closed"), titled("labelled"), titled("held"), titled("holder"), titled("talked of"), titled("deleted"), titled("imported")}
	for i := range list {
		list[i].ID = "gt-" + strings.Repeat(string(rune('a'+i)), 5)
	}
	made := create(t, s, list...)
	id := func(i int) string { return made[i].ID }
	short := func(i int) string { return strings.TrimPrefix(made[i].ID, "gt-")[:3] }
	link := town.Dependency{Bead: id(3), Target: id(4), Type: town.DepBlocks}
	page := Filter{Limit: coherencePage}
	list1 := func(f Filter) func(context.Context, *Store, func(Item) error) error {
		return func(ctx context.Context, s *Store, y func(Item) error) error { return s.List(ctx, f, y) }
	}
	ready := func(ctx context.Context, s *Store, y func(Item) error) error { return s.Ready(ctx, page, y) }
	blocked := func(ctx context.Context, s *Store, y func(Item) error) error {
		waiting, err := s.Blocked(ctx, page)
		for _, w := range waiting {
			err = errors.Join(err, y(w.Item))
		}
		return err
	}
	label := func(v int64) string { return fmt.Sprintf("v %d", v) }
	title := func(d Detail) int64 { return last(d.Title) }
	return []*register{
		{name: "a title", write: func(ctx context.Context, s *Store, v int64) error {
			text := fmt.Sprintf("retitled %d", v)
			_, err := s.Update(ctx, []Patch{{ID: id(0), Title: &text}})
			return err
		}, reads: []observation{
			number(itself, detail(id(0), title)), number(itself, detail(short(0), title)), number(itself, row(id(0), func(i Item) int64 { return last(i.Title) })),
			number(itself, func(ctx context.Context, s *Store) (int64, error) {
				items, err := listed(func(y func(Item) error) error { return s.List(ctx, Filter{Text: "RETITLED", Limit: coherencePage}, y) })
				if err != nil || len(items) != 1 {
					return 0, fmt.Errorf("%d beads found: %w", len(items), err)
				}
				return last(items[0].Title), nil
			}),
		}},
		{name: "a status", write: func(ctx context.Context, s *Store, v int64) (err error) {
			if isOdd(v) {
				_, err = closeBeads(ctx, s, []string{id(1)}, "done")
			} else {
				_, _, err = s.ReopenBecause(ctx, []string{id(1)}, "")
			}
			return err
		}, reads: []observation{
			number(odd, detail(id(1), func(d Detail) int64 {
				if d.Open() {
					return 0
				}
				return 1
			})),
			present(id(1), isOdd, list1(Filter{Statuses: []town.Status{town.StatusClosed}, Limit: coherencePage})),
			present(id(1), isEven, ready), number(odd, counting(func(st Stats) int { return st.ByStatus[string(town.StatusClosed)] })),
		}},
		{name: "labels", write: func(ctx context.Context, s *Store, v int64) error {
			_, err := s.Update(ctx, []Patch{{ID: id(2), Labels: &[]string{label(v)}}})
			return err
		}, reads: []observation{
			number(itself, detail(id(2), func(d Detail) int64 { return last(strings.Join(append([]string{" 0"}, d.Labels...), " ")) })),
			number(itself, row(id(2), func(i Item) int64 { return last(strings.Join(append([]string{" 0"}, i.Labels...), " ")) })),
		}},
		{name: "a link", write: func(ctx context.Context, s *Store, v int64) (err error) {
			if isOdd(v) {
				_, err = s.DepAdd(ctx, []town.Dependency{link})
			} else {
				_, err = s.DepRemove(ctx, link.Bead, link.Target, link.Type)
			}
			return err
		}, reads: []observation{
			number(odd, detail(id(3), func(d Detail) int64 { return int64(len(d.Dependencies)) })),
			number(odd, detail(short(4), func(d Detail) int64 { return int64(len(d.Dependents)) })),
			number(odd, row(id(4), func(i Item) int64 { return int64(i.DependentCount) })),
			present(id(3), isEven, ready), present(id(3), isOdd, blocked), number(odd, counting(func(st Stats) int { return st.Blocked })),
		}},
		{name: "comments", write: func(ctx context.Context, s *Store, v int64) error {
			_, err := s.Comment(ctx, id(5), label(v))
			return err
		}, reads: []observation{
			number(itself, detail(id(5), func(d Detail) int64 { return int64(len(d.Comments)) })),
			number(itself, row(id(5), func(i Item) int64 { return int64(i.CommentCount) })),
		}},
		{name: "presence", write: func(ctx context.Context, s *Store, v int64) error {
			if isOdd(v) {
				return s.Delete(ctx, []string{id(6)}, "gone")
			}
			return s.Restore(ctx, []string{id(6)})
		}, reads: []observation{
			present(id(6), isEven, list1(page)), present(id(6), isEven, ready), number(odd, counting(func(st Stats) int { return st.Deleted })),
			number(odd, func(ctx context.Context, s *Store) (int64, error) {
				switch _, err := s.Get(ctx, []string{short(6)}, nil); {
				case errors.Is(err, ErrUnknown):
					return 1, nil
				default:
					return 0, err
				}
			}),
		}},
		{name: "an import", write: func(ctx context.Context, s *Store, v int64) error {
			b := made[7].Clone()
			b.Description, b.UpdatedAt = label(v), b.UpdatedAt.Add(time.Duration(v)*time.Second)
			var line strings.Builder
			if err := WriteLine(&line, b); err != nil {
				return err
			}
			result, err := s.Import(ctx, strings.NewReader(line.String()), ImportOptions{})
			if err == nil && result.Updated != 1 {
				err = fmt.Errorf("%+v", result)
			}
			return err
		}, reads: []observation{
			number(itself, detail(id(7), func(d Detail) int64 { return last(" 0 " + d.Description) })),
			number(itself, row(id(7), func(i Item) int64 { return last(" 0 " + i.Description) })),
		}},
	}
}
