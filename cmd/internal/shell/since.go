package shell

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"gastown/town"
)

// Since reads the value of a flag --since; see Moment.
func Since(text string, now time.Time) (time.Time, error) { return Moment("--since", text, now) }

// moments are the forms of a time that is not a duration. Without a zone it is in UTC.
var moments = []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateTime, "2006-01-02 15:04", time.DateOnly}

// Moment reads the value of a flag: a duration before now, such as 90m or 7d, or a time as
// gt prints it. The zero time stands for "".
func Moment(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n < 100_000 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	for _, layout := range moments {
		if t, err := time.ParseInLocation(layout, strings.TrimSuffix(text, " UTC"), time.UTC); err == nil {
			return t, nil
		}
	}
	return time.Time{}, town.Fail("read "+flag, fmt.Sprintf("for instance: %[1]s 2h, %[1]s 7d, %[1]s 2031-03-10", flag),
		"%w: %s %q is neither a duration nor a time", town.ErrUsage, flag, town.Clip(text, 40))
}
