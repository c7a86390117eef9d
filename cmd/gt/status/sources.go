package status

import (
	"context"
	"errors"
	"time"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/deacon"
	"gastown/planes/ledger"
	"gastown/tmux"
	"gastown/town/glance"
	"gastown/town/instance"
	"gastown/town/rig"
)

const (
	// defaultPatience bounds the wait for a plane that another process has open: the
	// other parts are worth showing without it.
	defaultPatience = 3 * time.Second
	// tmuxPatience bounds the wait for tmux, which answers at once or not at all.
	tmuxPatience = time.Second
	// spare is how much longer a source has, so that its own error comes first.
	spare = 2 * time.Second
)

// sources are where the Town of a call is read.
func sources(c *shell.Call) (glance.Sources, error) {
	call := *c
	call.Wait = min(call.Wait, defaultPatience)
	h, err := host.Open(&call)
	if err != nil {
		return glance.Sources{}, err
	}
	h.ReadOnly = true
	role, err := instance.ReadRole(h.Layout.Instance())
	if err != nil {
		return glance.Sources{}, err
	}
	return glance.Sources{
		Town: h.Config.Town.Name, Root: h.Layout.Root, Role: role, Now: call.Now, Patience: call.Wait + spare,
		Operational: h.Rows,
		Ledger: func(ctx context.Context, fn func(*ledger.Store) error) error {
			s, release, err := h.Ledger(ctx, func(string) {})
			if err != nil {
				return err
			}
			return errors.Join(fn(s), release())
		},
		Federation: func(context.Context) (glance.Federation, error) { return federation(h) },
		Sessions:   tmux.Server{Socket: h.Layout.Tmux(), Env: call.Env, Deadline: tmuxPatience}.Sessions,
		Rigs: func(context.Context) (names []string, err error) {
			settings, err := (&rig.Yard{Dir: h.Layout.Rigs(), File: h.Layout.RigsConfig()}).Load()
			for _, s := range settings {
				names = append(names, s.Name)
			}
			return names, err
		},
		Deacon: func(context.Context) (glance.Deacon, error) {
			p, err := deacon.Look(h.Layout)
			d := glance.Deacon{Running: p.Held, PID: p.PID}
			if p.Stopped {
				d.Problem = "it is stopped and answers nobody"
			}
			return d, err
		},
	}, nil
}

// federation is what is known of the remotes. It opens no plane and asks nobody.
func federation(h *host.Host) (f glance.Federation, err error) {
	reviews, err := h.OpenReviews()
	f.Reviews = len(reviews)
	contacts, cerr := h.Engine(host.EngineOptions{}).Contacts(h.Remotes())
	for _, c := range contacts {
		r := glance.Remote{Name: c.Name, Confirmed: c.Confirmed, Verified: c.Verified}
		if failing := c.Failing(); len(failing) > 0 {
			r.Failing, r.Error = "pull", failing[0].Error
			if failing[0] == c.Push {
				r.Failing = "push"
			}
		}
		f.Remotes = append(f.Remotes, r)
	}
	return f, errors.Join(err, cerr)
}
