package change

import (
	"context"
	"fmt"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/shell"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// stateOptions are those of bd set-state.
type stateOptions struct {
	call        *shell.Call
	id          string
	assignment  string
	reason      string
	name, value string
}

// stateDone is what bd set-state prints.
type stateDone struct {
	ID      string  `json:"issue_id"`
	Name    string  `json:"dimension"`
	Old     *string `json:"old_value"`
	New     string  `json:"new_value"`
	Event   string  `json:"event_id,omitempty"`
	Changed bool    `json:"changed"`
}

// SetState is bd set-state.
func SetState() shell.Command {
	return shell.Command{
		Name: "set-state", Help: "Set a state of a bead: a label DIMENSION:VALUE, and a closed child that records the change.",
		Examples: []string{"bd set-state gt-a3f8x health=good", "bd set-state gt-a3f8x patrol=muted --reason \"agent is stuck\""},
		Planes:   []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &stateOptions{call: call}
			c.Arg("id", "The bead.").Required().PlaceHolder("ID").StringVar(&o.id)
			c.Arg("state", "DIMENSION=VALUE.").Required().PlaceHolder("DIMENSION=VALUE").StringVar(&o.assignment)
			c.Flag("reason", "Why.").PlaceHolder("TEXT").StringVar(&o.reason)
			return o.run
		},
	}
}

func (o *stateOptions) run(ctx context.Context) error {
	op := "set the state of " + town.Clip(o.id, 80)
	var ok bool
	if o.name, o.value, ok = strings.Cut(o.assignment, "="); !ok || o.name == "" || o.value == "" || strings.Contains(o.name, ":") {
		return session.Fail(op, fmt.Errorf("%w: %q is not DIMENSION=VALUE", town.ErrUsage, town.Clip(o.assignment, 80)))
	}
	if err := town.CheckLabel(o.name + ":" + o.value); err != nil {
		return session.Fail(op, err)
	}
	var done stateDone
	err := session.Use(ctx, o.call, func(l *session.Ledger) (err error) {
		done, err = o.set(ctx, l)
		return err
	})
	if err != nil {
		return session.Fail(op, err)
	}
	if !done.Changed {
		return view.Done(o.call, done, "unchanged: %s is %s", done.Name, done.New)
	}
	return view.Done(o.call, done, "%s is %s, recorded as %s", done.Name, done.New, done.Event)
}

// set makes the label and the child that records the change, in one commit.
func (o *stateOptions) set(ctx context.Context, l *session.Ledger) (stateDone, error) {
	done := stateDone{Name: o.name, New: o.value}
	beads, err := l.Get(ctx, []string{o.id}, ledger.Fields{"labels"})
	if err != nil {
		return done, err
	}
	done.ID = beads[0].ID
	label := o.name + ":" + o.value
	patch := ledger.Patch{ID: done.ID, AddLabels: []string{label}}
	for _, had := range beads[0].Labels {
		if value, ok := strings.CutPrefix(had, o.name+":"); ok && had != label {
			patch.RemoveLabels = append(patch.RemoveLabels, had)
			done.Old = &value
		} else if ok {
			patch.AddLabels = nil
			done.Old = &value
		}
	}
	if len(patch.AddLabels)+len(patch.RemoveLabels) == 0 {
		return done, nil
	}
	now := o.call.Now()
	event := ledger.NewBead{Parent: done.ID, Bead: town.Bead{
		Title: town.Clip("State: "+o.name+" is "+o.value, 200), Description: o.reason, Status: town.StatusClosed, ClosedAt: &now,
		Type: "event", Priority: town.MaxPriority,
	}}
	err = l.Together(ctx, "set "+label+" on "+done.ID, func(c *ledger.Change) error {
		made, err := c.Create(ctx, []ledger.NewBead{event})
		if err != nil {
			return err
		}
		done.Event, done.Changed = made[0].ID, true
		_, err = c.Update(ctx, []ledger.Patch{patch})
		return err
	})
	return done, err
}
