package report

import (
	_ "embed"
	"html/template"
	"io"
	"strconv"
	"time"

	"gastown/town"
	"gastown/town/analysis"
)

//go:embed page.html
var page string

// Mark is how every page begins. A file that begins otherwise is not a report.
const Mark = "<!doctype html>\n<!-- a report of a Town -->\n"

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"time":    func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 MST") },
	"value":   Value,
	"seconds": analysis.Seconds,
	"percent": func(v float64) string { return strconv.FormatFloat(100*v, 'f', 0, 64) + " %" },
	"count":   func(v float64) string { return strconv.FormatFloat(v, 'f', 0, 64) },
	"plain":   town.Visible,
	"kind":    func(kind string, all []analysis.Cost) []analysis.Cost { return ofKind(kind, all) },
	"limit": func(f Figure, severity string) string {
		if v, there := f.Thresholds[severity]; there {
			return Value(f.Unit, v)
		}
		return ""
	},
}).Parse(page))

// view is what the template gets.
type view struct {
	Report
	Charts []chart
	Kinds  []kind
	// Width and the others are the sizes of a chart.
	Width, Height, Left, Right, Bottom float64
}

type kind struct{ Kind, Title string }

// Write writes the page.
func Write(w io.Writer, r Report) error {
	v := view{Report: r, Width: width, Height: height, Left: left, Right: width - right, Bottom: height - 5,
		Kinds: []kind{{analysis.Statement, "Statements"}, {analysis.Command, "Commands"}, {analysis.Job, "Jobs of the Deacon"}, {analysis.Check, "Checks"}}}
	for _, f := range r.Figures {
		v.Charts = append(v.Charts, draw(f, r.From, r.At))
	}
	if _, err := io.WriteString(w, Mark); err != nil {
		return err
	}
	return pageTemplate.Execute(w, v)
}

func ofKind(kind string, all []analysis.Cost) (some []analysis.Cost) {
	for _, c := range all {
		if c.Kind == kind {
			some = append(some, c)
		}
	}
	return some
}
