package turns

import (
	"slices"
	"time"
)

// Do is what a push does next.
type Do int

const (
	// Try merges what the remote has, merges Step.Absorb, and publishes. If
	// everything of this Town is published by then, the push is done.
	Try Do = iota
	// Leave leaves the Town's edits as its turn.
	Leave
	// Look fetches, and merges nothing.
	Look
	// Wait waits for Step.Wait.
	Wait
	// GiveUp ends the push: the patience is exhausted, and a last attempt was made.
	GiveUp
)

func (d Do) String() string { return [...]string{"try", "leave", "look", "wait", "give up"}[d] }

// Step is one step of a push.
type Step struct {
	Do Do
	// Wait is for how long to wait.
	Wait time.Duration
	// Absorb are the turns to publish too, the oldest first.
	Absorb []Turn
}

// Options describe a push. The zero value of each field has a meaning.
type Options struct {
	// Town is the id of the Town that pushes.
	Town string
	// Patience is after how long a push that others are faster than, or that a host
	// does not serve, makes its last attempt (default DefaultPatience). It begins anew
	// whenever fewer turns than ever are before the Town's own, up to ten times.
	Patience time.Duration
	// NoTurns: the host accepts no turns.
	NoTurns bool
	// Crowded: a recent push to this remote lost to another Town.
	Crowded bool
	// Random returns a number in [0, 1); required.
	Random func() float64
}

// DefaultPatience is for how long a push competes with other Towns.
const DefaultPatience = 2 * time.Minute

const (
	// attempts is how often a Town tries before it leaves a turn. A Town that lost
	// recently leaves one after the first attempt.
	attempts = 2
	// crowd is how many turns must wait for a Town to leave one before it tries.
	crowd = 3
	// firstGuess is how long a publication takes until one was measured; shortest
	// and longest bound what is made of it.
	firstGuess = 500 * time.Millisecond
	shortest   = 200 * time.Millisecond
	longest    = 10 * time.Second
	// lostPause is the mean pause after an attempt that was lost for the second
	// time in a row, where no turn helps; it grows up to lostPauses times itself.
	lostPause  = 50 * time.Millisecond
	lostPauses = 40
	// busyPause is the mean pause after a host's first refusal to serve; it doubles
	// up to longestBusy.
	busyPause   = time.Second
	longestBusy = 30 * time.Second
	// patiences bounds how often progress in the order renews the patience.
	patiences = 10
)

// Push is one push on its way. It is for one goroutine. Times are since the push
// began.
type Push struct {
	opts Options
	// tried counts attempts, lost those in a row that others were faster than.
	tried, lost int
	// left: the Town's turn waits at the remote, as far as is known. gone: the last
	// look found that it no longer does, so somebody published it.
	left, gone bool
	// seen: the remote was looked at since the last attempt; turns are those that
	// waited then, in order, and commits the length of the history.
	seen    bool
	turns   []Turn
	commits int
	head    string
	// moved is when the remote was last seen to have moved, or the turn was left.
	moved time.Duration
	// looks counts looks since the turn was left, busy how often in a row the host did
	// not serve.
	looks, busy int
	// ahead is the fewest turns that were before the Town's own since it was left; -1
	// before the first look. progress is when it last fell.
	ahead    int
	progress time.Duration
	// last: the patience has ended, and the last attempt is being made. over: it
	// failed.
	last, over bool
	// wait is for how long to wait before the next step.
	wait time.Duration
	// took is how long a publication takes, begun when the last one began.
	took, begun time.Duration
}

// New begins a push.
func New(o Options) *Push {
	if o.Patience <= 0 {
		o.Patience = DefaultPatience
	}
	return &Push{opts: o, took: firstGuess}
}

// Next is the next step at a time.
func (p *Push) Next(at time.Duration) Step {
	wait := p.wait
	p.wait = 0
	switch {
	case p.over:
		return Step{Do: GiveUp}
	case p.last, p.tried+p.looks+p.busy > 0 && at+wait > p.ends():
		return p.finish(at)
	case wait > 0:
		return Step{Do: Wait, Wait: wait}
	}
	switch {
	case !p.seen && p.tried == 0:
		return p.try(at)
	case !p.seen && !p.left && p.leaves(p.tried >= p.attempts()):
		return Step{Do: Leave}
	case !p.seen:
		return Step{Do: Look}
	case p.gone:
		p.gone = false
		return p.try(at)
	case p.left:
		return p.queue(at)
	case p.leaves(len(p.turns) >= crowd || p.opts.Crowded && len(p.turns) > 0):
		return Step{Do: Leave}
	}
	return p.try(at)
}

// ends is when the patience ends.
func (p *Push) ends() time.Duration {
	return min(p.progress+p.opts.Patience, patiences*p.opts.Patience)
}

