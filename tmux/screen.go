package tmux

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
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
	// maxScreens is how many panes are captured by one process: tmux takes 16 KB of
	// commands at once. screenRoom is how long one screen may be, in bytes.
	maxScreens = 150
	screenRoom = 256 << 10
)

// Screens asks what the panes of sessions show, without their past and with attributes,
// by one process for up to 150 of them. The facts are those that are given. A pane that
// is gone is left out, and with it, for this time, those that come after it. The answer
// is by the panes' IDs.
func (s Server) Screens(ctx context.Context, of ...Session) (map[string]Screen, error) {
	all := map[string]Screen{}
	for some := range slices.Chunk(of, maxScreens) {
		if err := s.screens(ctx, some, all); err != nil {
			return all, fmt.Errorf("look at %d tmux panes: %w", len(some), err)
		}
	}
	return all, nil
}

func (s Server) screens(ctx context.Context, of []Session, all map[string]Screen) error {
	// A program can show any line, but it cannot know this word.
	mark := rand.Text()[:16]
	var commands [][]string
	for _, one := range of {
		commands = append(commands, []string{"display-message", "-p", mark + one.Pane.ID}, []string{"capture-pane", "-p", "-e", "-t", one.Pane.ID})
	}
	s.room = screenRoom * len(of)
	out, err := s.do(ctx, "", commands...)
	if errors.Is(err, ErrGone) {
		err = nil
	}
	for _, part := range strings.Split(out, mark)[1:] {
		id, text, ok := strings.Cut(part, "\n")
		if i := slices.IndexFunc(of, func(one Session) bool { return one.Pane.ID == id }); ok && i >= 0 && text != "" {
			all[id] = Screen{Session: of[i], Text: text}
		}
	}
	return err
}
