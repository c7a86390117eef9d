package gather

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gastown/planes/operational"
	"gastown/town"
)

var noon = time.Date(2031, 3, 10, 12, 0, 0, 0, time.UTC)

// rows is the plane, in memory.
type rows struct {
	transcripts map[string]operational.Transcript
	spent       map[string][]operational.Spent
	messages    map[string][]uint64
	begun       []operational.Begun
	told        map[string]town.Address
	opened      int
	fail        error
	faster      bool
}

func (r *rows) Transcripts(context.Context) (map[string]operational.Transcript, error) {
	r.opened++
	all := map[string]operational.Transcript{}
	for k, v := range r.transcripts {
		all[k] = v
	}
	return all, nil
}

func (r *rows) CountedMessages(_ context.Context, t operational.Transcript) (map[uint64]bool, error) {
	all := map[uint64]bool{}
	for source, ids := range r.messages {
		if source != t.Source && r.transcripts[source].Folder == t.Folder {
			for _, id := range ids {
				all[id] = true
			}
		}
	}
	return all, nil
}

func (r *rows) Begun(_ context.Context, agents []town.Address) ([]operational.Begun, error) {
	return r.begun, nil
}

func (r *rows) Conversing(_ context.Context, ids []string) (map[string]town.Address, error) {
	return r.told, nil
}

func (r *rows) Spend(_ context.Context, list []operational.Read, now time.Time) (recorded []bool, err error) {
	recorded = make([]bool, len(list))
	if r.fail != nil || r.faster {
		return recorded, r.fail
	}
	for i, one := range list {
		t := one.Before
		was, known := r.transcripts[t.Source]
		if was.State != t.State {
			continue
		}
		if one.Anew || !known {
			r.spent[t.Source] = slices.DeleteFunc(r.spent[t.Source], func(s operational.Spent) bool { return s.Day >= operational.Unsettled(now) })
			delete(r.messages, t.Source)
		}
		t.State, t.Stamp = one.State, one.Stamp
		r.transcripts[t.Source] = t
		r.spent[t.Source] = append(r.spent[t.Source], one.Sums...)
		r.messages[t.Source] = append(r.messages[t.Source], one.Messages...)
		recorded[i] = true
	}
	return recorded, nil
}

// total is what was spent, by agent, bead and day.
func (r *rows) total() map[string]int64 {
	all := map[string]int64{}
	for _, list := range r.spent {
		for _, s := range list {
			agent := "-"
			if s.Agent != (town.Address{}) {
				agent = s.Agent.String()
			}
			all[fmt.Sprint(agent, " ", s.Bead, " ", s.Day)] += s.Total()
		}
	}
	return all
}

// place is a home directory and a Town.
type place struct {
	*testing.T
	*Gatherer
	*rows
	home string
}

func newPlace(t *testing.T) *place {
	dir := t.TempDir()
	root := filepath.Join(dir, "town")
	p := &place{T: t, home: dir, rows: &rows{transcripts: map[string]operational.Transcript{}, spent: map[string][]operational.Spent{}, messages: map[string][]uint64{}, told: map[string]town.Address{}}}
	p.Gatherer = &Gatherer{
		Folders: Folders([]string{"HOME=" + dir}), Root: root, Rigs: filepath.Join(root, "rigs"), Mayor: filepath.Join(root, "mayor"),
		Rows: func(_ context.Context, fn func(Store) error) error { return fn(p.rows) }, Now: func() time.Time { return noon },
	}
	return p
}

func (p *place) pass() Result {
	p.Helper()
	r, err := p.Pass(p.Context())
	if err != nil || r.Err() != nil {
		p.Fatal(err, r.Err())
	}
	return r
}

// answer is a line of claude's.
func (p *place) answer(id, session, dir string, at time.Time, tokens int) string {
	return fmt.Sprintf(`{"type":"assistant","cwd":%q,"sessionId":%q,"timestamp":%q,"message":{"id":%q,"model":"m","usage":{"input_tokens":%d}}}`+"\n",
		dir, session, at.Format(time.RFC3339), id, tokens)
}

// transcript appends to a transcript of claude's.
func (p *place) transcript(dir, session, text string) string {
	p.Helper()
	path := filepath.Join(p.home, ".claude/projects", escaped.ReplaceAllString(dir, "-"), session+".jsonl")
	p.put(path, text, os.O_APPEND)
	return path
}

