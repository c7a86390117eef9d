package escalate

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"gastown/planes/ledger"
	"gastown/town"
)

// State says how far people are with an escalation.
type State string

// The states of an escalation.
const (
	// Raised: nobody has it yet. It is raised again at Escalation.Again.
	Raised State = "raised"
	// Acknowledged: somebody has it. It is silent.
	Acknowledged State = "acknowledged"
	// Closed: it is mended.
	Closed State = "closed"
)

// Escalation is a trouble as the ledger has it.
type Escalation struct {
	ID       string   `json:"id"`
	Title    string   `json:"title"`
	State    State    `json:"state"`
	Severity Severity `json:"severity"`
	Key      string   `json:"key,omitempty"`
	From     string   `json:"from,omitempty"`
	About    string   `json:"about,omitempty"`
	// By is who has it.
	By   string `json:"acknowledged_by,omitempty"`
	Text string `json:"text,omitempty"`
	// Times is how often people were told, Last when they were told last, and Again when
	// they are told next: zero while nobody is to be told.
	Times  int        `json:"times"`
	At     time.Time  `json:"raised_at"`
	Last   time.Time  `json:"last_raised_at,omitzero"`
	Again  time.Time  `json:"again_at,omitzero"`
	Closed *time.Time `json:"closed_at,omitempty"`
	Reason string     `json:"close_reason,omitempty"`
}

// record is what the bead's metadata hold of an escalation, under the name Label.
type record struct {
	Key      string    `json:"key"`
	Severity Severity  `json:"severity"`
	From     string    `json:"from,omitempty"`
	About    string    `json:"about,omitempty"`
	Times    int       `json:"times"`
	Last     time.Time `json:"last,omitzero"`
	// Gone says that the trouble had gone when the bead was closed, so if it comes back
	// it is a new one.
	Gone bool `json:"gone,omitempty"`
}

// patch is the change of the metadata to this.
func (r record) patch() map[string]json.RawMessage {
	text, _ := json.Marshal(r) // texts and times: never fails
	return map[string]json.RawMessage{Label: text}
}

// object is metadata that hold nothing else.
func (r record) object() json.RawMessage {
	text, _ := json.Marshal(r.patch())
	return text
}

// fields are what List and Raise read.
var fields = ledger.Fields{
	"id", "title", "description", "status", "priority", "assignee", "created_at", "updated_at", "closed_at", "close_reason", "metadata", "labels",
}

// read makes an Escalation of a bead. Metadata that a person or another program wrote may
// hold anything: what is not usable counts as never told.
func read(b town.Bead, now time.Time) (Escalation, record) {
	var all map[string]json.RawMessage
	var r record
	if json.Unmarshal(b.Metadata, &all) != nil || json.Unmarshal(all[Label], &r) != nil {
		r = record{}
	}
	if !slices.Contains(Severities, r.Severity) {
		r.Severity = Severities[min(max(b.Priority, 0), len(Severities)-1)]
	}
	r.Times = max(r.Times, 0)
	if r.Last.After(now) {
		r.Last = now // a clock went back; nobody waits for it
	}
	e := Escalation{
		ID: b.ID, Title: b.Title, Text: b.Description, Severity: r.Severity, Key: r.Key, From: r.From, About: r.About, By: b.Assignee,
		Times: r.Times, At: b.CreatedAt, Last: r.Last, Closed: b.ClosedAt, Reason: b.CloseReason, State: Raised,
	}
	switch {
	case !b.Open():
		e.State = Closed
	case b.Assignee != "":
		e.State = Acknowledged
	case r.Times > 0:
		e.Again = r.Last.Add(r.Severity.Pause(r.Times))
	default:
		e.Again = now
	}
	return e, r
}

// cachedList is up to how many open escalations are an answer that may be cached.
const cachedList = 500

// List returns the escalations, the most urgent first, in one query: those that are not
// closed or, with all, every one.
func List(ctx context.Context, l *ledger.Store, all bool, now time.Time) (list []Escalation, err error) {
	f := ledger.Filter{Labels: []string{Label}, Fields: fields}
	if !all {
		f.Not, f.Limit = []town.Status{town.StatusClosed}, cachedList
	}
	var items []ledger.Item
	if err := l.List(ctx, f, ledger.Collect(&items)); err != nil {
		return nil, err
	}
	if f.Limit > 0 && len(items) == f.Limit {
		f.Limit, items = 0, nil // there may be more
		if err := l.List(ctx, f, ledger.Collect(&items)); err != nil {
			return nil, err
		}
	}
	for _, i := range items {
		e, _ := read(i.Bead, now)
		list = append(list, e)
	}
	slices.SortStableFunc(list, func(a, b Escalation) int {
		if c := a.Severity.rank() - b.Severity.rank(); c != 0 {
			return c
		}
		return strings.Compare(string(b.State), string(a.State)) // raised before acknowledged
	})
	return list, nil
}
