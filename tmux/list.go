package tmux

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Session is one session of a server.
type Session struct {
	// ID is tmux's own, such as "$3". Name may hold any printable text; a person may
	// change it.
	ID, Name string
	// Created and Active are when it was made and when a person last typed into it
	// or attached to it, to the second.
	Created, Active time.Time
	// Windows counts its windows, Clients the terminals that show it.
	Windows, Clients int
	// Tags are what the session was created with; nil for a session of someone else.
	Tags map[string]string
	// Pane is the oldest one, in which the program of the session was started.
	Pane Pane
}

// Pane is one terminal of a session.
type Pane struct {
	// ID is tmux's own, such as "%3". PID is the process that was started in it,
	// also after it has ended.
	ID  string
	PID int
	// Dead says that the process has ended; Status is its exit code then, or the
	// number of the signal plus 128. Reaped says that tmux knows it: that is after the
	// terminal was closed, and in old versions never after a signal.
	Dead   bool
	Reaped bool
	Status int
	// InMode says that a person scrolls in it, so it takes no keys.
	InMode bool
	// CursorX and CursorY, from 0, and the size in characters.
	CursorX, CursorY, Width, Height int
	// Output is when something was last printed in the pane's window, to the
	// second.
	Output time.Time
	// Title and Command are what the programs in it say of themselves.
	Title, Command string
	// server is the process of the tmux server.
	server int
}

// tagsOption is the user option that holds a session's tags, as a URL's query.
const tagsOption = "@gt_session"

// facts is the format of a pane's line. Numbers come first. What a program or a person
// can choose comes last: tmux allows no control characters in names and titles, and a
// tab in an option only spoils the tags.
var facts = strings.Join([]string{
	"#{session_id}", "#{session_created}", "#{session_activity}", "#{session_windows}", "#{session_attached}",
	"#{pane_id}", "#{pane_pid}", "#{pane_dead}", "#{pane_dead_status}", "#{pane_dead_signal}", "#{pane_in_mode}",
	"#{cursor_x}", "#{cursor_y}", "#{pane_width}", "#{pane_height}", "#{window_activity}", "#{pid}",
	"#{session_name}", "#{pane_title}", "#{pane_current_command}", "#{" + tagsOption + "}",
}, "\t")

// shortFacts is the format of a session's line in the list that Create returns.
const shortFacts = "#{session_id}\t#{" + tagsOption + "}"

// factsFields is how many fields a line of facts has; firstText is the first one that
// is no number.
const factsFields, firstText = 21, 17

// Sessions lists the sessions in tmux's order; none when no server runs. It is one
// process for all. It reports ErrMissing where the program is not installed, so that
// no session could be made.
func (s Server) Sessions(ctx context.Context) ([]Session, error) {
	op := "list the tmux sessions on " + s.Socket
	if alive, err := s.alive(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	} else if !alive {
		if err := s.installed(); err != nil {
			return nil, fmt.Errorf("%s: %w", op, err)
		}
		return nil, nil
	}
	out, words, err := s.run(ctx, "-u", "-S", s.Socket, "list-panes", "-a", "-F", facts)
	if err != nil {
		if noServer(words) { // it ended meanwhile
			return nil, nil
		}
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	all, err := sessions(out)
	if err != nil {
		return all, fmt.Errorf("%s: %w", op, err)
	}
	return all, nil
}

// sessions puts the lines of panes together.
func sessions(lines string) ([]Session, error) {
	var all []Session
	for line := range strings.Lines(lines) {
		session, err := parse(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return all, err
		}
		session.Pane.remind()
		if i := slices.IndexFunc(all, func(s Session) bool { return s.ID == session.ID }); i >= 0 {
			if session.Pane.older(all[i].Pane) {
				all[i] = session
			}
			continue
		}
		all = append(all, session)
	}
	return all, nil
}

// createdOf reads what tmux says when it creates a session: its facts, and a line for each
// session.
func createdOf(out string) (made Session, all []Listed, err error) {
	first, rest, _ := strings.Cut(out, "\n")
	if made, err = parse(first); err != nil {
		return made, nil, err
	}
	for line := range strings.Lines(rest) {
		id, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		all = append(all, Listed{ID: id, Tags: tags(text)})
	}
	return made, all, nil
}

// remind makes the server collect a process that has ended. A server that starts may miss
// the signal that says so. Then the process stays a zombie, and its status is not known.
func (p Pane) remind() {
	if p.Dead && !p.Reaped && p.server > 1 {
		_ = syscall.Kill(p.server, syscall.SIGCHLD) // the next look shows what came of it
	}
}

// older reports whether a pane is older than another: tmux numbers them.
func (p Pane) older(than Pane) bool {
	return cmp.Or(cmp.Compare(len(p.ID), len(than.ID)), cmp.Compare(p.ID, than.ID)) < 0
}

func parse(line string) (Session, error) {
	f := strings.SplitN(line, "\t", factsFields)
	bad := fmt.Errorf("its answer is not understood: %q", clip(line))
	if len(f) != factsFields || !strings.HasPrefix(f[0], "$") || !strings.HasPrefix(f[5], "%") {
		return Session{}, bad
	}
	var n [firstText]int64
	for i := range n {
		if i == 0 || i == 5 || f[i] == "" { // an id, or nothing to say
			continue
		}
		var err error
		if n[i], err = strconv.ParseInt(f[i], 10, 64); err != nil {
			return Session{}, bad
		}
	}
	status := int(n[8])
	if n[9] > 0 {
		status = 128 + int(n[9])
	}
	return Session{
		ID: f[0], Created: time.Unix(n[1], 0), Active: time.Unix(n[2], 0), Windows: int(n[3]), Clients: int(n[4]),
		Name: f[17], Tags: tags(f[20]),
		Pane: Pane{
			ID: f[5], PID: int(n[6]), Dead: n[7] != 0, Reaped: f[8] != "" || f[9] != "", Status: status, InMode: n[10] != 0,
			CursorX: int(n[11]), CursorY: int(n[12]), Width: int(n[13]), Height: int(n[14]), Output: time.Unix(n[15], 0),
			Title: f[18], Command: f[19], server: int(n[16]),
		},
	}, nil
}

// tags reads the option that holds a session's tags. A person may have changed it.
func tags(text string) map[string]string {
	values, err := url.ParseQuery(text)
	if err != nil || len(values) == 0 {
		return nil
	}
	out := make(map[string]string, len(values))
	for name := range values {
		out[name] = values.Get(name)
	}
	return out
}

// query is the form in which tags are in their option: printable ASCII without a
// semicolon.
func query(tags map[string]string) string {
	values := url.Values{}
	for name, value := range tags {
		values.Set(name, value)
	}
	return values.Encode()
}
