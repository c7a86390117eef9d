package federate

import (
	"context"
	"errors"
	"os"
	"time"

	"pgregory.net/rapid"

	"gastown/planes/federation"
)

// deeds are what may happen in one step of a history; a deed that is listed twice is
// twice as likely.
var deeds = []string{
	"write", "write", "write", "write", "undo", "remove", "rename", "break", "copy",
	"commit", "pull", "pull", "push", "push", "sync", "resolve", "resolve", "restore", "forget",
}

// step does one deed in one Town.
func (m *model) step(t *rapid.T) {
	mt := rapid.SampledFrom(m.towns).Draw(t, "town")
	deed := rapid.SampledFrom(deeds).Draw(t, "deed")
	switch deed {
	case "commit", "pull", "push", "sync":
		m.exchange(t, mt, deed)
	case "resolve":
		m.resolve(t, mt)
	case "restore":
		m.restore(t, mt)
	case "forget":
		m.forget(mt)
	default:
		m.edits(t, mt, deed)
	}
}

func drawText(t *rapid.T, m *model, path string) string {
	return m.text(path, rapid.SampledFrom([]string{"1.0.0", "1.2.0", "1.10.0"}).Draw(t, "version"))
}

// edits is what a person does to files.
func (m *model) edits(t *rapid.T, mt *modelTown, deed string) {
	path := rapid.SampledFrom(documents).Draw(t, "path")
	switch deed {
	case "write":
		m.edit(mt, path, drawText(t, m, path))
	case "undo":
		if text := mt.shown[path]; text != "unknown" {
			m.edit(mt, path, text)
		}
	case "remove":
		m.edit(mt, path, "")
	case "rename":
		to := rapid.SampledFrom(documents).Draw(t, "to")
		if key(to).Kind == key(path).Kind && mt.read(path) != "" {
			m.edit(mt, path, "")
			m.edit(mt, to, drawText(t, m, to))
		}
	case "break":
		if key(path).Kind != "template" { // any text is a template
			m.edit(mt, path, invalidFormula)
		}
	case "copy": // two Towns write the same
		from := rapid.SampledFrom(m.towns).Draw(t, "from")
		if text := from.read(path); text != "" {
			m.edit(mt, path, text)
		}
	}
}

// exchange commits, pulls, pushes or syncs, sometimes while a person writes.
func (m *model) exchange(t *rapid.T, mt *modelTown, deed string) {
	switch rapid.IntRange(0, 5).Draw(t, "race") {
	case 0:
		path := rapid.SampledFrom(documents).Draw(t, "racing path")
		mt.racing = &race{path: path, text: drawText(t, m, path),
			phase: rapid.SampledFrom([]string{"fetch", "verify", "merge", "record"}).Draw(t, "phase")}
	case 1:
		path := rapid.SampledFrom(documents).Draw(t, "racing path")
		mt.racing = &race{path: path, text: drawText(t, m, path),
			delay: time.Duration(rapid.IntRange(0, 120).Draw(t, "delay")) * time.Millisecond}
	}
	remote := Remote{Name: "origin", URL: m.url}
	m.call(mt, deed, deed != "pull", func(ctx context.Context) error { return mt.do(ctx, deed, remote) })
}

// do makes the call of the engine that a deed names.
func (mt *modelTown) do(ctx context.Context, deed string, remote Remote) (err error) {
	switch deed {
	case "commit":
		_, err = mt.Commit(ctx, "")
	case "pull":
		_, err = mt.Pull(ctx, remote, false)
	case "push":
		_, err = mt.Push(ctx, remote, false)
	case "sync":
		_, err = mt.Sync(ctx, remote, false)
	}
	return err
}

// resolve decides the Town's first open review.
func (m *model) resolve(t *rapid.T, mt *modelTown) {
	status, err := mt.Status(m.t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(status.Reviews) == 0 {
		return
	}
	r := rapid.SampledFrom(status.Reviews).Draw(t, "review")
	outcome := rapid.SampledFrom([]federation.Outcome{
		federation.OutcomeOurs, federation.OutcomeTheirs, federation.OutcomeMerged,
	}).Draw(t, "outcome")
	merged := ""
	if outcome == federation.OutcomeMerged {
		merged = m.text(r.Path(), "")
	}
	done := false
	m.call(mt, "resolve", true, func(ctx context.Context) error {
		_, err := mt.Resolve(ctx, Decision{Review: string(r.ID), Outcome: outcome, Merged: merged})
		done = err == nil
		return err
	})
	if done && merged != "" {
		m.kept[wrote{r.Path(), merged}] = true
	}
}

// restore puts an older text in force again.
func (m *model) restore(t *rapid.T, mt *modelTown) {
	path := rapid.SampledFrom(documents).Draw(t, "path")
	var past []federation.Past
	err := mt.Read(m.t.Context(), func(s *federation.Store) (err error) {
		past, err = s.History(m.t.Context(), key(path))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(past) == 0 {
		return
	}
	p := rapid.SampledFrom(past).Draw(t, "past")
	m.call(mt, "restore", true, func(ctx context.Context) error {
		_, err := mt.Restore(ctx, key(path), string(p.Content))
		return err
	})
}

// forget loses the index. gt then knows only the files that are there, so removals
// that were not recorded are forgotten too.
func (m *model) forget(mt *modelTown) {
	if err := os.Remove(mt.opts.Layout.Index()); err != nil && !errors.Is(err, os.ErrNotExist) {
		m.t.Fatal(err)
	}
	for path, text := range mt.pending {
		if text == "" {
			delete(mt.pending, path)
		}
	}
}
