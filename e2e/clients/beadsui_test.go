package clients

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gastown/e2e/internal/ports"
	"gastown/e2e/internal/programs"
)

// clientsEnv names the directory in which make clients installed the programs. Without
// it there is nothing to test.
const clientsEnv = "GT_CLIENTS"

// patience bounds each step; a busy machine is slow, and nothing else needs so long.
const patience = 3 * time.Minute

// ui is beads-ui on a Town, in a browser.
type ui struct {
	*page
	*town
}

// town is a Town of its own for a test.
type town struct {
	*testing.T
	bin string
	dir string
	env []string
}

func (p *town) run(program string, args ...string) string {
	p.Helper()
	cmd := exec.CommandContext(p.T.Context(), filepath.Join(p.bin, program), args...)
	cmd.Dir, cmd.Env = p.dir, p.env
	out, err := cmd.Output()
	if err != nil {
		p.Fatalf("%s %q: %v: %s", program, args, err, out)
	}
	return string(out)
}

// awaitBead waits until the ledger has a value in a field of a bead.
func (p *town) awaitBead(id, field, want string) {
	p.Helper()
	deadline := time.Now().Add(patience)
	for {
		var list []map[string]any
		if err := json.Unmarshal([]byte(p.run("bd", "show", id, "--json")), &list); err != nil || len(list) != 1 {
			p.Fatalf("bd show %s: %v", id, err)
		}
		if got := fmt.Sprint(list[0][field]); strings.Contains(got, want) {
			return
		} else if time.Now().After(deadline) {
			p.Fatalf("%s of %s is %q, want %q", field, id, got, want)
		}
		time.Sleep(50 * time.Millisecond) //nolint:sleep // the page tells nobody
	}
}

// settle makes a Town of 200 beads with a Deacon.
func settle(t *testing.T) *town {
	bin, remove, err := programs.Dir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remove)
	home := t.TempDir()
	p := &town{T: t, bin: bin, dir: filepath.Join(t.TempDir(), "town"), env: []string{
		"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + home, "GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com",
		"GIT_CONFIG_GLOBAL=/dev/null", "BD_BIN=" + filepath.Join(bin, "bd"),
	}}
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	p.run("gt", "install", p.dir)
	p.fillTown()
	p.run("gt", "config", "deacon.http_address", "localhost:0")
	p.run("gt", "deacon", "start")
	t.Cleanup(func() {
		cmd := exec.Command(filepath.Join(bin, "gt"), "deacon", "stop")
		cmd.Dir, cmd.Env = p.dir, p.env
		_ = cmd.Run() // the Town goes with its directory
	})
	return p
}

// start makes a Town, serves beads-ui for it, and opens it in a browser.
func start(t *testing.T) *ui {
	clients := os.Getenv(clientsEnv)
	if clients == "" {
		t.Skip("make clients runs this")
	}
	p := &ui{town: settle(t), page: browse(t)}
	port := freePort(t)
	server := exec.CommandContext(t.Context(), "node", filepath.Join(clients, "node_modules", "beads-ui", "server", "index.js"), "--port", port)
	server.Dir, server.Env = p.dir, p.env
	server.Stdout, server.Stderr = os.Stderr, os.Stderr
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = server.Process.Kill(), server.Wait() })
	awaitPort(t, port)
	p.url = "http://127.0.0.1:" + port + "/"
	return p
}

// fillTown makes 200 beads: an epic with ten children, one of them closed, a bead that
// waits for another, and tasks.
func (p *town) fillTown() {
	var lines strings.Builder
	bead := func(id, rest string) {
		fmt.Fprintf(&lines, `{"id":"bd-%s","title":"Work %s","priority":3,"created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"%s}`+"\n", id, id, rest)
	}
	link := func(from, to, kind string) string {
		return fmt.Sprintf(`"dependencies":[{"issue_id":"bd-%s","depends_on_id":"bd-%s","type":"%s","created_at":"2026-01-01T00:00:00Z"}]`, from, to, kind)
	}
	bead("epic", `,"issue_type":"epic","status":"open"`)
	for i := range 10 {
		status := `,"status":"open",`
		if i == 0 {
			status = `,"status":"closed","closed_at":"2026-01-02T00:00:00Z",`
		}
		bead(fmt.Sprintf("epic.%d", i+1), status+link(fmt.Sprintf("epic.%d", i+1), "epic", "parent-child"))
	}
	bead("waits", `,"status":"open",`+link("waits", "first", "blocks"))
	bead("first", `,"status":"open"`)
	for i := range 187 {
		bead(fmt.Sprintf("task%d", i), `,"status":"open"`)
	}
	path := filepath.Join(p.dir, "beads.jsonl")
	if err := os.WriteFile(path, []byte(lines.String()), 0o600); err != nil {
		p.Fatal(err)
	}
	p.run("bd", "import", path)
}

// freePort is a port that nobody else is given while the test runs.
func freePort(t *testing.T) string {
	port, release, err := ports.Hold()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return strconv.Itoa(port)
}

func awaitPort(t *testing.T, port string) {
	for deadline := time.Now().Add(patience); ; {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = c.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond) //nolint:sleep // the server tells nobody
	}
}

