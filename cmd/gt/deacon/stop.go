package deacon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"gastown/cmd/internal/term"
	"gastown/deacon"
	"gastown/deacon/control"
	"gastown/town"
	"gastown/town/process"
)

const (
	// askTime is how long a Deacon has to answer that it stops.
	askTime = 2 * time.Second
	// stopTime is how long a Deacon has to end after it was asked, and again after
	// SIGTERM. Its own stop takes at most 5 s.
	stopTime = 10 * time.Second
	// killTime bounds the wait for the kernel after SIGKILL: a process that waits
	// for a disk ends late.
	killTime = 10 * time.Second
)

// How a Deacon was ended.
const (
	byAsking = "asked"
	byTerm   = "SIGTERM"
	byKill   = "SIGKILL"
)

// stopped is the result of gt deacon stop.
type stopped struct {
	// Stopped is false when no Deacon ran.
	Stopped bool `json:"stopped"`
	// How is asked, SIGTERM or SIGKILL; PID the process, if it is known.
	How string `json:"how,omitempty"`
	PID int    `json:"pid,omitempty"`
}

func (o *deaconOptions) stop(ctx context.Context) error {
	did, err := o.stopAndWait(ctx)
	if err != nil {
		return err
	}
	return o.call.Summary(did, func(p *term.Printer) {
		switch {
		case !did.Stopped:
			p.Line("no Deacon runs in this Town")
		case did.How == byAsking:
			p.Line("the Deacon has stopped")
		case did.How == byTerm:
			p.Line("the Deacon (pid %d) did not answer; it has stopped after SIGTERM", did.PID)
		default:
			p.Line("the Deacon (pid %d) did not answer and did not end after SIGTERM; it was killed", did.PID)
			p.Line("  what it had acknowledged is recorded; the heartbeats of its last seconds are lost")
		}
	})
}

// stopAndWait ends the Deacon and waits until it has ended: it asks, and if that
// does not help sends SIGTERM, and then SIGKILL.
func (o *deaconOptions) stopAndWait(ctx context.Context) (did stopped, err error) {
	t, client, err := o.client()
	if err != nil {
		return did, err
	}
	defer client.Close()
	p, err := deacon.Look(t)
	if err != nil || !p.Held {
		return did, err
	}
	did = stopped{Stopped: true, How: byAsking, PID: p.PID}
	if !p.Stopped {
		asking, cancel := context.WithTimeout(ctx, askTime)
		defer cancel()
		err := client.Stop(asking)
		switch {
		case err == nil:
			if ended, err := o.ends(ctx, did.PID, stopTime); ended || err != nil {
				return did, err
			}
		case ctx.Err() != nil:
			return did, ctx.Err()
		case !errors.Is(err, control.ErrNoDeacon) && !errors.Is(err, control.ErrSilent):
			o.call.Hint("the Deacon cannot be asked to stop: %v", err)
		}
	}
	for _, try := range []struct {
		how     string
		signals []unix.Signal
		time    time.Duration
	}{
		// A process that is stopped gets SIGTERM when it goes on.
		{byTerm, []unix.Signal{unix.SIGTERM, unix.SIGCONT}, stopTime},
		{byKill, []unix.Signal{unix.SIGKILL}, killTime},
	} {
		now, err := deacon.Look(t)
		if err != nil || !now.Held {
			return did, err // it has ended meanwhile
		}
		o.call.Hint("%s does not answer; it gets %s, and has %s to end", now, try.how, try.time)
		if err := now.Signal(try.signals...); err != nil {
			return did, err
		}
		did.How, did.PID = try.how, now.PID
		if ended, err := o.ends(ctx, did.PID, try.time); ended || err != nil {
			return did, err
		}
	}
	return did, town.Fail("stop the Deacon", fmt.Sprintf("see what the kernel waits for: cat /proc/%d/wchan", did.PID),
		"%w: its process (pid %d) does not end, although it was killed", town.ErrBusy, did.PID)
}

// ends waits until no process has the Deacon's lock and the one with this id is gone. The
// lock decides: a process that has given it up and is slow to go has ended.
func (o *deaconOptions) ends(ctx context.Context, pid int, within time.Duration) (bool, error) {
	t, err := o.call.FindTown()
	if err != nil {
		return false, err
	}
	end := time.After(within)
	for {
		p, err := deacon.Look(t)
		if err != nil || !p.Held && !process.Alive(pid) {
			return err == nil, err
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-end:
			return !p.Held, nil
		case <-time.After(deaconPoll):
		}
	}
}