// finish makes the last attempt, on what the remote has then.
func (p *Push) finish(at time.Duration) Step {
	p.last = true
	if !p.seen && (p.tried > 0 || p.left) {
		return Step{Do: Look}
	}
	p.gone = false
	return p.try(at)
}

func (p *Push) leaves(crowded bool) bool { return crowded && !p.opts.NoTurns }

func (p *Push) attempts() int {
	if p.opts.Crowded {
		return 1
	}
	return attempts
}

// try publishes, with the oldest turns of others.
func (p *Push) try(at time.Duration) Step {
	p.begun = at
	s := Step{Do: Try}
	for _, t := range p.turns {
		if t.Town != p.opts.Town && len(s.Absorb) < MaxAbsorbed {
			s.Absorb = append(s.Absorb, t)
		}
	}
	return s
}

// queue waits for others to publish the turn, or publishes itself: at once with the
// oldest turn, and else when the remote has not moved for a time that grows with
// the place in the order.
func (p *Push) queue(at time.Duration) Step {
	place := p.place()
	if place == 0 || at-p.moved > p.overdue(place) {
		p.moved = at // whoever is next in the order gives this attempt as much time
		return p.try(at)
	}
	p.seen = false
	rounds := 1 + place/MaxAbsorbed
	wait := p.jitter(min(longest, p.publication()*time.Duration(rounds+p.looks)))
	if at+wait > p.ends() {
		p.seen = true
		return p.finish(at)
	}
	return Step{Do: Wait, Wait: wait}
}

// overdue is after how long without a publication the Town at a place of the order
// publishes itself. A publication merges the turns that wait first, which takes
// longer the more there are. Who lost such an attempt was not needed, and waits
// longer before another one.
func (p *Push) overdue(place int) time.Duration {
	merge := min(AbsorbTime, time.Duration(len(p.turns)-1)*p.publication()/4)
	return time.Duration((1+place)*(1+p.lost)) * (3*p.publication() + merge)
}

// place is how many turns are before the Town's own; -1 if its own does not wait.
func (p *Push) place() int {
	return slices.IndexFunc(p.turns, func(t Turn) bool { return t.Town == p.opts.Town })
}

func (p *Push) publication() time.Duration { return min(max(p.took, shortest), longest) }

// jitter spreads a duration by a half, so that Towns do not act at once.
func (p *Push) jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.75 + p.opts.Random()/2))
}

// Seen says what a fetch found: the remote's commit, how many commits its history
// has, and the turns that wait, in any order. It may come before the first step.
func (p *Push) Seen(at time.Duration, head string, commits int, waiting []Turn) {
	if head != p.head {
		p.head, p.moved = head, at
	}
	p.seen, p.busy = true, 0
	p.commits, p.turns = commits, InOrder(waiting, commits)
	if p.left {
		p.looks++
		place := p.place()
		p.gone, p.left = place < 0, place >= 0
		if p.gone || p.ahead >= 0 && place < p.ahead {
			p.progress = at
		}
		if p.ahead < 0 || place < p.ahead {
			p.ahead = place
		}
	}
}

// Lost says that an attempt was refused because another Town published first, or
// because turns wait that this Town did not know.
func (p *Push) Lost(at time.Duration) {
	p.took = at - p.begun
	p.tried++
	p.lost++
	p.seen, p.busy, p.over = false, 0, p.last
	if p.lost > 1 && (p.left || p.opts.NoTurns) {
		p.wait = p.jitter(lostPause * time.Duration(min(1<<min(p.lost, 16), lostPauses)))
	}
}

// Left says that the Town's turn waits now.
func (p *Push) Left(at time.Duration) {
	p.left, p.seen, p.lost, p.busy = true, false, 0, 0
	p.gone, p.moved, p.ahead = false, at, -1
	p.wait = p.jitter(p.publication())
}

// Refused says that the host accepts no turns.
func (p *Push) Refused() { p.opts.NoTurns, p.left = true, false }

// Busy says that the host did not serve for now: it has too many requests, or the
// connection broke. The step is then made again after a pause, which is at least what
// the host asks for, if it does (0 if not).
func (p *Push) Busy(_, asked time.Duration) {
	p.wait = max(asked, p.jitter(min(busyPause<<min(p.busy, 16), longestBusy)))
	p.busy++
	p.over = p.last
}

// Unserved reports that the last answer of the host was a refusal to serve.
func (p *Push) Unserved() bool { return p.busy > 0 }

// Waits reports that the Town's turn waits at the remote, as far as is known.
func (p *Push) Waits() bool { return p.left }

// Attempts counts the publications that were tried.
func (p *Push) Attempts() int { return p.tried }

// Elsewhere reports that the push met other Towns: it lost, or turns waited.
func (p *Push) Elsewhere() bool { return p.tried > 0 || len(p.turns) > 0 }
