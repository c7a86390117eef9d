package survey

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"gastown/cmd/bd/internal/view"
	"gastown/planes/ledger"
	"gastown/town"
)

// The measures of a drawn graph, in pixels: a box, the step from box to box, and the
// margin around them.
const (
	boxWidth, boxHeight = 220, 52
	stepX, stepY        = 300, 76
	margin              = 12
)

//go:embed graph.html
var pageText string

var page = template.Must(template.New("graph").Parse(pageText))

// drawn is a graph with the places of its parts.
type drawn struct {
	Title         string
	Width, Height int
	Boxes         []box
	Lines         []line
}

// box is a bead in a drawing.
type box struct {
	ID, Title, Glyph, Note, Status string
	X, Y                           int
}

// line leads from a bead to what it depends on.
type line struct{ From, To, Type, Path string }

// writePage writes graphs as one page of HTML. The page has all that it shows and asks
// no server for anything.
func writePage(w io.Writer, graphs []ledger.Graph) error {
	all := make([]drawn, len(graphs))
	for i, g := range graphs {
		all[i] = draw(g)
	}
	return page.Execute(w, struct {
		Graphs              []drawn
		BoxWidth, BoxHeight int
	}{all, boxWidth, boxHeight})
}

// draw places each layer in a column, so that work flows from left to right.
func draw(g ledger.Graph) drawn {
	l := g.Layout()
	d := drawn{Title: g.Root.ID + " " + g.Root.Title}
	at := map[string]box{}
	for x, layer := range l.Layers {
		for y, id := range layer {
			b := l.Nodes[id].Issue
			at[id] = box{
				ID: id, Title: town.Clip(b.Title, 60), Glyph: view.Glyph(b.Status), Note: view.Line(b), Status: string(b.Status),
				X: margin + x*stepX, Y: margin + y*stepY,
			}
			d.Boxes = append(d.Boxes, at[id])
			d.Width, d.Height = max(d.Width, at[id].X+boxWidth+margin), max(d.Height, at[id].Y+boxHeight+margin)
		}
	}
	for _, link := range g.Dependencies {
		from, to := at[link.Bead], at[link.Target]
		startX, startY, endX, endY := from.X, from.Y+boxHeight/2, to.X+boxWidth, to.Y+boxHeight/2
		bend := (startX + endX) / 2
		if from.X <= to.X { // to the same column or a later one, around its right side
			startX += boxWidth
			bend = max(startX, endX) + (stepX-boxWidth)/2
		}
		d.Lines = append(d.Lines, line{
			From: link.Bead, To: link.Target, Type: string(link.Type),
			Path: fmt.Sprintf("M%d %d C%d %d %d %d %d %d", startX, startY, bend, startY, bend, endY, endX, endY),
		})
	}
	return d
}
