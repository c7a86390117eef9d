package federate

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"gastown/town"
)

// When a remote's state is damaged, the remote must be confirmed again, and the
// error says how.
func TestDamagedState(t *testing.T) {
	t.Parallel()
	url := bare(t)
	remote := Remote{Name: "origin", URL: url}
	a := newTown(t, filepath.Join(tempDir(t), "a"), "alpha")
	a.init(url)
	for _, damage := range []string{"", "{\"head\": ", "[]", `{"verified": 7, "confirmed_url": "` + url + `"}`} {
		if err := os.WriteFile(a.statePath("origin"), []byte(damage), 0o600); err != nil {
			t.Fatal(err)
		}
		status, err := a.Status(t.Context(), []Remote{remote})
		if err != nil || status.Remotes[0].Confirmed {
			t.Errorf("%q: status: %v, %+v", damage, err, status.Remotes)
		}
		for range 2 {
			_, err = a.Sync(t.Context(), remote, false)
			if !errors.Is(err, town.ErrRefused) || !strings.HasPrefix(town.Next(err), "gt federation join "+url+" --name origin") {
				t.Errorf("%q: sync: %v, next %q", damage, err, town.Next(err))
			}
		}
		a.write("roles/new.md", role("new", "beside "+damage))
		a.join(url)
		if out := a.sync(url); !out.Pulled.UpToDate || !out.Pushed.UpToDate {
			t.Errorf("%q: after the join: %+v", damage, out)
		}
	}
}

// The file that a process leaves when it is killed while it saves the state is
// removed by the next call.
func TestTheStateLeavesNoDebris(t *testing.T) {
	t.Parallel()
	url := bare(t)
	a := newTown(t, filepath.Join(tempDir(t), "[a"), "alpha")
	a.init(url)
	left := filepath.Join(filepath.Dir(a.statePath("origin")), ".sync.json123")
	if err := os.WriteFile(left, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	a.sync(url)
	if _, err := os.Lstat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}

// A remote that was removed and added again must be confirmed again.
func TestForget(t *testing.T) {
	t.Parallel()
	url := bare(t)
	remote := Remote{Name: "origin", URL: url}
	a := newTown(t, filepath.Join(tempDir(t), "a"), "alpha")
	if err := a.Forget(t.Context(), remote); err != nil {
		t.Errorf("a remote nobody has met: %v", err)
	}
	a.init(url)
	before, err := a.loadState("origin")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Forget(t.Context(), remote); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Push(t.Context(), remote, false); !errors.Is(err, town.ErrRefused) {
		t.Errorf("pushed to a forgotten remote: %v", err)
	}
	after, err := a.loadState("origin")
	if before.Confirmed = ""; err != nil || !reflect.DeepEqual(after, before) {
		t.Errorf("now known: %+v, want %+v (%v)", after, before, err)
	}
	a.join(url)
	a.push(url)
}

// A call that only looks does not fail when the index cannot be written.
func TestLookingNeedsNoIndexToBeWritten(t *testing.T) {
	t.Parallel()
	tt := newTown(t, tempDir(t), "alpha")
	index := tt.opts.Layout.Index()
	// While a call is under way, a directory that is not empty has the index's name,
	// so that every way to save the index fails.
	tt.opts.Trace = func(step string, _ time.Duration) {
		var err error
		switch step {
		case "load index":
			err = errors.Join(os.Rename(index, index+".aside"), os.MkdirAll(filepath.Join(index, "full"), 0o700))
		case "close":
			err = errors.Join(os.RemoveAll(index), os.Rename(index+".aside", index))
		}
		if err != nil {
			t.Error(err)
		}
	}
	tt.write("templates/bug.md", tt.read("templates/bug.md")) // touched, not edited
	status, err := tt.Status(t.Context(), nil)
	if err != nil || len(status.Edited) > 0 {
		t.Fatalf("%+v, %v", status.Edited, err)
	}
	if _, err := tt.Commit(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	tt.write("templates/bug.md", "edited\n")
	if _, err := tt.Commit(t.Context(), ""); err == nil {
		t.Fatal("an index that cannot be written is none after an edit was recorded")
	}
}
