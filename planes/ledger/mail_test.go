package ledger

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gastown/town"
)

func send(t testing.TB, s *Store, m Message, boxes ...string) Message {
	t.Helper()
	if m.From == "" {
		m.From = "mayor/"
	}
	if m.To == "" {
		m.To = strings.Join(boxes, ", ")
	}
	if m.Subject == "" {
		m.Subject = "subject"
	}
	sent, err := s.Send(t.Context(), m, boxes)
	if err != nil {
		t.Fatal(err)
	}
	return sent
}

// inbox lists the ids that a Box selects, which must take one query.
func inbox(t testing.TB, s *Store, b Box) (ids []string) {
	t.Helper()
	before := s.Queries()
	list, err := s.Inbox(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	if n := s.Queries() - before; n != 1 {
		t.Errorf("%+v took %d queries", b, n)
	}
	for _, l := range list {
		if l.Recipient != b.Recipient {
			t.Errorf("%+v is in the mailbox of %s", l, b.Recipient)
		}
		ids = append(ids, l.ID)
	}
	return ids
}

const (
	nux = "web/polecats/nux"
	ann = "web/crew/ann"
)

func TestMail(t *testing.T) {
	s := newLedger(t)
	ctx := t.Context()
	first := send(t, s, Message{Subject: "first", Body: "look\nhere"}, nux, ann, nux)
	if !strings.HasPrefix(first.ID, "m-") || first.Thread != first.ID || first.Author != "Ada" || first.Kind != Note || first.Priority != Normal || first.SentAt.IsZero() {
		t.Errorf("%+v", first)
	}
	reply := send(t, s, Message{From: ann, Subject: "Re: first", ReplyTo: first.ID, Kind: Question}, "mayor/")
	urgent := send(t, s, Message{Subject: "now", Priority: Urgent, Body: "the BUILD is red"}, nux)
	if reply.Thread != first.ID {
		t.Errorf("the answer is of thread %s", reply.Thread)
	}
	for _, c := range []struct {
		box  Box
		want []string
	}{
		{Box{Recipient: nux}, []string{urgent.ID, first.ID}},
		{Box{Recipient: nux, Limit: 1}, []string{urgent.ID}},
		{Box{Recipient: nux, Unread: true}, []string{urgent.ID, first.ID}},
		{Box{Recipient: ann}, []string{first.ID}},
		{Box{Recipient: nux, Text: "build"}, []string{urgent.ID}},
		{Box{Recipient: nux, Text: "mayor"}, []string{urgent.ID, first.ID}},
		{Box{Recipient: nux, Archived: true}, nil},
		{Box{Recipient: "web/polecats/slit"}, nil},
	} {
		if got := inbox(t, s, c.box); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.box, got, c.want)
		}
	}
	waiting := func(box string, unread, urgent int) {
		t.Helper()
		before := s.Queries()
		w, err := s.Unread(ctx, box)
		if n := s.Queries() - before; err != nil || n != 1 || w.Unread != unread || w.Urgent != urgent || (unread > 0) == w.Newest.IsZero() {
			t.Errorf("%s: %+v, %d queries, %v", box, w, n, err)
		}
	}
	waiting(nux, 2, 1)
	waiting("nobody", 0, 0)
	if all, err := s.AllUnread(ctx); err != nil || len(all) != 3 || all[0].Recipient != "mayor/" || all[2].Urgent != 1 {
		t.Errorf("%+v, %v", all, err)
	}

	marked := func(n int, err error) int {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := marked(s.MarkRead(ctx, nux, first.ID, first.ID)); n != 1 {
		t.Errorf("%d", n)
	}
	head, err := s.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if n := marked(s.MarkRead(ctx, nux, first.ID)); n != 0 {
		t.Errorf("%d", n)
	}
	if again, err := s.Head(ctx); err != nil || again != head {
		t.Errorf("marking again made a commit, %v", err)
	}
	waiting(nux, 1, 1)
	waiting(ann, 1, 0) // who else got it has not read it
	if n := marked(s.Archive(ctx, nux, first.ID, urgent.ID)); n != 2 {
		t.Errorf("%d", n)
	}
	waiting(nux, 0, 0)
	if got := inbox(t, s, Box{Recipient: nux}); got != nil {
		t.Errorf("%v", got)
	}
	if got := inbox(t, s, Box{Recipient: nux, Archived: true}); !slices.Equal(got, []string{urgent.ID, first.ID}) {
		t.Errorf("%v", got)
	}
	if got := inbox(t, s, Box{Recipient: nux, Text: "first"}); !slices.Equal(got, []string{first.ID}) {
		t.Errorf("archived mail is not found: %v", got)
	}
	for _, id := range []string{reply.ID, "m-unknown", "", "x y"} {
		if _, err := s.MarkRead(ctx, nux, urgent.ID, id); !errors.Is(err, ErrNoMessage) {
			t.Errorf("%q: %v", id, err)
		}
	}
	m, to, err := s.Read(ctx, first.ID)
	if err != nil || m.Body != "look\nhere" || len(to) != 2 || to[0].Recipient != ann || !to[0].Unread || to[1].ReadAt == nil || to[1].ArchivedAt == nil {
		t.Errorf("%+v, %+v, %v", m, to, err)
	}
	thread, err := s.Thread(ctx, reply.ID, nux)
	if err != nil || len(thread) != 2 || thread[0].ID != first.ID || thread[0].Recipient != nux || thread[1].ID != reply.ID || thread[1].Recipient != "" {
		t.Errorf("%+v, %v", thread, err)
	}
	for _, id := range []string{"m-unknown", "", "'", strings.Repeat("m", 200)} {
		if _, _, err := s.Read(ctx, id); !errors.Is(err, ErrNoMessage) {
			t.Errorf("%q: %v", id, err)
		}
		if _, err := s.Thread(ctx, id, nux); !errors.Is(err, ErrNoMessage) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if err := s.ClaimMessage(ctx, first.ID, nux); err != nil {
		t.Error(err)
	}
	if err := errors.Join(s.ClaimMessage(ctx, first.ID, nux)); err != nil {
		t.Error(err)
	}
	if err := s.ClaimMessage(ctx, first.ID, ann); !errors.Is(err, ErrTaken) || !strings.Contains(err.Error(), nux) {
		t.Errorf("%v", err)
	}
	if err := s.ClaimMessage(ctx, first.ID, "mayor/"); !errors.Is(err, ErrNoMessage) {
		t.Errorf("%v", err)
	}

	// Mail is no work: no list of beads, no event and no line of an export shows it.
	if ids := listedIDs(t, s, Filter{}); len(ids) != 0 {
		t.Errorf("listed: %v", ids)
	}
	if st, err := s.Stats(ctx); err != nil || st.Total != 0 {
		t.Errorf("%+v, %v", st, err)
	}
	err = s.Export(ctx, Filter{}, func(b town.Bead) error { return errors.New(b.ID) })
	if err != nil {
		t.Error(err)
	}
}

// What cannot be stored as it is is refused, and the rest comes back byte by byte.
func TestHostileMail(t *testing.T) {
	s := newLedger(t)
	good := Message{From: "mayor/", To: nux, Subject: "s"}
	for name, change := range map[string]func(*Message){
		"no subject": func(m *Message) { m.Subject = " \n" }, "long subject": func(m *Message) { m.Subject = strings.Repeat("ä", MaxSubject+1) },
		"long body": func(m *Message) { m.Body = strings.Repeat("x", MaxMailBody+1) }, "NUL": func(m *Message) { m.Body = "a\x00b" },
		"not UTF-8": func(m *Message) { m.Body = "a\xffb" }, "kind": func(m *Message) { m.Kind = "x" }, "priority": func(m *Message) { m.Priority = "x" },
		"sender": func(m *Message) { m.From = "a\nb" }, "no sender": func(m *Message) { m.From = "" },
	} {
		m := good
		change(&m)
		if _, err := s.Send(t.Context(), m, []string{nux}); !errors.Is(err, ErrMessage) && !errors.Is(err, town.ErrUsage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, boxes := range [][]string{nil, {""}, {"a\nb"}, {"a", strings.Repeat("b", 256)}, make([]string, MaxRecipients+1)} {
		if len(boxes) > MaxRecipients {
			for i := range boxes {
				boxes[i] = fmt.Sprint("box", i)
			}
		}
		if _, err := s.Send(t.Context(), good, boxes); err == nil {
			t.Errorf("%d mailboxes such as %.20q are accepted", len(boxes), fmt.Sprint(boxes))
		}
	}
	unknown := good
	unknown.ReplyTo = "m-unknown"
	if _, err := s.Send(t.Context(), unknown, []string{nux}); !errors.Is(err, ErrNoMessage) {
		t.Errorf("%v", err)
	}
	want := map[string]string{}
	for i, body := range []string{
		"", "'; DROP TABLE messages; --", "\x1b[2J\x1b]0;title\a", "\r\n\t\b", "\u202eright to left", "%_\\", "🐀" + strings.Repeat("long ", 50_000), strings.Repeat("\n", 1000), "\ufeffx",
	} {
		m := good
		m.Subject, m.Body = fmt.Sprintf("%d%.40s", i, body), body
		want[send(t, s, m, nux).ID] = body
	}
	list, err := s.Inbox(t.Context(), Box{Recipient: nux, Bodies: true})
	got := map[string]string{}
	for _, l := range list {
		got[l.ID] = l.Body
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for _, text := range []string{"%", "_\\", "'; drop", "🐀"} {
		if ids := inbox(t, s, Box{Recipient: nux, Text: text}); len(ids) != 1 {
			t.Errorf("%q finds %v", text, ids)
		}
	}
}

// Urgent messages come first for an agent that looks at a few.
func TestPressingMail(t *testing.T) {
	s := newLedger(t)
	var want [4][]string
	for i := range 12 {
		rank := i % 4
		m := send(t, s, Message{Subject: "s", Priority: MessagePriorities[rank]}, nux)
		want[rank] = append(want[rank], m.ID)
	}
	all := slices.Concat(want[:]...)
	for _, limit := range []int{0, 5} {
		n := len(all)
		if limit > 0 {
			n = limit
		}
		if got := inbox(t, s, Box{Recipient: nux, Unread: true, Pressing: true, Limit: limit}); !slices.Equal(got, all[:n]) {
			t.Errorf("%v, want %v", got, all[:n])
		}
	}
}

// A ledger of the former version gets its mailboxes when it is opened.
func TestALedgerWithoutMailOpens(t *testing.T) {
	dir := before(t, "mail", manyOld(3)[0])
	s, err := Open(t.Context(), options(dir), uuid)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	m := send(t, s, Message{}, nux)
	if got := inbox(t, s, Box{Recipient: nux}); !slices.Equal(got, []string{m.ID}) {
		t.Errorf("%v", got)
	}
	if ids := listedIDs(t, s, Filter{}); len(ids) != 3 {
		t.Errorf("%v", ids)
	}
}

// Random histories of mail, compared with maps.
func TestMailModel(t *testing.T) {
	s := newLedger(t)
	r := rand.New(rand.NewPCG(3, 4))
	boxes := []string{nux, ann, "mayor/", "human"}
	type state struct {
		id             string
		read, archived bool
	}
	model := map[string][]*state{} // newest first
	pick := func(box string) *state {
		if list := model[box]; len(list) > 0 {
			return list[r.IntN(len(list))]
		}
		return nil
	}
	for range 120 {
		box := boxes[r.IntN(len(boxes))]
		one := pick(box)
		switch n := r.IntN(4); {
		case n < 2 || one == nil:
			to := boxes[r.IntN(len(boxes)):]
			m := send(t, s, Message{From: box, Priority: MessagePriorities[r.IntN(4)]}, to...)
			for _, b := range to {
				model[b] = append([]*state{{id: m.ID}}, model[b]...)
			}
		case n == 2:
			marked, err := s.MarkRead(t.Context(), box, one.id)
			if err != nil || (marked == 1) == one.read {
				t.Fatalf("marked %d, %v, model %+v", marked, err, one)
			}
			one.read = true
		default:
			archived, err := s.Archive(t.Context(), box, one.id)
			if err != nil || (archived == 1) == one.archived {
				t.Fatalf("archived %d, %v, model %+v", archived, err, one)
			}
			one.archived = true
		}
		var in, unread, archived []string
		for _, m := range model[box] {
			switch {
			case m.archived:
				archived = append(archived, m.id)
				continue
			case !m.read:
				unread = append(unread, m.id)
			}
			in = append(in, m.id)
		}
		for _, c := range []struct {
			box  Box
			want []string
		}{{Box{Recipient: box}, in}, {Box{Recipient: box, Unread: true}, unread}, {Box{Recipient: box, Archived: true}, archived}} {
			if got := inbox(t, s, c.box); !slices.Equal(got, c.want) {
				t.Fatalf("%+v: %v, want %v", c.box, got, c.want)
			}
		}
		if w, err := s.Unread(t.Context(), box); err != nil || w.Unread != len(unread) {
			t.Fatalf("%+v, %v, want %d", w, err, len(unread))
		}
	}
}

// fillBox delivers n messages to a mailbox, half of them unread, a tenth archived.
func fillBox(t testing.TB, s *Store, box string, n int) {
	t.Helper()
	at := s.moment()
	err := s.write(t.Context(), "fill", func(q txn) error {
		var list []Message
		to := map[string][]Delivery{}
		for i := range n {
			m := Message{ID: fmt.Sprintf("m-%08d", i), From: "mayor/", Author: "Ada", To: box, Subject: fmt.Sprintf("message %d", i),
				Body: strings.Repeat("some text of the message ", 20), Kind: Note, Priority: MessagePriorities[i%4]}
			m.Thread, m.SentAt = m.ID, at.Add(time.Duration(i)*time.Second)
			d := Delivery{Recipient: box, Unread: i%2 == 0}
			if i%10 == 1 {
				d.ArchivedAt = &at
			}
			list, to[m.ID] = append(list, m), []Delivery{d}
		}
		return q.deliver(t.Context(), list, to)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// BenchmarkMail measures a mailbox of 10,000 messages beside one of 100.
func BenchmarkMail(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		s := newLedger(b)
		fillBox(b, s, nux, n)
		for name, box := range map[string]Box{
			"inbox": {Recipient: nux, Limit: 50}, "unread": {Recipient: nux, Limit: 50, Unread: true},
			"pressing": {Recipient: nux, Limit: 20, Unread: true, Pressing: true}, "search": {Recipient: nux, Limit: 50, Text: "message 99"},
		} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				for b.Loop() {
					inbox(b, s, box)
				}
			})
		}
		b.Run(fmt.Sprintf("count/%d", n), func(b *testing.B) {
			for b.Loop() {
				if w, err := s.Unread(b.Context(), nux); err != nil || w.Unread != n/2 {
					b.Fatal(w, err)
				}
			}
		})
		b.Run(fmt.Sprintf("send/%d", n), func(b *testing.B) {
			for b.Loop() {
				send(b, s, Message{Body: "text"}, "mayor/")
			}
		})
		b.Run(fmt.Sprintf("thread/%d", n), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if _, err := s.Thread(b.Context(), fmt.Sprintf("m-%08d", i%n), nux); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("read/%d", n), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if _, _, err := s.Read(b.Context(), fmt.Sprintf("m-%08d", i%n)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
