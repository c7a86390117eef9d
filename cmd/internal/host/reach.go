package host

import (
	"context"
	"errors"
	"time"

	"gastown/deacon"
	"gastown/deacon/control"
	"gastown/town"
	"gastown/town/layout"
)

// answerTime is how long a Deacon has to answer what it answers from memory.
const answerTime = 3 * time.Second

// Reach connects to the Town's Deacon, and asks it for its status first. It fails
// within answerTime: with control.ErrNoDeacon when there is none, and with what is
// wrong and what to do when it is stopped, hangs or cannot be reached. op is what
// the caller wants of it.
func Reach(ctx context.Context, t layout.Town, op string) (*control.Client, control.Status, error) {
	began := time.Now()
	p, err := deacon.Look(t)
	if err != nil {
		return nil, control.Status{}, err
	}
	if p.Stopped {
		return nil, control.Status{}, p.Silent(op, 0)
	}
	client := control.NewClient(t.ControlSocket())
	soon, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	for {
		status, err := client.Status(soon)
		if err == nil {
			return client, status, nil
		}
		none := errors.Is(err, control.ErrNoDeacon)
		if none && p.Held && soon.Err() == nil {
			// It starts, it stops, or it is about to put its socket back.
			select {
			case <-soon.Done():
			case <-time.After(20 * time.Millisecond):
			}
			if p, err = deacon.Look(t); err == nil {
				continue
			}
		}
		client.Close()
		switch {
		case ctx.Err() != nil:
			return nil, status, ctx.Err()
		case none && !p.Held:
			return nil, status, town.Fail(op, "gt deacon start", "%w", control.ErrNoDeacon)
		case none:
			return nil, status, town.Fail(op, "try again in a moment; gt deacon stop ends it",
				"%w: %s starts or stops, or its socket %s is gone", town.ErrBusy, p, t.ControlSocket())
		case errors.Is(err, control.ErrSilent):
			return nil, status, p.Silent(op, time.Since(began))
		}
		return nil, status, err
	}
}
