package mail

import (
	"context"
	"slices"
	"strings"

	"gastown/planes/ledger"
	"gastown/town"
)

// subjectChars is how long the subject is that a message without one gets, in bytes.
const subjectChars = 80

// again begins the subject of an answer.
const again = "Re: "

// Subject makes a subject from the first line of a text; "" if it has no words.
func Subject(body string) string {
	for line := range strings.Lines(body) {
		if words := strings.Join(strings.Fields(line), " "); words != "" {
			return town.Clip(words, subjectChars)
		}
	}
	return ""
}

// Letter begins a message of the caller to what a sender wrote for the recipients. A
// message without a subject gets one from its text.
func (c Caller) Letter(to []string, subject, body string) ledger.Message {
	if strings.TrimSpace(subject) == "" {
		subject = Subject(body)
	}
	return ledger.Message{From: c.Box(), Author: c.Name, To: strings.Join(to, ", "), Subject: subject, Body: body}
}

// Reply sends an answer to a message: to its sender, and with all to everybody else who
// got it. Where the caller wrote the message itself, the answer goes to its
// recipients.
func (c Caller) Reply(ctx context.Context, l *ledger.Store, id string, m ledger.Message, all bool) (sent ledger.Message, boxes []string, err error) {
	to, deliveries, err := l.Read(ctx, id)
	if err != nil {
		return sent, nil, err
	}
	boxes = []string{to.From}
	if all || to.From == c.Box() {
		for _, d := range deliveries {
			boxes = append(boxes, d.Recipient)
		}
	}
	if others := slices.DeleteFunc(slices.Clone(boxes), func(box string) bool { return box == c.Box() }); len(others) > 0 {
		boxes = others
	}
	slices.Sort(boxes)
	boxes = slices.Compact(boxes)
	m.From, m.Author, m.ReplyTo, m.To = c.Box(), c.Name, id, strings.Join(boxes, ", ")
	m.To = town.Clip(m.To, 200)
	if m.Subject == "" {
		m.Subject = again + strings.TrimPrefix(to.Subject, again)
		if runes := []rune(m.Subject); len(runes) > ledger.MaxSubject {
			m.Subject = string(runes[:ledger.MaxSubject])
		}
	}
	sent, err = l.Send(ctx, m, boxes)
	return sent, boxes, err
}
