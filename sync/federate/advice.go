package federate

import (
	"context"
	"errors"

	"gastown/planes/doltdb"
	"gastown/planes/federation"
	"gastown/sync/gitremote"
	"gastown/town"
	"gastown/town/durable"
)

// advise adds the next step to errors of lower packages, which do not know the
// command.
func (e *Engine) advise(op string, r Remote, err error) error {
	if err == nil || town.Next(err) != "" {
		return err
	}
	next := durable.Advice(err)
	switch {
	case next != "":
	case errors.As(err, new(*federation.InstanceError)):
		next = InstanceAdvice
	case errors.Is(err, ErrUnrelated):
		next = "gt federation join " + r.URL + " --name " + r.Name + " adopts it and retains what is yours"
	case errors.Is(err, gitremote.ErrCorrupt), errors.Is(err, doltdb.ErrCorrupt):
		next = "nothing was changed here; see what would bring it back: gt federation repair " + r.Name + " --dry-run"
	case errors.Is(err, gitremote.ErrNotDolt), errors.Is(err, gitremote.ErrTooLarge), errors.Is(err, doltdb.ErrNoBranch):
		next = "nothing was changed here; check that " + r.URL + " is the repository of this federation"
	case errors.Is(err, gitremote.ErrGone):
		next = "gt federation init " + r.URL + " --name " + r.Name + " publishes what this Town holds there again"
	case errors.Is(err, gitremote.ErrUnknownOutcome):
		next = "gt federation sync finds out, and publishes what did not arrive"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		next = "run it again: it continues where it stopped"
	}
	return &town.Error{Op: op, Err: err, Next: next}
}

// disk adds the next step to errors of the Town's own disk.
func (e *Engine) disk(err error) error {
	if err == nil || town.Next(err) != "" || durable.Advice(err) == "" {
		return err
	}
	return e.advise("use the Town at "+e.opts.Layout.Root, Remote{}, err)
}
