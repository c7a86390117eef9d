package analysis

import (
	"cmp"
	"slices"
	"time"

	"gastown/planes/ledger"
	"gastown/planes/operational"
)

var mailTopic = topic{judge: (*judge).mail, families: append(append([]family{
	{"mail_backlog", ""}, {"gt_nudges_waiting", ""}, {"gt_nudges_total", "state"},
}, append(commands, jobs...)...), timed("gt_mail_delivery_duration_seconds")...)}

// Thresholds of mail, from the Town's key figures.
const (
	lateMail   = 1.0 // seconds until an agent is told
	fullBox    = 50  // unread messages, of all mailboxes
	longNudges = 10 * time.Minute
)

// mail judges messages and nudges.
func (j *judge) mail() {
	told := j.timing("mail_latency", "gt_mail_delivery_duration_seconds", lateMail)
	j.figure("mail_backlog", "count", fullBox)
	j.figure("gt_nudges_waiting", "count", fullBox)
	if told == nil && j.Recorded > 0 {
		j.missing("no running agent was told of a message in this time, so mail_latency has no value")
	}
	j.commands("gt mail", "gt nudge", "gt escalate")
	j.jobs("deliver")
	if told != nil && told.P95 > lateMail && told.Count >= fewest {
		j.advise("gt deacon run deliver", "delivers now and says what keeps it; gt deacon status shows how long it takes",
			"the 95th percentile of mail_latency is %s over %.0f messages, above %s", Seconds(told.P95), told.Count, Seconds(lateMail))
	}
	j.boxes()
	j.nudges()
}

// boxes judges the mailboxes.
func (j *judge) boxes() {
	boxes := slices.Clone(j.rows.Boxes)
	slices.SortFunc(boxes, func(a, b ledger.Mailbox) int { return cmp.Compare(b.Unread, a.Unread) })
	all := 0
	for i, b := range boxes {
		all += b.Unread
		if i < mostCosts && b.Unread > 0 {
			j.out.Waits = append(j.out.Waits, Wait{Cause: "nobody read it", What: "mailbox " + b.Recipient, Count: float64(b.Unread),
				Seconds: max(j.now.Sub(b.Newest), 0).Seconds(), Now: true})
		}
	}
	if all > fullBox {
		b := boxes[0]
		j.advise("gt mail inbox "+b.Recipient, "shows what waits there; its agent reads it when it has a session, and gt mail archive puts it away",
			"%d messages are unread, above %d; %d of them are for %s", all, fullBox, b.Unread, b.Recipient)
	}
}

// nudges judges what waits to be typed.
func (j *judge) nudges() {
	type group struct {
		n     int
		since time.Time
	}
	groups := map[string]*group{}
	for _, n := range j.rows.Nudges.Open {
		cause := "its session is busy or absent"
		if n.State == operational.NudgeTyping {
			cause = "it is being typed"
		}
		if n.Result != "" {
			cause = n.Result
		}
		g := groups[cause]
		if g == nil {
			g = &group{since: n.At}
			groups[cause] = g
		}
		g.n++
		if n.At.Before(g.since) {
			g.since = n.At
		}
	}
	oldest := j.now
	for cause, g := range groups {
		j.waits(cause, "nudges", g.n, g.since)
		if g.since.Before(oldest) {
			oldest = g.since
		}
	}
	if age := j.now.Sub(oldest); age > longNudges {
		j.advise("gt agents", "shows which agents have a session and what they do; a nudge waits until its agent takes input",
			"%d nudges wait to be typed, the oldest for %s", len(j.rows.Nudges.Open), Seconds(age.Seconds()))
	}
	if refused := j.counters("gt_nudges_total"); refused["expired"]+refused["unknown"] >= fewest {
		j.advise("gt agents", "shows agents that take no input",
			"%.0f nudges expired and of %.0f it is not known whether they were read", refused["expired"], refused["unknown"])
	}
}

// ages adds one wait for each cause of something that waits now.
func (j *judge) ages(what string, groups map[string][]time.Time) {
	for cause, since := range groups {
		j.waits(cause, what, len(since), slices.MinFunc(since, time.Time.Compare))
	}
}
