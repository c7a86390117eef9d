package deacon

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/deacon/logs"
)

func (o *deaconOptions) logs(ctx context.Context) error {
	t, err := o.call.FindTown()
	if err != nil {
		return err
	}
	w := &logWriter{call: o.call}
	return logs.Tail(ctx, t.DeaconLog(), max(0, o.lines), o.follow, w)
}

// logWriter formats the lines of a log for people; with --json it passes them on
// unchanged.
type logWriter struct {
	call *shell.Call
	rest []byte
}

func (w *logWriter) Write(data []byte) (int, error) {
	w.rest = append(w.rest, data...)
	p := w.call.Printer(w.call.Stdout)
	for {
		line, rest, whole := bytes.Cut(w.rest, []byte("\n"))
		if !whole {
			break
		}
		w.rest = rest
		if w.call.JSON {
			p.Line("%s", line)
			continue
		}
		printLogLine(p, line)
	}
	return len(data), p.Flush()
}

// printLogLine prints one line: time, level, message, then other fields by name.
func printLogLine(p *term.Printer, line []byte) {
	var entry map[string]any
	if json.Unmarshal(line, &entry) != nil {
		p.Line("%s", line)
		return
	}
	take := func(key string) string {
		v, ok := entry[key]
		delete(entry, key)
		if !ok {
			return ""
		}
		return fmt.Sprint(v)
	}
	when, level, message := take("time"), take("level"), take("msg")
	if t, err := time.Parse(time.RFC3339Nano, when); err == nil {
		when = t.Local().Format("2006-01-02 15:04:05")
	}
	text := when + " " + strings.ToUpper(level) + " " + message
	for _, key := range slices.Sorted(maps.Keys(entry)) {
		text += fmt.Sprintf(" %s=%v", key, entry[key])
	}
	if level == "error" || level == "warning" {
		p.Styled(term.Bad, "%s", text)
		return
	}
	p.Line("%s", text)
}
