package term

import (
	"fmt"
	"io"
	"time"
)

const (
	// progressAfter is how long work runs before its progress is shown,
	// progressEvery how often the line changes then.
	progressAfter = time.Second
	progressEvery = 100 * time.Millisecond

	// restart moves to the start of the terminal's line and clears it.
	restart = "\r\x1b[K"
)

// Progress shows the progress of long work on a terminal, in one line. A nil
// Progress shows nothing. Only one goroutine may use it at a time.
type Progress struct {
	w           io.Writer
	now         func() time.Time
	on          bool
	began, last time.Time
}

// NewProgress starts to measure the time. If w is no terminal nothing is shown.
func NewProgress(w io.Writer, now func() time.Time) *Progress {
	return &Progress{w: w, now: now, on: IsTerminal(w), began: now()}
}

// Step says what is being done. A total of 0 means unknown.
func (p *Progress) Step(phase string, done, total int64, unit string) {
	if p == nil || !p.on {
		return
	}
	now := p.now()
	if now.Sub(p.began) < progressAfter || now.Sub(p.last) < progressEvery {
		return
	}
	p.last = now
	text := Clean(phase)
	switch {
	case total > 0:
		text += fmt.Sprintf(" %d/%d %s", done, total, unit)
	case done > 0:
		text += fmt.Sprintf(" %d %s", done, unit)
	}
	fmt.Fprint(p.w, restart+text)
}

// Clear removes the line, so that results begin on an empty one.
func (p *Progress) Clear() {
	if p != nil && !p.last.IsZero() {
		fmt.Fprint(p.w, restart)
		p.last = time.Time{}
	}
}
