package rig

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Whoever follows is told once of work that was saved, of trees that are gone and of bases
// that may be old.
func TestNotices(t *testing.T) {
	url := remote(t)
	r := rig(t, url, "")
	var told []Notice
	r.yard.Tell = func(_ context.Context, n Notice) { told = append(told, n) }
	next := func(kind, text string) Notice {
		t.Helper()
		if len(told) != 1 {
			t.Fatalf("want %s, told %+v", kind, told)
		}
		n := told[0]
		told = nil
		if n.Kind != kind || n.Sandbox != "web/polecats/nux" || !strings.Contains(n.Text, text) || strings.ContainsAny(n.Text, "\n\x1b") {
			t.Errorf("%+v, want %s with %q", n, kind, text)
		}
		return n
	}
	s := prepare(t, r, "nux", "polecat/nux/one")
	if len(told) != 0 {
		t.Errorf("a new sandbox: %+v", told)
	}
	write(t, filepath.Join(s.Dir, "a\x1b[31m"), "x")
	again := prepare(t, r, "nux", "polecat/nux/two")
	n := next(NoticeRescued, "the sandbox is needed for polecat/nux/two: saved 1 untracked file")
	if n.Data["ref"] != again.Rescued || n.Data["why"] != "the sandbox is needed for polecat/nux/two" || len(n.Data["commit"]) != 40 {
		t.Errorf("%+v, %+v", n.Data, again)
	}
	write(t, filepath.Join(s.Dir, "b"), "x")
	if _, err := r.Rescue(t.Context(), again, "a\nperson asks"); err != nil {
		t.Fatal(err)
	}
	next(NoticeRescued, "person asks")
	if saved, err := r.Rescue(t.Context(), again, "once more"); err != nil || !saved.Already || len(told) != 0 {
		t.Errorf("saved before: %+v, %v, %+v", saved, err, told)
	}
	prepare(t, r, "nux", "polecat/nux/three")
	told = nil
	if err := os.RemoveAll(s.Dir); err != nil {
		t.Fatal(err)
	}
	prepare(t, r, "nux", "polecat/nux/four")
	next(NoticeForgotten, "its working tree is gone")
	if err := os.RemoveAll(s.Dir); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(s.Dir, "a"), "not a working tree")
	prepare(t, r, "nux", "polecat/nux/five")
	if len(told) != 2 || told[0].Kind != NoticeAside || told[1].Kind != NoticeForgotten {
		t.Errorf("%+v", told)
	}
	told = nil
	if err := os.Rename(url, url+".away"); err != nil {
		t.Fatal(err)
	}
	_, _ = r.Prepare(t.Context(), Want{Name: "nux", Branch: "polecat/nux/six", Fresh: time.Nanosecond})
	if len(told) == 0 || told[0].Kind != NoticeStale {
		t.Errorf("%+v", told)
	}
}
