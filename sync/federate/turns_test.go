package federate

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gastown/sync/share"
	"gastown/sync/turns"
	"gastown/town"
)

// killed runs the first steps of a push, and ends as a process that is killed.
func (tt *testTown) killed(url string, steps func(context.Context, *push) error) {
	tt.t.Helper()
	ctx := tt.t.Context()
	s, err := tt.begin(ctx, Remote{Name: "origin", URL: url})
	if err != nil {
		tt.t.Fatal(err)
	}
	p := s.newPush(pushOptions{}, &Pushed{Attempts: 1})
	p.turn = turns.New(turns.Options{Town: string(tt.opts.ID), Random: func() float64 { return 0 }})
	if p.plan, err = s.planRecords(ctx, false); err == nil {
		err = steps(ctx, p)
	}
	if err := errors.Join(err, s.release()); err != nil {
		tt.t.Fatalf("%s: %v", tt.opts.Name, err)
	}
}

func now() time.Duration { return 0 }

// leaveTurn is a push that lost, left its turn and was killed.
func (tt *testTown) leaveTurn(url string) {
	tt.t.Helper()
	tt.killed(url, func(ctx context.Context, p *push) error { return p.leave(ctx, now) })
	if !strings.Contains(waitingAt(tt.t, url), string(tt.opts.ID)) {
		tt.t.Fatalf("%s left no turn", tt.opts.Name)
	}
}

// waitingAt lists the turns at a repository.
func waitingAt(t testing.TB, url string) string {
	t.Helper()
	return gitOut(t, url, "for-each-ref", "--format=%(refname)", "refs/dolt/turns")
}

// Whoever publishes next takes a turn along, by the rules that hold where its owner
// publishes later, and its owner only confirms.
func TestTurnIsPublishedByWhoeverIsNext(t *testing.T) {
	t.Parallel()
	a, b, url := pair(t)
	b.write("roles/mayor.md", role("mayor", "beta"))
	b.write("templates/bug.md", "beta\n")
	b.write("templates/betas.md", "only beta's\n")
	b.leaveTurn(url)
	a.write("roles/mayor.md", role("mayor", "alpha"))
	a.write("templates/bug.md", "alpha\n")
	out := a.push(url)
	if out.Attempts != 2 || out.Pulled == nil || out.Reviews != 1 || !contains(out.Recorded.Notes, "for Town id-beta: ") {
		t.Errorf("push over a turn: %+v %+v", out, out.Pulled)
	}
	if left := waitingAt(t, url); left != "" {
		t.Errorf("still waiting: %s", left)
	}
	a.want("templates/betas.md", "only beta's\n")
	a.want("roles/mayor.md", role("mayor", "alpha"))
	a.want("templates/bug.md", "beta\n")
	if again := b.push(url); again.Commits != 0 && !again.UpToDate {
		t.Errorf("the owner of the turn: %+v", again)
	}
	b.pull(url)
	b.want("roles/mayor.md", role("mayor", "alpha"))
	settle(t, url, a, b)
	rows := a.rows()
	if len(rows["proposals"]) != 1 || !contains(rows["proposals"], "\n\nbeta\n|") || !contains(rows["templates"], "bug.md|2|alpha") || !contains(rows["templates"], "bug.md|3|beta") {
		t.Errorf("proposals %v, templates %v", rows["proposals"], rows["templates"])
	}
}

// A Town that was killed after it left its turn loses nothing, whether it comes back
// before somebody publishes the turn or after.
func TestKilledAfterItLeftATurn(t *testing.T) {
	t.Parallel()
	a, b, url := pair(t)
	b.write("templates/one.md", "one\n")
	b.leaveTurn(url)
	b.write("templates/two.md", "two\n")
	b.push(url)
	if left := waitingAt(t, url); left != "" {
		t.Errorf("it published and its turn still waits: %s", left)
	}
	b.write("templates/three.md", "three\n")
	b.leaveTurn(url)
	b.write("templates/four.md", "four\n")
	a.write("templates/five.md", "five\n")
	a.push(url)
	settle(t, url, a, b)
	for _, n := range []string{"one", "two", "three", "four", "five"} {
		a.want("templates/"+n+".md", n+"\n")
	}
	if left := waitingAt(t, url); left != "" {
		t.Errorf("still waiting: %s", left)
	}
}

