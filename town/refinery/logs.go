package refinery

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"gastown/town"
)

// Logs are the logs of checks of one rig: a file for each run.
type Logs struct {
	// Dir is a private directory, which need not exist.
	Dir string
}

const (
	// logHead and logTail bound a log, in bytes: its beginning and its end are kept.
	logHead, logTail = 256 << 10, 768 << 10
	// maxLogs is how many logs a rig keeps.
	maxLogs = 500
)

var logPattern = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}\.[0-9]{6}-[A-Za-z0-9_.-]{1,80}$`)

// IsLog reports whether a word is the name of a log.
func IsLog(word string) bool { return logPattern.MatchString(word) }

// Create makes the log of a run that begins.
func (l Logs) Create(check string, slot int, now time.Time) (name string, w *Log, err error) {
	if err := os.MkdirAll(l.Dir, 0o700); err != nil {
		return "", nil, err
	}
	name = fmt.Sprintf("%s-%s-%d", now.UTC().Format("20060102T150405.000000"), check, slot)
	if !logPattern.MatchString(name) {
		return "", nil, fmt.Errorf("%w: %q is no name of a log", town.ErrUsage, town.Clip(name, 100))
	}
	f, err := os.OpenFile(filepath.Join(l.Dir, name), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	return name, &Log{file: f}, err
}

// Open opens a log by its name.
func (l Logs) Open(name string) (io.ReadCloser, error) {
	if !logPattern.MatchString(name) {
		return nil, fmt.Errorf("%w: %q is no name of a log", town.ErrUsage, town.Clip(name, 100))
	}
	return os.Open(filepath.Join(l.Dir, name))
}

// Prune removes the oldest logs that are too many.
func (l Logs) Prune() error {
	entries, err := os.ReadDir(l.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return !logPattern.MatchString(e.Name()) })
	for _, e := range entries[:max(0, len(entries)-maxLogs)] { // sorted by name, which begins with the time
		err = errors.Join(err, os.Remove(filepath.Join(l.Dir, e.Name())))
	}
	return err
}

// Log takes what a check prints. The beginning is in the file at once; of the rest the
// end is kept, and is in the file when the log is closed. A disk that is full does not
// end the check.
type Log struct {
	mu      sync.Mutex
	file    *os.File
	head    int
	tail    []byte // the last bytes of the rest
	rest    int64
	problem error
}

// Write implements io.Writer. It never fails.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(b)
	if room := logHead - l.head; room > 0 {
		part := b[:min(room, len(b))]
		if _, err := l.file.Write(part); err != nil {
			l.problem = err
		}
		l.head += len(part)
		b = b[len(part):]
	}
	l.rest += int64(len(b))
	l.tail = append(l.tail, b...)
	if len(l.tail) > 2*logTail {
		l.tail = slices.Clone(l.tail[len(l.tail)-logTail:])
	}
	return n, nil
}

// End is the end of what was written, at most so many bytes.
func (l *Log) End(most int) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.tail) > 0 || l.head == 0 {
		return bytes.Clone(l.tail[max(0, len(l.tail)-most):])
	}
	b := make([]byte, min(most, l.head))
	f, err := os.Open(l.file.Name())
	if err != nil {
		return nil
	}
	defer f.Close()
	n, _ := f.ReadAt(b, int64(l.head-len(b))) // what could not be written is not there
	return b[:n]
}

// Close completes the file. Its error is what could not be written.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	tail := l.tail[max(0, len(l.tail)-logTail):]
	if cut := l.rest - int64(len(tail)); cut > 0 {
		_, l.problem = fmt.Fprintf(l.file, "\n[%d bytes are left out here]\n", cut)
	}
	_, err := l.file.Write(tail)
	return errors.Join(l.problem, err, l.file.Close())
}