func (p *place) put(path, text string, mode int) {
	p.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		var f *os.File
		if f, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY|mode, 0o600); err == nil {
			_, err = f.WriteString(text)
			err = errors.Join(err, f.Close())
		}
	}
	if err != nil {
		p.Fatal(err)
	}
}

func (p *place) want(want map[string]int64) {
	p.Helper()
	if got := p.total(); fmt.Sprint(got) != fmt.Sprint(want) {
		p.Errorf("spent %v, want %v", got, want)
	}
}

func TestWhose(t *testing.T) {
	p := newPlace(t)
	nux, ann := town.PolecatAddress("web", "nux"), town.Address{Kind: town.Crew, Rig: "web", Name: "ann"}
	sandbox := filepath.Join(p.Rigs, "web/polecats/nux")
	p.begun = []operational.Begun{{Agent: nux, Bead: "web-a1", At: noon.Add(-2 * time.Hour)}, {Agent: nux, Bead: "web-b2", At: noon.Add(-time.Hour)}}
	p.told["told"] = ann
	p.transcript(sandbox, "s1", p.answer("m1", "s1", sandbox, noon.Add(-3*time.Hour), 1)+p.answer("m2", "s1", sandbox+"/cmd", noon.Add(-2*time.Hour), 10)+
		p.answer("m3", "s1", sandbox, noon.Add(-61*time.Minute), 100)+p.answer("m4", "s1", "/elsewhere", noon, 1000)+p.answer("m5", "s1", sandbox, noon.Add(240*time.Hour), 10_000))
	p.transcript(p.Rigs+"/web/crew/ann", "s2", p.answer("m6", "s2", p.Rigs+"/web/crew/ann", noon, 1))
	p.transcript(p.Mayor, "s3", p.answer("m7", "s3", p.Mayor, noon.Add(-24*time.Hour), 1))
	p.transcript(p.Root, "told", p.answer("m8", "told", p.Root, noon, 5))
	p.transcript(p.Root, "s4", p.answer("m9", "s4", p.Root, noon, 7))
	p.transcript(p.Root+"-other", "s5", p.answer("m10", "s5", p.Root+"-other", noon, 1))
	p.transcript("/elsewhere", "s6", p.answer("m11", "s6", p.Root, noon, 1))
	if r := p.pass(); r.Messages != 9 || r.More {
		t.Errorf("%+v", r)
	}
	want := map[string]int64{
		"web/polecats/nux  2031-03-10": 1, "web/polecats/nux web-a1 2031-03-10": 110, "web/polecats/nux web-b2 2031-03-10": 11_000,
		"web/crew/ann  2031-03-10": 6, "mayor/  2031-03-09": 1, "-  2031-03-10": 7,
	}
	p.want(want)
	// Nothing changed: nothing is opened. Another Gatherer counts nothing again.
	opened := p.opened
	if r := p.pass(); r.Read != 0 || p.opened != opened {
		t.Errorf("%+v, and the plane was opened", r)
	}
	p.seen, p.foreign = nil, nil
	if r := p.pass(); r.Read != 0 {
		t.Errorf("%+v", r)
	}
	p.want(want)
}

// A conversation that goes on in a new file begins with a copy, which does not count again.
func TestCopies(t *testing.T) {
	p := newPlace(t)
	dir := filepath.Join(p.Rigs, "web/polecats/nux")
	old := p.answer("m1", "s1", dir, noon, 1) + p.answer("m2", "s1", dir, noon, 10)
	p.transcript(dir, "s1", old)
	p.pass()
	p.transcript(dir, "s1", p.answer("m3", "s1", dir, noon, 100))
	p.transcript(dir, "s0", strings.ReplaceAll(old+p.answer("m3", "s1", dir, noon, 100), `"s1"`, `"s0"`)+p.answer("m4", "s0", dir, noon, 1000))
	p.pass()
	p.transcript(dir, "s0", p.answer("m5", "s0", dir, noon, 10_000))
	p.transcript(dir, "agents/sub", p.answer("m6", "s0", dir, noon, 100_000))
	p.pass()
	p.want(map[string]int64{"web/polecats/nux  2031-03-10": 111_111})
}

