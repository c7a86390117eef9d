package clients

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	pages "gastown/deacon/dashboard/page"
)

// sample is a Town that the tests change.
type sample struct {
	mu   sync.Mutex
	view pages.View
	off  bool
}

func (s *sample) View(context.Context) (pages.View, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.view
	v.At = time.Now()
	v.Sections = append([]pages.Section(nil), v.Sections...)
	return v, nil
}

// set changes the rows of a section, and its tile.
func (s *sample) set(id string, rows []pages.Row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, one := range s.view.Sections {
		if one.ID == id {
			one.Rows = rows
			s.view.Sections[i] = one
		}
	}
	tiles := append([]pages.Tile(nil), s.view.Tiles...)
	for i := range tiles {
		if tiles[i].Section == id {
			tiles[i].Value = fmt.Sprint(len(rows))
		}
	}
	s.view.Tiles = tiles
}

// Figures draws waves, with a hole in each.
func (s *sample) Figures(_ context.Context, expr string, from, to time.Time, step time.Duration) (points []pages.Point, err error) {
	if s.off {
		return nil, pages.ErrOff
	}
	size := 2 + float64(len(expr)%11)
	for at, i := from, 0; !at.After(to); at, i = at.Add(step), i+1 {
		if i%240 > 150 && i%240 < 165 {
			continue
		}
		points = append(points, pages.Point{At: at, Value: math.Round(size*(1+math.Sin(float64(i)/(9+size)))*10) / 10})
	}
	return points, nil
}

const hostile = `<img src=x onerror="document.title='taken'"><script>document.title='taken'</script>&amp;` + "\u202eevil\u0007"

