package feed

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
)

// defaultRuns is how many histories are tried, each of defaultSteps operations,
// unless -rapid.checks asks for another number. Every run makes two databases.
const (
	defaultRuns  = 6
	defaultSteps = 60
)

// modelRows bounds the feed of the model, so that it trims often.
const modelRows = 20

// model is the feed as a list that is never trimmed.
type model struct {
	*place
	feed    *Feed
	all     []string // every event so far, by its number less one
	pending []string // what happened in the ledger and was not collected
	readers map[string]int
	dropped int64
	made    int
}

func (m *model) name(what string) string { m.made++; return fmt.Sprint(what, m.made) }

func (m *model) happened(kind, bead string) { m.pending = append(m.pending, BeadPrefix+kind+" "+bead) }

func (m *model) collected() { m.all, m.pending = append(m.all, m.pending...), nil }

// act does the same thing to the Town and to the model.
func (m *model) act(t *rapid.T) {
	ctx := context.Background()
	switch rapid.SampledFrom([]string{"append", "append", "create", "comment", "label", "collect", "collect", "cut", "lost answer", "restart", "read", "read", "forget"}).Draw(t, "act") {
	case "append":
		var events []Event
		for range rapid.IntRange(1, 6).Draw(t, "events") {
			e := Event{Kind: "test", Subject: m.name("e")}
			events, m.all = append(events, e), append(m.all, "test "+e.Subject)
		}
		must(m.t, m.feed.Append(ctx, events...))
	case "create":
		var beads []ledger.NewBead
		for range rapid.IntRange(1, 4).Draw(t, "beads") {
			id := fmt.Sprintf("gt-%05d", m.made)
			m.made++
			beads = append(beads, ledger.NewBead{Bead: town.Bead{ID: id, Title: "t"}})
			m.happened("created", id)
		}
		_, err := m.ledger.Create(ctx, beads)
		must(m.t, err)
		_, err = m.ledger.Comment(ctx, beads[0].ID, "said")
		must(m.t, err)
		m.happened("commented", beads[0].ID)
	case "comment", "label":
		id := m.name("gt-x")
		_, err := m.ledger.Create(ctx, []ledger.NewBead{{Bead: town.Bead{ID: id, Title: "t"}}})
		must(m.t, err)
		_, err = m.ledger.Update(ctx, []ledger.Patch{{ID: id, AddLabels: []string{"l"}}})
		must(m.t, err)
		m.happened("created", id)
		m.happened("labeled", id)
	case "collect":
		_, err := m.feed.Collect(ctx)
		must(m.t, err)
		m.collected()
	case "cut": // the process ends before it reads, or before it writes
		m.cut(t, rapid.IntRange(1, 2).Draw(t, "at"))
	case "lost answer": // the write succeeds, but the writer does not learn of it
		m.lose(t)
	case "restart":
		m.close()
		m.reopen()
		m.feed = m.place.feed()
	case "read":
		m.read(t)
	case "forget":
		reader := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "reader")
		must(m.t, m.operational.DropReader(ctx, reader))
		delete(m.readers, reader)
	}
}

func (m *model) cut(t *rapid.T, at int) {
	uses := 0
	m.fail = func() error {
		if uses++; uses == at {
			return errCut
		}
		return nil
	}
	_, err := m.feed.Collect(context.Background())
	m.fail = nil
	if !errors.Is(err, errCut) && (at == 1 || len(m.pending) > 0) {
		t.Fatal("the collector was not cut off:", err)
	}
	m.feed = m.place.feed() // the process is gone
}

func (m *model) lose(t *rapid.T) {
	f := m.place.feed()
	through, uses := f.opts.Operational, 0
	f.opts.Operational = func(ctx context.Context, fn func(*operational.Store) error) error {
		err := through(ctx, fn)
		if uses++; uses == 2 && err == nil {
			return errCut
		}
		return err
	}
	if _, err := f.Collect(context.Background()); err != nil && !errors.Is(err, errCut) {
		t.Fatal(err)
	}
	m.collected()
}

// read compares a page with the list, and acknowledges it or does not.
func (m *model) read(t *rapid.T) {
	ctx := context.Background()
	reader := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "reader")
	limit := rapid.IntRange(1, 12).Draw(t, "limit")
	at, known := m.readers[reader]
	if !known {
		at = int(m.state(t).Dropped)
		m.readers[reader] = at
	}
	page, err := m.feed.Read(ctx, reader, limit)
	must(m.t, err)
	if lost := int(m.state(t).Dropped) - at; lost > 0 {
		if page.Loss == nil || page.Loss.Count != int64(lost) {
			t.Fatalf("%s is not told of %d lost events: %+v", reader, lost, page.Loss)
		}
		at += lost
	} else if page.Loss != nil {
		t.Fatalf("%s is told of a loss: %+v", reader, page.Loss)
	}
	var got []string
	for _, e := range page.Events {
		got = append(got, e.Kind+" "+e.Subject)
	}
	want := m.all[at:min(at+limit, len(m.all))]
	if !slices.Equal(got, want) || page.Next != int64(at+len(want)) {
		t.Fatalf("%s got %q up to %d, want %q", reader, got, page.Next, want)
	}
	if rapid.Bool().Draw(t, "acknowledge") {
		must(m.t, m.feed.Acknowledge(ctx, reader, page.Next))
		m.readers[reader] = int(page.Next)
	}
}

func (m *model) state(t *rapid.T) operational.FeedState {
	st, err := m.operational.FeedState(context.Background())
	must(m.t, err)
	rows := st.Last - st.Dropped
	if st.Last != int64(len(m.all)) || rows > modelRows || st.Dropped < m.dropped {
		t.Fatalf("%+v, want %d events, at most %d rows, and more than %d dropped", st, len(m.all), modelRows, m.dropped)
	}
	if st.Last > modelRows && rows < modelRows/2 && len(m.all) > 0 {
		t.Fatalf("only %d rows are left", rows)
	}
	m.dropped = st.Dropped
	return st
}

// Whatever is appended, collected, read, trimmed, cut off and restarted, readers
// see the list: every event once it is acknowledged, in order, or how many of
// them they missed.
func TestFeedIsAList(t *testing.T) {
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked {
		must(t, flag.Set("rapid.checks", fmt.Sprint(defaultRuns)))
	}
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp("", "feed")
		must(t, err)
		defer os.RemoveAll(dir)
		p := newPlace(t, dir)
		p.retention = operational.Retention{Rows: modelRows}
		p.operational.Retain(p.retention)
		m := &model{place: p, feed: p.feed(), readers: map[string]int{}}
		defer func() { m.close() }()
		collect(t, m.feed)
		m.all = []string{Began + " ledger"}
		for range defaultSteps {
			m.act(rt)
			m.state(rt)
		}
	})
}
