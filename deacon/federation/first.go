package federation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gastown/sync/federate"
	"gastown/sync/gitcmd"
	"gastown/town/config"
	"gastown/town/group"
)

// The pause between two attempts to reach a remote at the start. It doubles each time.
const (
	firstAskPause   = time.Second
	longestAskPause = 30 * time.Second
)

// Ask implements part.Asking: it pulls from each remote, because the registry says which
// directory of the Town is the active one. A machine that starts may have no network yet, so
// a remote that cannot be reached is asked again until ctx ends.
func (p *Part) Ask(ctx context.Context) error {
	cfg := p.host.Config()
	failed := make([]error, len(cfg.Remotes))
	all := group.New()
	all.SetLimit(atOnce)
	for i, r := range cfg.Remotes {
		all.Go(func() error {
			failed[i] = p.askOne(ctx, cfg, federate.Configured(r))
			return nil
		})
	}
	_ = all.Wait() // none returns an error
	return errors.Join(failed...)
}

func (p *Part) askOne(ctx context.Context, cfg *config.Config, remote federate.Remote) error {
	known, err := p.host.Engine(cfg).Contacts([]federate.Remote{remote})
	if err != nil || !known[0].Confirmed {
		return err // no exchange was agreed to, so nothing of the Town is there
	}
	for pause := firstAskPause; ; pause = min(2*pause, longestAskPause) {
		out, err := p.host.Engine(cfg).Pull(ctx, remote, false)
		if err == nil {
			p.answers.Store(remote.Name, summary(federate.Synced{Pulled: out}))
			return nil
		}
		absent := errors.Is(err, gitcmd.ErrUnreachable) || errors.Is(err, gitcmd.ErrNotFound) // its disk may not be mounted yet
		if !absent || ctx.Err() != nil {
			return fmt.Errorf("%s: %w", remote.Name, err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", remote.Name, err)
		}
	}
}

// withAnswer adds to what a sync did what had arrived already when the Deacon asked at its
// start, so that the feed tells of it. It does so once.
func (p *Part) withAnswer(name, did string) string {
	answer, _ := p.answers.LoadAndDelete(name)
	first, _ := answer.(string)
	if first == "" || did == "" {
		return first + did
	}
	return first + ", " + did
}
