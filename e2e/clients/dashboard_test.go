package clients

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

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

// Figures draws figures that go up and down, with a hole in each.
func (s *sample) Figures(_ context.Context, expr string, from, to time.Time, step time.Duration) (points []pages.Point, err error) {
	if s.off {
		return nil, pages.ErrOff
	}
	seed := uint64(0)
	for _, b := range []byte(expr) {
		seed = seed*31 + uint64(b)
	}
	random := rand.New(rand.NewPCG(seed, 7))
	size := 3 + float64(seed%11)
	v := size / 2
	for at, i := from, 0; !at.After(to); at, i = at.Add(step), i+1 {
		if random.Float64() < 0.2 {
			v = min(max(v+math.Round(random.NormFloat64()*size/6), 0), size)
		}
		if i < 150 || i > 158 {
			points = append(points, pages.Point{At: at, Value: v})
		}
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
			{Label: "Alerts", Value: "2", Note: "1 urgent", Tone: pages.Bad, Section: "alerts"}, {Label: "Polecats", Value: "12", Note: "3 idle, 8 working, 1 stalled", Tone: pages.Warn, Section: "polecats"},
			{Label: "Queue", Value: "3", Note: "for a worker", Section: "queue"}, {Label: "Merge requests", Value: "2", Note: "1 waits for a person", Tone: pages.Warn, Section: "merges"},
			{Label: "Convoys", Value: "2", Note: "10 of 16 landed", Section: "convoys"}, {Label: "Unread mail", Value: "7", Note: "1 urgent", Tone: pages.Warn, Section: "mail"},
			{Label: "Ready beads", Value: "41", Note: "187 open, 11 in progress", Section: "rigs"},
		},
		Sections: []pages.Section{
			section(pages.Top, "alerts", "Alerts", "", "Nothing is wrong.", "What|State|Since|Next step",
				row("disk", bead("disk", "97 % of the Town's disk is used"), state("critical", pages.Bad), ago(4*time.Minute), text("gt deacon status")),
				row("stuck", bead("PolecatsStuck", "4 polecats are stuck, more than 3"), state("warning", pages.Warn), ago(11*time.Minute), text("gt witness status"))),
			section(pages.Main, "rigs", "Rigs", "", "There are no rigs yet: gt rig add", "Rig|Polecats|Crew|Queued|Merging",
				row("web", text("web"), text("6 working, 1 stalled"), text("1"), text("2"), text("2")), row("api", text("api"), text("2 working, 3 idle"), text("0"), text("1"), text("0"))),
			section(pages.Main, "polecats", "Polecats", "", "There are no polecats.", "Name|State|Works on|Since",
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
			section(pages.Side, "mail", "Unread mail", "", "All mail is read.", "Mailbox|Unread|Newest", row("mayor", text("mayor/"), text("5, 1 urgent"), ago(time.Minute)), row("nux", text("web/polecats/nux"), text("2"), ago(6*time.Minute))),
			section(pages.Side, "federation", "Federation", "2 reviews wait for a person: gt federation conflicts", "This Town shares nothing.", "Remote|State|Last verified sync",
				row("origin", text("origin"), state("in step", pages.Good), ago(3*time.Minute)), row("south", bead("south", "push: the remote lets this Town only read"), state("push failed", pages.Warn), ago(7*time.Hour))),
			section(pages.Side, "checks", "Checks", "", "No check has run yet.", "Check|State|Found", row("disk", text("disk"), state("critical", pages.Bad), text("97 % used")), row("dolt", text("dolt"), state("healthy", pages.Good), text("1.2 ms")),
				row("tmux", text("tmux"), state("healthy", pages.Good), text("14 sessions"))),
			section(pages.Side, "jobs", "Jobs", "", "There are no jobs.", "Job|Last run|State|Next run", row("dispatch", text("dispatch"), ago(20*time.Second), state("ok", pages.Good), pages.When(now.Add(10*time.Second))),
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

// opened opens the page, and waits until it is live and has drawn its charts.
func (p *page) opened() {
	p.Helper()
	p.open("")
	p.await(`document.querySelector('#live')?.dataset.state === 'live' && document.querySelector('#charts').dataset.drawn`)
}

// The page shows what the server has, with hostile texts as text, and asks nobody else.
func TestDashboard(t *testing.T) {
	s := newSample()
	p, server := dashboard(t, s, pages.Access{})
	p.opened()
	if title := value[string](p, `document.title`); title != "harbour · Gas Town" {
		t.Errorf("the title is %q", title)
	}
	for selector, want := range map[string]string{
		`#tiles a[href="#alerts"]`: "Alerts 2 1 urgent", `#alerts tbody`: "97 % of the Town's disk is used", `#rigs tbody`: "6 working, 1 stalled", `#polecats tbody`: "Keep the basket over a login",
		`#queue tbody`: "web-1b0", `#merges tbody`: "could not be run: no space left on device", `#convoys tbody`: "7 of 9", `#mail tbody`: "5, 1 urgent", `#federation .note`: "2 reviews wait for a person",
		`#federation tbody`: "push failed", `#checks tbody`: "97 % used", `#jobs tbody`: "dispatch",
		// What an agent typed is there as it is, without what nobody sees.
		`#convoys tr:last-child span`: strings.NewReplacer("\u202e", "", "\u0007", "").Replace(hostile),
	} {
		if text := value[string](p, `document.querySelector('`+selector+`').textContent`); !strings.Contains(text, want) {
			t.Errorf("%s says %q, want %q", selector, text, want)
		}
	}
	if n := value[int](p, `document.querySelectorAll('img[src="x"], main script, [onerror]').length`); n != 0 {
		t.Errorf("a text became markup, %d times", n)
	}
	if n := value[int](p, `document.querySelectorAll('#chart-grid figure:not([hidden]) canvas').length`); n != 6 {
		t.Errorf("%d charts", n)
	}
	p.do(`click('[data-range="week"]')`)
	p.await(`document.querySelector('#charts').dataset.drawn === 'week' && document.querySelector('[data-range="week"]').getAttribute('aria-pressed') === 'true'`)
	p.onlyFrom(server.URL)
}

// The page changes by itself: what a person has focused or selected stays, screen readers
// are told, and a server that was away is found again.
func TestDashboardIsLive(t *testing.T) {
	s := newSample()
	p, server := dashboard(t, s, pages.Access{})
	p.opened()
	p.do(`$('#tiles a[href="#queue"]').focus(); window.kept = $('#queue tr[data-key="q2"]'); getSelection().selectAllChildren(window.kept.cells[0].firstChild)`)
	rows := s.view.Sections[3].Rows
	more := pages.Row{Key: "q9", Cells: []pages.Cell{{Text: "web-new", Sub: hostile}, {Text: "web"}, {Text: "P0"}, pages.When(time.Now())}}
	s.set("queue", append([]pages.Row{more}, rows[1], rows[2]))
	p.await(`[...document.querySelectorAll('#queue tbody tr')].map((r) => r.dataset.key).join() === 'q9,q2,q3'`)
	p.await(`document.querySelector('#queue .sub').textContent.includes('<script>')`)
	if !value[bool](p, `window.kept.isConnected && document.activeElement === document.querySelector('#tiles a[href="#queue"]') && getSelection().toString() === 'web-1b1'`) {
		t.Error("the row, the focus or the selection is another one")
	}
	s.set("queue", append([]pages.Row{more, rows[0]}, rows[1:]...))
	p.await(`document.querySelector('#tiles a[href="#queue"] .value').textContent === '4'`)
	p.await(`document.querySelector('#said[aria-live="polite"]').textContent.includes('Queue: 4, was 3.')`)
	s.set("queue", nil)
	p.await(`document.querySelector('#queue table').hidden && document.querySelector('#queue .empty').checkVisibility()`)
	s.set("queue", rows)
	p.await(`document.querySelectorAll('#queue tbody tr').length === 3`)
	if title := value[string](p, `document.title`); title != "harbour · Gas Town" {
		t.Errorf("the title is %q", title)
	}
	// The page is without its server for a second.
	p.do(`window.states = []; new MutationObserver(() => window.states.push($('#live').dataset.state)).observe($('#live'), {attributes: true})`)
	server.CloseClientConnections()
	p.await(`window.states.includes('lost')`)
	s.set("queue", rows[:1])
	p.await(`document.querySelector('#live').dataset.state === 'live' && document.querySelectorAll('#queue tbody tr').length === 1`)
}

// Without figures the page says how to get them.
func TestDashboardWithoutFigures(t *testing.T) {
	s := newSample()
	s.off = true
	p, server := dashboard(t, s, pages.Access{})
	p.opened()
	p.await(`document.querySelector('#charts-off').checkVisibility() && document.querySelector('#charts-off').textContent.includes('gt monitor enable') && !document.querySelector('#charts canvas')`)
	p.onlyFrom(server.URL)
}

// Everything can be reached and used with the keyboard, in the order of the page, and a
// screen reader finds landmarks, headings and tables.
func TestDashboardByKeyboard(t *testing.T) {
	p, _ := dashboard(t, newSample(), pages.Access{})
	p.opened()
	var order []string
	for range 30 {
		p.key(kb.Tab)
		at := value[string](p, `(document.activeElement.id || document.activeElement.dataset.range || document.activeElement.getAttribute('href') || document.activeElement.localName)`)
		if at == "body" {
			break
		}
		order = append(order, at)
		if !value[bool](p, `document.activeElement.matches(':focus-visible') && getComputedStyle(document.activeElement).outlineStyle !== 'none'`) {
			t.Errorf("nobody sees that %s has the focus", at)
		}
	}
	if got, want := strings.Join(order, " "), "#tiles theme #alerts #polecats #queue #merges #convoys #mail #rigs hour day week"; got != want {
		t.Errorf("the order is %s, want %s", got, want)
	}
	p.do(`$('[data-range="day"]').focus()`)
	p.key(" ")
	p.await(`document.querySelector('#charts').dataset.drawn === 'day'`)
	p.do(`$('#theme').focus()`)
	p.key(kb.Enter)
	p.await(`document.documentElement.dataset.theme === 'light'`)
	p.do(`$('.skip').focus()`)
	p.key(kb.Enter)
	p.await(`location.hash === '#tiles' && document.activeElement.id === 'tiles'`)

	if wrong := value[[]string](p, `[
  ...[...document.querySelectorAll('section, nav, [role=group]')].filter((e) => !document.getElementById(e.getAttribute('aria-labelledby'))?.textContent && !e.getAttribute('aria-label')),
  ...[...document.querySelectorAll('table')].filter((e) => !e.caption?.textContent || [...e.querySelectorAll('th')].some((th) => th.scope !== 'col' || !th.textContent)),
  ...[...document.querySelectorAll('button, a')].filter((e) => !e.textContent.trim()),
  ...[...document.querySelectorAll('progress')].filter((e) => !e.getAttribute('aria-label')),
  ...[...document.querySelectorAll('img')].filter((e) => !e.hasAttribute('alt')),
].map((e) => e.outerHTML.slice(0, 100))`); len(wrong) > 0 {
		t.Errorf("without a name: %q", wrong)
	}
	for _, width := range []int64{1360, 390} { // on a phone tables are shown as cards, and stay tables
		p.size(width, 844)
		roles := p.roles()
		for role, least := range map[string]int{"banner": 1, "main": 1, "navigation": 1, "contentinfo": 1, "heading": 12, "region": 11, "table": 10, "row": 25, "columnheader": 30, "cell": 80, "status": 1} {
			if roles[role] < least {
				t.Errorf("%d px: %d of the role %s, want %d", width, roles[role], role, least)
			}
		}
	}
}

// The page fits a phone, and is legible in light and in dark colours.
func TestDashboardLooks(t *testing.T) {
	p, server := dashboard(t, newSample(), pages.Access{})
	p.opened()
	ground := `getComputedStyle(document.body).backgroundColor`
	seen := map[string]bool{}
	for _, dark := range []bool{false, true} {
		name := map[bool]string{false: "light", true: "dark"}[dark]
		for _, width := range []int64{1360, 768, 390, 320} {
			p.picture(fmt.Sprintf("%s-%d", name, width), width, 844, dark)
			if wide := value[int](p, `document.documentElement.scrollWidth`); int64(wide) > width {
				t.Errorf("%d px wide on a screen of %d", wide, width)
			}
		}
		seen[value[string](p, ground)] = true
		if faint := value[[]string](p, faint); len(faint) > 0 {
			t.Errorf("%s: hard to read: %q", name, faint)
		}
	}
	if len(seen) != 2 {
		t.Errorf("light and dark are the same: %v", seen)
	}
	// A person's choice beats the system's, and stays.
	p.colours(true)
	system := value[string](p, ground)
	p.do(`click('#theme')`)
	if light := value[string](p, ground); light == system {
		t.Error("the switch does nothing")
	}
	p.opened()
	if words := value[string](p, `document.querySelector('#theme').textContent`); words != "Colours: light" || value[string](p, ground) == system {
		t.Errorf("the choice is forgotten: %s", words)
	}
	p.do(`click('#theme'); click('#theme')`)
	if words := value[string](p, `document.querySelector('#theme').textContent`); words != "Colours: automatic" || value[string](p, ground) != system {
		t.Errorf("it does not go back: %s", words)
	}
	p.onlyFrom(server.URL)
}

// faint lists texts whose contrast with what is behind them is below 4.5 to 1.
const faint = `(() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => { for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] === 255) return c; } return [255, 255, 255]; };
  return [...document.querySelectorAll('body *')].filter((e) => e.checkVisibility() && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())).filter((e) => {
    const [a, b] = [light(rgba(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05) < 4.5;
  }).map((e) => e.className + ': ' + e.textContent.slice(0, 40));
})()`

// With a token the page is behind a form.
func TestDashboardToken(t *testing.T) {
	const token = "correct-horse-battery-staple"
	p, server := dashboard(t, newSample(), pages.Access{Token: func(context.Context) (string, error) { return token, nil }})
	p.size(390, 844)
	p.open("")
	p.await(`document.activeElement.id === 'token' && document.documentElement.scrollWidth <= 390`)
	p.picture("form", 390, 844, false)
	p.key("wrong" + kb.Enter)
	p.await(`document.querySelector('[role=alert]')?.textContent === 'This is not the token.' && document.activeElement.id === 'token'`)
	p.key(token + kb.Enter)
	p.await(`document.querySelector('#live')?.dataset.state === 'live'`)
	if cookie := value[string](p, `document.cookie`); cookie != "" {
		t.Errorf("scripts can read %q", cookie)
	}
	p.onlyFrom(server.URL)
}

// The dashboard of a Town with its Deacon: what commands do appears by itself.
func TestDashboardOfATown(t *testing.T) {
	if os.Getenv(clientsEnv) == "" {
		t.Skip("make clients runs this")
	}
	town, p := settle(t), browse(t)
	var status struct{ HTTP string }
	if err := json.Unmarshal([]byte(town.run("gt", "deacon", "status", "--json")), &status); err != nil || status.HTTP == "" {
		t.Fatalf("%+v, %v", status, err)
	}
	_, port, _ := net.SplitHostPort(status.HTTP)
	p.url = "http://localhost:" + port + "/"
	p.opened()
	p.await(`document.querySelector('#town').textContent === 'town'`)
	p.await(`document.querySelector('#tiles a[href="#rigs"] .note').textContent.includes('199 open')`)
	p.await(`document.querySelectorAll('#jobs tbody tr').length > 5 && document.querySelectorAll('#checks tbody tr').length > 3`)
	p.await(`document.querySelector('#charts-off').checkVisibility() || document.querySelector('#chart-grid canvas')`)

	town.run("bd", "close", "bd-first")
	p.await(`document.querySelector('#tiles a[href="#rigs"] .note').textContent.includes('198 open')`)
	town.run("gt", "escalate", "<b>Need</b> a key", "--severity", "high", "--reason", "it waits")
	p.await(`[...document.querySelectorAll('#alerts tbody tr')].some((r) => r.cells[0].textContent.includes('<b>Need</b> a key') && r.cells[1].textContent === 'high')`)
	if n := value[int](p, `document.querySelectorAll('#alerts b').length`); n != 0 {
		t.Error("a title became markup")
	}
	town.run("gt", "mail", "send", "mayor/", "-s", "Hello", "-m", "how are you")
	p.await(`document.querySelector('#mail tbody').textContent.includes('mayor/')`)
	p.picture("town", 1360, 900, false)
	p.onlyFrom("http://localhost:" + port)
}
