package witness

import (
	"context"
	"errors"
	"slices"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/polecat"
	"gastown/town/rig"
)

// walks is how often the sandbox of a polecat that prints is looked at before it can be
// one without progress.
const walks = 8

// rows reads the planes.
func (w *Witness) rows(ctx context.Context) (s Snapshot, err error) {
	s = Snapshot{Now: w.Now(), Thresholds: w.Thresholds, Rigs: w.Rigs}
	err = w.Rows(ctx, func(rows Store) (err error) {
		if s.Work, err = rows.Work(ctx); err == nil {
			s.Watched, err = rows.Watched(ctx)
		}
		return err
	})
	if err != nil {
		return s, err
	}
	var ids []string
	for _, r := range s.Work.Recoveries {
		ids = append(ids, r.Bead)
	}
	return s, w.Beads(ctx, func(l Ledger) (err error) {
		s.Beads = map[string]polecat.Bead{}
		if len(ids) > 0 {
			if s.Beads, err = l.Beads(ctx, ids); err != nil {
				return err
			}
		}
		s.Raised, err = l.Raised(ctx, keyPrefix)
		return err
	})
}

// gather collects everything that Plan decides from. Without an assignment in its rigs it
// starts no process. A clone or a sandbox that cannot be looked at leaves its part out:
// fewer signs of life make nobody dead, because output and heartbeats count, too.
func (w *Witness) gather(ctx context.Context) (s Snapshot, err error) {
	if s, err = w.rows(ctx); err != nil {
		return s, err
	}
	held := map[town.Address]operational.Assignment{}
	for _, a := range s.Work.Assignments {
		if a.State.Held() && a.Agent.Kind == town.Polecat && slices.Contains(w.Rigs, a.Agent.Rig) {
			held[a.Agent] = a
		}
	}
	if len(held) == 0 {
		return s, nil
	}
	s.Sessions, s.Unknown = w.Sessions.Survey(ctx, func(session Session) bool {
		a, ok := held[session.Agent]
		return ok && (a.State == town.Assigned || session.Ended || s.Now.Sub(session.Output) >= w.Quiet)
	})
	if s.Unknown != nil {
		return s, ctx.Err()
	}
	w.processes(held, &s)
	s.Leads = map[string]map[string]rig.Lead{}
	for _, a := range held {
		if _, asked := s.Leads[a.Agent.Rig]; asked || a.State != town.Working {
			continue
		}
		leads, err := w.Sandboxes.Leads(ctx, a.Agent.Rig)
		if ctx.Err() != nil {
			return s, err
		}
		s.Leads[a.Agent.Rig] = leads // nil after an error
	}
	w.trace(held, &s)
	return s, ctx.Err()
}

// processes looks once at the processes of quiet sessions.
func (w *Witness) processes(held map[town.Address]operational.Assignment, s *Snapshot) {
	var leaders []int
	for who := range held {
		if session := s.Sessions[who]; session != nil && !session.Ended && session.PID > 0 && s.Now.Sub(session.Output) >= w.Quiet {
			leaders = append(leaders, session.PID)
		}
	}
	if len(leaders) == 0 || w.Usages == nil {
		return
	}
	usage, err := w.Usages(leaders...)
	if err != nil {
		return // nobody knows
	}
	for who := range held {
		if session := s.Sessions[who]; session != nil {
			if u, ok := usage[session.PID]; ok {
				session.Usage = &u
			}
		}
	}
}

// trace looks at the sandboxes of polecats that are quiet, and now and then at the others.
func (w *Witness) trace(held map[town.Address]operational.Assignment, s *Snapshot) {
	s.Traces = map[town.Address]string{}
	walked := map[town.Address]operational.Watched{}
	for _, one := range s.Watched {
		walked[one.Agent] = one
	}
	for who, a := range held {
		session, before := s.Sessions[who], walked[who]
		if session == nil || a.State != town.Working {
			continue
		}
		known := before.Run == a.Run && before.Epoch == a.Epoch
		if known && s.Now.Sub(session.Output) < w.Quiet && s.Now.Sub(before.Walked) < w.Progress/walks {
			continue
		}
		if trace, err := w.Sandboxes.Trace(who); err == nil {
			s.Traces[who] = trace
		}
	}
}

// changed reports whether what patrols remember is to be written again. Words and the
// times of looks change each time; they alone are not worth a write.
func (t Thresholds) changed(f Finding) bool {
	now, before := f.row, f.facts.Before
	if now.Sampled != before.Sampled || now.Walked.Sub(before.Walked) >= t.Progress/walks {
		return true
	}
	now.Evidence, now.Walked = before.Evidence, before.Walked
	return now != before
}

// watch records what the patrol saw, together with the nudges.
func (w *Witness) watch(ctx context.Context, s Snapshot, planned Report, done *Report) {
	rows := map[town.Address]operational.Watched{}
	for _, f := range planned.Findings {
		if w.changed(f) {
			rows[f.Agent] = f.row
		}
	}
	var nudges []operational.Nudging
	var told []Action
	var whom []town.Address
	for _, a := range planned.Actions {
		if a.Deed != Nudge {
			continue
		}
		row := a.finding.row
		row.Nudges++
		row.Nudged, row.Output = s.Now, a.finding.facts.Session.Output
		rows[a.Agent] = row
		nudges = append(nudges, operational.Nudging{Ticket: a.assignment.Ticket, Nudge: operational.Nudge{
			Agent: a.Agent, Run: a.assignment.Run, Kind: operational.NudgeLine, From: town.Address{Kind: town.Witness, Rig: a.Agent.Rig}.String(),
			Text: reminder(a.finding), Expires: s.Now.Add(w.NudgeInterval),
		}})
		told, whom = append(told, a), append(whom, a.Agent)
	}
	list := make([]operational.Watched, 0, len(rows))
	for _, row := range rows {
		list = append(list, row)
	}
	err := w.Rows(ctx, func(store Store) error { return store.Watch(ctx, list, nudges, s.Now) })
	if err != nil {
		done.Failed = append(done.Failed, err)
		return
	}
	done.Actions = append(done.Actions, told...)
	if len(whom) > 0 && w.Deliver != nil {
		if err := w.Deliver(ctx, whom...); err != nil && !errors.Is(err, town.ErrBusy) {
			done.Failed = append(done.Failed, err)
		}
	}
}
