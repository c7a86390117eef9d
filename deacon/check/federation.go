package check

import (
	"context"
	"fmt"
	"time"
)

// Contact is the last known state of one remote.
type Contact struct {
	Remote string
	// Confirmed says that a person agreed to exchange with it.
	Confirmed bool
	// Verified is when the remote last confirmed an exchange; zero for never.
	Verified time.Time
	// Error is why the last attempt failed; empty when it succeeded.
	Error string
}

// Federation checks when the Town last had a verified sync with each remote.
type Federation struct {
	Contacts func(context.Context) ([]Contact, error)
	// Reviews counts the proposals that wait for a person.
	Reviews func(context.Context) (int, error)
	// Warning and Critical are ages of the last verified sync.
	Warning, Critical time.Duration
	// Since is when the watch began. The age of a remote that never had a sync
	// counts from then.
	Since time.Time
	// Seen is called with each remote's last verified sync and the number of
	// reviews; may be nil.
	Seen func(contacts []Contact, reviews int)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Check returns the check named federation.
func (f Federation) Check() Check {
	return Check{Name: "federation", Help: "age of the last verified sync, open reviews, dead remotes", Run: f.run}
}

func (f Federation) run(ctx context.Context) (Result, error) {
	contacts, err := f.Contacts(ctx)
	if err != nil {
		return Result{}, err
	}
	reviews, err := f.Reviews(ctx)
	if err != nil {
		return Result{}, err
	}
	if f.Seen != nil {
		f.Seen(contacts, reviews)
	}
	now := time.Now
	if f.Now != nil {
		now = f.Now
	}
	at := now()
	out := Result{State: Healthy, Threshold: fmt.Sprintf("%s warning, %s critical since the last verified sync", f.Warning, f.Critical)}
	var oldest time.Duration
	for _, c := range contacts {
		if !c.Confirmed {
			out.Details = append(out.Details, c.Remote+": not confirmed; gt federation join shows what would leave, and asks")
			continue
		}
		since := c.Verified
		if since.IsZero() {
			since = f.Since
		}
		age := at.Sub(since)
		oldest = max(oldest, age)
		state := grade(float64(age), float64(f.Warning), float64(f.Critical)).State
		if c.Error != "" {
			state = Worse(state, Warning)
			out.Details = append(out.Details, fmt.Sprintf("%s: the last attempt failed: %s", c.Remote, c.Error))
		} else if state != Healthy {
			out.Details = append(out.Details, fmt.Sprintf("%s: not in step for %s", c.Remote, age.Round(time.Second)))
		}
		if state != Healthy {
			out.Next = "gt federation sync --remote " + c.Remote
		}
		out.State = Worse(out.State, state)
	}
	out.Figure = fmt.Sprintf("%d remote(s), %d open review(s)", len(contacts), reviews)
	if oldest > 0 {
		out.Figure += ", in step " + oldest.Round(time.Second).String() + " ago"
	}
	// Reviews wait for a person and do not worsen the state.
	if reviews > 0 && out.Next == "" {
		out.Next = "gt federation conflicts"
	}
	return out, nil
}
