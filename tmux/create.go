package tmux

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"gastown/town/process"
)

// Term is the terminal that programs in a session see.
const Term = "screen-256color"

// The size of a new session's terminal, in characters.
const (
	defaultWidth  = 120
	defaultHeight = 40
)

// New describes a session to create.
type New struct {
	// Name is the session's name: letters, digits, "-", "_" and "/".
	Name string
	// Tags are stored with the session and found again in Session.Tags.
	Tags map[string]string
	// Dir is the working directory, absolute.
	Dir string
	// Command is the program with its arguments: at least two words, because tmux
	// runs a single one in a shell. Its environment is what the server has of
	// serverEnv, so a command that needs another one sets it itself.
	Command []string
	// Width and Height are the terminal's size, 120 x 40 when zero.
	Width, Height int
}

// options are set on the server whenever a session is created, before it is. They hold
// for all its sessions.
var options = [][]string{
	{"set-option", "-g", "history-limit", "1000"},
	{"set-option", "-g", "status-interval", "5"},
	{"set-option", "-g", "monitor-activity", "off"},
	{"set-option", "-g", "default-terminal", Term},
	// A program's end is seen with its last words, until the session is ended.
	{"set-option", "-g", "remain-on-exit", "on"},
	// Nothing of whoever attaches gets into the environment of sessions, and nothing
	// that a program prints changes the clipboard or the names of windows.
	{"set-option", "-g", "update-environment", ""},
	{"set-option", "-s", "set-clipboard", "off"},
	{"set-option", "-g", "allow-rename", "off"},
	{"set-option", "-g", "automatic-rename", "off"},
}

// serverEnv are the variables that a new server gets of Server.Env. A person who opens
// another window in a session needs them.
var serverEnv = []string{"PATH", "HOME", "USER", "LOGNAME", "SHELL"}

// Listed is a session in a short list.
type Listed struct {
	ID   string
	Tags map[string]string
}

// Create creates a session, with its server if there is none. It returns the session,
// and a list of all that the server has then, by one process. It reports ErrExists when
// there is one of that name, and ErrTooOld before it starts a server of such a tmux. No
// configuration file is read. The directory may come into being later: tmux starts the
// command somewhere else then, and further windows of the session in the directory.
func (s Server) Create(ctx context.Context, n New) (made Session, all []Listed, err error) {
	op := "create the tmux session " + clip(n.Name)
	if err := n.check(); err != nil {
		return made, nil, fmt.Errorf("%s: %w", op, err)
	}
	bare := s
	bare.Env = nil
	for _, kv := range s.Env {
		for _, name := range serverEnv {
			if strings.HasPrefix(kv, name+"=") {
				bare.Env = append(bare.Env, kv)
			}
		}
	}
	if alive, err := s.alive(ctx); err == nil && !alive {
		if _, err := s.version(ctx); errors.Is(err, ErrTooOld) {
			return made, nil, fmt.Errorf("%s: %w", op, err)
		}
	}
	commands := append([][]string{{"start-server"}}, options...)
	width, height := n.Width, n.Height
	if width <= 0 || height <= 0 {
		width, height = defaultWidth, defaultHeight
	}
	commands = append(commands, append([]string{"new-session", "-d", "-P", "-F", facts, "-s", n.Name, "-c", n.Dir,
		"-x", strconv.Itoa(width), "-y", strconv.Itoa(height), "--"}, n.Command...))
	commands = append(commands,
		[]string{"set-option", "-t", "=" + n.Name + ":", tagsOption, query(n.Tags)},
		[]string{"list-sessions", "-F", shortFacts}) // the facts of a hundred panes take tmux 4 ms
	out, err := bare.do(ctx, "", commands...)
	if errors.Is(err, ErrGone) { // the server ended, because it was empty
		out, err = bare.do(ctx, "", commands...)
	}
	if err == nil {
		made, all, err = createdOf(out)
	}
	if err != nil {
		return made, nil, fmt.Errorf("%s: %w", op, err)
	}
	for _, one := range all {
		if one.ID == made.ID {
			made.Tags = one.Tags
			return made, all, nil
		}
	}
	return made, all, fmt.Errorf("%s: it ended at once: %w", op, ErrGone)
}

func (n New) check() error {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '/'
	}
	switch {
	case n.Name == "" || strings.HasPrefix(n.Name, "-") || strings.ContainsFunc(n.Name, func(r rune) bool { return !plain(r) }):
		return errors.New("its name is not made of letters, digits, -, _ and /")
	case !filepath.IsAbs(n.Dir):
		return errors.New("its directory is not an absolute path")
	case len(n.Command) < 2:
		return errors.New("its command is one word, which tmux runs in a shell")
	}
	for _, word := range append([]string{n.Dir}, n.Command...) {
		if strings.ContainsRune(word, 0) {
			return errors.New("a word of its command has a NUL byte")
		}
	}
	return nil
}

// Tag replaces the tags of a session, which is named by its ID.
func (s Server) Tag(ctx context.Context, id string, tags map[string]string) error {
	if _, err := s.do(ctx, "", []string{"set-option", "-t", id, tagsOption, query(tags)}); err != nil {
		return fmt.Errorf("tag the tmux session %s: %w", clip(id), err)
	}
	return nil
}

// Resize gives a session's window a size in characters, which it keeps when nobody is
// attached.
func (s Server) Resize(ctx context.Context, id string, width, height int) error {
	_, err := s.do(ctx, "", []string{"resize-window", "-t", id, "-x", strconv.Itoa(width), "-y", strconv.Itoa(height)})
	if err != nil {
		return fmt.Errorf("resize the tmux session %s: %w", clip(id), err)
	}
	return nil
}

// Remove removes a session, named by its ID. Its processes get SIGHUP and may go on:
// end them first. A session that is gone is not an error.
func (s Server) Remove(ctx context.Context, id string) error {
	_, err := s.do(ctx, "", []string{"kill-session", "-t", id})
	if err != nil && !errors.Is(err, ErrGone) {
		return fmt.Errorf("remove the tmux session %s: %w", clip(id), err)
	}
	return nil
}

// Attach shows a session, named by its ID, on the caller's terminal until the person
// detaches. Server.Env names the terminal in TERM. It has no deadline.
func (s Server) Attach(ctx context.Context, id string, stdin io.Reader, stdout, stderr io.Writer) error {
	x := exec.CommandContext(ctx, s.binary(), "-2", "-u", "-S", s.Socket, "attach-session", "-t", id)
	// It stays in the caller's process group, which owns the terminal.
	found := process.Command(ctx, environ(s.Env), s.binary())
	if found.Err != nil {
		return ErrMissing
	}
	x.Path, x.Err, x.Env = found.Path, nil, found.Env
	x.Stdin, x.Stdout, x.Stderr = stdin, stdout, stderr
	if err := x.Run(); err != nil {
		return fmt.Errorf("attach to the tmux session %s: %w", clip(id), err)
	}
	return nil
}