// Two Towns that merge one turn at once converge, and so does one that is killed
// after it merged a turn and before it published.
func TestTwoTownsAbsorbOneTurn(t *testing.T) {
	t.Parallel()
	a, b, url := pair(t)
	c := newTown(t, filepath.Join(tempDir(t), "c"), "gamma")
	c.join(url)
	a.pull(url)
	b.pull(url)
	c.write("roles/mayor.md", role("mayor", "gamma"))
	c.write("templates/bug.md", "gamma\n")
	c.leaveTurn(url)
	for _, tt := range []*testTown{a, b} {
		tt.write("roles/mayor.md", role("mayor", tt.opts.Name))
		tt.write("templates/bug.md", tt.opts.Name+"\n")
		tt.killed(url, func(ctx context.Context, p *push) error {
			if err := p.look(ctx, now); err != nil {
				return err
			}
			if err := errors.Join(p.mergeOthers(ctx), p.stageAll(ctx)); err != nil {
				return err
			}
			err := p.absorb(ctx, []turns.Turn{{Town: "id-gamma"}})
			if len(p.absorbed) != 1 {
				t.Errorf("%s merged %v", tt.opts.Name, p.absorbed)
			}
			return err
		})
	}
	b.push(url)
	a.push(url)
	if left := waitingAt(t, url); left != "" {
		t.Errorf("still waiting: %s", left)
	}
	settle(t, url, a, b, c)
	rows := a.rows()
	for _, name := range []string{"alpha", "beta", "gamma"} {
		if !contains(rows["templates"], "|"+name) {
			t.Errorf("the template of %s is gone: %v", name, rows["templates"])
		}
		if !contains(rows["proposals"], "\n\n"+name+"\n|") && !contains(rows["roles"], "\n\n"+name+"\n|") {
			t.Errorf("the role of %s is gone: %v", name, rows["proposals"])
		}
	}
}

// A turn that cannot be merged is told once, stays, and holds nobody up.
func TestBadTurnIsToldOnce(t *testing.T) {
	t.Parallel()
	a, b, url := pair(t)
	other := bare(t)
	newTown(t, filepath.Join(tempDir(t), "x"), "xi").init(other)
	gitOut(t, other, "push", "-q", url, "refs/dolt/data:refs/dolt/turns/id-xi")
	gitOut(t, url, "update-ref", "refs/dolt/turns/id-blob", gitOut(t, url, "hash-object", "-w", "HEAD"))
	b.write("templates/betas.md", "beta\n")
	b.leaveTurn(url)
	a.write("templates/bug.md", "one\n")
	out := a.push(url)
	told := slices.Concat(out.Recorded.Notes, out.Pulled.Notes)
	for _, name := range []string{"id-xi", "id-blob"} {
		if !contains(told, "refs/dolt/turns/"+name+" of origin holds is not merged") {
			t.Errorf("nothing is told of %s: %q", name, told)
		}
	}
	a.want("templates/betas.md", "beta\n")
	a.write("templates/bug.md", "two\n")
	if out := a.push(url); out.Attempts != 1 || len(out.Recorded.Notes) > 0 {
		t.Errorf("the next push: %d attempts, %q", out.Attempts, out.Recorded.Notes)
	}
	settle(t, url, a, b)
	if left := waitingAt(t, url); !strings.Contains(left, "id-xi") || strings.Contains(left, "id-beta") {
		t.Errorf("waiting: %s", left)
	}
}

// Records of ledgers travel by turns too.
func TestTurnOfRecords(t *testing.T) {
	t.Parallel()
	a, url := sharingAll(t)
	b := newSharer(t, "beta")
	b.rules(share.Rule{Name: "all"})
	b.join(url)
	a.sync(url)
	b.sync(url)
	b.beads(town.Bead{ID: "gt-7", Title: "of beta"})
	b.leaveTurn(url)
	if left := waitingAt(t, url); left != "refs/dolt/turns/id-beta.ledger" {
		t.Fatalf("waiting: %s", left)
	}
	a.beads(town.Bead{ID: "gt-2", Title: "two"})
	a.push(url)
	if left := waitingAt(t, url); left != "" {
		t.Errorf("still waiting: %s", left)
	}
	if got := a.seen("beta"); !slices.Equal(got, []string{"gt-7 of beta"}) {
		t.Errorf("alpha sees %v", got)
	}
	b.sync(url)
	if got := b.seen("alpha"); !slices.Equal(got, []string{"gt-1 one", "gt-2 two"}) {
		t.Errorf("beta sees %v", got)
	}
	// A record that is withdrawn while its turn waits is taken back.
	b.beads(town.Bead{ID: "gt-8", Title: "withdrawn"})
	b.leaveTurn(url)
	b.rules(share.Rule{Name: "all", Labels: []string{"none has it"}})
	a.beads(town.Bead{ID: "gt-3", Title: "three"})
	a.push(url)
	b.sync(url)
	a.sync(url)
	if got := a.seen("beta"); len(got) != 0 {
		t.Errorf("alpha still sees %v", got)
	}
	settle(t, url, a.testTown, b.testTown)
}

