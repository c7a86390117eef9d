package check

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/object"

	"gastown/tmux"
	"gastown/town"
)

func TestWhateverHappensIsAResult(t *testing.T) {
	for name, v := range map[string]struct {
		run  func(context.Context) (Result, error)
		next string
	}{
		"panic":  {func(context.Context) (Result, error) { panic("no") }, "gt deacon logs"},
		"error":  {func(context.Context) (Result, error) { return Result{}, errors.New("broken") }, "gt doctor"},
		"advice": {func(context.Context) (Result, error) { return Result{}, town.Fail("look", "turn it on", "off") }, "turn it on"},
		"late": {func(ctx context.Context) (Result, error) {
			return Result{}, context.DeadlineExceeded
		}, "gt doctor"},
	} {
		got := Check{Name: name, Run: v.run}.Do(t.Context())
		if got.State != Critical || got.Next != v.next || got.Figure == "" || len(got.Details) == 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if Worse(Healthy, Warning) != Warning || Worse(Critical, Warning) != Critical || Worse(Healthy, "nonsense") != "nonsense" {
		t.Error("the worse of two states")
	}
}

func do(t *testing.T, c Check, want State) Result {
	t.Helper()
	got := c.Do(t.Context())
	if got.State != want || got.Figure == "" || got.Threshold == "" || (want != Healthy) != (got.Next != "") {
		t.Errorf("%s: %+v, want %s", c.Name, got, want)
	}
	return got
}

func TestDisk(t *testing.T) {
	seen := -1.0
	disk := Disk{Path: t.TempDir(), Warning: 100, Critical: 100, Seen: func(used float64, _ uint64) { seen = used }}
	do(t, disk.Check(), Healthy)
	if seen <= 0 || seen > 1 {
		t.Errorf("used %v", seen)
	}
	disk.Warning = 0
	do(t, disk.Check(), Warning)
	disk.Critical = 0
	do(t, disk.Check(), Critical)
	disk.Path = filepath.Join(disk.Path, "gone")
	if got := disk.Check().Do(t.Context()); got.State != Critical {
		t.Errorf("%+v", got)
	}
}

func TestDolt(t *testing.T) {
	dir, took, now := t.TempDir(), time.Millisecond, time.Unix(0, 0)
	var failed error
	d := &Dolt{
		Latency: func(context.Context) (time.Duration, error) { return took, failed }, Data: dir,
		Warning: 10 * time.Millisecond, Critical: 50 * time.Millisecond, MaxBytes: 2000, Now: func() time.Time { return now },
	}
	do(t, d.Check(), Healthy)
	took = 10 * time.Millisecond
	do(t, d.Check(), Warning)
	took = 51 * time.Millisecond
	do(t, d.Check(), Critical)
	took, now = time.Millisecond, now.Add(10*time.Minute)
	if err := os.WriteFile(filepath.Join(dir, "table"), make([]byte, 1500), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := do(t, d.Check(), Healthy); !strings.Contains(got.Figure, "+1.5 KB in 10m0s") {
		t.Errorf("growth: %s", got.Figure)
	}
	if err := os.WriteFile(filepath.Join(dir, "more"), make([]byte, 1500), 0o600); err != nil {
		t.Fatal(err)
	}
	do(t, d.Check(), Warning)
	failed = errors.New("no answer")
	if got := d.Check().Do(t.Context()); got.State != Critical || !slices.Contains(got.Details, "no answer") {
		t.Errorf("%+v", got)
	}
}

func TestTmux(t *testing.T) {
	var all []tmux.Session
	var failed error
	check := Tmux{Sessions: func(context.Context) ([]tmux.Session, error) { return all, failed }, Max: 1}.Check()
	do(t, check, Healthy)
	all = make([]tmux.Session, 2)
	do(t, check, Warning)
	failed = tmux.ErrMissing
	do(t, check, Warning)
	failed = tmux.ErrDeadline
	if got := check.Do(t.Context()); got.State != Critical {
		t.Errorf("%+v", got)
	}
}

func TestFederation(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	worked := func(d time.Duration) Attempts { return Attempts{Succeeded: ago(d)} }
	fails := func(d time.Duration) Attempts { return Attempts{Succeeded: ago(d), Failing: true, Error: "refused"} }
	var contacts []Contact
	reviews := 0
	seen := 0
	check := Federation{
		Contacts: func(context.Context) ([]Contact, error) { return contacts, nil },
		Reviews:  func(context.Context) (int, error) { return reviews, nil },
		Warning:  time.Hour, Critical: 24 * time.Hour, Since: ago(time.Minute), Now: func() time.Time { return now },
		Seen: func(c []Contact, _ int) { seen = len(c) },
	}.Check()
	do(t, check, Healthy)
	for _, v := range []struct {
		contact Contact
		want    State
		says    string
	}{
		{Contact{Remote: "fine", Confirmed: true, Pull: worked(time.Minute)}, Healthy, ""},
		{Contact{Remote: "asked"}, Healthy, "not confirmed"},
		{Contact{Remote: "young", Confirmed: true}, Healthy, ""},
		{Contact{Remote: "late", Confirmed: true, Pull: worked(2 * time.Hour)}, Warning, "late: not in step: the last pull that succeeded was 2h0m0s ago"},
		{Contact{Remote: "dead", Confirmed: true, Pull: fails(time.Minute)}, Warning, "dead: the last pull failed (the last pull that succeeded was 1m0s ago): refused"},
		{Contact{Remote: "lost", Confirmed: true, Pull: fails(25 * time.Hour)}, Critical, "lost"},
		// Pulls that succeed do not hide pushes that fail.
		{Contact{Remote: "read-only", Confirmed: true, Pull: worked(time.Second), Push: fails(time.Minute)}, Warning, "read-only: the last push failed"},
		{Contact{Remote: "never", Confirmed: true, Pull: worked(time.Second), Push: Attempts{Failing: true, Error: "refused"}}, Warning, "none has succeeded yet"},
		{Contact{Remote: "deaf", Confirmed: true, Pull: worked(time.Second), Push: fails(25 * time.Hour)}, Critical, "deaf: the last push failed"},
		// Who never pushes is in step with what it pulls.
		{Contact{Remote: "reader", Confirmed: true, Pull: worked(time.Second), Push: worked(48 * time.Hour)}, Healthy, ""},
	} {
		contacts = []Contact{{Remote: "other", Confirmed: true, Pull: worked(time.Second)}, v.contact}
		got := do(t, check, v.want)
		if text := strings.Join(got.Details, "\n"); (v.says == "") != (text == "") || !strings.Contains(text, v.says) {
			t.Errorf("%s: %q", v.contact.Remote, text)
		}
		if v.want != Healthy && got.Next != "gt federation sync --remote "+v.contact.Remote {
			t.Errorf("%s: next %q", v.contact.Remote, got.Next)
		}
	}
	if seen != 2 {
		t.Errorf("told of %d remotes", seen)
	}
	// Reviews wait for a person: the state stays healthy and the next step names
	// them.
	contacts, reviews = nil, 2
	if got := check.Do(t.Context()); got.State != Healthy || got.Next != "gt federation conflicts" || !strings.Contains(got.Figure, "2 open") {
		t.Errorf("%+v", got)
	}
}

// repository makes a repository with one commit.
func repository(t *testing.T) (dir string, repo *git.Repository) {
	t.Helper()
	dir = t.TempDir()
	repo, err := git.PlainInit(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	tree, err := repo.Worktree()
	if err == nil {
		_, err = tree.Add("file")
	}
	if err == nil {
		_, err = tree.Commit("first", &git.CommitOptions{Author: &object.Signature{Name: "Ada", Email: "ada@example.com"}})
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir, repo
}

func TestGit(t *testing.T) {
	dir, repo := repository(t)
	empty := t.TempDir()
	if _, err := git.PlainInit(empty, true); err != nil {
		t.Fatal(err)
	}
	dirs := []string{dir, empty}
	check := Git{Repositories: func() ([]string, error) { return dirs, nil }}.Check()
	do(t, check, Healthy)

	lock := filepath.Join(dir, ".git", "index.lock")
	if err := os.WriteFile(lock, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	do(t, check, Healthy) // a fresh lock: somebody is working
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(lock, old, old); err != nil {
		t.Fatal(err)
	}
	if got := do(t, check, Warning); !strings.Contains(got.Details[0], lock) || strings.Contains(got.Next, "delete") {
		t.Errorf("%+v", got)
	}

	head, err := repo.Head()
	if err != nil {
		t.Fatal(err)
	}
	commit, err := repo.CommitObject(head.Hash())
	if err != nil {
		t.Fatal(err)
	}
	damage := func(hash string) func() {
		t.Helper()
		path := filepath.Join(dir, ".git", "objects", hash[:2], hash[2:])
		whole, err := os.ReadFile(path)
		if err == nil {
			err = os.Chmod(path, 0o600)
		}
		if err == nil {
			err = os.WriteFile(path, whole[:len(whole)/2], 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return func() { _ = os.WriteFile(path, whole, 0o600) }
	}
	for what, hash := range map[string]string{"commit": head.Hash().String(), "tree": commit.TreeHash.String()} {
		repair := damage(hash)
		if got := check.Do(t.Context()); got.State != Critical || !strings.Contains(strings.Join(got.Details, ""), dir) {
			t.Errorf("a damaged %s: %+v", what, got)
		}
		repair()
	}
	dirs = append(dirs, filepath.Join(dir, "gone"))
	if got := check.Do(t.Context()); got.State != Critical {
		t.Errorf("%+v", got)
	}
}
