package dashboard

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gastown/deacon/control"
	"gastown/deacon/dashboard/page"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/alert"
)

// view makes a snapshot what the page shows.
func view(s snapshot, report control.Status) page.View {
	v := page.View{Town: s.Town, At: s.At}
	if s.lent {
		v.Notices = append(v.Notices, "A command has the planes to itself. Until it ends, this is how the Town was at "+s.At.Format("15:04:05")+" UTC.")
	}
	for _, m := range s.Missing {
		text := "Cannot be shown: " + m.Part + ": " + m.Why
		if m.Next != "" {
			text += ". Next step: " + m.Next
		}
		v.Notices = append(v.Notices, text)
	}
	alerts := s.alertRows()
	v.Tiles = s.tiles(alerts)
	section := func(place page.Place, id, title, caption, note, empty, more string, columns []string, rows []page.Row) {
		sec := page.Section{ID: id, Title: title, Caption: caption, Note: note, Columns: columns, Rows: rows, Empty: empty, Place: place}
		if n := len(rows) - page.MaxRows; n > 0 {
			sec.Rows = rows[:page.MaxRows]
			sec.More = fmt.Sprintf("and %d more: %s", n, more)
		}
		v.Sections = append(v.Sections, sec)
	}
	section(page.Top, "alerts", "Alerts", "What a person should see, the worst first", "", "Nothing is wrong.", "gt status",
		[]string{"What", "State", "Since", "Next step"}, alerts)
	section(page.Main, "rigs", "Rigs", "The projects, with their workers and their work", "", "There are no rigs yet: gt rig add", "gt rig list",
		[]string{"Rig", "Polecats", "Crew", "Queued", "Merging"}, s.rigRows())
	section(page.Main, "polecats", "Polecats", "The workers, those that need attention first", "", "There are no polecats.", "gt polecat list",
		[]string{"Name", "State", "Works on", "Since"}, s.polecatRows())
	section(page.Main, "queue", "Queue", "Beads that wait for a worker", s.holds(), "No bead waits for a worker.", "gt queue list",
		[]string{"Bead", "Rig", "Priority", "Waits since"}, s.queueRows())
	section(page.Main, "merges", "Merge requests", "Open merge requests, with their checks", "", "Nothing waits to be merged.", "gt refinery status",
		[]string{"Bead", "By", "State", "Checks", "Since"}, s.mergeRows())
	section(page.Side, "convoys", "Convoys", "Sets of beads, with how many have landed", "", "No convoy is under way.", "gt convoy list",
		[]string{"Convoy", "Landed"}, s.convoyRows())
	section(page.Side, "mail", "Unread mail", "Mailboxes with unread mail", "", "All mail is read.", "gt status",
		[]string{"Mailbox", "Unread", "Newest"}, s.mailRows())
	note := ""
	if s.reviews > 0 {
		note = town.Plural(s.reviews, "review waits", "reviews wait") + " for a person: gt federation conflicts"
	}
	section(page.Side, "federation", "Federation", "Remotes, with the last exchange that each confirmed", note, "This Town shares nothing.", "gt federation status",
		[]string{"Remote", "State", "Last verified sync"}, s.remoteRows())
	section(page.Side, "spending", "Spending", "What agents spent, by day in UTC", s.spentNote(), "No spending is known.", "gt costs",
		[]string{"Day", "Cost", "Tokens"}, s.spendingRows())
	section(page.Side, "checks", "Checks", "The Deacon's checks", "", "No check has run yet.", "gt deacon status",
		[]string{"Check", "State", "Found"}, checkRows(report.Checks))
	section(page.Side, "jobs", "Jobs", "What the Deacon does by schedule", "", "There are no jobs.", "gt deacon status",
		[]string{"Job", "Last run", "State", "Next run"}, jobRows(report.Jobs))
	return v
}

// states words how many are in each state, in the order of town.AgentStates.
func states(counts map[town.AgentState]int) string {
	var all []string
	for _, s := range town.AgentStates {
		if n := counts[s]; n > 0 {
			all = append(all, fmt.Sprintf("%d %s", n, s))
		}
	}
	return strings.Join(all, ", ")
}

