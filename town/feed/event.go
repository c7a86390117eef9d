package feed

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
)

// The kinds of events. A kind is a noun, a dot and what happened. Kinds that
// begin with BeadPrefix come from the ledger: what follows is the kind of the
// entry of the audit trail, such as created or closed.
const (
	BeadPrefix = "bead."
	// BeadForeign: another program changed a bead and recorded nothing about it.
	BeadForeign = BeadPrefix + "foreign"

	// Began is the first event of the ledger in a feed.
	Began = "feed.began"
	// Dropped: events were lost before they could be appended.
	Dropped = "feed.dropped"
	// Loss: events were removed before a reader came to them. It is never stored.
	Loss = "feed.loss"
	// LedgerDiverged: the ledger does not contain the commit that was collected last.
	LedgerDiverged = "ledger.diverged"
	// LedgerUnknown: the commit that was collected last does not exist any more.
	LedgerUnknown = "ledger.unknown"

	DeaconStarted = "deacon.started"
	DeaconStopped = "deacon.stopped"
	// CheckChanged: a check of the Deacon has another state than before.
	CheckChanged = "check.changed"
	// JobFailed: a run of a job failed after one that succeeded. JobRecovered: one
	// succeeded after one that failed.
	JobFailed    = "job.failed"
	JobRecovered = "job.recovered"
	// Synced: an exchange with a remote changed something here or there.
	Synced = "federation.synced"
	// MailSent: a message was delivered to the mailboxes of its recipients.
	MailSent = "mail.sent"
	// AccessRefused: somebody was refused a command. The subject is the action that was
	// not allowed.
	AccessRefused = "access.refused"
	// RolePrefix begins the kinds that say what this directory became to its Town: active,
	// standby or fenced.
	RolePrefix = "town."
	// Lent and Returned: a command had the planes to itself.
	Lent     = "planes.lent"
	Returned = "planes.returned"
)

// Event is something that happened once.
type Event struct {
	// Seq is its number in the feed; Append gives it.
	Seq int64 `json:"seq,omitempty"`
	// At is when it happened; the zero time means now.
	At   time.Time `json:"at"`
	Kind string    `json:"kind"`
	// Subject is what it happened to: a bead, a job, a check, a remote.
	Subject string `json:"subject,omitempty"`
	// Actor is who did it, if that is known.
	Actor string `json:"actor,omitempty"`
	// Text says it in one line, for people.
	Text string `json:"text,omitempty"`
	// Data says it for programs. Long values are cut.
	Data map[string]string `json:"data,omitempty"`
}

// Page is a part of the feed, oldest event first.
type Page struct {
	Events []Event `json:"events"`
	// Next is where the following page begins: what Acknowledge and After take.
	Next int64 `json:"next"`
	// Loss says what was removed before the reader read it; nil for nothing.
	Loss *operational.Loss `json:"loss,omitempty"`
}

// Entry is the event as the operational plane stores it.
func (e Event) Entry() operational.Entry {
	return operational.Entry{
		At: e.At, Kind: e.Kind, Subject: e.Subject, Actor: e.Actor, Detail: e.Text, Data: encode(e.Data),
	}
}

func fromEntry(e operational.Entry) Event {
	out := Event{Seq: e.Seq, At: e.At, Kind: e.Kind, Subject: e.Subject, Actor: e.Actor, Text: e.Detail}
	if e.Data != "" {
		_ = json.Unmarshal([]byte(e.Data), &out.Data) // data of other programs is left out
	}
	return out
}

func fromPage(p operational.Page) Page {
	out := Page{Next: p.Next, Loss: p.Loss}
	for _, e := range p.Entries {
		out.Events = append(out.Events, fromEntry(e))
	}
	return out
}

// longestValue is how many bytes of a value are stored while all values fit.
const longestValue = 1024

// encode writes data as JSON, with values cut until they fit.
func encode(data map[string]string) string {
	if len(data) == 0 {
		return ""
	}
	for most := longestValue; most > 0; most /= 2 {
		cut := make(map[string]string, len(data))
		for key, value := range data {
			cut[key] = town.Clip(value, most)
		}
		var out bytes.Buffer
		enc := json.NewEncoder(&out)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(cut); err == nil && out.Len() <= operational.MaxData {
			return string(bytes.TrimSpace(out.Bytes()))
		}
	}
	return ""
}

// fromTrail makes an event of an entry of the ledger's audit trail.
func fromTrail(e town.AuditEntry) Event {
	out := Event{At: e.At, Kind: BeadPrefix + e.Kind, Subject: e.Bead, Actor: e.Actor, Data: map[string]string{"trail": e.ID}}
	for key, value := range map[string]string{"field": e.Field, "old": e.Old, "new": e.New} {
		if value != "" {
			out.Data[key] = value
		}
	}
	switch {
	case e.Kind == "created", e.Kind == "restored", e.Kind == "commented", e.Kind == "labeled":
		out.Text = e.New
	case e.Kind == "unlabeled":
		out.Text = e.Old
	case e.Kind == "linked":
		out.Text = e.Field + " " + e.New
	case e.Kind == "unlinked":
		out.Text = e.Field + " " + e.Old
	case e.Kind == "deleted":
		out.Text = e.Old
		if e.New != "" {
			out.Text += ": " + e.New
		}
	case e.Field != "":
		out.Text = fmt.Sprintf("%s: %s -> %s", e.Field, brief(e.Old), brief(e.New))
	}
	return out
}

// brief words a value of a field.
func brief(value string) string {
	if value == "" {
		return "none"
	}
	return town.Clip(value, 200)
}

// Missed describes what a reader missed as an event without a number, for output in
// which each event stands alone.
func Missed(l operational.Loss) Event {
	text := fmt.Sprintf("%d event(s) until %s were removed before they were read", l.Count, l.Until.UTC().Format(time.RFC3339))
	data := map[string]string{"count": strconv.FormatInt(l.Count, 10), "until": l.Until.UTC().Format(time.RFC3339Nano)}
	if !l.After.IsZero() {
		text += "; the last one read is of " + l.After.UTC().Format(time.RFC3339)
		data["after"] = l.After.UTC().Format(time.RFC3339Nano)
	}
	return Event{At: l.Until, Kind: Loss, Subject: "feed", Text: text, Data: data}
}

func fromForeign(f ledger.ForeignChange) Event {
	return Event{
		At: f.At, Kind: BeadForeign, Subject: f.Bead, Actor: f.Committer,
		Text: f.Difference + " by another program: " + f.Title, Data: map[string]string{"difference": f.Difference},
	}
}
