package federate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gastown/e2e/script"
	"gastown/planes/doltdb"
	"gastown/planes/exchange"
	"gastown/planes/ledger"
	"gastown/sync/gitremote"
	"gastown/sync/records"
	"gastown/sync/share"
	"gastown/town"
	"gastown/town/layout"
)

// sharer is a Town with a ledger.
type sharer struct {
	*testTown
	// openLedger opens its ledger.
	openLedger func(context.Context) (*ledger.Store, error)
	// asked are the previews a person was shown; refuse is the answer.
	asked  []records.Preview
	refuse bool
}

// ledgerOpener is a function as a records.LedgerOpener.
type ledgerOpener func(context.Context) (*ledger.Store, error)

func (open ledgerOpener) OpenLedger(ctx context.Context) (records.Ledger, error) {
	s, err := open(ctx)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// approver is a function as a records.Approver.
type approver func(records.Preview) error

func (ask approver) ApproveRules(_ context.Context, p records.Preview) error { return ask(p) }

const ledgerUUID = "ledger-1"

func newSharer(t testing.TB, name string) *sharer {
	return ledgerOf(newTown(t, tempDir(t), name))
}

// newSharerAt is the Town in a directory that is a copy of one of that name.
func newSharerAt(t testing.TB, dir, name string) *sharer {
	tt := &testTown{t: t, dir: dir, stores: &memoryStores{uuid: "uuid-of-" + name}}
	tt.Engine = New(Options{
		Env: os.Environ(), Layout: layout.Town{Root: dir}, ID: town.ID("id-" + name), Name: name,
		Actor: town.Actor{Name: name, Email: name + "@example.com"}, Stores: tt.stores, Command: "test",
	})
	return ledgerOf(tt)
}

// ledgerOf gives a Town a ledger, if it has none, and a person who is asked.
func ledgerOf(tt *testTown) *sharer {
	s := &sharer{testTown: tt}
	opts := doltdb.Options{Dir: tt.opts.Layout.Data(layout.Ledger), Home: tt.opts.Layout.Engine(), Actor: tt.opts.Actor}
	if _, err := os.Stat(opts.Dir); errors.Is(err, os.ErrNotExist) {
		fresh(tt.t, tt.opts.Name+"'s ledger", opts, func(opts doltdb.Options) (io.Closer, error) {
			return ledger.Create(tt.t.Context(), opts, ledgerUUID)
		})
	}
	s.openLedger = func(ctx context.Context) (*ledger.Store, error) { return ledger.Open(ctx, opts, ledgerUUID) }
	tt.opts.Ledger = ledgerOpener(s.openLedger)
	tt.opts.Approver = approver(func(p records.Preview) error {
		s.asked = append(s.asked, p)
		if s.refuse {
			return town.ErrRefused
		}
		return nil
	})
	return s
}

func (s *sharer) work(fn func(*ledger.Store) error) {
	s.t.Helper()
	l, err := s.openLedger(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	if err := errors.Join(fn(l), l.Close()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sharer) beads(list ...town.Bead) {
	s.t.Helper()
	s.work(func(l *ledger.Store) error {
		var fresh []ledger.NewBead
		for _, b := range list {
			fresh = append(fresh, ledger.NewBead{Bead: b})
		}
		_, err := l.Create(s.t.Context(), fresh)
		return err
	})
}

func (s *sharer) rules(rules ...share.Rule) {
	s.t.Helper()
	path := s.opts.Layout.Sharing()
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Fatal(err)
	}
	f, err := share.Load(path)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, r := range rules {
		if err := f.Add(r); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := f.Save(); err != nil {
		s.t.Fatal(err)
	}
}

// seen lists the records of another Town as this Town reads them: id and title.
func (s *sharer) seen(name string) []string {
	s.t.Helper()
	list := []string{}
	all, err := s.agreements()
	if err != nil {
		s.t.Fatal(err)
	}
	var opts []doltdb.Options
	for _, a := range all {
		opts = append(opts, s.exchangeDir(s.opts.Layout.Exchange(a.remote.Name)))
	}
	shelf, err := exchange.OpenShelf(s.t.Context(), s.exchangeUUID(), s.opts.ID, opts...)
	if err != nil {
		s.t.Fatal(err)
	}
	err = shelf.List(s.t.Context(), name, exchange.Filter{}, func(r exchange.Record) error {
		list = append(list, r.Bead.ID+" "+r.Bead.Title)
		return nil
	})
	err = errors.Join(err, shelf.Close())
	if errors.Is(err, exchange.ErrTown) {
		return nil
	}
	if err != nil {
		s.t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

// exchangeDir says how to open the exchange in a directory.
func (s *sharer) exchangeDir(dir string) doltdb.Options {
	return doltdb.Options{Dir: dir, Home: s.opts.Layout.Engine(), Actor: s.opts.Actor}
}

func (s *sharer) exchangeUUID() string {
	uuid, _ := s.stores.Federation()
	return exchange.UUID(uuid)
}

// withExchange runs fn with the Town's exchange with origin open.
func (s *sharer) withExchange(fn func(*exchange.Store) error) error {
	s.t.Helper()
	x, err := exchange.Open(s.t.Context(), s.exchangeDir(s.opts.Layout.Exchange("origin")), s.exchangeUUID(), s.opts.ID)
	if err != nil {
		return err
	}
	return errors.Join(fn(x), x.Close())
}

// forge changes the records of the Town's exchange by SQL, as a hostile program
// does.
func (s *sharer) forge(query string) {
	s.t.Helper()
	bySQL(s.t, s.exchangeDir(s.opts.Layout.Exchange("origin")), query)
}

// sharingAll is a Town that shares its one record, gt-1, by the rule "all".
func sharingAll(t testing.TB) (a *sharer, url string) {
	t.Helper()
	url = bare(t)
	a = newSharer(t, "alpha")
	a.rules(share.Rule{Name: "all"})
	a.beads(town.Bead{ID: "gt-1", Title: "one"})
	a.init(url)
	return a, url
}

// titlesShared is two Towns of a federation. Alpha shares the titles of its beads and
// has published gt-1, "first".
func titlesShared(t testing.TB) (a, b *sharer, url string) {
	t.Helper()
	url = bare(t)
	a, b = newSharer(t, "alpha"), newSharer(t, "beta")
	a.init(url)
	b.join(url)
	a.beads(town.Bead{ID: "gt-1", Title: "first"})
	a.rules(share.Rule{Name: "all", Fields: []string{"title"}})
	a.push(url)
	return a, b, url
}

func gitOut(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestShareOneRecord(t *testing.T) {
	t.Parallel()
	url := bare(t)
	a, b := newSharer(t, "alpha"), newSharer(t, "beta")
	a.init(url)
	b.join(url)
	a.beads(town.Bead{ID: "gt-1", Title: "public work", Labels: []string{"public"}}, town.Bead{ID: "gt-2", Title: "private work"})

	// Without a rule nothing leaves, not even an empty database.
	a.push(url)
	if refs := gitOut(t, url, "for-each-ref", "--format=%(refname)", "refs/dolt"); refs != dataRef {
		t.Fatalf("refs: %s", refs)
	}
	if len(a.asked) > 0 || dirExists(a.opts.Layout.Exchange("origin")) {
		t.Fatal("something was prepared to leave")
	}

	a.rules(share.Rule{Name: "public", Labels: []string{"public"}})
	out := a.push(url)
	if out.Shared == nil || out.Shared.Put != 1 || out.Shared.Total != 1 || len(a.asked) != 1 {
		t.Fatalf("%+v, asked %d times", out.Shared, len(a.asked))
	}
	if p := a.asked[0]; len(p.Records) != 1 || p.Records[0].Record.ID != "gt-1" || !slices.Equal(p.Unconfirmed, []string{"public"}) || p.Address == "" {
		t.Fatalf("%+v", p)
	}
	pulled := b.pull(url)
	if pulled.Records != 1 || pulled.UpToDate {
		t.Fatalf("%+v", pulled)
	}
	if got := b.seen("alpha"); !slices.Equal(got, []string{"gt-1 public work"}) {
		t.Fatalf("%v", got)
	}
	if again := b.pull(url); !again.UpToDate || again.Records != 0 {
		t.Fatalf("%+v", again)
	}

	// Later changes are shared without a question.
	a.beads(town.Bead{ID: "gt-3", Title: "more", Labels: []string{"public"}})
	if out := a.push(url); out.Shared.Put != 1 || out.Shared.Total != 2 || len(a.asked) != 1 {
		t.Fatalf("%+v", out.Shared)
	}
	if out := a.push(url); !out.UpToDate || out.Shared.Put != 0 {
		t.Fatalf("%+v %+v", out, out.Shared)
	}
	b.pull(url)
	if got := b.seen("alpha"); !slices.Equal(got, []string{"gt-1 public work", "gt-3 more"}) {
		t.Fatalf("%v", got)
	}

	// A rule that changed must be approved again; until then nothing is shared.
	a.refuse = true
	a.rules(share.Rule{Name: "public", Labels: []string{"public"}, Fields: []string{"title", "assignee"}})
	if out := a.push(url); !slices.Equal(out.Shared.Waiting, []string{"public"}) || out.Shared.Put != 0 || len(a.asked) != 2 {
		t.Fatalf("%+v", out.Shared)
	}

	// Without rules a person is asked before everything is taken back. Until then it
	// stays.
	a.rules()
	if out := a.push(url); out.Shared.Removed != 0 || out.Shared.Held != 2 || len(a.asked) != 3 || len(a.asked[2].Removed) != 2 {
		t.Fatalf("%+v", out.Shared)
	}
	b.pull(url)
	if got := b.seen("alpha"); len(got) != 2 {
		t.Fatalf("%v", got)
	}
	a.refuse = false
	if out := a.push(url); out.Shared.Removed != 2 || out.Shared.Held != 0 || len(a.asked) != 4 {
		t.Fatalf("%+v", out.Shared)
	}
	b.pull(url)
	if got := b.seen("alpha"); len(got) != 0 {
		t.Fatalf("%v", got)
	}
}

// A short-lived bead never leaves, and one that becomes short-lived is taken back. Of
// the others, metadata and links stay at home.
func TestShortLivedBeadsStay(t *testing.T) {
	t.Parallel()
	url := bare(t)
	a, b := newSharer(t, "alpha"), newSharer(t, "beta")
	a.init(url)
	b.join(url)
	a.work(func(l *ledger.Store) error {
		return l.SetSettings(t.Context(), ledger.Setting{Name: ledger.CustomStatuses, Value: "in_review"})
	})
	a.beads(
		town.Bead{ID: "gt-1", Title: "lasting", Status: "in_review", SpecID: "docs/x.md", Metadata: json.RawMessage(`{"team":"core"}`)},
		town.Bead{ID: "gt-2", Title: "short-lived", Ephemeral: true},
	)
	a.work(func(l *ledger.Store) error {
		_, err := l.DepAdd(t.Context(), []town.Dependency{{Bead: "gt-1", Target: "gt-2", Type: town.DepWaitsFor, Metadata: `{"gate":"any-children"}`}})
		return err
	})
	a.rules(share.Rule{Name: "all", Fields: []string{"title", "status"}})
	if out := a.push(url); out.Shared.Total != 1 {
		t.Fatalf("%+v", out.Shared)
	}
	b.pull(url)
	if got := b.seen("alpha"); !slices.Equal(got, []string{"gt-1 lasting"}) {
		t.Fatalf("%v", got)
	}
	yes := true
	a.work(func(l *ledger.Store) error {
		_, err := l.Update(t.Context(), []ledger.Patch{{ID: "gt-1", Ephemeral: &yes}})
		return err
	})
	a.push(url)
	b.pull(url)
	if got := b.seen("alpha"); len(got) != 0 {
		t.Fatalf("%v", got)
	}
}

func dirExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// When both Towns begin to share at once, one exchange results.
func TestTwoTownsBeginAtOnce(t *testing.T) {
	t.Parallel()
	url := bare(t)
	a, b := newSharer(t, "alpha"), newSharer(t, "beta")
	a.init(url)
	b.join(url)
	a.pull(url)
	for _, s := range []*sharer{a, b} {
		s.rules(share.Rule{Name: "all"})
		s.beads(town.Bead{ID: "gt-1", Title: "of " + s.opts.Name})
	}
	a.push(url)
	out := b.push(url)
	if out.Attempts != 2 || out.Pulled == nil {
		t.Fatalf("%+v", out)
	}
	a.pull(url)
	for _, s := range []*sharer{a, b} {
		for _, name := range []string{"alpha", "beta"} {
			if got := s.seen(name); !slices.Equal(got, []string{"gt-1 of " + name}) {
				t.Errorf("%s sees of %s: %v", s.opts.Name, name, got)
			}
		}
	}
	if a.push(url); len(a.asked) != 1 || len(b.asked) != 1 {
		t.Error("asked again")
	}
}

// A Town that joins later has the records at once, and can share its own.
func TestJoinBringsRecords(t *testing.T) {
	t.Parallel()
	a, url := sharingAll(t)
	if len(a.asked) != 1 {
		t.Fatalf("asked %d times", len(a.asked))
	}
	b := newSharer(t, "beta")
	b.rules(share.Rule{Name: "all"})
	b.beads(town.Bead{ID: "b-1", Title: "of b"})
	b.join(url)
	if got := b.seen("alpha"); !slices.Equal(got, []string{"gt-1 one"}) {
		t.Fatalf("%v", got)
	}
	a.pull(url)
	if got := a.seen("beta"); !slices.Equal(got, []string{"b-1 of b"}) {
		t.Fatalf("%v", got)
	}
}

// Records and federation travel in one push and one fetch.
func TestShareCostsNoConnection(t *testing.T) {
	url := bare(t)
	a := newSharer(t, "alpha")
	a.init(url)
	log := filepath.Join(tempDir(t), "connections")
	for _, side := range []string{"receive-pack", "upload-pack"} {
		text := fmt.Sprintf("#!/bin/sh\necho %s >>%s\nexec git %s \"$@\"\n", side, log, side)
		if err := script.Write(filepath.Join(filepath.Dir(log), side), text); err != nil {
			t.Fatal(err)
		}
	}
	a.rules(share.Rule{Name: "all"})
	a.beads(town.Bead{ID: "gt-1", Title: "one"})
	a.write("templates/bug.md", "changed\n")
	before := gitOut(t, url, "for-each-ref", "--format=%(objectname)", dataRef)
	ssh := filepath.Join(filepath.Dir(log), "ssh")
	if err := script.Write(ssh, "#!/bin/sh\nfor cmd; do :; done\necho \"$cmd\" >>"+log+"\nexec sh -c \"$cmd\"\n"); err != nil {
		t.Fatal(err)
	}
	a.opts.Env = append(a.opts.Env, "GIT_SSH_COMMAND="+ssh, "GIT_SSH_VARIANT=simple")
	remote := Remote{Name: "far", URL: "ssh://host" + url}
	if _, err := a.Join(t.Context(), remote, yes); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	a.write("templates/bug.md", "changed once more\n")
	a.beads(town.Bead{ID: "gt-2", Title: "two"})
	out, err := a.Push(t.Context(), remote, false)
	if err != nil || out.Shared.Put != 1 || out.Commits != 1 {
		t.Fatalf("%+v %v", out.Shared, err)
	}
	if _, err := a.Pull(t.Context(), remote, false); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(log)
	if err != nil || strings.Count(string(text), "\n") != 2 {
		t.Fatalf("connections:\n%s%v", text, err)
	}
	if after := gitOut(t, url, "for-each-ref", "--format=%(objectname)", dataRef); after == before {
		t.Fatal("nothing was pushed")
	}
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if both, err := a.Sync(t.Context(), remote, false); err != nil || !both.Pulled.UpToDate || !both.Pushed.UpToDate {
		t.Fatalf("%+v %v", both, err)
	}
	if text, err = os.ReadFile(log); err != nil || strings.Count(string(text), "\n") != 1 {
		t.Fatalf("connections of a sync of nothing:\n%s%v", text, err)
	}
}

// A change of our records by another Town is reported and put back.
func TestForgedRecordsArePutBack(t *testing.T) {
	t.Parallel()
	url := bare(t)
	a, eve := newSharer(t, "alpha"), newSharer(t, "eve")
	a.rules(share.Rule{Name: "all"})
	a.beads(town.Bead{ID: "gt-1", Title: "one"})
	a.init(url)
	eve.join(url)
	eve.rules(share.Rule{Name: "all"})
	eve.beads(town.Bead{ID: "e-1", Title: "of eve"})
	eve.push(url)
	eve.forge("DELETE FROM beads WHERE town = 'id-alpha'")
	pushExchange(t, eve, url) // its own gt would drop what it did not write
	pulled := a.pull(url)
	if len(pulled.Notes) != 1 || !strings.Contains(pulled.Notes[0], "gt-1") {
		t.Fatalf("%q", pulled.Notes)
	}
	a.push(url)
	eve.pull(url)
	if got := eve.seen("alpha"); !slices.Equal(got, []string{"gt-1 one"}) {
		t.Fatalf("%v", got)
	}
}

// Invalid records are refused, and the federation is exchanged all the same.
func TestHostileRecordsHarmNothingElse(t *testing.T) {
	t.Parallel()
	url := bare(t)
	a, eve := newSharer(t, "alpha"), newSharer(t, "eve")
	a.rules(share.Rule{Name: "all"})
	a.beads(town.Bead{ID: "gt-1", Title: "one"})
	a.init(url)
	eve.join(url)
	eve.rules(share.Rule{Name: "all"})
	eve.forge("INSERT INTO beads (town, id, digest, title) VALUES ('id-eve', 'e-1', '', 'x')")
	eve.opts.Ledger = nil // its own gt would mend the row
	eve.write("templates/bug.md", "of eve\n")
	eve.push(url)
	pushExchange(t, eve, url)
	out, err := a.Pull(t.Context(), Remote{Name: "origin", URL: url}, false)
	if !errors.Is(err, town.ErrRefused) || town.Next(err) == "" {
		t.Fatalf("%+v %v", out, err)
	}
	a.want("templates/bug.md", "of eve\n")
	if got := a.seen("eve"); len(got) != 0 {
		t.Fatalf("%v", got)
	}

	// A sync or push still publishes the Town's own documents, whether it has records
	// of its own to share or not.
	for _, records := range []bool{true, false} {
		if records {
			a.beads(town.Bead{ID: "gt-2", Title: "two"})
		}
		for name, send := range map[string]func() error{
			"sync": func() error { _, err := a.Sync(t.Context(), Remote{Name: "origin", URL: url}, false); return err },
			"push": func() error { _, err := a.Push(t.Context(), Remote{Name: "origin", URL: url}, false); return err },
		} {
			text := fmt.Sprintf("by %s %t\n", name, records)
			a.write("templates/bug.md", text)
			if err := send(); name == "sync" && !(errors.Is(err, town.ErrRefused) && errors.Is(err, ErrRecords)) || err != nil && !errors.Is(err, town.ErrRefused) {
				t.Errorf("%s: %v", name, err)
			}
			eve.pull(url)
			eve.want("templates/bug.md", text)
		}
		a.rules()
	}
}

// When somebody begins the records again from nothing, a Town that shared some is
// asked again: the removal may have been deliberate.
func TestRecordsBegunAnewAreAskedAbout(t *testing.T) {
	t.Parallel()
	a, url := sharingAll(t)
	gitOut(t, url, "update-ref", "-d", ledgerRef)
	b := newSharer(t, "beta")
	b.rules(share.Rule{Name: "all"})
	b.beads(town.Bead{ID: "b-1", Title: "of b"})
	b.join(url)
	a.refuse, a.asked = true, nil
	a.beads(town.Bead{ID: "gt-2", Title: "two"})
	out := a.sync(url)
	if len(out.Pulled.Notes) != 1 || !strings.Contains(out.Pulled.Notes[0], "anew") || len(out.Pushed.Shared.Waiting) != 1 || len(a.asked) != 1 {
		t.Fatalf("%q %+v", out.Pulled.Notes, out.Pushed.Shared)
	}
	b.pull(url)
	if got, none := a.seen("beta"), b.seen("alpha"); len(got) != 1 || len(none) != 0 {
		t.Fatalf("%q %q", got, none)
	}
	a.refuse = false
	if out := a.push(url); out.Shared.Put != 2 {
		t.Fatalf("%+v", out.Shared)
	}
}

// pushExchange publishes a Town's exchange unchecked, as a hostile program does.
func pushExchange(t testing.TB, s *sharer, url string) {
	t.Helper()
	former := s.opts.Ledger
	s.opts.Ledger = ledgerOpener(func(context.Context) (*ledger.Store, error) { return nil, errors.New("not asked") })
	defer func() { s.opts.Ledger = former }()
	with, err := s.begin(t.Context(), Remote{Name: "origin", URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer with.release()
	if _, err := with.mirror.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	err = s.withExchange(func(x *exchange.Store) error {
		return x.Push(t.Context(), "origin", filepath.Join(s.opts.Layout.Remote("origin"), "ledger", "mirror"))
	})
	if err == nil {
		_, err = with.mirror.Publish(t.Context(), gitremote.PublishOptions{Message: "x", AuthorName: "Eve", AuthorEmail: "eve@example.com", Beside: true})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// When somebody removes the ref, it comes back only with an approval, and without
// its history.
func TestRemovedRefIsNotSharedAgainUnseen(t *testing.T) {
	t.Parallel()
	a, url := sharingAll(t)
	gitOut(t, url, "update-ref", "-d", ledgerRef)
	if out := a.pull(url); len(out.Notes) != 1 {
		t.Fatalf("%q", out.Notes)
	}
	a.refuse = true
	if out := a.push(url); len(out.Shared.Waiting) != 1 {
		t.Fatalf("%+v", out.Shared)
	}
	if refs := gitOut(t, url, "for-each-ref", ledgerRef); refs != "" {
		t.Fatal("it is there again")
	}
	a.refuse = false
	if out := a.push(url); out.Shared.Put != 1 {
		t.Fatalf("%+v", out.Shared)
	}
	b := newSharer(t, "beta")
	b.join(url)
	if got := b.seen("alpha"); !slices.Equal(got, []string{"gt-1 one"}) {
		t.Fatalf("%v", got)
	}
}

// A record with a secret stays, and is reported without the secret. A shared record
// that gets a secret is taken back.
func TestSecretsStay(t *testing.T) {
	t.Parallel()
	url := bare(t)
	a := newSharer(t, "alpha")
	a.rules(share.Rule{Name: "all", Fields: []string{"title", "description"}})
	a.beads(town.Bead{ID: "gt-1", Title: "fine"}, town.Bead{ID: "gt-2", Title: "bad", Description: `password="hunter2hunter2"`},
		town.Bead{ID: "gt-3", Title: "bell \x07"})
	a.init(url)
	p := a.asked[0]
	if len(p.Records) != 1 || len(p.Withheld) != 2 || p.Withheld[0].ID != "gt-2" || p.Withheld[0].Field != "description" {
		t.Fatalf("%+v", p.Withheld)
	}
	if strings.Contains(fmt.Sprintf("%+v", p), "hunter2") {
		t.Fatal("the preview tells the secret")
	}
	a.work(func(l *ledger.Store) error {
		patches, err := ledger.ReadPatches(strings.NewReader(`[{"id":"gt-1","description":"postgres://app:s3cr3t-pw@db.example.com/app"}]`))
		if err == nil {
			_, err = l.Update(t.Context(), patches)
		}
		return err
	})
	if out := a.push(url); out.Shared.Removed != 1 || out.Shared.Total != 0 || len(out.Shared.Withheld) != 3 {
		t.Fatalf("%+v", out.Shared)
	}
}

// A record stays when a redaction leaves a part of a secret, and leaves when the
// redaction cuts out all of it.
func TestSecretCutInPartStays(t *testing.T) {
	t.Parallel()
	a := newSharer(t, "alpha")
	a.beads(town.Bead{ID: "gt-1", Title: "one", Notes: "key AKIAQYLPMN5HFIQR7XYA here"})
	for pattern, want := range map[string]int{"AKIAQYL": 0, "AKIA[A-Z0-9]+": 1} {
		a.rules(share.Rule{Name: "all", Fields: []string{"notes"}, Redact: []share.Redaction{{Field: "notes", Pattern: pattern}}})
		p, err := a.PreviewShare(t.Context())
		if err != nil || len(p.Records) != want || len(p.Withheld) != 1-want {
			t.Errorf("%s: %+v %v", pattern, p, err)
		}
	}
}

// After random beads, rules and exchanges each Town has exactly what the rules of the
// others select.
func TestEachHasWhatTheOthersSelect(t *testing.T) {
	t.Parallel()
	tpl := makeTemplate(t)
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(tempDir(t), "history")
		if err != nil {
			t.Fatal(err)
		}
		m := tpl.start(t, dir)
		var towns []*sharer
		want := map[string][]string{}
		for _, mt := range m.towns {
			towns = append(towns, ledgerOf(mt.testTown))
		}
		labels := []string{"x", "y"}
		n := 0
		for range rapid.IntRange(3, 8).Draw(rt, "steps") {
			s := rapid.SampledFrom(towns).Draw(rt, "town")
			switch rapid.SampledFrom([]string{"bead", "bead", "rules", "sync", "sync"}).Draw(rt, "step") {
			case "bead":
				n++
				s.beads(town.Bead{ID: fmt.Sprint("gt-", n), Title: fmt.Sprint("bead ", n), Notes: "secret notes",
					Labels: rapid.SliceOfDistinct(rapid.SampledFrom(labels), rapid.ID).Draw(rt, "labels"),
					Type:   rapid.SampledFrom(town.BeadTypes).Draw(rt, "type")})
			case "rules":
				var rules []share.Rule
				for i := range rapid.IntRange(0, 2).Draw(rt, "rules") {
					rules = append(rules, share.Rule{Name: fmt.Sprint("r", i),
						Labels: rapid.SliceOfN(rapid.SampledFrom(labels), 0, 1).Draw(rt, "with"),
						Types:  rapid.SliceOfN(rapid.SampledFrom(town.BeadTypes), 0, 2).Draw(rt, "types")})
				}
				s.rules(rules...)
			case "sync":
				s.sync(m.url)
			}
		}
		for range 2 {
			for _, s := range towns {
				s.sync(m.url)
			}
		}
		for _, s := range towns {
			f, err := share.Load(s.opts.Layout.Sharing())
			if err != nil {
				t.Fatal(err)
			}
			s.work(func(l *ledger.Store) error {
				return l.List(t.Context(), ledger.Filter{}, func(i ledger.Item) error {
					if _, ok := f.Rules.Select(i.Bead, nil); ok {
						want[s.opts.Name] = append(want[s.opts.Name], i.ID+" "+i.Title)
					}
					return nil
				})
			})
			slices.Sort(want[s.opts.Name])
		}
		for _, s := range towns {
			for name, list := range want {
				if got := s.seen(name); !slices.Equal(got, list) {
					rt.Fatalf("%s sees of %s: %v, want %v", s.opts.Name, name, got, list)
				}
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	})
}

// When a remote is removed and added again, its rules must be approved again.
func TestForgottenRemoteForgetsRules(t *testing.T) {
	t.Parallel()
	a, url := sharingAll(t)
	if err := a.Forget(t.Context(), Remote{Name: "origin", URL: url}); err != nil {
		t.Fatal(err)
	}
	a.refuse = true
	a.beads(town.Bead{ID: "gt-2", Title: "two"})
	a.join(url)
	if out := a.push(url); len(out.Shared.Waiting) != 1 {
		t.Fatalf("%+v", out.Shared)
	}
}
