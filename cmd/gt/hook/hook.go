// Package hook is what an agent calls in its session: gt hook, gt done and gt
// handoff. They know who calls from the session, and believe it only as
// far as the rows of the operational plane agree.
package hook

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/primer"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/layout"
	"gastown/town/polecat"
)

// options are the options of the commands.
type options struct {
	call     *shell.Call
	noChange bool
	reason   string
	message  string
}

// Commands adds the commands to a program.
func Commands(p *shell.Program) {
	both := []string{layout.Operational, layout.Ledger}
	p.Add(p, shell.Command{
		Name: "hook", Help: "Show what is on the calling agent's hook: its bead, the steps, and what was said about it.",
		Examples: []string{"gt hook", "gt hook --json"}, Planes: both, Permission: shell.MayDoWork, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action { return (&options{call: call}).show },
	})
	p.Add(p, shell.Command{
		Name: "done", Help: "Hand in the calling agent's work: push its branch, see it at the remote, and ask for it to be merged. The session ends afterwards.",
		Examples: []string{"gt done", `gt done --no-change --reason "it was fixed by web-b2 already"`},
		Planes:   both, Permission: shell.MayDoWork, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &options{call: call}
			c.Flag("no-change", "Nothing had to be changed: the bead is closed with the reason.").BoolVar(&o.noChange)
			c.Flag("reason", "Why nothing had to be changed.").PlaceHolder("TEXT").StringVar(&o.reason)
			return o.done
		},
	})
	p.Add(p, shell.Command{
		Name: "handoff", Help: "Let a new session of the calling agent go on with its work, in the same sandbox. This session ends.",
		Examples: []string{`gt handoff --message "the parser is done; the tests of it fail at line 12"`}, Planes: both, Permission: shell.MayDoWork, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &options{call: call}
			c.Flag("message", "What the next session has to know. It becomes a comment on the bead.").Short('m').PlaceHolder("TEXT").StringVar(&o.message)
			return o.handoff
		},
	})
}

// caller is the assignment of the agent that calls.
func (o *options) caller(ctx context.Context) (h *host.Host, held operational.Assignment, err error) {
	if h, err = host.Open(o.call); err != nil {
		return nil, held, err
	}
	caller, err := primer.Caller(o.call, h.Layout)
	if err == nil {
		err = caller.InSession()
	}
	if err != nil {
		return nil, held, err
	}
	who := caller.Agent
	err = h.Rows(ctx, func(s *operational.Store) error {
		w, err := s.Work(ctx)
		if err == nil {
			held, err = polecat.Held(w, who, caller.Run)
		}
		return err
	})
	return h, held, stale(who, err)
}

// stale gives the refusal of a former run its next step. A refusal that has one keeps it.
func stale(who town.Address, err error) error {
	switch {
	case errors.As(err, new(*operational.StaleError)), errors.Is(err, town.ErrRefused) && !errors.Is(err, polecat.ErrNothing) && town.Next(err) == "":
		return town.Fail("act for "+who.String(), "this session is over: stop; gt polecat show "+who.String()+" shows what became of the work", "%w", err)
	case errors.Is(err, polecat.ErrNothing) && who.Kind != town.Polecat:
		return town.Fail("act for "+who.String(), "only polecats are given beads this way; bd update BEAD --claim takes one, git push hands in", "%w", err)
	case errors.Is(err, polecat.ErrNothing):
		return town.Fail("act for "+who.String(), "wait for work; a person gives it with: gt sling BEAD "+who.Rig, "%w", err)
	}
	return err
}

// onHook is what gt hook prints.
type onHook struct {
	town.Ticket
	State    town.AssignmentState `json:"state"`
	Branch   string               `json:"branch"`
	Title    string               `json:"title"`
	Text     string               `json:"description,omitempty"`
	Criteria string               `json:"acceptance_criteria,omitempty"`
	Message  string               `json:"message,omitempty"`
	Steps    []step               `json:"steps,omitempty"`
	Comments []town.Comment       `json:"comments,omitempty"`
}

// step is a child of the bead.
type step struct {
	Bead   string      `json:"bead"`
	Title  string      `json:"title"`
	Status town.Status `json:"status"`
}

// shownComments is how many of the newest comments gt hook shows.
const shownComments = 5

func (o *options) show(ctx context.Context) (err error) {
	h, held, err := o.caller(ctx)
	if err != nil {
		return err
	}
	out := onHook{Ticket: held.Ticket, State: held.State, Branch: held.Agent.Branch(held.Bead), Message: held.Options.Message}
	s, release, err := h.Ledger(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	details, err := s.Get(ctx, []string{held.Bead}, nil)
	if err != nil {
		return err
	}
	d := details[0]
	out.Title, out.Text, out.Criteria = d.Title, d.Description, d.AcceptanceCriteria
	out.Comments = d.Comments[max(0, len(d.Comments)-shownComments):]
	err = s.List(ctx, ledger.Filter{Parent: held.Bead, Sort: []ledger.Order{{Field: "id"}}, Fields: ledger.Fields{"id", "title", "status"}}, func(i ledger.Item) error {
		out.Steps = append(out.Steps, step{i.ID, i.Title, i.Status})
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(out.Steps, func(a, b step) int { return town.ByChild(a.Bead, b.Bead) })
	return o.call.Show(out, func(p *term.Printer) {
		p.Line("%s: %s", out.Bead, out.Title)
		p.Line("you are %s (run %d, epoch %d), on the branch %s", out.Agent, out.Run, out.Epoch, out.Branch)
		p.Line("when it is done: gt done")
		for _, text := range []struct{ head, text string }{{"", out.Text}, {"accepted when", out.Criteria}, {"said by whoever gave it to you", out.Message}} {
			if text.text == "" {
				continue
			}
			p.Line("")
			if text.head != "" {
				p.Line("%s:", text.head)
			}
			for line := range strings.SplitSeq(strings.TrimRight(text.text, "\n"), "\n") {
				p.Line("%s", line)
			}
		}
		for i, st := range out.Steps {
			if i == 0 {
				p.Line("")
				p.Line("Steps, in their order: bd show %s says what is to be done, bd close %s that it is", st.Bead, st.Bead)
			}
			p.Line("step %s  %s  %s", st.Bead, st.Status, st.Title)
		}
		for _, c := range out.Comments {
			p.Line("")
			p.Line("%s said: %s", c.Author, c.Text)
		}
	})
}

// finish tells the ledger what changed. Without a Deacon it then ends the session,
// which is the caller's own: so it is the last thing that is done.
func (o *options) finish(ctx context.Context, h *host.Host, result any, say func(*term.Printer)) error {
	c, _, err := h.Workers()
	if err != nil {
		return err
	}
	done, err := c.Settle(ctx)
	err = errors.Join(done.Err(), err, o.call.Changed(result, say))
	if err == nil && !h.HasDeacon() {
		done, perr := c.Pass(ctx)
		err = errors.Join(done.Err(), perr)
	}
	return err
}
