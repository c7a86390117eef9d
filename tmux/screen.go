package tmux

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxHistory bounds how many lines of the past are captured at once.
const maxHistory = 1000

// Screen is what a pane shows in one moment, together with its facts.
type Screen struct {
	Session
	// Text is the visible lines, and before them the lines of the past that were
	// asked for. Attributes of the text are in it as escape sequences, if asked for.
	Text string
}

// Capture asks what a pane shows, named by its ID, with so many lines of its past. It
// is one process.
func (s Server) Capture(ctx context.Context, pane string, past int, attributes bool) (Screen, error) {
	capture := []string{"capture-pane", "-p", "-t", pane}
	if past > 0 {
		capture = append(capture, "-S", "-"+strconv.Itoa(min(past, maxHistory)))
	}
	if attributes {
		capture = append(capture, "-e")
	}
	out, err := s.do(ctx, "", []string{"display-message", "-p", "-t", pane, facts}, capture)
	if err != nil {
		return Screen{}, fmt.Errorf("look at the tmux pane %s: %w", clip(pane), err)
	}
	line, text, _ := strings.Cut(out, "\n")
	of, err := parse(line)
	if err == nil && of.Pane.ID != pane { // it is gone, and tmux speaks of another
		err = ErrGone
	}
	if err != nil {
		return Screen{}, fmt.Errorf("look at the tmux pane %s: %w", clip(pane), err)
	}
	of.Pane.remind()
	return Screen{Session: of, Text: text}, nil
}

const (
	// maxScreens is how many panes are captured by one process, screenRoom how long one
	// screen may be, in bytes.
	maxScreens = 512
	screenRoom = 256 << 10
)

// Screens asks what several panes show, without their past and with attributes, by one
// process for up to 512 of them. A pane that is gone is left out, and with it, for this
// time, those that come after it.
func (s Server) Screens(ctx context.Context, panes ...string) (map[string]Screen, error) {
	all := map[string]Screen{}
	for len(panes) > 0 {
		some := panes[:min(len(panes), maxScreens)]
		panes = panes[len(some):]
		if err := s.screens(ctx, some, all); err != nil {
			return all, fmt.Errorf("look at %d tmux panes: %w", len(some), err)
		}
	}
	return all, nil
}

func (s Server) screens(ctx context.Context, panes []string, all map[string]Screen) error {
	// A program can show any line, but it cannot know this one.
	mark := rand.Text() + "\t"
	args := []string{"-2", "-u", "-S", s.Socket}
	for i, pane := range panes {
		if i > 0 {
			args = append(args, ";")
		}
		args = append(args, "display-message", "-p", "-t", pane, mark+facts, ";", "capture-pane", "-p", "-e", "-t", pane)
	}
	s.room = screenRoom * len(panes)
	out, _, err := s.run(ctx, args...)
	if errors.Is(err, ErrGone) {
		err = nil
	}
	for _, part := range strings.Split(out, mark)[1:] {
		line, text, ok := strings.Cut(part, "\n")
		of, bad := parse(line)
		if !ok || bad != nil {
			continue
		}
		of.Pane.remind()
		all[of.Pane.ID] = Screen{Session: of, Text: text}
	}
	return err
}
