package alert

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/plugin"
)

const (
	// maxItems is how many alerts a message lists; it counts all.
	maxItems = 50
	// The longest texts of an item, in bytes.
	maxName, maxSummary, maxLabel = 120, 500, 200
)

// The states of a Message.
const (
	Firing   = "firing"
	Resolved = "resolved"
	Test     = "test"
)

// Message is what a channel sends to people about the alerts of one name. It is the input
// of a plugin that is called as a notification. All texts are plain: one line each,
// bounded, without control characters.
type Message struct {
	// Town is the Town's name.
	Town string `json:"town"`
	// Key is the same for all messages about one name, also the last, and differs between
	// Towns.
	Key string `json:"key"`
	// Status is firing while an alert of it fires, then resolved; test for a message
	// that proves a channel.
	Status string `json:"status"`
	// Name is that of the alerts, Severity the worst of those that fire.
	Name     string `json:"name"`
	Severity string `json:"severity"`
	// Title is one line, Text several: the same for people.
	Title string `json:"title"`
	Text  string `json:"text"`
	// Firing and Resolved count the alerts, of which Alerts lists the first ones.
	Firing   int    `json:"firing"`
	Resolved int    `json:"resolved"`
	Alerts   []Item `json:"alerts"`
}

// PluginCall implements plugin.Named.
func (Message) PluginCall() string { return plugin.Notification }

// Item is one alert of a message.
type Item struct {
	Name     string            `json:"name"`
	Severity string            `json:"severity"`
	Labels   map[string]string `json:"labels,omitempty"`
	Summary  string            `json:"summary"`
	Since    time.Time         `json:"since,omitzero"`
	// Ended is the zero time while it fires.
	Ended time.Time `json:"ended,omitzero"`
}

// NewMessage makes the message about alerts of one name, and their texts plain.
func NewMessage(townName, key, name string, items []Item) Message {
	m := Message{Town: line(townName, maxName), Key: key, Name: line(name, maxName), Status: Resolved, Alerts: []Item{}}
	items = slices.Clone(items)
	slices.SortStableFunc(items, func(a, b Item) int {
		return cmp.Or(compareBool(!a.Ended.IsZero(), !b.Ended.IsZero()), level(b.Severity)-level(a.Severity), a.Since.Compare(b.Since))
	})
	for _, i := range items {
		if i.Ended.IsZero() {
			m.Firing, m.Status = m.Firing+1, Firing
		} else {
			m.Resolved++
		}
		if len(m.Alerts) < maxItems {
			m.Alerts = append(m.Alerts, i.plain())
		}
	}
	if len(m.Alerts) > 0 {
		m.Severity = m.Alerts[0].Severity // the worst that fires, if one does
	}
	m.write()
	return m
}

// NewTest makes the message that proves a channel.
func NewTest(townName, key, by string, now time.Time) Message {
	m := Message{Town: line(townName, maxName), Key: key, Name: "test", Status: Test, Severity: string(operational.SeverityWarning), Alerts: []Item{}}
	m.Title = "[" + m.Town + "] test of this channel"
	m.Text = fmt.Sprintf("%s asked for this message at %s. Nothing is wrong.", line(by, maxName), now.UTC().Format(time.RFC3339))
	return m
}

// write makes the texts for people.
func (m *Message) write() {
	switch {
	case m.Status == Resolved:
		m.Title = fmt.Sprintf("[%s] %s: resolved", m.Town, m.Name)
	case m.Firing == 1:
		m.Title = fmt.Sprintf("[%s] %s: %s", m.Town, m.Name, m.Severity)
	default:
		m.Title = fmt.Sprintf("[%s] %s: %d firing, %s", m.Town, m.Name, m.Firing, m.Severity)
	}
	var lines []string
	for _, i := range m.Alerts {
		lines = append(lines, i.line())
	}
	if more := m.Firing + m.Resolved - len(m.Alerts); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more: gt alert list", more))
	}
	m.Text = strings.Join(lines, "\n")
}

// line is the item for people.
func (i Item) line() string {
	out := i.Severity
	if !i.Ended.IsZero() {
		out = "resolved"
	}
	for _, name := range slices.Sorted(maps.Keys(i.Labels)) {
		out += " " + name + "=" + i.Labels[name]
	}
	out += ": " + cmp.Or(i.Summary, i.Name)
	switch {
	case !i.Ended.IsZero():
		out += " (until " + i.Ended.UTC().Format(time.RFC3339) + ")"
	case !i.Since.IsZero():
		out += " (since " + i.Since.UTC().Format(time.RFC3339) + ")"
	}
	return out
}

func (i Item) plain() Item {
	i.Name, i.Severity, i.Summary = line(i.Name, maxName), line(i.Severity, 16), line(i.Summary, maxSummary)
	labels := map[string]string{}
	for name, value := range i.Labels {
		labels[line(name, maxLabel)] = line(value, maxLabel)
	}
	i.Labels = labels
	return i
}

// line makes a text one plain line of at most so many bytes.
func line(s string, most int) string {
	return town.Clip(strings.TrimSpace(town.Visible(s)), most)
}

// level counts severities from the mildest.
func level(severity string) int {
	return slices.Index(operational.AlertSeverities, operational.AlertSeverity(severity))
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
