package cli

import (
	"fmt"
	"time"

	"gastown/sync/federate"
)

const (
	// progressAfter is how long work takes before people are told how it goes,
	// and progressEvery how often the line then changes.
	progressAfter = time.Second
	progressEvery = 100 * time.Millisecond
)

// progress shows on standard error how long work goes, if that is a terminal.
// It is used by one goroutine at a time.
type progress struct {
	app   *App
	on    bool
	began time.Time
	last  time.Time
}

func (a *App) newProgress() *progress {
	return &progress{app: a, on: isTerminal(a.Stderr) && !a.Quiet, began: a.Now()}
}

// event is told each step.
func (p *progress) event(e federate.Progress) {
	now := p.app.Now()
	if !p.on || now.Sub(p.began) < progressAfter || now.Sub(p.last) < progressEvery {
		return
	}
	p.last = now
	text := clean(e.Phase)
	switch {
	case e.Total > 0:
		text += fmt.Sprintf(" %d/%d %s", e.Done, e.Total, e.Unit)
	case e.Done > 0:
		text += fmt.Sprintf(" %d %s", e.Done, e.Unit)
	}
	fmt.Fprintf(p.app.Stderr, "\r\x1b[K%s", text)
}

// clear removes the line, so that results begin on an empty one.
func (p *progress) clear() {
	if !p.last.IsZero() {
		fmt.Fprint(p.app.Stderr, "\r\x1b[K")
		p.last = time.Time{}
	}
}
