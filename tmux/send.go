package tmux

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
)

// Key is a key that is pressed in a pane.
type Key string

// The keys that there are, apart from printable characters, which are pressed as
// themselves.
const (
	Enter     Key = "Enter"
	Escape    Key = "Escape"
	Tab       Key = "Tab"
	Up        Key = "Up"
	Down      Key = "Down"
	Left      Key = "Left"
	Right     Key = "Right"
	Space     Key = "Space"
	Backspace Key = "BSpace"
)

// Valid reports whether there is such a key.
func (k Key) Valid() bool {
	switch k {
	case Enter, Escape, Tab, Up, Down, Left, Right, Space, Backspace:
		return true
	}
	return len(k) == 1 && k[0] > ' ' && k[0] < 0x7f
}

var pid = os.Getpid()

// buffers numbers the paste buffers of this process.
var buffers atomic.Int64

// Paste types text into a pane as one paste, bracketed if the program there asked for
// that. Enter is not pressed. The text holds no escape sequences: what ends a paste
// would end it early. It travels on tmux's standard input, never as an argument.
func (s Server) Paste(ctx context.Context, pane, text string) error {
	return s.paste(ctx, pane, text)
}

// PasteTagged is Paste that also replaces the tags of the pane's session, which is named
// by its ID. Whoever is killed meanwhile leaves both done or neither.
func (s Server) PasteTagged(ctx context.Context, pane, text, id string, tags map[string]string) error {
	return s.paste(ctx, pane, text, []string{"set-option", "-t", id, tagsOption, query(tags)})
}

// paste types a text, and then does what tmux does in the same step.
func (s Server) paste(ctx context.Context, pane, text string, then ...[]string) error {
	if text == "" {
		return nil
	}
	buffer := "gt-" + strconv.Itoa(pid) + "-" + strconv.FormatInt(buffers.Add(1), 10)
	_, err := s.do(ctx, text, append([][]string{
		{"load-buffer", "-b", buffer, "-"},
		{"paste-buffer", "-d", "-p", "-r", "-b", buffer, "-t", pane},
	}, then...)...)
	if err != nil {
		return fmt.Errorf("paste into the tmux pane %s: %w", clip(pane), err)
	}
	return nil
}

// Press presses keys in a pane, one after the other.
func (s Server) Press(ctx context.Context, pane string, keys ...Key) error {
	if len(keys) == 0 {
		return nil
	}
	command := []string{"send-keys", "-t", pane}
	for _, k := range keys {
		if !k.Valid() {
			return fmt.Errorf("press %q in the tmux pane %s: there is no such key", string(k), clip(pane))
		}
		command = append(command, string(k))
	}
	if _, err := s.do(ctx, "", command); err != nil {
		return fmt.Errorf("press a key in the tmux pane %s: %w", clip(pane), err)
	}
	return nil
}

// LeaveMode ends the mode in which a person scrolls in a pane.
func (s Server) LeaveMode(ctx context.Context, pane string) error {
	if _, err := s.do(ctx, "", []string{"send-keys", "-t", pane, "-X", "cancel"}); err != nil {
		return fmt.Errorf("leave copy mode in the tmux pane %s: %w", clip(pane), err)
	}
	return nil
}