// A transcript that was replaced counts once, and one that is gone still counts.
func TestReplaced(t *testing.T) {
	p := newPlace(t)
	dir := filepath.Join(p.Rigs, "web/polecats/nux")
	path := p.transcript(dir, "s1", p.answer("m1", "s1", dir, noon, 1)+p.answer("m2", "s1", dir, noon, 10))
	p.pass()
	p.put(path, p.answer("m9", "s1", dir, noon, 7), os.O_TRUNC)
	p.pass()
	p.want(map[string]int64{"web/polecats/nux  2031-03-10": 7})
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	p.pass()
	p.want(map[string]int64{"web/polecats/nux  2031-03-10": 7})
	if len(p.seen) != 0 {
		t.Errorf("%v is remembered", p.seen)
	}
	p.transcript(dir, "s1", p.answer("m9", "s1", dir, noon, 7)+p.answer("m10", "s1", dir, noon, 20))
	p.pass()
	p.want(map[string]int64{"web/polecats/nux  2031-03-10": 27})
}

// What is older than 60 days stays as it was counted, although nobody knows any more how far
// its transcript was read: not when it goes on, and not when it is copied.
func TestSettled(t *testing.T) {
	p := newPlace(t)
	dir := filepath.Join(p.Root, "rigs/web/polecats/nux")
	old := p.answer("m1", "c1", dir, noon, 1) + p.answer("m2", "c1", dir, noon, 2)
	p.transcript(dir, "c1", old)
	p.pass()
	p.want(map[string]int64{"web/polecats/nux  2031-03-10": 3})
	// The rows are pruned, and the Deacon starts again.
	clear(p.transcripts)
	clear(p.messages)
	p.seen = nil
	later := noon.AddDate(0, 0, 62)
	p.Now = func() time.Time { return later }
	p.transcript(dir, "c1", p.answer("m3", "c1", dir, later, 10))
	p.transcript(dir, "c2", old+p.answer("m4", "c2", dir, later, 20))
	for range 2 {
		p.pass()
		p.want(map[string]int64{"web/polecats/nux  2031-03-10": 3, "web/polecats/nux  2031-05-11": 30})
		p.seen = nil
	}
}

// A pass reads a piece of each transcript. The next passes go on.
func TestPieces(t *testing.T) {
	p := newPlace(t)
	dir := filepath.Join(p.Rigs, "web/polecats/nux")
	var text strings.Builder
	for n := range 10_000 {
		text.WriteString(p.answer(fmt.Sprint("m", n), "s1", dir, noon, 1))
		text.WriteString(`{"type":"user","message":"` + strings.Repeat("x", 2000) + `"}` + "\n")
	}
	p.transcript(dir, "s1", text.String())
	p.transcript(dir, "s2", p.answer("other", "s2", dir, noon, 100_000))
	passes := 1
	for r := p.pass(); r.More; r = p.pass() {
		if passes++; passes == 2 && p.total()["web/polecats/nux  2031-03-10"] < 100_000 {
			t.Error("the second transcript waits for the first one")
		}
	}
	if passes < 3 || passes > 6 {
		t.Errorf("%d passes", passes)
	}
	p.want(map[string]int64{"web/polecats/nux  2031-03-10": 110_000})
}

// What could not be recorded is recorded by a later pass.
func TestAgain(t *testing.T) {
	p := newPlace(t)
	dir := filepath.Join(p.Rigs, "web/polecats/nux")
	p.transcript(dir, "s1", p.answer("m1", "s1", dir, noon, 1))
	p.fail = errors.New("the disk is full")
	if _, err := p.Pass(t.Context()); !errors.Is(err, p.fail) {
		t.Error(err)
	}
	p.fail, p.faster = nil, true
	if r := p.pass(); len(r.Sums) != 0 || r.Messages != 0 || r.Read != 0 {
		t.Errorf("what another process recorded counts here: %+v", r)
	}
	p.faster = false
	p.pass()
	p.want(map[string]int64{"web/polecats/nux  2031-03-10": 1})
	for source, one := range p.transcripts { // another program spoils the row
		one.State, one.Stamp = "{", ""
		p.transcripts[source] = one
	}
	p.seen = nil
	p.pass()
	p.want(map[string]int64{"web/polecats/nux  2031-03-10": 1})
}

