package term

import (
	"context"
	"io"
	"strings"
	"sync"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/sys/unix"
)

const (
	// enterScreen shows the terminal's other screen, without a cursor; leaveScreen
	// brings back what was there before.
	enterScreen = "\x1b[?1049h\x1b[?25l"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	// home moves to the first line, clearLine erases the rest of a line and
	// clearBelow all lines below.
	home, clearLine, clearBelow = "\x1b[H", "\x1b[K", "\x1b[J"
	// plain ends colours.
	plain = "\x1b[0m"
)

// Screen is a terminal that a command draws on until it ends. Close leaves the
// terminal as it was.
type Screen struct {
	out   io.Writer
	in    io.Reader
	saved *unix.Termios // of in; nil when its keys are not read
	once  sync.Once
}

// OpenScreen begins to draw on a terminal. Where in is a terminal too, its keys are
// no longer shown and can be read at once, with Key.
func OpenScreen(in io.Reader, out io.Writer) (*Screen, error) {
	s := &Screen{out: out, in: in}
	if IsTerminal(in) {
		withDescriptor(in, func(fd int) { s.saved = quiet(fd) })
	}
	if _, err := io.WriteString(out, enterScreen); err != nil {
		s.restore()
		return nil, err
	}
	return s, nil
}

// quiet stops a terminal from showing keys and from waiting for the end of a line.
// Interrupts still work; the key that stops a program does not, as the shell would
// then show its prompt on the wrong screen. It returns the former state, and nil when
// the terminal cannot be changed.
func quiet(fd int) (saved *unix.Termios) {
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil
	}
	now := *before
	now.Lflag &^= unix.ICANON | unix.ECHO
	now.Cc[unix.VMIN], now.Cc[unix.VTIME], now.Cc[unix.VSUSP] = 1, 0, 0
	if unix.IoctlSetTermios(fd, unix.TCSETS, &now) != nil {
		return nil
	}
	return before
}

// Draw replaces what the screen shows. Lines that do not fit are cut, and the last
// line says so when whole lines are missing.
func (s *Screen) Draw(text []byte) error {
	columns, rows := s.size()
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if rows > 1 && len(lines) > rows {
		lines = append(lines[:rows-1:rows-1], "… the terminal is too low for the rest")
	}
	var b strings.Builder
	b.WriteString(home)
	for i, line := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		if columns > 0 {
			line = ansi.Truncate(line, columns, "…")
		}
		b.WriteString(line + plain + clearLine)
	}
	b.WriteString(clearBelow)
	_, err := io.WriteString(s.out, b.String())
	return err
}

// Key waits for a key that a person presses. Where keys cannot be read it waits for
// the end of ctx.
func (s *Screen) Key(ctx context.Context) (key byte, err error) {
	if s.saved == nil {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	withDescriptor(s.in, func(fd int) {
		if err = awaitData(ctx, fd); err != nil {
			return
		}
		var one [1]byte
		if _, err = s.in.Read(one[:]); err == nil {
			key = one[0]
		}
	})
	return key, err
}

// Close leaves the terminal as it was. It may be called more than once.
func (s *Screen) Close() (err error) {
	s.once.Do(func() {
		s.restore()
		_, err = io.WriteString(s.out, leaveScreen)
	})
	return err
}

func (s *Screen) restore() {
	if s.saved != nil {
		// The terminal may be gone.
		withDescriptor(s.in, func(fd int) { _ = unix.IoctlSetTermios(fd, unix.TCSETS, s.saved) })
	}
}

func (s *Screen) size() (columns, rows int) {
	withDescriptor(s.out, func(fd int) {
		if size, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ); err == nil {
			columns, rows = int(size.Col), int(size.Row)
		}
	})
	return columns, rows
}
