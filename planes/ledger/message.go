package ledger

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gastown/town"
)

// What a message may hold. Larger values are refused, never cut.
const (
	MaxSubject    = 500       // characters of a subject
	MaxMailBody   = 256 << 10 // bytes of a body
	MaxRecipients = 1000      // mailboxes that one message is delivered to
	maxAddressed  = 1000      // bytes of what the sender wrote for the recipients
	maxMessageID  = 64        // bytes of an id
)

var (
	// ErrNoMessage reports an id that no message has, or that is not in the mailbox.
	ErrNoMessage = errors.New("no such message")
	// ErrMessage reports a value that a message may not have.
	ErrMessage = errors.New("not a valid message")
)

// MessageKind says what a message wants of its reader.
type MessageKind string

// The kinds of messages.
const (
	Note     MessageKind = "note"
	Task     MessageKind = "task"
	Question MessageKind = "question"
	Alert    MessageKind = "alert"
)

// MessageKinds lists every kind; the first is the usual one.
var MessageKinds = []MessageKind{Note, Task, Question, Alert}

// MessagePriority says how soon a message wants to be read.
type MessagePriority string

// The priorities of messages.
const (
	Urgent MessagePriority = "urgent"
	High   MessagePriority = "high"
	Normal MessagePriority = "normal"
	Low    MessagePriority = "low"
)

// MessagePriorities lists every priority, the most urgent first. The place of a
// priority in it is what the database stores.
var MessagePriorities = []MessagePriority{Urgent, High, Normal, Low}

// Message is a letter. It is stored once for all its recipients and never changes,
// except that one of them may claim it.
type Message struct {
	ID string `json:"id"`
	// Thread is the id of the first message of the exchange, ReplyTo of the message
	// that this one answers, if any.
	Thread  string `json:"thread"`
	ReplyTo string `json:"reply_to,omitempty"`
	// From is the mailbox that answers go to. Author names the person or agent who
	// wrote the message.
	From   string `json:"from"`
	Author string `json:"author"`
	// To is what the sender wrote for the recipients, such as @crew.
	To       string          `json:"to"`
	Subject  string          `json:"subject"`
	Body     string          `json:"body,omitempty"`
	Kind     MessageKind     `json:"kind"`
	Priority MessagePriority `json:"priority"`
	SentAt   time.Time       `json:"sent_at"`
	// ClaimedBy is the recipient who does what the message asks for.
	ClaimedBy string     `json:"claimed_by,omitempty"`
	ClaimedAt *time.Time `json:"claimed_at,omitempty"`
}

// Delivery is the state of a message in one mailbox. A message is unread until it is
// read or archived.
type Delivery struct {
	Recipient  string     `json:"recipient"`
	Unread     bool       `json:"unread"`
	ReadAt     *time.Time `json:"read_at,omitempty"`
	ArchivedAt *time.Time `json:"archived_at,omitempty"`
}

// Letter is a message as it lies in one mailbox.
type Letter struct {
	Message
	Delivery
}

// Check reports everything that is wrong with a message that is to be sent.
func (m Message) Check() error {
	errs := []error{
		checkMail("the sender's address", m.From, town.MaxNameBytes), checkMail("the author", m.Author, town.MaxNameBytes),
		checkMail("the recipient", m.To, maxAddressed), checkMail("the subject", m.Subject, 4*MaxSubject), checkMail("the text", m.Body, MaxMailBody),
	}
	if strings.TrimSpace(m.Subject) == "" || utf8.RuneCountInString(m.Subject) > MaxSubject {
		errs = append(errs, fmt.Errorf("%w: a subject has 1 to %d characters", ErrMessage, MaxSubject))
	}
	if !slices.Contains(MessageKinds, m.Kind) {
		errs = append(errs, fmt.Errorf("%w: there is no kind of message %q", ErrMessage, town.Clip(string(m.Kind), 40)))
	}
	if !slices.Contains(MessagePriorities, m.Priority) {
		errs = append(errs, fmt.Errorf("%w: there is no priority %q", ErrMessage, town.Clip(string(m.Priority), 40)))
	}
	for _, id := range []string{m.ID, m.Thread, m.ReplyTo} {
		if id != "" {
			errs = append(errs, checkMessageID(id))
		}
	}
	return errors.Join(errs...)
}

// checkMail refuses a text that the database would not store as it is.
func checkMail(what, s string, max int) error {
	switch {
	case len(s) > max:
		return fmt.Errorf("%w: %s has %d bytes, the limit is %d", ErrMessage, what, len(s), max)
	case !utf8.ValidString(s):
		return fmt.Errorf("%w: %s is not UTF-8", ErrMessage, what)
	case strings.ContainsRune(s, 0):
		return fmt.Errorf("%w: %s holds a NUL character", ErrMessage, what)
	}
	return nil
}

// checkMessageID refuses what cannot be the id of a message.
func checkMessageID(id string) error {
	if len(id) > maxMessageID || town.CheckBeadID(id) != nil {
		return fmt.Errorf("%w: %q", ErrNoMessage, town.Clip(id, 40))
	}
	return nil
}

// checkBox refuses what cannot be the name of a mailbox.
func checkBox(box string) error { return checkName("mailbox", box, town.MaxNameBytes) }

// rank is the number that the database stores for a priority.
func (p MessagePriority) rank() int { return slices.Index(MessagePriorities, p) }

// priorityOf is the inverse of rank. Numbers that another program wrote count as the
// nearest priority.
func priorityOf(rank int) MessagePriority {
	return MessagePriorities[min(max(rank, 0), len(MessagePriorities)-1)]
}
