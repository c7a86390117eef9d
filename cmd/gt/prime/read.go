package prime

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/primer"
	"gastown/cmd/internal/shell"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/layout"
)

// collect finds out what there is to tell, and keeps which conversation the agent's
// program has; "" for not known. Its error says that there is no Town; all
// other failures are among what is missing.
func (o *primeOptions) collect(ctx context.Context, conversation string) (f facts, err error) {
	t, err := o.call.FindTown()
	if err != nil {
		return f, err
	}
	cfg, err := config.Load(t.Config())
	if err != nil {
		return f, err
	}
	call := *o.call
	call.Wait = min(call.Wait, defaultPatience)
	h := host.New(&call, t, cfg)
	h.ReadOnly = true
	f = facts{Town: cfg.Town.Name, Path: t.Root, now: o.call.Now(), Steps: []town.Bead{}, Held: []town.Bead{}, Mail: []ledger.Letter{}}
	caller, err := primer.Caller(o.call, t)
	if err != nil {
		return f, err
	}
	if a := caller.Agent; caller.IsAgent() {
		f.Agent, f.Kind, f.Run, f.Sandbox = a.String(), a.Kind, caller.Run, primer.Sandbox(t, a)
		f.Session = conversation
		f.readWork(ctx, h, a, o.call.Getenv(presetVariable))
	} else {
		f.Agent = h.Actor.Name
	}
	f.miss("your bead and your mail", f.readLedger(ctx, h))
	if f.Kind != "" {
		f.Role, err = primer.Document(t, town.Key{Kind: town.KindRole, Name: string(f.Kind)})
		f.miss("the rules of your role", err)
	}
	if o.call.Getenv(traceEnv) != "" {
		fmt.Fprintf(o.call.Stderr, "trace queries %s %d\n", layout.Ledger, f.queries)
	}
	return f, ctx.Err()
}

func (f *facts) miss(what string, err error) {
	if err != nil {
		f.Missing = append(f.Missing, what+": "+shell.Message(err))
	}
}

// presetVariable names the program of a session.
const presetVariable = "GT_AGENT"

// readWork reads the agent's assignment, in one query, and keeps the conversation of a
// run that is known.
func (f *facts) readWork(ctx context.Context, h *host.Host, a town.Address, preset string) {
	f.miss("your assignment", h.Rows(ctx, func(s *operational.Store) error {
		held, found, err := s.HeldBy(ctx, a)
		if found {
			f.Assignment = &held
		}
		if err == nil && f.Run != 0 && f.Session != "" {
			_, failed := s.Converses(ctx, a, f.Run, town.Conversation{Preset: preset, ID: f.Session}, f.now)
			f.miss("whether your conversation can be resumed", failed)
		}
		return err
	}))
}

// readLedger reads the bead with its steps, or else what the agent has begun, and its
// mail: at most four queries.
func (f *facts) readLedger(ctx context.Context, h *host.Host) (err error) {
	s, release, err := h.Ledger(ctx, func(string) {})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	before := s.Queries()
	if f.Assignment != nil {
		f.miss("your bead", f.readBead(ctx, s, f.Assignment.Bead))
	} else {
		f.miss("what you have begun", s.List(ctx, ledger.Filter{
			Statuses: []town.Status{town.StatusInProgress, town.StatusHooked}, Assignees: []string{f.Agent}, Limit: maxHeld,
			Fields: ledger.Fields{"id", "title", "status"},
		}, func(i ledger.Item) error {
			f.Held = append(f.Held, i.Bead)
			return nil
		}))
	}
	if f.Kind != "" {
		f.miss("your mail", f.readMail(ctx, s))
	}
	f.queries = int(s.Queries() - before)
	return nil
}

func (f *facts) readBead(ctx context.Context, s *ledger.Store, id string) error {
	got, err := s.Get(ctx, []string{id}, ledger.Fields{"id", "title", "status", "priority", "issue_type", "description", "acceptance_criteria"})
	if err != nil {
		return err
	}
	f.Bead = &got[0].Bead
	err = s.List(ctx, ledger.Filter{
		Parent: id, Sort: []ledger.Order{{Field: "created_at"}, {Field: "id"}}, Limit: readSteps, Fields: ledger.Fields{"id", "title", "status"},
	}, func(i ledger.Item) error {
		f.Steps = append(f.Steps, i.Bead)
		return nil
	})
	slices.SortFunc(f.Steps, func(a, b town.Bead) int { return town.ByChild(a.ID, b.ID) })
	f.Steps = f.Steps[:min(len(f.Steps), maxSteps+1)]
	return err
}

// readMail reads the subjects of unread mail. Counting is needed only when there are
// more than are shown.
func (f *facts) readMail(ctx context.Context, s *ledger.Store) (err error) {
	f.Mail, err = s.Inbox(ctx, ledger.Box{Recipient: f.Agent, Unread: true, Pressing: true, Limit: maxSubjects + 1})
	f.Unread = len(f.Mail)
	if err != nil || f.Unread <= maxSubjects {
		return err
	}
	f.Mail = f.Mail[:maxSubjects]
	all, err := s.Unread(ctx, f.Agent)
	f.Unread = all.Unread
	return err
}
