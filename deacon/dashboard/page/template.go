package page

import "strconv"

// shown is what the templates get.
type shown struct {
	View
	Now            int64 // seconds since 1970
	Theme          string
	Build          string
	Charts         []Chart
	Ranges         []span
	Message, Error string
}

// In are the sections of a place.
func (s shown) In(place string) (some []Section) {
	for _, one := range s.Sections {
		if one.Place == Place(place) {
			some = append(some, one)
		}
	}
	return some
}

// Ago words the time between a moment and now, as the script does.
func (s shown) Ago(at int64) string { return ago(at, s.Now) }

func ago(at, now int64) string {
	d, past := now-at, true
	if d < 0 {
		d, past = -d, false
	}
	var text string
	switch {
	case d < 10:
		return "just now"
	case d < 60:
		text = strconv.FormatInt(d/10*10, 10) + " s"
	case d < 3600:
		text = strconv.FormatInt(d/60, 10) + " min"
	case d < 48*3600:
		text = strconv.FormatInt(d/3600, 10) + " h"
	default:
		text = strconv.FormatInt(d/86400, 10) + " days"
	}
	if past {
		return text + " ago"
	}
	return "in " + text
}

// one is a section or a cell together with all that is shown.
type one struct {
	All     shown
	Section Section
	Cell    Cell
}

// With joins a section or a cell with all that is shown, for the templates.
func (s shown) With(v any) one {
	o := one{All: s}
	switch v := v.(type) {
	case Section:
		o.Section = v
	case Cell:
		o.Cell = v
	}
	return o
}
