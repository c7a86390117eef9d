package ledger

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Box selects messages of one mailbox.
type Box struct {
	Recipient string
	// Unread selects only messages that are unread, Archived those that were archived
	// instead of those that were not.
	Unread, Archived bool
	// Pressing orders the messages by priority, then oldest first, instead of newest
	// first. It goes with Unread.
	Pressing bool
	// Text is searched for in subject, text, author and sender, ignoring case, in
	// archived messages too.
	Text string
	// Limit bounds the answer; 0 means all.
	Limit int
	// Bodies also reads the texts of the messages.
	Bodies bool
}

// Inbox returns the messages that a Box selects. It is one query, which reads as many
// messages as it returns unless it searches for a text.
func (s *Store) Inbox(ctx context.Context, b Box) (list []Letter, err error) {
	query, args := b.query()
	err = s.read(ctx, func(q txn) error {
		list, err = q.letters(ctx, query, args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the mailbox of %s: %w", town.Clip(b.Recipient, 80), err)
	}
	return list, nil
}

// query chooses the messages by an index alone where it can, and reads only those
// whole. The order repeats the columns that are fixed, because the engine takes the
// order of an index only as a whole.
func (b Box) query() (query string, args []any) {
	from, order := "archived = ? AND recipient = ?", "recipient DESC, archived DESC, sent_at DESC, message_id DESC"
	args = []any{b.Archived, b.Recipient}
	join, outer := "", "d.sent_at DESC, d.message_id DESC"
	switch {
	case b.Text != "":
		join = " JOIN messages t ON t.id = message_id"
		found, with := containing(b.Text, "t.subject", "t.body", "t.author", "t.sender")
		from, args = "recipient = ? AND ("+found+")", append(args[1:], with...)
		order = "deliveries.sent_at DESC, deliveries.message_id DESC"
	case b.Unread && b.Pressing:
		from, args[0] = "unread = ? AND recipient = ?", true
		order, outer = "unread, recipient, priority, sent_at, message_id", "d.priority, d.sent_at, d.message_id"
	case b.Unread:
		from, args[0] = "unread = ? AND recipient = ?", true
		order = "sent_at DESC, message_id DESC"
	}
	limit := ""
	if b.Limit > 0 {
		limit = fmt.Sprintf(" LIMIT %d", b.Limit)
	}
	chosen := "SELECT recipient, message_id FROM deliveries" + join + " WHERE " + from + " ORDER BY " + order + limit
	return "SELECT " + letterColumns(b.Bodies) + " FROM (" + chosen + ") chosen" +
		" JOIN deliveries d ON d.recipient = chosen.recipient AND d.message_id = chosen.message_id" +
		" JOIN messages m ON m.id = chosen.message_id ORDER BY " + outer, args
}

// containing is the condition that one of the columns contains a text.
func containing(text string, columns ...string) (cond string, args []any) {
	conds := make([]string, len(columns))
	for i, c := range columns {
		conds[i] = "INSTR(LOWER(" + c + "), ?) > 0"
		args = append(args, strings.ToLower(text))
	}
	return strings.Join(conds, " OR "), args
}

// letterColumns are the columns that letters reads.
func letterColumns(bodies bool) string {
	body := "''"
	if bodies {
		body = "m.body"
	}
	return "m.id, m.thread, m.reply_to, m.sender, m.author, m.addressed, m.subject, " + body + ", m.kind, m.priority, m.sent_at, m.claimed_by, m.claimed_at," +
		" d.recipient, d.unread, d.read_at, d.archived_at"
}

// letters runs a query of letterColumns.
func (q txn) letters(ctx context.Context, query string, args ...any) (list []Letter, err error) {
	err = q.each(ctx, func(rows *doltdb.Rows) error {
		var l Letter
		rank := 0
		err := rows.Scan(textTo{&l.ID}, textTo{&l.Thread}, textTo{&l.ReplyTo}, textTo{&l.From}, textTo{&l.Author}, textTo{&l.To}, textTo{&l.Subject},
			textTo{&l.Body}, textTo{(*string)(&l.Kind)}, intTo{&rank}, timeTo{&l.SentAt}, textTo{&l.ClaimedBy}, optTimeTo{&l.ClaimedAt},
			textTo{&l.Recipient}, flagTo{&l.Unread}, optTimeTo{&l.ReadAt}, optTimeTo{&l.ArchivedAt})
		if err != nil {
			return err
		}
		l.Priority = priorityOf(rank)
		list = append(list, l)
		return q.collect(int64(len(l.Subject) + len(l.Body)))
	}, query, args...)
	return list, err
}

// Read returns a message with its text, and its state in every mailbox that it was
// delivered to, by name. It marks nothing.
func (s *Store) Read(ctx context.Context, id string) (m Message, to []Delivery, err error) {
	if err := checkMessageID(id); err != nil {
		return m, nil, err
	}
	var list []Letter
	err = s.read(ctx, func(q txn) error {
		list, err = q.letters(ctx, "SELECT "+letterColumns(true)+
			" FROM deliveries d JOIN messages m ON m.id = d.message_id WHERE d.message_id = ? ORDER BY d.recipient", id)
		return err
	})
	if err != nil {
		return m, nil, fmt.Errorf("read message %s: %w", id, err)
	}
	if len(list) == 0 {
		return m, nil, fmt.Errorf("%w: %q", ErrNoMessage, id)
	}
	for _, l := range list {
		to = append(to, l.Delivery)
	}
	return list[0].Message, to, nil
}

// Thread returns all messages of an exchange, oldest first, with their texts. id is
// that of any of them. The deliveries are those to box; a message that box did not get
// has none.
func (s *Store) Thread(ctx context.Context, id, box string) (list []Letter, err error) {
	if err := checkMessageID(id); err != nil {
		return nil, err
	}
	err = s.read(ctx, func(q txn) error {
		thread := ""
		err := q.each(ctx, func(rows *doltdb.Rows) error { return rows.Scan(&thread) }, "SELECT thread FROM messages WHERE id = ?", id)
		if err != nil {
			return err
		}
		list, err = q.letters(ctx, "SELECT "+letterColumns(true)+" FROM (SELECT id FROM messages WHERE thread = ?) chosen JOIN messages m ON m.id = chosen.id"+
			" LEFT JOIN deliveries d ON d.message_id = m.id AND d.recipient = ? ORDER BY m.sent_at, m.id", thread, box)
		return err
	})
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("%w: %q", ErrNoMessage, id)
	}
	return list, err
}

// Mailbox says how much of a mailbox is unread.
type Mailbox struct {
	Recipient string `json:"recipient"`
	Unread    int    `json:"unread"`
	// Urgent is how many of the unread messages are urgent.
	Urgent int `json:"urgent"`
	// Newest is when the newest of them was sent.
	Newest time.Time `json:"newest,omitzero"`
}

// Unread returns how much of a mailbox is unread. It is one query of an index.
func (s *Store) Unread(ctx context.Context, box string) (Mailbox, error) {
	list, err := s.mailboxes(ctx, " AND recipient = ?", box)
	if err != nil || len(list) == 0 {
		return Mailbox{Recipient: box}, err
	}
	return list[0], nil
}

// AllUnread returns the mailboxes that have unread messages, by name. It is one query
// of an index.
func (s *Store) AllUnread(ctx context.Context) ([]Mailbox, error) { return s.mailboxes(ctx, "") }

func (s *Store) mailboxes(ctx context.Context, cond string, args ...any) (list []Mailbox, err error) {
	err = s.read(ctx, func(q txn) error {
		return q.each(ctx, func(rows *doltdb.Rows) error {
			var w Mailbox
			err := rows.Scan(&w.Recipient, intTo{&w.Unread}, intTo{&w.Urgent}, timeTo{&w.Newest})
			list = append(list, w)
			return err
		}, "SELECT recipient, COUNT(*), COUNT(IF(priority = 0, 1, NULL)), MAX(sent_at) FROM deliveries WHERE unread = 1"+cond+" GROUP BY recipient ORDER BY recipient", args...)
	})
	if err != nil {
		return nil, fmt.Errorf("count unread messages: %w", err)
	}
	return list, nil
}
