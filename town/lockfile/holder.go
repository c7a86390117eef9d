package lockfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"gastown/town"
	"gastown/town/process"
)

const (
	// maxCommand and maxHolder bound, in bytes, a command that is written and
	// what is read of a lock file.
	maxCommand = 120
	maxHolder  = 1 << 10
)

// Holder is what a process wrote into its lock file. It may be out of date; Look
// reports who holds the lock now. The zero value means that the process wrote
// nothing.
type Holder struct {
	PID     int    `json:"pid"`
	Command string `json:"command"`
	// State is what the holder is doing, if that explains a wait.
	State string `json:"state,omitempty"`
	// Since is when it took the lock, to the second.
	Since time.Time `json:"since,omitzero"`
	// Start is process.Began of the holder; 0 when it did not say.
	Start uint64 `json:"start,omitempty"`
}

// Runs reports whether the process that wrote the holder still runs, and not another
// one that has got its id. It reports false for a holder that did not say when it
// was started.
func (h Holder) Runs() bool {
	if h.PID <= 0 || h.Start == 0 {
		return false
	}
	began, err := process.Began(h.PID)
	return err == nil && began == h.Start && process.Alive(h.PID)
}

// Stopped reports whether the holder does not go on until somebody tells it to.
func (h Holder) Stopped() bool { return h.Runs() && process.Stopped(h.PID) }

// String words a holder: "pid 12, gt federation sync, since 2026-01-02 15:04:05Z".
func (h Holder) String() string {
	if h.PID <= 0 {
		return "another process"
	}
	s := fmt.Sprintf("pid %d", h.PID)
	if h.Command != "" {
		s += ", " + h.Command
	}
	switch {
	case h.Stopped():
		s += ", which is stopped"
	case h.State != "":
		s += ", which is " + h.State
	}
	if !h.Since.IsZero() {
		s += ", since " + h.Since.UTC().Format("2006-01-02 15:04:05Z")
	}
	return s
}

// Note writes the holder into the lock file. State may be empty. A failure is
// ignored, because the lock is valid without it.
func (l *Lock) Note(state string) {
	l.state = state
	began, _ := process.Began(os.Getpid()) // without /proc nobody could compare it
	line, err := json.Marshal(Holder{PID: os.Getpid(), Command: plain(l.command), State: state,
		Since: time.Now().UTC().Truncate(time.Second), Start: began})
	if err != nil {
		return
	}
	// In this order, so that a reader never finds the file empty. It ignores
	// what follows the first JSON value.
	if _, err := l.file.WriteAt(line, 0); err == nil {
		_ = l.file.Truncate(int64(len(line)))
	}
}

// Look reports whether another process holds the lock at path, and what the holder
// wrote. It asks the kernel by taking a shared lock for a moment, so a process that
// makes a single attempt at that moment may fail. It creates no file.
func Look(path string) (h Holder, held bool, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Holder{}, false, nil
	}
	if err != nil {
		return Holder{}, false, err
	}
	defer f.Close() // which also unlocks
	free, err := flock(f, unix.LOCK_SH)
	if err != nil || free {
		return Holder{}, false, err
	}
	return parse(f), true, nil
}

// Read returns what a holder wrote into the file at path, whether or not the lock
// is held now. It returns the zero Holder when nothing can be read.
func Read(path string) Holder {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return Holder{}
	}
	f, err := os.Open(path)
	if err != nil {
		return Holder{}
	}
	defer f.Close()
	return parse(f)
}

// former is how a remote's lock named its holder before all locks had one
// format.
var former = regexp.MustCompile(`^pid ([0-9]{1,10}), (.*)`)

// parse reads what a holder wrote, in this or in a former version. Malformed
// content counts as nothing written.
func parse(r io.Reader) Holder {
	text, err := io.ReadAll(io.LimitReader(r, maxHolder))
	if err != nil {
		return Holder{}
	}
	var h Holder
	if err := json.NewDecoder(strings.NewReader(string(text))).Decode(&h); err != nil {
		h = Holder{}
		if m := former.FindStringSubmatch(string(text)); m != nil {
			h.PID, _ = strconv.Atoi(m[1])
			h.Command = m[2]
		}
	}
	h.Command, h.State = plain(h.Command), plain(h.State)
	return h
}

// plain makes a word from a file safe for one line of a terminal.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	return town.Clip(s, maxCommand)
}
