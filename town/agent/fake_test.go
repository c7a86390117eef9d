package agent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// fakeOptions say how the scripted agent behaves.
type fakeOptions struct {
	// Record gets each message it was given, as one JSON string a line.
	Record string
	// Trust shows a dialog first; with Exit, "exit" is preselected.
	Trust, Exit bool
	// Busy is how long it works on a message. With Until it works on each message until
	// that file has as many bytes as there were messages.
	Busy  time.Duration
	Until string
	// Absorb is how long after a paste an Enter is a part of it.
	Absorb time.Duration
	// Lose is how many Enters it does not see at all.
	Lose int
	// Deaf: it takes text and never sends it.
	Deaf bool
	// Quit ends it at once with this status.
	Quit int
}

// fake is a full-screen agent with bracketed paste. It looks like codex.
type fake struct {
	fakeOptions
	mu       sync.Mutex
	draft    string
	said     []string
	until    time.Time // busy
	pasted   time.Time
	selected int
	trusted  bool
	lost     int
}

// fakeMain runs it on the terminal of this process.
func fakeMain(options string) int {
	f := &fake{}
	if err := json.Unmarshal([]byte(options), &f.fakeOptions); err != nil {
		fmt.Println(err)
		return 2
	}
	if f.Quit != 0 {
		fmt.Println("cannot work today")
		return f.Quit
	}
	f.trusted = !f.Trust
	if f.Exit {
		f.selected = 1
	}
	if err := raw(0); err != nil {
		fmt.Println(err)
		return 2
	}
	os.Stdout.WriteString("\x1b[?2004h\x1b[?1049h")
	go func() {
		for range time.Tick(50 * time.Millisecond) {
			f.mu.Lock()
			f.draw()
			f.mu.Unlock()
		}
	}()
	var in []byte
	buf := make([]byte, 1<<16)
	for {
		n, err := os.Stdin.Read(buf)
		if err != nil {
			return 0
		}
		in = append(in, buf[:n]...)
		f.mu.Lock()
		for {
			used, end := f.take(in)
			if end {
				return 1
			}
			if used == 0 {
				break
			}
			in = in[used:]
		}
		f.draw()
		f.mu.Unlock()
	}
}

var pasteBegin, pasteEnd = []byte("\x1b[200~"), []byte("\x1b[201~")

// take takes one key or paste.
func (f *fake) take(in []byte) (used int, end bool) {
	switch {
	case len(in) == 0 || !utf8.FullRune(in):
		return 0, false
	case bytes.HasPrefix(in, pasteBegin):
		i := bytes.Index(in, pasteEnd)
		if i < 0 {
			return 0, false
		}
		if f.trusted {
			f.draft += string(in[len(pasteBegin):i])
			f.pasted = time.Now()
		}
		return i + len(pasteEnd), false
	case !f.trusted:
		switch {
		case bytes.HasPrefix(in, []byte("\x1b[A")), bytes.HasPrefix(in, []byte("\x1bOA")):
			f.selected = 0
			return 3, false
		case in[0] == '\r' && f.selected == 1:
			return 1, true
		case in[0] == '\r':
			f.trusted = true
		}
		return 1, false
	case in[0] == '\r':
		f.enter()
		return 1, false
	case in[0] == 0x1b && bytes.HasPrefix(pasteBegin, in):
		return 0, false
	}
	_, size := utf8.DecodeRune(in)
	f.draft += string(in[:size])
	return size, false
}

func (f *fake) enter() {
	switch {
	case f.Deaf:
	case time.Since(f.pasted) < f.Absorb:
		f.draft += "\n"
	case f.lost < f.Lose:
		f.lost++
	case strings.TrimSpace(f.draft) != "":
		file, err := os.OpenFile(f.Record, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err == nil {
			_ = json.NewEncoder(file).Encode(f.draft)
			_ = file.Close()
		}
		f.said = append(f.said, f.draft)
		f.draft, f.until, f.lost = "", time.Now().Add(f.Busy), 0
	}
}

func (f *fake) busy() bool {
	if f.Until == "" {
		return time.Now().Before(f.until)
	}
	info, err := os.Stat(f.Until)
	return len(f.said) > 0 && (err != nil || info.Size() < int64(len(f.said)))
}

// draw draws the screen: what was said, the busy line, the composer and a footer.
func (f *fake) draw() {
	size, err := unix.IoctlGetWinsize(1, unix.TIOCGWINSZ)
	if err != nil {
		return
	}
	width, height := int(size.Col)-2, int(size.Row)
	var out strings.Builder
	out.WriteString("\x1b[?25l\x1b[2J\x1b[H")
	if !f.trusted {
		out.WriteString("Trust this folder? It can run code.\r\n")
		for i, choice := range []string{"1. Trust and continue", "2. No, exit"} {
			mark := "  "
			if i == f.selected {
				mark = "› "
			}
			out.WriteString(mark + choice + "\r\n")
		}
		os.Stdout.WriteString(out.String())
		return
	}
	above := []string{"a fake agent"}
	for _, s := range f.said {
		above = append(above, rows(s, width)...)
	}
	draft := rows(f.draft, width)
	if len(draft) > height-6 {
		draft = draft[len(draft)-(height-6):]
	}
	room := height - 5 - len(draft)
	if len(above) > room {
		above = above[len(above)-room:]
	}
	for _, l := range above {
		out.WriteString("  " + l + "\r\n")
	}
	if f.busy() {
		out.WriteString("\x1b[2m• Working (1s • \x1b[0mesc\x1b[2m to interrupt)\x1b[0m")
	}
	out.WriteString("\r\n\r\n\x1b[1m›\x1b[0m ")
	cursor := len(above) + 2 + max(len(draft), 1)
	column := 3
	if f.draft == "" {
		out.WriteString("\x1b[2mAsk me to do anything\x1b[0m")
	} else {
		out.WriteString(strings.Join(draft, "\r\n  "))
		column += len([]rune(draft[len(draft)-1]))
	}
	fmt.Fprintf(&out, "\r\n\r\n  \x1b[33mmodel\x1b[39m · /somewhere\x1b[%d;%dH\x1b[?25h", cursor, column)
	os.Stdout.WriteString(out.String())
}

// rows wraps text.
func rows(text string, width int) (out []string) {
	for _, l := range strings.Split(strings.ReplaceAll(text, "\t", "    "), "\n") {
		r := []rune(l)
		for wide := width / 2; len(r) > wide; r = r[wide:] { // no row is too wide, whatever its characters are
			out = append(out, string(r[:wide]))
		}
		out = append(out, string(r))
	}
	return out
}

// raw puts a terminal into raw mode.
func raw(fd int) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	return unix.IoctlSetTermios(fd, unix.TCSETS, t)
}