func (s snapshot) tiles(alerts []page.Row) []page.Tile {
	tile := func(section, label string, n int, tone page.Tone, note string) page.Tile {
		return page.Tile{Label: label, Value: fmt.Sprint(n), Note: note, Tone: tone, Section: section}
	}
	tone, note := page.Good, "nothing is wrong"
	if len(alerts) > 0 {
		bad, silent := 0, 0
		for _, r := range alerts {
			switch r.Cells[1].Tone {
			case page.Bad:
				bad++
			case page.Quiet:
				silent++
			}
		}
		var notes []string
		if bad > 0 {
			notes = append(notes, fmt.Sprintf("%d urgent", bad))
		}
		if silent > 0 {
			notes = append(notes, fmt.Sprintf("%d silenced", silent))
		}
		note = strings.Join(notes, ", ")
		switch {
		case bad > 0:
			tone = page.Bad
		case silent < len(alerts):
			tone = page.Warn
		default:
			tone = page.Quiet
		}
	}
	all := []page.Tile{tile("alerts", "Alerts", len(alerts), tone, note)}
	polecats := 0
	for _, n := range s.Polecats {
		polecats += n
	}
	tone = ""
	if s.Polecats[town.AgentWaiting]+s.Polecats[town.AgentStalled]+s.Polecats[town.AgentZombie] > 0 {
		tone = page.Warn
	}
	all = append(all, tile("polecats", "Polecats", polecats, tone, states(s.Polecats)), tile("queue", "Queue", len(s.Queue), "", "for a worker"))
	held := 0
	for _, m := range s.Merges {
		if m.State == operational.MergeHeld {
			held++
		}
	}
	tone, note = "", "to land"
	if held > 0 {
		tone, note = page.Warn, town.Plural(held, "waits", "wait")+" for a person"
	}
	all = append(all, tile("merges", "Merge requests", len(s.Merges), tone, note))
	landed, total := 0, 0
	for _, c := range s.Convoys {
		landed, total = landed+c.Landed, total+c.Total
	}
	note = ""
	if total > 0 {
		note = fmt.Sprintf("%d of %d landed", landed, total)
	}
	all = append(all, tile("convoys", "Convoys", len(s.Convoys), "", note))
	if s.Mail != nil {
		tone, note = "", ""
		if s.Mail.Urgent > 0 {
			tone, note = page.Warn, fmt.Sprintf("%d urgent", s.Mail.Urgent)
		}
		all = append(all, tile("mail", "Unread mail", s.Mail.Unread, tone, note))
	}
	if s.Beads != nil {
		all = append(all, tile("rigs", "Ready beads", s.Beads.Ready, "", fmt.Sprintf("%d open, %d in progress", s.Beads.Open, s.Beads.InProgress)))
	}
	return all
}

// alertRows are the alerts that fire, what the parts of the Town contradict each other in,
// and the escalations that nobody acknowledged, the worst first. Those that are silenced are
// the last.
func (s snapshot) alertRows() (rows []page.Row) {
	tones := map[string]page.Tone{"critical": page.Bad, "error": page.Bad, "high": page.Bad}
	add := func(key, what, sub, state string, since page.Cell, next string) {
		tone, known := tones[state]
		if !known {
			tone = page.Warn
		}
		rows = append(rows, page.Row{Key: key, Cells: []page.Cell{{Text: what, Sub: sub}, {Text: state, Tone: tone}, since, {Text: next}}})
	}
	told := map[string]bool{}
	for _, a := range s.alerts {
		told[alert.CheckOf(a)] = true
		by := alert.Silenced(a, s.silences, s.At)
		add("alert "+a.Fingerprint, a.Name, a.Summary, string(a.Severity), page.When(a.Since), "gt alert show "+a.Fingerprint[:min(len(a.Fingerprint), 8)])
		if len(by) > 0 {
			last := slices.MaxFunc(by, func(a, b operational.Silence) int { return a.Ends.Compare(b.Ends) })
			state := &rows[len(rows)-1].Cells[1]
			state.Tone, state.Sub = page.Quiet, "silenced by "+last.By+" until "+last.Ends.UTC().Format("2 Jan 15:04")+" UTC"
			if last.Comment != "" {
				state.Sub += ": " + last.Comment
			}
		}
	}
	for i, a := range s.Alerts {
		if told[a.Name] || a.ID != "" { // an alert, which is shown above
			continue
		}
		since := page.Cell{}
		if !a.Since.IsZero() {
			since = page.When(a.Since)
		}
		add(fmt.Sprintf("glance %s %d", a.Name, i), a.Name, a.Text, a.State, since, a.Next)
	}
	for _, e := range s.ToSee {
		add("escalation "+e.ID, e.Title, cmp.Or(e.About, e.Text), string(e.Severity), page.When(e.At), "gt escalate ack "+e.ID)
	}
	slices.SortStableFunc(rows, func(a, b page.Row) int { return cmp.Compare(worse[a.Cells[1].Tone], worse[b.Cells[1].Tone]) })
	return rows
}

// worse orders tones, the worst first.
var worse = map[page.Tone]int{page.Bad: 0, page.Warn: 1, page.Busy: 2, page.Good: 3, page.Plain: 4, page.Quiet: 5, "": 6}
