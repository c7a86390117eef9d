package gitcmd

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Progress is one report of a fetch or push under way.
type Progress struct {
	// Phase is git's name for what it does, such as "Receiving objects".
	Phase string
	// Done and Total count objects; Total is 0 while unknown.
	Done, Total int64
	// Bytes transferred so far, as far as git tells; 0 otherwise.
	Bytes int64
}

var (
	counting = regexp.MustCompile(`^(?:remote: )?([A-Z][A-Za-z ]{2,40}): +(?:\d{1,3}% \((\d{1,18})/(\d{1,18})\)|(\d{1,18}))(?:, ([0-9.]{1,16}) (bytes|KiB|MiB|GiB))?`)
	units    = map[string]float64{"bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
)

func parseProgress(line string) (Progress, bool) {
	m := counting.FindStringSubmatch(line)
	if m == nil {
		return Progress{}, false
	}
	p := Progress{Phase: m[1], Done: number(m[2] + m[4]), Total: number(m[3])}
	if f, err := strconv.ParseFloat(m[5], 64); err == nil {
		p.Bytes = int64(f * units[m[6]])
	}
	return p, true
}

// number reads decimal digits the pattern has bounded; "" is 0.
func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

const (
	maxLine = 2 << 10 // bytes of one line of standard error that are remembered
	maxText = 8 << 10 // bytes of all lines that are remembered: the last ones
)

// messages is a process's standard error. It reports progress, and remembers the
// rest, bounded, for the error message.
type messages struct {
	progress func(Progress)
	active   func()

	mu    sync.Mutex
	line  []byte
	kept  []string
	size  int
	sent  bool          // a push had begun to send objects
	bytes int64         // highest figure of "Writing objects" or "Receiving objects"
	after time.Duration // how long an HTTP server asks to wait
	// awaited: an HTTP request was sent, and the header of its answer has not ended.
	awaited bool
}

func (m *messages) Write(b []byte) (int, error) {
	if m.active != nil {
		m.active()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range b {
		if c == '\n' || c == '\r' {
			m.flush()
		} else if len(m.line) < maxLine {
			m.line = append(m.line, c)
		}
	}
	return len(b), nil
}

func (m *messages) flush() {
	line := strings.TrimRight(string(m.line), " ")
	m.line = m.line[:0]
	if line == "" {
		return
	}
	if trace.MatchString(line) {
		if found := retryAfter.FindStringSubmatch(line); found != nil {
			m.after = wish(found[1])
		}
		switch {
		case strings.HasPrefix(line, "=> Send header,"):
			m.awaited = true
		case line == "<= Recv header:": // the empty line at its end
			m.awaited = false
		}
		return
	}
	if p, ok := parseProgress(line); ok {
		if p.Phase == "Writing objects" || p.Phase == "Receiving objects" {
			m.bytes = max(m.bytes, p.Bytes)
		}
		switch p.Phase {
		case "Enumerating objects", "Counting objects", "Writing objects":
			m.sent = m.sent || !strings.HasPrefix(line, "remote: ")
		}
		if m.progress != nil {
			m.progress(p)
		}
		return
	}
	m.sent = m.sent || strings.HasPrefix(line, "Total ")
	m.kept = append(m.kept, line)
	m.size += len(line)
	for m.size > maxText && len(m.kept) > 1 {
		m.size -= len(m.kept[0])
		m.kept = m.kept[1:]
	}
}

// text returns what was remembered.
func (m *messages) text() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.line) > 0 {
		m.flush()
	}
	return strings.Join(m.kept, "\n")
}

// cutShort reports that the last answer of an HTTP server ended within its header. Git
// may take it for a repository without any ref.
func (m *messages) cutShort() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.awaited
}

// askedToWait is what the server asked for last; 0 for nothing.
func (m *messages) askedToWait() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.after
}

// transferred returns the bytes git reported and whether a push had begun.
func (m *messages) transferred() (int64, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.bytes, m.sent
}