// A push whose patience has ended makes a last attempt on what the remote has then.
// If that is lost too it says so, and the next push publishes the edits.
func TestPatienceEnds(t *testing.T) {
	t.Parallel()
	a, b, path := pair(t)
	server := served(t, path)
	b.join(server.URL())
	a.write("templates/bug.md", "alpha\n")
	a.push(path)
	b.write("templates/betas.md", "beta\n")
	b.opts.Patience = time.Nanosecond
	if out := b.push(server.URL()); out.Attempts != 2 {
		t.Errorf("%+v", out)
	}
	b.write("templates/betas.md", "beta again\n")
	n := 0
	server.BeforePush(func() {
		n++
		a.write("templates/bug.md", strings.Repeat("alpha\n", 1+n))
		a.push(path)
	})
	_, err := b.Push(t.Context(), Remote{Name: "origin", URL: server.URL()}, false)
	if !errors.Is(err, town.ErrBusy) || town.Next(err) == "" || !strings.Contains(err.Error(), "other Towns published first") || n != 2 {
		t.Errorf("after %d attempts: %v", n, err)
	}
	server.BeforePush(nil)
	b.opts.Patience = 0
	b.push(server.URL())
	a.pull(path)
	a.want("templates/betas.md", "beta again\n")
}

// A Town whose turn was published while it merged others itself has nothing of its
// own to publish afterwards: it takes the remote's commit.
func TestNothingIsPublishedTwice(t *testing.T) {
	t.Parallel()
	a, b, url := pair(t)
	a.write("templates/alphas.md", "alpha\n")
	a.push(url)
	b.write("templates/betas.md", "beta\n")
	var before string
	b.killed(url, func(ctx context.Context, p *push) error {
		if err := p.leave(ctx, now); err != nil {
			return err
		}
		// It merges what alpha published, and loses.
		if err := p.look(ctx, now); err != nil {
			return err
		}
		if err := errors.Join(p.mergeOthers(ctx), p.stageAll(ctx)); err != nil {
			return err
		}
		a.write("templates/bug.md", "more\n")
		a.push(url)
		before = gitOut(t, url, "rev-parse", "refs/dolt/data")
		if err := p.look(ctx, now); err != nil {
			return err
		}
		done, err := p.try(ctx, nil, now)
		if !done || p.out.UpToDate {
			t.Errorf("done is %v: %+v", done, p.out)
		}
		return err
	})
	if now := gitOut(t, url, "rev-parse", "refs/dolt/data"); now != before {
		t.Error("it published a merge that says nothing new")
	}
	b.want("templates/alphas.md", "alpha\n")
	b.want("templates/bug.md", "more\n")
	a.want("templates/betas.md", "beta\n")
	if status, err := b.Status(t.Context(), []Remote{{Name: "origin", URL: url}}); err != nil || status.Remotes[0].Ahead != 0 || len(status.Edited) != 0 {
		t.Errorf("%+v %v", status, err)
	}
	settle(t, url, a, b)
}

// A Town and the one that publishes its turn may each merge what the other has. Their
// tips then have two newest commits in common, and a merge must not take the Town's
// former text for the common one.
func TestATownDoesNotConflictWithItsOwnTurn(t *testing.T) {
	t.Parallel()
	for change, do := range map[string]func(*testTown, func(int)){
		"edited":  func(_ *testTown, edit func(int)) { edit(2) },
		"removed": func(b *testTown, _ func(int)) { b.remove("roles/mayor.md"); b.remove("formulas/build.formula.toml") },
	} {
		t.Run(change, func(t *testing.T) {
			t.Parallel()
			a, b, url := pair(t)
			edit := func(n int) {
				b.write("roles/mayor.md", role("mayor", fmt.Sprint("edit ", n)))
				b.write("formulas/build.formula.toml", formula("build", fmt.Sprint("1.0.", n), "edit"))
				b.write("templates/bug.md", fmt.Sprint("edit ", n, "\n"))
			}
			for n := range 5 {
				a.write("templates/alphas.md", fmt.Sprint(n, "\n"))
				a.push(url)
			}
			edit(1)
			b.leaveTurn(url)
			b.killed(url, func(ctx context.Context, p *push) error {
				return errors.Join(p.look(ctx, now), p.mergeOthers(ctx))
			})
			a.write("templates/alphas.md", "and one more\n")
			a.push(url)
			do(b, edit)
			want := []string{b.read("roles/mayor.md"), b.read("formulas/build.formula.toml"), b.read("templates/bug.md")}
			if out := b.push(url); out.Reviews != 0 || len(out.Recorded.Notes) != 0 || out.Pulled == nil {
				t.Errorf("%+v", out)
			}
			settle(t, url, a, b)
			for _, tt := range []*testTown{a, b} {
				tt.want("roles/mayor.md", want[0])
				tt.want("formulas/build.formula.toml", want[1])
				tt.want("templates/bug.md", want[2])
			}
			if rows := b.rows()["proposals"]; len(rows) != 0 {
				t.Errorf("proposed: %v", rows)
			}
		})
	}
}
