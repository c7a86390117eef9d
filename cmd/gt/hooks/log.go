package hooks

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"gastown/cmd/internal/term"
	"gastown/town"
)

const (
	// maxHookLog is the size in bytes at which a new log is begun; the previous log
	// is retained. maxHookLine bounds a line, in bytes.
	maxHookLog  = 256 << 10
	maxHookLine = 2000
)

// hookLog is a log file for hooks, which run in the background and have no visible
// output. A line that cannot be written must not fail the hook.
type hookLog struct {
	now          func() time.Time
	path, prefix string
}

func (l hookLog) note(format string, args ...any) {
	if info, err := os.Stat(l.path); err == nil && info.Size() > maxHookLog {
		_ = os.Rename(l.path, l.path+".1")
	}
	if os.MkdirAll(filepath.Dir(l.path), 0o700) != nil {
		return
	}
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	text := town.Clip(term.Clean(l.prefix+fmt.Sprintf(format, args...)), maxHookLine)
	_, _ = fmt.Fprintf(f, "%s %s\n", l.now().UTC().Format(time.RFC3339), text)
}
