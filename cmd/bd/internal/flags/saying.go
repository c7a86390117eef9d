package flags

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gastown/town"
)

// Dates as people say them: "next monday", "last fri at 9:30", "in 2 weeks", "3 days
// ago", "a month from now", "tomorrow at 5pm". What has two meanings is refused: a
// bare weekday, "next week", "a few days ago".

const (
	weekdayWords = `(sun(?:day)?|mon(?:day)?|tue(?:s(?:day)?)?|wed(?:nesday)?|thu(?:rs?(?:day)?)?|fri(?:day)?|sat(?:urday)?)`
	clockWords   = `(?:(?: at)? (\d{1,2}(?::\d{2})? ?(?:am|pm)|\d{1,2}:\d{2}|noon|midnight))?`
	numberWords  = `(\d+|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)`
	unitWords    = `(minute|min|hour|day|week|month|year)s?`
)

var (
	weekdaySaying  = regexp.MustCompile(`^(?:on )?(next|last) ` + weekdayWords + clockWords + `$`)
	daySaying      = regexp.MustCompile(`^(today|tomorrow|yesterday)` + clockWords + `$`)
	distanceSaying = regexp.MustCompile(`^(?:(in) )?` + numberWords + ` ` + unitWords + `(?: (ago|from now))?$`)
	bareWeekday    = regexp.MustCompile(`^(?:on |this )?` + weekdayWords + clockWords + `$`)
)

// smallNumbers are the numbers that are written as words.
var smallNumbers = map[string]int{
	"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
	"eleven": 11, "twelve": 12,
}

// saying reads a date as people say it. ok is false for a text that is none, and
// err says why one with two meanings is refused.
func saying(text string, now time.Time) (t time.Time, ok bool, err error) {
	text = strings.Join(strings.Fields(strings.ToLower(text)), " ")
	if m := distanceSaying.FindStringSubmatch(text); m != nil && (m[1] == "") != (m[4] == "") {
		n, err := strconv.Atoi(m[2])
		if small, word := smallNumbers[m[2]]; word {
			n, err = small, nil
		}
		if err != nil || n > maxRelative {
			return t, false, nil
		}
		if m[4] == "ago" {
			n = -n
		}
		return distant(now, n, m[3]), true, nil
	}
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	if m := daySaying.FindStringSubmatch(text); m != nil {
		days := map[string]int{"today": 0, "tomorrow": 1, "yesterday": -1}[m[1]]
		return atClock(today.AddDate(0, 0, days), m[2])
	}
	if m := weekdaySaying.FindStringSubmatch(text); m != nil {
		days := (int(weekday(m[2])-today.Weekday()) + 7) % 7 // until that day, from 0 to 6
		switch {
		case m[1] == "last":
			days -= 7
		case days == 0:
			days = 7
		}
		return atClock(today.AddDate(0, 0, days), m[3])
	}
	if m := bareWeekday.FindStringSubmatch(text); m != nil {
		return t, false, fmt.Errorf("%w: %q may be the last one or the next one: say which", town.ErrUsage, town.Clip(text, 40))
	}
	return t, false, nil
}

// weekday is the day that a word of weekdayWords names.
func weekday(word string) time.Weekday {
	for d := time.Sunday; d < time.Saturday; d++ {
		if strings.HasPrefix(strings.ToLower(d.String()), word[:3]) {
			return d
		}
	}
	return time.Saturday
}

// distant is so many units from a time. A month later is the same day of the next
// month, or that month's last.
func distant(t time.Time, n int, unit string) time.Time {
	switch unit {
	case "minute", "min":
		return t.Add(time.Duration(n) * time.Minute)
	case "hour":
		return t.Add(time.Duration(n) * time.Hour)
	case "day":
		return t.AddDate(0, 0, n)
	case "week":
		return t.AddDate(0, 0, 7*n)
	case "year":
		n *= 12
	}
	later := t.AddDate(0, n, 0)
	if later.Day() != t.Day() {
		return later.AddDate(0, 0, -later.Day())
	}
	return later
}

// atClock is a time of a day. "" is its beginning.
func atClock(day time.Time, clock string) (time.Time, bool, error) {
	clock = strings.ReplaceAll(clock, " ", "")
	switch clock {
	case "", "midnight":
		return day, true, nil
	case "noon":
		clock = "12:00"
	}
	for _, form := range []string{"15:04", "3:04pm", "3pm"} {
		if c, err := time.Parse(form, clock); err == nil {
			return time.Date(day.Year(), day.Month(), day.Day(), c.Hour(), c.Minute(), 0, 0, day.Location()), true, nil
		}
	}
	return day, false, nil
}