func newSample() *sample {
	now := time.Now()
	ago := func(d time.Duration) pages.Cell { return pages.When(now.Add(-d)) }
	text := func(s string) pages.Cell { return pages.Cell{Text: s} }
	bead := func(id, title string) pages.Cell { return pages.Cell{Text: id, Sub: title} }
	state := func(s string, tone pages.Tone) pages.Cell { return pages.Cell{Text: s, Tone: tone} }
	row := func(key string, cells ...pages.Cell) pages.Row { return pages.Row{Key: key, Cells: cells} }
	section := func(place pages.Place, id, title, note, empty, columns string, rows ...pages.Row) pages.Section {
		return pages.Section{ID: id, Title: title, Note: note, Caption: title, Columns: strings.Split(columns, "|"), Rows: rows, Empty: empty, Place: place}
	}
	return &sample{view: pages.View{
		Town: "harbour",
		Tiles: []pages.Tile{
			{Label: "Alerts", Value: "2", Note: "1 critical", Tone: pages.Bad, Section: "alerts"}, {Label: "Polecats", Value: "12", Note: "8 working, 3 idle, 1 stalled", Tone: pages.Warn, Section: "polecats"},
			{Label: "Queue", Value: "3", Note: "wait for a worker", Section: "queue"}, {Label: "Merge requests", Value: "2", Note: "1 testing, 1 held", Section: "merges"},
			{Label: "Convoys", Value: "2", Note: "10 of 16 landed", Section: "convoys"}, {Label: "Unread mail", Value: "7", Note: "1 urgent", Section: "mail"},
			{Label: "Ready beads", Value: "41", Note: "187 open", Tone: pages.Good, Section: "rigs"},
		},
		Sections: []pages.Section{
			section(pages.Top, "alerts", "Alerts", "the worst first", "Nothing is wrong.", "What|State|Since|Next step",
				row("disk", bead("disk", "97 % of the Town's disk is used"), state("critical", pages.Bad), ago(4*time.Minute), text("gt deacon run disk")),
				row("stuck", bead("PolecatsStuck", "4 polecats are stuck, more than 3"), state("warning", pages.Warn), ago(11*time.Minute), text("gt witness status"))),
			section(pages.Main, "rigs", "Rigs", "", "There are no rigs.", "Rig|Polecats|Crew|Queued|Merging",
				row("web", text("web"), text("6 working, 1 stalled"), text("1"), text("2"), text("2")), row("api", text("api"), text("2 working, 3 idle"), text("0"), text("1"), text("0"))),
			section(pages.Main, "polecats", "Polecats", "those in trouble first", "There are no polecats.", "Name|State|Works on|Since",
				row("nux", bead("web/nux", "the screen has not changed, no tool runs"), state("stalled", pages.Warn), bead("web-3f2", "Keep the basket over a login"), ago(14*time.Minute)),
				row("ace", text("web/ace"), state("working", pages.Busy), bead("web-9aa", hostile), ago(3*time.Minute)),
				row("dag", text("api/dag"), state("working", pages.Busy), bead("api-77c", "Paging of the list of orders, with a cursor instead of an offset, so that new orders do not shift pages"), ago(41*time.Minute)),
				row("rust", text("api/rust"), state("idle", pages.Quiet), text(""), ago(5*time.Hour))),
			section(pages.Main, "queue", "Queue", "", "No bead waits for a worker.", "Bead|Rig|Priority|Waits since",
				row("q1", bead("web-1b0", "Errors of the payment form"), text("web"), text("P1"), ago(2*time.Minute)), row("q2", bead("web-1b1", "Dark colours"), text("web"), text("P2"), ago(2*time.Minute)),
				row("q3", bead("api-1c4", "Remove the old client"), text("api"), text("P3"), ago(9*time.Hour))),
			section(pages.Main, "merges", "Merge requests", "", "Nothing waits to be merged.", "Bead|By|State|Checks|Since",
				row("m1", bead("web-90d", "Faster start page"), text("web/toe"), state("testing", pages.Busy), text("lint, unit: 2nd run"), ago(50*time.Second)),
				row("m2", bead("web-88e", "New icons"), text("web/ace"), state("held", pages.Bad), bead("unit", "could not be run: no space left on device"), ago(26*time.Minute))),
			section(pages.Side, "convoys", "Convoys", "", "No convoy is under way.", "Convoy|Landed",
				row("c1", bead("Checkout", "hq-c1"), pages.Cell{Text: "7 of 9", Done: 7, Total: 9}), row("c2", bead(hostile, "hq-c2"), pages.Cell{Text: "3 of 7", Done: 3, Total: 7})),
			section(pages.Side, "mail", "Unread mail", "7 in 2 boxes", "All mail is read.", "Box|Unread|Newest", row("mayor", text("mayor/"), text("5, 1 urgent"), ago(time.Minute)), row("nux", text("web/polecats/nux"), text("2"), ago(6*time.Minute))),
			section(pages.Side, "federation", "Federation", "2 reviews wait for a person: gt federation conflicts", "This Town shares nothing.", "Remote|State|Last verified sync",
				row("origin", text("origin"), state("in step", pages.Good), ago(3*time.Minute)), row("south", bead("south", "push: the remote lets this Town only read"), state("push fails", pages.Warn), ago(7*time.Hour))),
			section(pages.Side, "checks", "Checks", "", "No check has run yet.", "Check|State|Found", row("disk", text("disk"), state("critical", pages.Bad), text("97 % used")), row("dolt", text("dolt"), state("healthy", pages.Good), text("1.2 ms")),
				row("tmux", text("tmux"), state("healthy", pages.Good), text("14 sessions"))),
			section(pages.Side, "jobs", "Jobs", "", "There are no jobs.", "Job|Last run|Ended|Next", row("dispatch", text("dispatch"), ago(20*time.Second), state("ok", pages.Good), pages.When(now.Add(10*time.Second))),
				row("gc", text("gc"), ago(8*time.Hour), pages.Cell{Text: "failed", Sub: "no space left on device", Tone: pages.Bad}, pages.When(now.Add(15*time.Hour)))),
		},
	}}
}

// dashboard serves a Town to a browser.
func dashboard(t *testing.T, s *sample, access pages.Access) (*page, *httptest.Server) {
	if os.Getenv(clientsEnv) == "" {
		t.Skip("make clients runs this")
	}
	mux := http.NewServeMux()
	board := pages.New(pages.Options{Source: s, Access: access, Pace: 50 * time.Millisecond})
	board.Add(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Cleanup(func() { _ = board.Close(context.Background()) })
	p := browse(t)
	p.url = server.URL + "/"
	return p, server
}

// picture takes a picture of the whole page, for those who look at it.
func (p *page) picture(name string, width, height int64, dark bool) {
	p.Helper()
	dir := os.Getenv("GT_PICTURES")
	p.size(width, height)
	p.colours(dark)
	if dir == "" {
		return
	}
	p.await(`document.getAnimations().length === 0`)
	data, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), data, 0o600)
	}
	if err != nil {
		p.Fatal(err)
	}
}

func TestDashboard(t *testing.T) {
	s := newSample()
	p, _ := dashboard(t, s, pages.Access{})
	p.open("")
	p.await(`document.querySelector('#live').dataset.state === 'live' && document.querySelector('#charts').dataset.drawn`)
	p.picture("wide-light", 1360, 900, false)
	p.picture("wide-dark", 1360, 900, true)
	p.picture("phone-light", 390, 844, false)
	p.picture("phone-dark", 390, 844, true)
}
