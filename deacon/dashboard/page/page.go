// Package page serves the dashboard's web page: it shows a View in a browser and keeps it
// up to date. It knows no plane; a Source makes the View.
//
// All browsers share one View. The server asks the source while a page is open, at most
// once a second for all pages together, and never otherwise. The page contacts only the
// server it came from.
//
// Every text of a View may have been written by an agent. It becomes text of the page and
// never markup: html/template writes the first page, and the script sets textContent.
package page

import (
	"context"
	"errors"
	"strconv"
	"time"

	"gastown/town"
)

// View is everything that the page shows.
type View struct {
	Town string `json:"town"`
	// At is when the Town was read.
	At time.Time `json:"-"`
	// Notices say what cannot be shown, and why.
	Notices  []string  `json:"notices"`
	Tiles    []Tile    `json:"tiles"`
	Sections []Section `json:"-"`
}

// Tile is one figure at the top, which leads to a section.
type Tile struct {
	Label   string `json:"label"`
	Value   string `json:"value"`
	Note    string `json:"note,omitempty"`
	Tone    Tone   `json:"tone,omitempty"`
	Section string `json:"section"`
}

// Tone says how something is, for colours; the text says it too.
type Tone string

// The tones of tiles and cells. A cell with a tone other than Quiet is shown as a badge.
const (
	Good  Tone = "good"
	Busy  Tone = "busy"
	Warn  Tone = "warn"
	Bad   Tone = "bad"
	Plain Tone = "plain"
	Quiet Tone = "quiet"
)

// Section is a table with a heading.
type Section struct {
	// ID is one word: the anchor of the section.
	ID    string `json:"id"`
	Title string `json:"title"`
	// Note is shown beside the title, Caption describes the table to screen readers.
	Note    string   `json:"note,omitempty"`
	Caption string   `json:"caption"`
	Columns []string `json:"columns"`
	Rows    []Row    `json:"rows"`
	// Empty is shown instead of a table without rows. More says what was left out.
	Empty string `json:"empty"`
	More  string `json:"more,omitempty"`
	// Place is where the section stands.
	Place Place `json:"-"`
}

// Place is where a section stands on a wide screen. On a narrow one all are one column.
type Place string

// The places of sections.
const (
	Top  Place = "top"  // above the charts, over the whole width
	Main Place = "main" // the wider column
	Side Place = "side" // the narrower one
)

// Row is one line of a table. Key tells rows of a table apart, also when the order changes.
type Row struct {
	Key   string `json:"key"`
	Cells []Cell `json:"cells"`
}

// Cell is one field. At, when set, is shown as the time since then or until then; Total,
// when set, as progress.
type Cell struct {
	Text string `json:"t,omitempty"`
	// Sub is shown below the text.
	Sub   string `json:"s,omitempty"`
	Tone  Tone   `json:"n,omitempty"`
	At    int64  `json:"a,omitempty"` // seconds since 1970
	Done  int    `json:"d,omitempty"`
	Total int    `json:"m,omitempty"`
}

// When is a cell that shows a time; an empty one for the zero time.
func When(t time.Time) Cell {
	if t.IsZero() {
		return Cell{Text: "never", Tone: Quiet}
	}
	return Cell{At: t.Unix()}
}

// Source makes what the page shows.
type Source interface {
	// View returns the Town as it is now. It is called at most once a second, and only
	// while somebody looks.
	View(ctx context.Context) (View, error)
	// Figures answers an expression of PromQL for each step between two times. It returns
	// ErrOff while no figures are kept.
	Figures(ctx context.Context, expr string, from, to time.Time, step time.Duration) ([]Point, error)
}

// Point is a figure at a time.
type Point struct {
	At    time.Time
	Value float64
}

// ErrOff says that no figures are kept.
var ErrOff = errors.New("monitoring is off")

// The bounds of a View.
const (
	// MaxRows is how many rows a table has; Section.More tells of the others.
	MaxRows = 40
	maxText = 300 // bytes
	maxSub  = 400 // bytes
)

// tidy makes a View safe to show: each text is one line within its bounds, without
// characters that change how others are shown.
func (v *View) tidy() {
	line(&v.Town, maxText)
	for i := range v.Notices {
		line(&v.Notices[i], maxSub)
	}
	for i := range v.Tiles {
		t := &v.Tiles[i]
		line(&t.Label, maxText)
		line(&t.Value, maxText)
		line(&t.Note, maxText)
	}
	for i := range v.Sections {
		s := &v.Sections[i]
		s.Rows = s.Rows[:min(len(s.Rows), MaxRows)]
		line(&s.Note, maxSub)
		line(&s.More, maxText)
		seen := map[string]bool{}
		for n := range s.Rows {
			r := &s.Rows[n]
			if line(&r.Key, maxText); seen[r.Key] {
				r.Key += " " + strconv.Itoa(n)
			}
			seen[r.Key] = true
			for c := range r.Cells {
				line(&r.Cells[c].Text, maxText)
				line(&r.Cells[c].Sub, maxSub)
			}
		}
	}
}

// line makes a text one line of at most so many bytes, without control characters and
// without those that are invisible or change the direction of others.
func line(s *string, most int) {
	*s = town.Visible(town.Clip(*s, most))
}
