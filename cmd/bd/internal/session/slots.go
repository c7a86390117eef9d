package session

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/town/slots"
)

// slotsName names the slots for bd processes, and limitKey the setting that says
// how many there are.
const (
	slotsName = "bd"
	limitKey  = "bd.max_concurrent"
)

// defaultPatience is how long bd waits for a slot before it says so: most waits
// are shorter.
const defaultPatience = 200 * time.Millisecond

// takeSlot takes one of the Town's slots for bd processes. Inside the Deacon it
// takes none: the Deacon limits its commands itself.
func takeSlot(ctx context.Context, call *shell.Call, h *host.Host) (leave func() error, err error) {
	if call.Resident != nil {
		return func() error { return nil }, nil
	}
	limit, err := h.Config.Int(limitKey)
	if err != nil {
		return nil, err
	}
	waiting, cancel := context.WithTimeout(ctx, call.Wait)
	defer cancel()
	n := newNotice(call, "bd waits for others", defaultPatience)
	defer n.stop()
	slot, err := slots.Acquire(waiting, slots.Options{Dir: h.Layout.Slots(slotsName), Limit: limit, Command: call.Name,
		Waiting: func(w slots.Wait) { n.tell(waitText(w)) }})
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	return slot.Release, nil
}

// waitText names the first of the processes that have a slot.
func waitText(w slots.Wait) string {
	text := fmt.Sprintf("at most %d work at once", w.Limit)
	if len(w.Holders) > 0 {
		text += ", now " + strings.Join(w.Holders[:1], ", ")
		if len(w.Holders) > 1 {
			text += fmt.Sprintf(" and %d more", len(w.Holders)-1)
		}
	}
	if w.Ahead > 0 {
		text += fmt.Sprintf("; %d came before", w.Ahead)
	}
	return text
}
