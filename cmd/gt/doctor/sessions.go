package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gastown/planes/operational"
	"gastown/tmux"
	"gastown/town"
	"gastown/town/agent"
	"gastown/town/limits"
)

// sessions finds sessions of which no row knows, and limits of sessions that are gone.
func (d *doctor) sessions(ctx context.Context) (found []finding, err error) {
	t, err := d.host.Sessions()
	if err != nil {
		return nil, err
	}
	all, err := t.List(ctx)
	if errors.Is(err, tmux.ErrMissing) || errors.Is(err, tmux.ErrTooOld) {
		return nil, nil // told under tools
	}
	if err != nil {
		return nil, err
	}
	var w operational.Work
	if err := d.host.Rows(ctx, func(s *operational.Store) error { w, err = s.Work(ctx); return err }); err != nil {
		return nil, err
	}
	for _, s := range all {
		found = append(found, d.session(s, w)...)
	}
	rigs, err := d.host.Rigs().Load()
	if err != nil {
		return found, err
	}
	of := []*limits.Limiter{t.Limits}
	for _, r := range rigs {
		checks := *t.Limits
		checks.Dir = d.layout.Refinery(r.Name)
		of = append(of, &checks)
	}
	for _, l := range of {
		more, err := d.leftLimits(l, all)
		found = append(found, more...)
		if err != nil {
			return found, err
		}
	}
	return found, nil
}

// session looks at one session. Only polecats have rows.
func (d *doctor) session(s agent.Signs, w operational.Work) []finding {
	a, err := town.ParseAddress(s.Agent)
	if err != nil || a.Kind != town.Polecat {
		return nil
	}
	if _, known := w.Agent(a); known {
		return nil // the dispatcher ends it when it has nothing to do
	}
	f := finding{Severity: warning, What: fmt.Sprintf("the session %s is of %s, of which the Town does not know", s.Name, a), Why: "nobody gives it work, and nobody ends it",
		Next: "look at it: gt attach " + s.Name + "; end it with exit"}
	if s.Ended {
		f.What, f.Next = fmt.Sprintf("the session %s of %s has ended and is still shown", s.Name, a), "gt tmux cleanup --dead"
	}
	return []finding{f}
}

// leftLimits finds limits that were made for sessions or checks which are gone.
func (d *doctor) leftLimits(l *limits.Limiter, all []agent.Signs) (found []finding, err error) {
	const ends = ".limits"
	files, err := filepath.Glob(filepath.Join(l.Dir, "*"+ends))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ends)
		info, err := os.Lstat(file)
		if err != nil || d.call.Now().Sub(info.ModTime()) < leftoverAge || len(l.Processes(name)) > 0 ||
			slices.ContainsFunc(all, func(s agent.Signs) bool { return agent.FileName(agent.SessionName(s.Agent)) == name }) {
			continue
		}
		found = append(found, finding{Severity: warning, What: "limits of " + name + " are left, and no process is within them since " + info.ModTime().UTC().Format(time.DateTime),
			Why: "they keep a group of the kernel", Fix: "removes the group, which is empty", repair: func(context.Context) error { return l.Remove(name) }})
	}
	return found, nil
}
