package mirror_test

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"gastown/town"
	"gastown/town/tracker"
	"gastown/town/tracker/mirror"
)

// errDead is what the planes answer a process that has ended.
var errDead = errors.New("this process has ended")

// planes are the rows, the ledger and the feed of a test. What was written stays when a
// process ends.
type planes struct {
	mu       sync.Mutex
	now      time.Time
	dead     bool
	writes   int // so far
	dieAt    int // the write at which the process ends, before it is done
	links    map[string]tracker.Link
	comments map[[2]string]tracker.Comment
	standing *tracker.Standing
	beads    map[string]town.Bead
	taken    map[string]bool
	events   []event
	cursor   int
	loss     time.Time // when it is not zero, the feed lost events
}

type event struct {
	bead string
	made bool
}

func newPlanes() *planes {
	return &planes{now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), links: map[string]tracker.Link{},
		comments: map[[2]string]tracker.Comment{}, beads: map[string]town.Bead{}, taken: map[string]bool{}}
}

// write begins a change.
func (p *planes) write() (func(), error) {
	p.mu.Lock()
	p.writes++
	if p.dieAt > 0 && p.writes == p.dieAt {
		p.dead = true
	}
	if p.dead {
		p.mu.Unlock()
		return nil, errDead
	}
	return p.mu.Unlock, nil
}

func (p *planes) clock() time.Time { p.mu.Lock(); defer p.mu.Unlock(); return p.now }

func (p *planes) pass(d time.Duration) { p.mu.Lock(); defer p.mu.Unlock(); p.now = p.now.Add(d) }

func (p *planes) set(id string, made bool, change func(b *town.Bead)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b, found := p.beads[id]
	if !found {
		b = town.Bead{ID: id, Type: town.TypeTask, Status: town.StatusOpen, Priority: 2, CreatedAt: p.now}
	}
	change(&b)
	p.beads[id] = b
	p.taken[id] = true
	p.events = append(p.events, event{id, made})
}

func (p *planes) Standing(context.Context) (tracker.Standing, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.standing == nil {
		return tracker.Standing{}, false, nil
	}
	return *p.standing, true, nil
}

func (p *planes) SetStanding(_ context.Context, st tracker.Standing) error {
	done, err := p.write()
	if err == nil {
		defer done()
		p.standing = &st
	}
	return err
}

func (p *planes) MarkDue(_ context.Context, beads map[string]tracker.State, now time.Time) error {
	done, err := p.write()
	if err != nil {
		return err
	}
	defer done()
	for id, state := range beads {
		l, found := p.links[id]
		if !found && state == "" {
			continue
		}
		if !found {
			l = tracker.Link{Plugin: "jira-sync", Bead: id, State: state}
		}
		if state == tracker.Wanted && l.State == tracker.Seen {
			l.State = tracker.Wanted
		}
		if l.Next.IsZero() || l.Next.After(now) && l.State != tracker.Asked {
			l.Next = now
		}
		l.Marks++
		p.links[id] = l
	}
	return nil
}

func (p *planes) MarkRefused(_ context.Context, now time.Time) error {
	done, err := p.write()
	if err != nil {
		return err
	}
	defer done()
	for id, l := range p.links {
		if l.Refused() {
			l.Next = now
			p.links[id] = l
		}
	}
	maps.DeleteFunc(p.comments, func(_ [2]string, c tracker.Comment) bool { return c.State == tracker.CommentRefused })
	return nil
}

func (p *planes) Due(_ context.Context, now time.Time, limit int) (due []tracker.Link, _ error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.links {
		if !l.Next.IsZero() && !l.Next.After(now) {
			due = append(due, l)
		}
	}
	slices.SortFunc(due, func(a, b tracker.Link) int { return cmp.Or(a.Next.Compare(b.Next), cmp.Compare(a.Bead, b.Bead)) })
	return due[:min(limit, len(due))], nil
}

func (p *planes) Links(context.Context) ([]tracker.Link, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Values(p.links)), nil
}

func (p *planes) Pending(ctx context.Context) ([]tracker.Link, error) {
	all, err := p.Links(ctx)
	return slices.DeleteFunc(all, func(l tracker.Link) bool { return l.Next.IsZero() && l.Reason == "" }), err
}

func (p *planes) ByIssue(_ context.Context, issue string) (tracker.Link, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.links {
		if l.Issue == issue {
			return l, true, nil
		}
	}
	return tracker.Link{}, false, nil
}

func (p *planes) Save(_ context.Context, l tracker.Link) (tracker.Link, bool, error) {
	done, err := p.write()
	if err != nil {
		return l, false, err
	}
	defer done()
	is, found := p.links[l.Bead]
	if !found || is.Version != l.Version {
		return l, false, nil
	}
	if is.Marks != l.Marks {
		l.Next, l.Marks = is.Next, is.Marks
	}
	l.Version++
	p.links[l.Bead] = l
	return l, true, nil
}

