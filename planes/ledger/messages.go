package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// messageIDLength is how many random digits the id of a message has. An id that is
// taken is replaced by another one.
const messageIDLength = 8

// maxIDs is how often another id is tried.
const maxIDs = 5

// Send stores a message and delivers it to mailboxes, in one commit. Repeated
// mailboxes get it once. The ledger gives the message its id, its time and, if it is
// an answer, its thread; an empty Author becomes the Store's actor, an empty Kind Note
// and an empty Priority Normal.
func (s *Store) Send(ctx context.Context, m Message, boxes []string) (sent Message, err error) {
	for range maxIDs {
		if m, boxes, err = s.letter(m, boxes); err != nil {
			return Message{}, err
		}
		message := fmt.Sprintf("mail %s from %s to %s", m.ID, town.Clip(m.From, 80), town.Clip(boxes[0], 80))
		if more := len(boxes) - 1; more > 0 {
			message += fmt.Sprintf(" and %d more", more)
		}
		err = s.write(ctx, message, func(q txn) (err error) {
			sent, err = q.send(ctx, m, boxes, s.moment())
			return err
		})
		if err == nil || !duplicate(err) {
			break
		}
	}
	if err != nil {
		return Message{}, err
	}
	return sent, nil
}

// letter completes and checks a message that is to be sent, and its mailboxes. Each call
// gives it another id.
func (s *Store) letter(m Message, boxes []string) (Message, []string, error) {
	boxes = slices.Compact(slices.Sorted(slices.Values(boxes)))
	if len(boxes) == 0 || len(boxes) > MaxRecipients {
		return m, nil, fmt.Errorf("%w: it is for %d mailboxes; there may be 1 to %d", ErrMessage, len(boxes), MaxRecipients)
	}
	for _, box := range append(slices.Clone(boxes), m.From) {
		if err := checkBox(box); err != nil {
			return m, nil, err
		}
	}
	m.Author, m.Kind, m.Priority = or(m.Author, s.who()), or(m.Kind, Note), or(m.Priority, Normal)
	m.ID, m.ClaimedBy, m.ClaimedAt, m.Thread = town.NewBeadID("m", messageIDLength), "", nil, ""
	return m, boxes, m.Check()
}

// send stores a message in a transaction.
func (q txn) send(ctx context.Context, m Message, boxes []string, at time.Time) (Message, error) {
	m.Thread, m.SentAt = m.ID, at
	if m.ReplyTo != "" {
		m.Thread = ""
		err := q.each(ctx, func(rows *doltdb.Rows) error { return rows.Scan(&m.Thread) }, "SELECT thread FROM messages WHERE id = ?", m.ReplyTo)
		if err != nil {
			return m, err
		}
		if m.Thread == "" {
			return m, fmt.Errorf("%w: %q", ErrNoMessage, m.ReplyTo)
		}
	}
	return m, q.deliver(ctx, []Message{m}, map[string][]Delivery{m.ID: deliveries(boxes)})
}

// deliveries are new deliveries to mailboxes.
func deliveries(boxes []string) []Delivery {
	list := make([]Delivery, len(boxes))
	for i, box := range boxes {
		list[i] = Delivery{Recipient: box, Unread: true}
	}
	return list
}

// messageColumns are the columns of the table messages, in the order in which
// scanMessage reads them.
const messageColumns = "id, thread, reply_to, sender, author, addressed, subject, body, kind, priority, sent_at, claimed_by, claimed_at"

// deliver stores new messages with their deliveries.
func (q txn) deliver(ctx context.Context, list []Message, to map[string][]Delivery) error {
	err := writeRows(ctx, q, doltdb.Insert, "messages", messageColumns, list, func(m Message) []any {
		return []any{m.ID, m.Thread, m.ReplyTo, m.From, m.Author, m.To, m.Subject, m.Body, string(m.Kind), m.Priority.rank(),
			stamp(m.SentAt), textOrNull(m.ClaimedBy), timeOrNull(m.ClaimedAt)}
	})
	if err != nil {
		return err
	}
	type row struct {
		Delivery
		Message
	}
	var all []row
	for _, m := range list {
		for _, d := range to[m.ID] {
			all = append(all, row{d, m})
		}
	}
	slices.SortFunc(all, func(a, b row) int { return strings.Compare(a.ID+" "+a.Recipient, b.ID+" "+b.Recipient) })
	return writeRows(ctx, q, doltdb.Insert, "deliveries", "message_id, recipient, priority, sent_at, unread, archived, read_at, archived_at", all, func(r row) []any {
		return []any{r.ID, r.Recipient, r.Priority.rank(), stamp(r.SentAt), r.Unread, r.ArchivedAt != nil, timeOrNull(r.ReadAt), timeOrNull(r.ArchivedAt)}
	})
}

