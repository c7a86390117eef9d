package term

import (
	"cmp"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/sys/unix"
)

const (
	// progressAfter is how long a step runs, without anything else being printed,
	// before it is shown. progressEvery is how often the line changes then.
	progressAfter = time.Second
	progressEvery = 100 * time.Millisecond

	// restart moves to the start of the terminal's line and clears it.
	restart = "\r\x1b[K"
)

// Progress shows in one line of a terminal what a command does or waits for, and for
// how long. It changes the line by itself, so a step that reports nothing is shown
// too, and it never blocks the work. What is written to a stream of Output removes
// the line first. Its owner closes it. A nil Progress shows nothing. Any number of
// goroutines may use it.
type Progress struct {
	w          io.Writer
	now        func() time.Time
	end, ended chan struct{}

	// writing is held while something is written to the terminal. It is taken before
	// mu.
	writing sync.Mutex
	shown   bool

	mu          sync.Mutex
	phase       string
	done, total int64
	unit        string
	since       time.Time // when phase began
	wrote       time.Time // when the command last wrote to the terminal
	held        bool      // a text without line end, such as a question, stands there
}

// NewProgress starts to measure the time, and shows what first as the step under way.
// If w is no terminal nothing is ever shown.
func NewProgress(w io.Writer, what string, now func() time.Time) *Progress {
	if !IsTerminal(w) {
		return nil
	}
	p := &Progress{w: w, now: now, phase: what, since: now(), end: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.show()
			case <-p.end:
				return
			}
		}
	}()
	return p
}

// Step says what is being done. A total of 0 means unknown.
func (p *Progress) Step(phase string, done, total int64, unit string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if phase != p.phase {
		p.since = p.now()
	}
	p.phase, p.done, p.total, p.unit, p.held = phase, done, total, unit, false
}

// Wait says what is waited for, as the step under way.
func (p *Progress) Wait(what string) { p.Step("waiting: "+what, 0, 0, "") }

// Clear removes the line. Nothing is shown until the next step.
func (p *Progress) Clear() {
	p.Step("", 0, 0, "")
	p.erase()
}

// Close removes the line and ends the Progress.
func (p *Progress) Close() {
	if p == nil {
		return
	}
	close(p.end)
	<-p.ended
	p.erase()
}

func (p *Progress) erase() {
	if p == nil {
		return
	}
	p.writing.Lock()
	defer p.writing.Unlock()
	p.eraseLocked()
}

func (p *Progress) eraseLocked() {
	if p.shown {
		_, _ = io.WriteString(p.w, restart) // an error cannot be reported on this stream
		p.shown = false
	}
}

// show writes the line, if there is something to show.
func (p *Progress) show() {
	p.writing.Lock()
	defer p.writing.Unlock()
	text := p.line()
	if text == "" || inBackground(p.w) {
		return
	}
	columns, _ := Width(p.w)
	if _, err := io.WriteString(p.w, restart+ansi.Truncate(text, cmp.Or(columns, 80)-1, "…")); err == nil {
		p.shown = true
	}
}

// line is what to show now; "" for nothing.
func (p *Progress) line() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	took := now.Sub(p.since)
	if p.phase == "" || p.held || took < progressAfter && !p.shown || now.Sub(p.wrote) < progressAfter {
		return ""
	}
	text := Clean(p.phase)
	switch {
	case p.total > 0:
		text += fmt.Sprintf(" %d/%d %s", p.done, p.total, p.unit)
	case p.done > 0:
		text += fmt.Sprintf(" %d %s", p.done, p.unit)
	}
	if took >= progressAfter {
		text += fmt.Sprintf(" (%d s)", int(took/time.Second))
	}
	return text
}

// inBackground reports whether the terminal is another job's at the moment. A
// terminal that is not this process's own has its own rule (see the Deacon's
// streams).
func inBackground(w io.Writer) (background bool) {
	withDescriptor(w, func(fd int) {
		if group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP); err == nil {
			background = group != unix.Getpgrp()
		}
	})
	return background
}

// guarded is a stream that shares the terminal with a Progress.
type guarded struct {
	p  *Progress
	to io.Writer
}

// Output returns the stream that the command must use in the place of w, so that
// its text and the progress do not mix.
func (p *Progress) Output(w io.Writer) io.Writer {
	if p == nil || !IsTerminal(w) {
		return w
	}
	return &guarded{p, w}
}

// Write writes to the stream after the progress was removed from the terminal.
func (g *guarded) Write(data []byte) (int, error) {
	p := g.p
	p.writing.Lock()
	defer p.writing.Unlock()
	p.eraseLocked()
	n, err := g.to.Write(data)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wrote = p.now()
	p.held = n > 0 && data[n-1] != '\n'
	return n, err
}

// guardedInput is a terminal's input that a command reads: while a person may type,
// nothing is shown.
type guardedInput struct {
	p    *Progress
	from io.Reader
}

// Input returns the stream that the command must read in the place of r.
func (p *Progress) Input(r io.Reader) io.Reader {
	if p == nil || !IsTerminal(r) {
		return r
	}
	return &guardedInput{p, r}
}

// Read reads what a person types.
func (g *guardedInput) Read(data []byte) (int, error) {
	p := g.p
	p.writing.Lock()
	p.eraseLocked()
	p.mu.Lock()
	p.held = true
	p.mu.Unlock()
	p.writing.Unlock()
	return g.from.Read(data)
}

// Direct is the stream itself behind one of Output or Input, for a program that is
// given the terminal. Clear the Progress first.
func Direct[T any](stream T) T {
	var inner any
	switch s := any(stream).(type) {
	case *guarded:
		inner = s.to
	case *guardedInput:
		inner = s.from
	default:
		return stream
	}
	return inner.(T)
}