// A person works in the page as with the public bd: nothing shows an error, and what is
// done there is in the ledger.
func TestBeadsUI(t *testing.T) {
	p := start(t)

	// The board.
	p.open("#/board")
	p.await(`document.querySelectorAll('#ready-col .board-card').length > 100`)
	p.await(`document.querySelector('#blocked-col [data-issue-id="bd-waits"]')`)
	p.await(`!document.querySelector('#ready-col [data-issue-id="bd-waits"]')`)

	// A change made by bd appears by itself.
	p.run("bd", "update", "bd-first", "--claim")
	p.await(`document.querySelector('#in-progress-col [data-issue-id="bd-first"]')`)

	// Epics.
	p.do(`location.hash = '#/epics'`)
	p.await(`document.querySelector('[data-epic-id="bd-epic"]')?.innerText.includes('1/10')`)
	p.await(`document.querySelector('.epic-children')?.innerText.includes('Work epic.3')`)

	// Create.
	p.do(`click('#new-issue-btn')`)
	p.await(`document.querySelector('#new-issue-dialog[open]')`)
	p.do(`fill('#new-title', 'Made in the page'); fill('#new-type', 'bug'); fill('#new-priority', '1'); fill('#new-description', '- one'); click('#btn-create')`)
	p.await(`!document.querySelector('#new-issue-dialog[open]') && !document.querySelector('#new-issue-error').innerText`)
	var found []struct{ ID string }
	if err := json.Unmarshal([]byte(p.run("bd", "search", "Made in the page", "--json")), &found); err != nil || len(found) != 1 {
		t.Fatalf("%+v, %v", found, err)
	}
	id := found[0].ID
	p.awaitBead(id, "issue_type", "bug")
	p.awaitBead(id, "description", "- one")

	// Each field of its page.
	p.open("#/issues?issue=" + id)
	p.await(`document.querySelector('#detail-root h2 .editable')?.innerText === 'Made in the page'`)
	p.do(`click('#detail-root h2 .editable')`)
	p.do(`fill('#detail-root h2 input', 'Changed in the page'); click('#detail-root h2 button')`)
	p.awaitBead(id, "title", "Changed in the page")
	// The page shows the bead anew when it is opened anew; while it is open, an answer of
	// its server that comes late may hide the title.
	shows := func(selector, text string) {
		t.Helper()
		p.open("#/issues?issue=" + id)
		p.await(`document.querySelector('#detail-root h2 .editable')?.innerText === 'Changed in the page' &&
			document.querySelector('#detail-root ` + selector + `')?.innerText.includes('` + text + `')`)
	}
	shows("h2", "Changed")
	for _, f := range []struct{ label, block, field, text string }{
		{"Edit description", ".description", "description", "-- a text that begins with dashes"},
		{"Edit design", ".design", "design", "the design"},
		{"Edit notes", ".notes", "notes", "- the notes"},
		{"Edit acceptance criteria", ".acceptance", "acceptance_criteria", "it works"},
	} {
		p.edit(f.label, `#detail-root `+f.block+` textarea`, f.text, `#detail-root `+f.block+` .editable-actions button`)
		p.awaitBead(id, f.field, f.text)
		shows(`[aria-label="`+f.label+`"]`, strings.TrimLeft(f.text, "- "))
	}
	p.edit("Edit assignee", `#detail-root .assignee input`, "Ben", `#detail-root .assignee button`)
	p.awaitBead(id, "assignee", "Ben")
	shows(".assignee", "Ben")
	p.do(`fill('#detail-root .badge--priority', '0')`)
	p.awaitBead(id, "priority", "0")
	shows(".badge--priority.is-p0", "")
	p.do(`fill('#detail-root .labels input', 'urgent'); click('#detail-root .labels .props-card__footer button')`)
	p.awaitBead(id, "labels", "urgent")
	shows(".labels ul", "urgent")
	p.do(`fill('[data-testid="add-dependency"]', 'bd-task1'); $('[data-testid="add-dependency"]').nextElementSibling.click()`)
	p.awaitBead(id, "dependencies", "bd-task1")
	shows(".detail-side", "Work task1")

	// Comment.
	p.do(`fill('#detail-root .comment-input textarea', 'seen in the page')`)
	p.await(`document.querySelector('#detail-root .comment-input button:enabled')`)
	p.do(`click('#detail-root .comment-input button')`)
	p.awaitBead(id, "comments", "seen in the page")
	shows(".comments .comment-text", "seen in the page")

	// Move.
	p.do(`fill('#detail-root .badge--status', 'in_progress')`)
	p.awaitBead(id, "status", "in_progress")
	shows(".badge--status.is-in_progress", "")

	// Delete.
	p.do(`click('#detail-root .delete-issue-btn')`)
	p.await(`document.querySelector('#delete-confirm-dialog[open]')`)
	p.do(`click('#delete-confirm-btn')`)
	for deadline := time.Now().Add(patience); !strings.Contains(p.run("bd", "list", "--deleted", "--json"), id); {
		if time.Now().After(deadline) {
			t.Fatalf("%s is not deleted", id)
		}
		time.Sleep(50 * time.Millisecond) //nolint:sleep // the page tells nobody
	}
	p.await(`!document.querySelector('#fatal-error-dialog[open]')`)
}

// edit opens the editor with a label, fills its field in, and saves. An answer of the server
// that comes late may close the editor before; then it is opened again.
func (p *ui) edit(label, field, text, save string) {
	p.page.Helper()
	p.await(`(() => {` + helpers + `
  if (!document.querySelector('` + field + `')) { click('#detail-root [aria-label="` + label + `"]'); return false; }
  fill('` + field + `', '` + text + `'); click('` + save + `');
  return true;
})()`)
}
