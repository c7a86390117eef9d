package tmux

import (
	"context"
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
