package shell

import (
	"strconv"
	"strings"
	"time"

	"gastown/town"
)

// Since reads the value of a flag --since: a duration before now, such as 90m or 7d, or a
// time. The zero time stands for "".
func Since(text string, now time.Time) (time.Time, error) {
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
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", time.DateTime, time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, time.UTC); err == nil {
			return t, nil
		}
	}
	return time.Time{}, town.Fail("read --since", "for instance: --since 2h, --since 7d, --since 2031-03-10",
		"%w: --since %q is neither a duration nor a time", town.ErrUsage, town.Clip(text, 40))
}
