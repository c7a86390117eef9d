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
	// Pull and Push are how the last pulls and pushes went.
	Pull, Push Attempts
}

// Attempts are how pulls from a remote, or pushes to it, went.
type Attempts struct {
	// Succeeded is when the last one that succeeded did; zero for never.
	Succeeded time.Time
	// Failing says that the last one of all failed, and Error why.
	Failing bool
	Error   string
}

// Federation checks when the Town last had a verified sync with each remote.
type Federation struct {
	Contacts func(context.Context) ([]Contact, error)
	// Reviews counts the proposals that wait for a person.
	Reviews func(context.Context) (int, error)
	// Warning and Critical are ages of the last pull that succeeded, and, where
	// pushes fail, of the last push that succeeded.
	Warning, Critical time.Duration
	// Since is when the watch began. The age of a remote that never had a sync
	// counts from then.
	Since time.Time
	// Seen is called with the state of each remote and the number of reviews; may
	// be nil.
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
	out := Result{State: Healthy, Threshold: fmt.Sprintf("%s warning, %s critical since the last pull or push that succeeded", f.Warning, f.Critical)}
	var oldest time.Duration
	for _, c := range contacts {
		if !c.Confirmed {
			out.Details = append(out.Details, c.Remote+": not confirmed; gt federation join URL shows what would leave, and asks")
			continue
		}
		state, age := f.direction(c.Remote, "pull", c.Pull, at, &out)
		if c.Push.Failing {
			// Without a failure there was nothing to push, or nobody tried.
			pushed, since := f.direction(c.Remote, "push", c.Push, at, &out)
			state, age = Worse(state, pushed), max(age, since)
		}
		oldest = max(oldest, age)
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

// direction judges the pulls or the pushes of one remote: by whether the last one
// failed, and by the age of the last one that succeeded.
func (f Federation) direction(remote, what string, a Attempts, now time.Time, out *Result) (state State, age time.Duration) {
	since := a.Succeeded
	if since.IsZero() {
		since = f.Since
	}
	age = now.Sub(since)
	state = grade(float64(age), float64(f.Warning), float64(f.Critical)).State
	ago := "none has succeeded yet"
	if !a.Succeeded.IsZero() {
		ago = "the last " + what + " that succeeded was " + age.Round(time.Second).String() + " ago"
	}
	switch {
	case a.Failing:
		state = Worse(state, Warning)
		out.Details = append(out.Details, fmt.Sprintf("%s: the last %s failed (%s): %s", remote, what, ago, a.Error))
	case state != Healthy:
		out.Details = append(out.Details, fmt.Sprintf("%s: not in step: %s", remote, ago))
	}
	return state, age
}
