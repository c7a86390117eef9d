package refinery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/escalate"
	"gastown/town/github"
)

const (
	// askAgain is how long after an answer the host is asked again about a pull request, and
	// askSoon after it said that it merged one that is not on the target yet.
	askAgain, askSoon = 5 * time.Minute, 30 * time.Second
)

// offer leaves a request, which passed its checks, to the host: people or the host merge
// its branch, and it is seen on the target then.
func (p *pass) offer(ctx context.Context, a Action) error {
	m := a.Request
	detail := m.Detail
	detail.Tip, detail.Tested, detail.Seen = a.Tip, a.Commit, a.Tip
	result := fmt.Sprintf("its checks passed at %.12s; the host may merge %s into %s", a.Commit, m.Branch, m.Target)
	if p.OpensWith != "" {
		result += "; gt opens a pull request by itself with " + p.OpensWith
	}
	return p.move(ctx, operational.MergeMove{Epoch: m.Epoch, From: m.State, To: operational.MergeOffered, Detail: &detail, Result: result})
}

// noted records what was found about an offered request.
func (p *pass) noted(ctx context.Context, m operational.MergeRequest) error {
	return p.move(ctx, operational.MergeMove{Epoch: m.Epoch, From: operational.MergeOffered, To: operational.MergeOffered, Detail: &m.Detail, Result: m.Result})
}

// seek looks whether the host, or somebody else, brought an offered change to the target
// with other commits.
func (p *pass) seek(ctx context.Context, a Action) error {
	m := a.Request
	commit, err := p.Clone.Applied(ctx, a.Tip, m.Head, m.Detail.Seen)
	if err != nil {
		return err
	}
	if commit != "" {
		a.Verdict = landedAs(m, commit)
		return p.decide(ctx, a)
	}
	m.Detail.Seen = a.Tip
	return p.noted(ctx, m)
}

// ask opens the pull request of an offered request, or looks at it. What the host does not
// do keeps nothing else from going on.
func (p *pass) ask(ctx context.Context, a Action) error {
	m := a.Request
	var pull github.Pull
	var err error
	if m.Detail.Pull == 0 {
		pull, err = p.Host.Open(ctx, p.wanted(m))
	} else {
		pull, err = p.Host.Look(ctx, m.Detail.Pull)
	}
	if ctx.Err() != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	now := p.Now()
	m.Detail.Asked = now
	var later *github.LaterError
	switch {
	case errors.As(err, &later):
		m.Detail.Ask = now.Add(later.After)
		return p.noted(ctx, m)
	case err != nil:
		m.Detail.Ask, m.Detail.Problem = now.Add(lookAgain), err.Error()
		return errors.Join(p.refused(ctx, m, err), p.noted(ctx, m))
	}
	m.Detail.Ask = now.Add(askAgain)
	if m.Detail.Problem != "" {
		m.Detail.Problem = ""
		for _, key := range []string{p.hostKey(), p.pullKey(m)} {
			if err := p.Beads(ctx, func(l Ledger) error { return l.Told(ctx, key, "the host does it now") }); err != nil {
				return err
			}
		}
	}
	m.Detail.Pull, m.Detail.URL = pull.Number, pull.URL
	m.Result = fmt.Sprintf("its checks passed at %.12s; pull request %d waits to be merged: %s", m.Detail.Tested, pull.Number, pull.URL)
	switch {
	case pull.Merged:
		if done, err := p.merged(ctx, a, m, pull); done || err != nil {
			return err
		}
		m.Detail.Ask = now.Add(askSoon)
	case !pull.Open:
		a.Request, a.Verdict = m, operational.Verdict{State: operational.MergeRejected, Reason: fmt.Sprintf("its pull request %d was closed: %s", pull.Number, pull.URL), Detail: m.Detail}
		return p.decide(ctx, a)
	}
	return p.noted(ctx, m)
}

// merged decides a request whose pull request the host merged, once the commit is seen on
// the target: the host may have changed what it merged.
func (p *pass) merged(ctx context.Context, a Action, m operational.MergeRequest, pull github.Pull) (done bool, err error) {
	if pull.Merge == "" {
		return false, nil
	}
	landed, err := p.Clone.Landed(ctx, a.Tip, []string{pull.Merge})
	if err != nil || landed[pull.Merge] == "" {
		return false, err
	}
	a.Request, a.Verdict = m, operational.Verdict{State: operational.MergeLanded, Landed: pull.Merge, Detail: m.Detail,
		Reason: fmt.Sprintf("pull request %d was merged as %.12s", pull.Number, pull.Merge)}
	return true, p.decide(ctx, a)
}

// wanted is the pull request of a request.
func (p *pass) wanted(m operational.MergeRequest) github.Wanted {
	return github.Wanted{
		Branch: m.Branch, Target: m.Target, Mark: fmt.Sprintf("%s merge request %d of %s at %s", p.Town, m.Epoch, p.Rig.Name, m.Head),
		Title: fmt.Sprintf("%s: %s", m.Bead, m.Branch),
		Body: fmt.Sprintf("Merge request %d of %s, by %s.\n\nIts checks passed at %.12s, merged onto %s at %.12s.\n\nBead: %s\nPolecat: %s\nTown: %s",
			m.Epoch, m.Bead, m.Agent, m.Detail.Tested, m.Target, m.Detail.Tip, m.Bead, m.Agent, p.Town),
	}
}

// hostKey is the key by which a person is told that the host does not do what it is asked,
// pullKey that it does not for one request.
func (p *pass) hostKey() string { return "refinery/" + p.Rig.Name + "/host" }
func (p *pass) pullKey(m operational.MergeRequest) string {
	return fmt.Sprintf("refinery/%s/pull/%d", p.Rig.Name, m.Epoch)
}

// refused tells a person, once, that the host does not do what it is asked. What concerns
// the token concerns every request.
func (p *pass) refused(ctx context.Context, m operational.MergeRequest, why error) error {
	told := escalate.Trouble{
		Key: p.hostKey(), Title: "No pull requests for " + p.Rig.Name, Severity: escalate.Medium, From: Actor(p.Rig.Name),
		Text: why.Error() + ".\nWhat passed its checks waits as offered; people may merge its branches meanwhile.", Next: town.Next(why),
	}
	if errors.Is(why, github.ErrInvalid) {
		told.Key, told.Title, told.About = p.pullKey(m), fmt.Sprintf("No pull request for %s", m.Bead), m.Bead
	}
	return p.Beads(ctx, func(l Ledger) error { _, err := l.Tell(ctx, told); return err })
}

// Withdraw closes the pull request of a request that does not land. Without one, or
// without a host, it does nothing.
func (r *Refinery) Withdraw(ctx context.Context, m operational.MergeRequest, why string) error {
	if r.Host == nil || m.Detail.Pull == 0 {
		return nil
	}
	return r.Host.Close(ctx, m.Detail.Pull, fmt.Sprintf("Merge request %d was given back: %s.", m.Epoch, why))
}