// The other programs' folders are found, whatever else lies in them.
func TestFolders(t *testing.T) {
	p := newPlace(t)
	dir := filepath.Join(p.Rigs, "web/polecats/nux")
	fixtures := "../testdata"
	read := func(file string) string {
		text, err := os.ReadFile(filepath.Join(fixtures, file))
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(string(text), "/town/rigs/web/polecats/nux", dir)
	}
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC) // soon after the fixtures
	p.Now = func() time.Time { return now }
	day := now.Format("2006/01/02")
	p.put(filepath.Join(p.home, ".codex/sessions", day, "rollout-1.jsonl"), read("codex.jsonl"), 0)
	p.put(filepath.Join(p.home, ".codex/sessions", day, "rollout-2.jsonl"), strings.ReplaceAll(read("codex.jsonl"), dir, "/elsewhere"), 0)
	p.put(filepath.Join(p.home, ".codex/sessions/2024/01/01/rollout-3.jsonl"), read("codex.jsonl"), 0)
	p.put(filepath.Join(p.home, ".codex/sessions/x/y/z/rollout-4.jsonl"), "\x00", 0)
	p.put(filepath.Join(p.home, ".gemini/tmp/p/chats/session-1.jsonl"), read("gemini/project/chats/session-1.jsonl"), 0)
	p.put(filepath.Join(p.home, ".gemini/tmp/p/.project_root"), dir, 0)
	p.put(filepath.Join(p.home, ".gemini/tmp/q/chats/session-1.jsonl"), read("gemini/project/chats/session-1.jsonl"), 0)
	p.put(filepath.Join(p.home, ".claude/projects/file"), "", 0)
	r := p.pass()
	var messages int64
	for _, list := range p.spent {
		for _, s := range list {
			messages += s.Messages
		}
	}
	if r.Messages != 6 || messages != 6 || !p.foreign[filepath.Join(p.home, ".codex/sessions", day, "rollout-2.jsonl")] {
		t.Errorf("%+v, %d; %v", r, messages, p.foreign)
	}
	all := Folders([]string{"HOME=/a", "CODEX_HOME=/c", "HOME=/b"}, []string{"HOME=/b", "XDG_DATA_HOME=/d"}, nil, []string{"HOME="})
	if fmt.Sprint(all) != "[{claude /b/.claude/projects} {codex /c/sessions} {gemini /b/.gemini/tmp} {opencode /b/.local/share/opencode} {codex /b/.codex/sessions} {opencode /d/opencode}]" {
		t.Error(all)
	}
}

// The database of opencode has the conversations of all directories.
func TestOpenCode(t *testing.T) {
	p := newPlace(t)
	p.Root, p.Rigs, p.Mayor = "/town", "/town/rigs", "/town/mayor"
	for _, name := range []string{"opencode.db", "opencode.db-wal"} {
		text, err := os.ReadFile(filepath.Join("../testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		p.put(filepath.Join(p.home, ".local/share/opencode", name), string(text), 0)
	}
	p.Gatherer.Now = func() time.Time { return time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC) }
	p.pass()
	p.want(map[string]int64{"web/polecats/nux  2026-11-29": 9054 + 180162 + 738})
	p.Root = "/another"
	p.transcripts, p.spent, p.seen = map[string]operational.Transcript{}, map[string][]operational.Spent{}, nil
	p.pass()
	p.want(map[string]int64{})
}

// BenchmarkIdlePass is a pass over 1,000 transcripts of which none changed.
func BenchmarkIdlePass(b *testing.B) {
	dir := b.TempDir()
	root := filepath.Join(dir, "town")
	folder := filepath.Join(dir, ".claude/projects", escaped.ReplaceAllString(root, "-"))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		b.Fatal(err)
	}
	for n := range 1000 {
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprint(n, ".jsonl")), nil, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	plane := &rows{transcripts: map[string]operational.Transcript{}}
	g := &Gatherer{
		Folders: Folders([]string{"HOME=" + dir}), Root: root, Now: time.Now,
		Rows: func(_ context.Context, fn func(Store) error) error { return fn(plane) },
	}
	for b.Loop() {
		if _, err := g.Pass(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	if plane.opened != 1 {
		b.Errorf("the plane was opened %d times", plane.opened)
	}
}
