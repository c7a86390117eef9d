package federation

import (
	"sync"
	"time"
)

// pushes says when the next push to a remote is due that refuses them. Its pauses
// are apart from those of the job, so that pulls go on by their schedule.
type pushes struct {
	mu      sync.Mutex
	remotes map[string]*refusals
}

// refusals are failures in a row of pushes to one remote.
type refusals struct {
	count int
	last  time.Time     // when the last one began
	pause time.Duration // from then to the next
}

// due reports whether a push may be tried, or else how long it pauses.
func (p *pushes) due(remote string, now time.Time) (ok bool, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.remotes[remote]
	if r == nil {
		return true, 0
	}
	wait = r.last.Add(r.pause).Sub(now)
	return wait <= 0 || wait > maxPause, max(0, wait) // a longer wait means that the clock was put back
}

// failed notes that a push that began at the given time failed. The second one is
// due with the next run of the job, and then the pause doubles, up to maxPause.
func (p *pushes) failed(remote string, began time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.remotes == nil {
		p.remotes = map[string]*refusals{}
	}
	r := p.remotes[remote]
	if r == nil {
		r = &refusals{}
		p.remotes[remote] = r
	}
	if r.count++; r.count > 1 {
		r.pause = min(maxPause, max(2*r.pause, 2*began.Sub(r.last)))
	}
	r.last = began
}

// forget ends the pause, because a push succeeded or somebody asked for one.
func (p *pushes) forget(remote string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.remotes, remote)
}