func (p *planes) Adopt(_ context.Context, l tracker.Link) error {
	done, err := p.write()
	if err == nil {
		defer done()
		if is, found := p.links[l.Bead]; !found || is.State == tracker.Seen || is.State == tracker.Wanted {
			if found {
				l.Version, l.Marks, l.Next = is.Version+1, is.Marks, is.Next
			}
			p.links[l.Bead] = l
		}
	}
	return err
}

func (p *planes) Drop(_ context.Context, l tracker.Link) error {
	done, err := p.write()
	if err == nil {
		defer done()
		if is := p.links[l.Bead]; is.Version == l.Version && is.Marks == l.Marks {
			delete(p.links, l.Bead)
		}
	}
	return err
}

func (p *planes) Comments(_ context.Context, bead string) (map[string]tracker.Comment, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[string]tracker.Comment{}
	for key, c := range p.comments {
		if key[0] == bead {
			out[c.ID] = c
		}
	}
	return out, nil
}

func (p *planes) AskComment(_ context.Context, bead string, before tracker.Comment, now time.Time) (bool, error) {
	done, err := p.write()
	if err != nil {
		return false, err
	}
	defer done()
	is, found := p.comments[[2]string{bead, before.ID}]
	if found != (before.State != "") || found && is != before {
		return false, nil
	}
	p.comments[[2]string{bead, before.ID}] = tracker.Comment{ID: before.ID, State: tracker.CommentAsked, Asked: now}
	return true, nil
}

func (p *planes) SaveComment(_ context.Context, bead string, c tracker.Comment) error {
	done, err := p.write()
	if err == nil {
		defer done()
		p.comments[[2]string{bead, c.ID}] = c
	}
	return err
}

func (p *planes) Get(_ context.Context, ids []string) (map[string]town.Bead, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[string]town.Bead{}
	for _, id := range ids {
		if b, found := p.beads[id]; found {
			out[id] = b.Clone()
		}
	}
	return out, nil
}

func (p *planes) Light(ctx context.Context, ids []string) (map[string]town.Bead, error) {
	return p.Get(ctx, ids)
}

func (p *planes) Each(_ context.Context, fn func(town.Bead) error) error {
	p.mu.Lock()
	all := slices.Collect(maps.Values(p.beads))
	p.mu.Unlock()
	for _, b := range all {
		if err := fn(b); err != nil {
			return err
		}
	}
	return nil
}

func (p *planes) SetRef(_ context.Context, bead, ref string) error {
	done, err := p.write()
	if err == nil {
		defer done()
		if b := p.beads[bead]; b.ExternalRef == "" {
			b.ExternalRef = ref
			p.beads[bead] = b
			p.events = append(p.events, event{bead, false})
		}
	}
	return err
}

func (p *planes) ByRef(_ context.Context, ref string) (string, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, b := range p.beads {
		if b.ExternalRef == ref {
			return id, true, nil
		}
	}
	return "", false, nil
}

func (p *planes) Create(_ context.Context, b town.Bead) error {
	done, err := p.write()
	if err != nil {
		return err
	}
	defer done()
	if p.taken[b.ID] {
		return mirror.ErrTaken
	}
	b.CreatedAt, b.UpdatedAt = p.now, p.now
	if !b.Open() {
		b.ClosedAt = &b.UpdatedAt
	}
	p.beads[b.ID], p.taken[b.ID] = b, true
	p.events = append(p.events, event{b.ID, true})
	return nil
}

func (p *planes) Relate(_ context.Context, bead, other string) error {
	done, err := p.write()
	if err == nil {
		defer done()
		b := p.beads[bead]
		b.Dependencies = append(b.Dependencies, town.Dependency{Bead: bead, Target: other, Type: town.DepRelated})
		p.beads[bead] = b
		p.events = append(p.events, event{bead, false})
	}
	return err
}

func (p *planes) Skip(context.Context) error {
	done, err := p.write()
	if err == nil {
		defer done()
		p.cursor = len(p.events)
	}
	return err
}

func (p *planes) Read(_ context.Context, limit int) (mirror.News, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := mirror.News{Beads: map[string]bool{}, Next: int64(min(len(p.events), p.cursor+limit))}
	if !p.loss.IsZero() {
		n.Lost, n.After, n.Next = true, p.loss, int64(len(p.events))
		return n, nil
	}
	for _, e := range p.events[p.cursor:n.Next] {
		n.Beads[e.bead] = n.Beads[e.bead] || e.made
		n.Count++
	}
	return n, nil
}

func (p *planes) Acknowledge(_ context.Context, next int64) error {
	done, err := p.write()
	if err == nil {
		defer done()
		p.cursor, p.loss = int(next), time.Time{}
	}
	return err
}
