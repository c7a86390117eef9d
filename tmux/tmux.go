// Package tmux is the only place in the project that executes tmux.
//
// A Town has a tmux server of its own, known by the path of its socket, so this
// package never touches a person's other sessions, and it never kills a server.
// Looking never starts a server: when none answers on the socket, there are no
// sessions, and no process is started to find that out. A machine without tmux is
// reported all the same. Tmux runs in the environment that Server.Env gives.
//
// A session carries tags, which are a user option of tmux, so it is found again after
// a person renamed it. What a program shows in a session is hostile: Screen and the
// names and titles of a Session are as tmux gives them, and a caller cleans them before
// it prints them.
//
// Every process has a deadline. Nothing is retried here, except that a session is
// created again when the server ended, empty, in that moment.
package tmux

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"gastown/town/process"
)

var (
	// ErrMissing: there is no tmux on this machine.
	ErrMissing = errors.New("tmux is not installed: install tmux " + MinVersion + " or newer")
	// ErrTooOld: the installed tmux is older than MinVersion.
	ErrTooOld = errors.New("tmux is too old: install tmux " + MinVersion + " or newer")
	// ErrDeadline: tmux did not answer in time.
	ErrDeadline = errors.New("tmux does not answer: look with ps whether its server hangs")
	// ErrGone: there is no such session, or no server.
	ErrGone = errors.New("there is no such tmux session")
	// ErrExists: there is a session of that name already.
	ErrExists = errors.New("there is a tmux session of that name already")
)

// MinVersion is the oldest tmux this package is written for.
const MinVersion = "3.0"

const (
	// defaultDeadline bounds one tmux process.
	defaultDeadline = 5 * time.Second
	// grace is how long a tmux that was asked to end has before it is killed.
	grace = 500 * time.Millisecond
	// maxOutput and maxWords bound, in bytes, an answer and a complaint.
	maxOutput = 1 << 20
	maxWords  = 500
)

// Server is one tmux server. All but Socket and Env may be zero.
type Server struct {
	// Socket is the absolute path of the server's socket.
	Socket string
	// Binary is the program; "tmux" from PATH when empty.
	Binary string
	// Deadline bounds each process (default 5 s).
	Deadline time.Duration
	// room is how long an answer may be, in bytes (default 1 MB).
	room int
	// Env is the environment of whom tmux runs for, as NAME=value. It is required,
	// and nothing of this process's own environment is added.
	Env []string
}

// Version asks the tmux that is installed for an environment for its version,
// such as "3.3a". It reports ErrMissing without one and ErrTooOld below
// MinVersion.
func Version(ctx context.Context, env []string) (string, error) {
	return Server{Env: env}.version(ctx)
}

func (s Server) version(ctx context.Context) (string, error) {
	out, _, err := s.run(ctx, "-V")
	if err != nil {
		return "", fmt.Errorf("ask tmux for its version: %w", err)
	}
	version := strings.TrimPrefix(strings.TrimSpace(out), "tmux ")
	if tooOld(version) {
		return version, fmt.Errorf("use tmux %s: %w", clip(version), ErrTooOld)
	}
	return version, nil
}

// installed reports ErrMissing without the program. It starts no process.
func (s Server) installed() error {
	x := process.Command(context.Background(), s.Env, s.binary())
	if x.Err != nil {
		return ErrMissing
	}
	if _, err := os.Stat(x.Path); errors.Is(err, os.ErrNotExist) {
		return ErrMissing
	}
	return nil
}

// alive says whether a server listens on the socket.
func (s Server) alive(ctx context.Context) (bool, error) {
	if _, err := os.Stat(s.Socket); errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.deadline())
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, "unix", s.Socket)
	switch {
	case err == nil:
		return true, c.Close()
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT):
		return false, nil
	}
	return false, err
}

func (s Server) binary() string { return cmp.Or(s.Binary, "tmux") }

func (s Server) deadline() time.Duration {
	if s.Deadline > 0 {
		return s.Deadline
	}
	return defaultDeadline
}

// run executes tmux once and returns what it printed and complained.
func (s Server) run(parent context.Context, args ...string) (out, words string, err error) {
	return s.feed(parent, "", args...)
}