// timeOrNull is nil for no time.
func timeOrNull(t *time.Time) any {
	if t == nil {
		return nil
	}
	return stamp(*t)
}

// MarkRead marks messages of a mailbox as read, in one commit, and returns how many
// were unread. Ids that are not in the mailbox are ErrNoMessage, and nothing is
// marked.
func (s *Store) MarkRead(ctx context.Context, box string, ids ...string) (int, error) {
	return s.mark(ctx, "read", box, ids, "read_at = COALESCE(read_at, ?), unread = 0", "(unread = 1 OR read_at IS NULL)")
}

// Archive takes messages out of a mailbox, in one commit, and returns how many were
// in it. They can still be read, found and listed as archived. Ids that were never in
// the mailbox are ErrNoMessage, and nothing is archived.
func (s *Store) Archive(ctx context.Context, box string, ids ...string) (int, error) {
	return s.mark(ctx, "archive", box, ids, "archived_at = ?, archived = 1, unread = 0", "archived = 0")
}

func (s *Store) mark(ctx context.Context, what, box string, ids []string, set, unless string) (marked int, err error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	err = s.write(ctx, fmt.Sprintf("%s %d message(s) of %s", what, len(ids), town.Clip(box, 80)), func(q txn) error {
		marked = 0
		if err := q.inBox(ctx, box, ids); err != nil {
			return err
		}
		for part := range slices.Chunk(ids, batchRows) {
			args := append([]any{stamp(s.moment()), box}, anys(part)...)
			n, err := q.exec(ctx, "UPDATE deliveries SET "+set+" WHERE recipient = ? AND message_id IN ("+marks(len(part))+") AND "+unless, args...)
			if err != nil {
				return err
			}
			marked += int(n)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return marked, nil
}

// inBox checks that every message was delivered to a mailbox.
func (q txn) inBox(ctx context.Context, box string, ids []string) error {
	there := map[string]bool{}
	for part := range slices.Chunk(ids, batchRows) {
		err := q.each(ctx, func(rows *doltdb.Rows) error {
			var id string
			err := rows.Scan(&id)
			there[id] = true
			return err
		}, "SELECT message_id FROM deliveries WHERE recipient = ? AND message_id IN ("+marks(len(part))+")", append([]any{box}, anys(part)...)...)
		if err != nil {
			return err
		}
	}
	for _, id := range ids {
		if !there[id] {
			return fmt.Errorf("%w in the mailbox of %s: %q", ErrNoMessage, town.Clip(box, 80), town.Clip(id, 40))
		}
	}
	return nil
}

// ClaimMessage notes that who does what a message asks for, in one commit, unless
// another recipient was first: then the error wraps ErrTaken and names that one. Who
// already claimed it may claim it again.
func (s *Store) ClaimMessage(ctx context.Context, id, who string) error {
	if err := checkBox(who); err != nil {
		return err
	}
	return s.write(ctx, fmt.Sprintf("claim message %s for %s", town.Clip(id, 40), town.Clip(who, 80)), func(q txn) error {
		if err := q.inBox(ctx, who, []string{id}); err != nil {
			return err
		}
		by := ""
		err := q.each(ctx, func(rows *doltdb.Rows) error { return rows.Scan(textTo{&by}) }, "SELECT claimed_by FROM messages WHERE id = ?", id)
		switch {
		case err != nil || by == who:
			return err
		case by != "":
			return fmt.Errorf("%w: message %s by %s", ErrTaken, id, by)
		}
		_, err = q.exec(ctx, "UPDATE messages SET claimed_by = ?, claimed_at = ? WHERE id = ?", who, stamp(s.moment()), id)
		return err
	})
}
