package deacon

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"gastown/town/instance"
)

// What acts in the Town's name ends when the directory is not the active one any more,
// does not begin again until it is, and then does.
func TestWhatActsEndsWithTheDuty(t *testing.T) {
	root := t.TempDir()
	dir := instance.Dir{
		Root: root, File: filepath.Join(root, ".gt", "instance"), Lock: filepath.Join(root, ".gt", "locks", "instance.lock"),
		Wait: patience, Now: time.Now,
	}
	d := newDuty(dir.File)
	h := &host{duty: d}
	runs := 0
	job := h.actingJob(func(ctx context.Context) (string, error) {
		runs++
		if runs == 2 {
			if err := dir.Met(ctx, &instance.Other{Instance: "x", Epoch: 2, Remote: "origin"}); err != nil {
				return "", err
			}
			if was, now, err := d.look(); was != instance.Active || now != instance.Fenced || err != nil {
				t.Errorf("from %s to %s, %v", was, now, err)
			}
			<-ctx.Done()
			return "", ctx.Err()
		}
		return "done", nil
	})
	for n, want := range []string{"done", "stopped: this directory is not the active one of the Town any more", "", ""} {
		if note, err := job(t.Context()); note != want || err != nil {
			t.Errorf("run %d: %q, %v, want %q", n, note, err, want)
		}
	}
	if runs != 2 || h.Role() != instance.Fenced {
		t.Errorf("%d runs, %s", runs, h.Role())
	}
	if acting, _, ok := h.OnDuty(t.Context()); ok || acting.Err() == nil {
		t.Error("it acts although it is fenced")
	}
	if _, err := dir.Replace(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	if note, err := job(t.Context()); note != "done" || err != nil || h.Role() != instance.Active {
		t.Errorf("after a decision: %q, %v, %s", note, err, h.Role())
	}
}

// Exactly these jobs act in the Town's name.
func TestWhichJobsAct(t *testing.T) {
	acts := map[string]bool{}
	for _, j := range everyJob(t, found(t)) {
		if j.Acts {
			acts[j.Name] = true
		}
	}
	for _, name := range []string{
		"backup", "backup-files", "backup-proof", "backup-prune", "plugin", "prune", "pool", "deliver", "dispatch", "refinery", "witness", "convoys",
		"stranded", "escalate",
	} {
		if !acts[name] {
			t.Errorf("%s does not act", name)
		}
		delete(acts, name)
	}
	if len(acts) > 0 {
		t.Errorf("these act too: %v", acts)
	}
}

// A directory whose role could never be read does not act.
func TestANoteThatCannotBeReadLetsNothingAct(t *testing.T) {
	d := newDuty(t.TempDir()) // a directory
	if _, now, err := d.look(); now != instance.Fenced || err == nil {
		t.Errorf("%s, %v", now, err)
	}
	if acting, _, ok := d.begin(t.Context()); ok || acting.Err() == nil {
		t.Error("it acts")
	}
}