// feed is run with a standard input.
func (s Server) feed(parent context.Context, input string, args ...string) (out, words string, err error) {
	ctx, cancel := context.WithTimeout(parent, s.deadline())
	defer cancel()
	x := process.Command(ctx, environ(s.Env), s.binary(), args...)
	if input != "" {
		x.Stdin = strings.NewReader(input)
	}
	stdout, stderr := &bounded{max: cmp.Or(s.room, maxOutput)}, &bounded{max: maxWords}
	x.Stdout, x.Stderr = stdout, stderr
	err = process.Run(ctx, x, process.Options{Grace: grace})
	words = clip(stderr.String())
	switch {
	case err == nil && stdout.over:
		return "", words, fmt.Errorf("its answer is longer than %d bytes", cmp.Or(s.room, maxOutput))
	case err == nil:
		return stdout.String(), words, nil
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, os.ErrNotExist):
		return "", "", ErrMissing
	case parent.Err() != nil:
		return "", words, context.Cause(parent)
	case ctx.Err() != nil:
		return "", words, fmt.Errorf("%w (waited %s)", ErrDeadline, s.deadline())
	case words != "":
		return stdout.String(), words, complaint(words)
	}
	return "", words, err
}

// complaint is the error for what tmux says. It has a kind where tmux has one.
func complaint(words string) error {
	switch {
	case noServer(words), strings.Contains(words, "can't find "):
		return fmt.Errorf("%w: %s", ErrGone, words)
	case strings.Contains(words, "duplicate session"):
		return fmt.Errorf("%w: %s", ErrExists, words)
	}
	return errors.New(words)
}

// do executes commands of tmux on the server, one after the other in one process.
func (s Server) do(ctx context.Context, input string, commands ...[]string) (string, error) {
	args := []string{"-2", "-u", "-S", s.Socket}
	for i, command := range commands {
		if i > 0 {
			args = append(args, ";")
		}
		for _, word := range command {
			args = append(args, literal(word))
		}
	}
	out, _, err := s.feed(ctx, input, args...)
	return out, err
}

// literal is a word that tmux does not take for the end of a command. A semicolon at
// the end of a word is one, unless a backslash stands before it.
func literal(word string) string {
	if before, ok := strings.CutSuffix(word, ";"); ok {
		return before + `\;`
	}
	return word
}

// environ removes the variables that tie a tmux to the session it was started in.
func environ(all []string) []string {
	kept := make([]string, 0, len(all)+1)
	for _, kv := range all {
		switch name, _, _ := strings.Cut(kv, "="); name {
		case "TMUX", "TMUX_PANE", "LC_ALL":
		default:
			kept = append(kept, kv)
		}
	}
	return append(kept, "LC_ALL=C.UTF-8")
}

// noServer reports whether there is no server, or one that ends because its last
// session did.
func noServer(words string) bool {
	return strings.Contains(words, "no current target") || strings.Contains(words, "no server running") || strings.Contains(words, "error connecting to") ||
		strings.Contains(words, "server exited") || strings.Contains(words, "lost server")
}

// tooOld compares the first number of versions. A version without one, such as
// "master", counts as new.
func tooOld(version string) bool {
	major, _, _ := strings.Cut(version, ".")
	least, _, _ := strings.Cut(MinVersion, ".")
	have, err := strconv.Atoi(major)
	want, _ := strconv.Atoi(least)
	return err == nil && have < want
}

// clip makes one bounded, printable line of what tmux printed.
func clip(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) || r == 0xfffd {
			return ' '
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxWords {
		text = strings.ToValidUTF8(text[:maxWords], "") + "..."
	}
	return text
}

// bounded holds the first max bytes written to it and drops the rest.
type bounded struct {
	strings.Builder
	max  int
	over bool
}

func (b *bounded) Write(p []byte) (int, error) {
	room := b.max - b.Len()
	if len(p) > room {
		b.over = true
		_, _ = b.Builder.Write(p[:room]) // a Builder takes everything
		return len(p), nil
	}
	return b.Builder.Write(p)
}
