package agent

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"gastown/tmux"
	"gastown/town"
	"gastown/town/lockfile"
)

const (
	// MaxText bounds a text that is handed over, in bytes. Longer ones belong in a
	// file that the text names.
	MaxText = 64 << 10
	// glance is how often a screen is looked at while something is awaited on it.
	glance = 60 * time.Millisecond
	// pasteFor is how long the composer may take to show a paste, enterFor how long
	// the agent may take to accept it after each Enter, and enters how often Enter
	// is pressed.
	pasteFor = 5 * time.Second
	enterFor = 1500 * time.Millisecond
	enters   = 4
	// acceptFor is how long an agent may take to show a text that has left its
	// composer. Some draw a whole new screen first.
	acceptFor = 10 * time.Second
	// typingFor is how long after a person's last key nothing is typed into a
	// session that a person is attached to.
	typingFor = 5 * time.Second
)

// HandOver implements Session.
func (s *session) HandOver(ctx context.Context, run int64, text string) (Handed, error) {
	return s.handOver(ctx, run, text, "")
}

// HandOverOnce implements Session.
func (s *session) HandOverOnce(ctx context.Context, run int64, text string) (Handed, error) {
	return s.handOver(ctx, run, text, town.DigestOf("once", text).Short())
}

// handOver hands over a text; once tells a text that the session gets once from others.
func (s *session) handOver(ctx context.Context, run int64, text, once string) (Handed, error) {
	text = Message(strings.TrimRight(Clean(text), "\n"))
	switch {
	case strings.TrimSpace(text) == "":
		return Handed{Refused, "there is nothing in the text"}, nil
	case len(text) > MaxText:
		return Handed{Refused, fmt.Sprintf("the text has %d bytes, more than %d: write it to a file and name that", len(text), MaxText)}, nil
	}
	name := filepath.Join(s.t.Dir, FileName(SessionName(s.agent))+".lock")
	lock, err := lockfile.Acquire(ctx, name, lockfile.Options{Command: "hand text to " + s.agent, Wait: lockWait, Op: "hand text to " + s.agent})
	if err != nil {
		return Handed{}, err
	}
	defer lock.Release()
	h := handover{session: s, run: run, text: text, once: once, folded: fold(text)}
	out, err := h.give(ctx)
	if errors.Is(err, ErrNoSession) && !h.typed {
		return Handed{Refused, ErrNoSession.Error()}, nil
	}
	if err != nil && h.typed {
		return Handed{Pasted, "nobody could look whether it arrived: " + err.Error()}, nil
	}
	if err != nil {
		return out, s.fail("hand text to", "gt agents lists the sessions", err)
	}
	return out, nil
}

// handover is one text on its way.
type handover struct {
	*session
	run          int64 // of the session; 0 for any
	text, folded string
	once         string // "" for a text that may be typed again
	pane         string
	before       string // the transcript before
	typed        bool   // the text was given to the terminal
}

func (h *handover) give(ctx context.Context) (Handed, error) {
	now, err := h.current(ctx)
	if err != nil {
		return Handed{}, err
	}
	if has := number(now.Tags[tagRun]); h.run != 0 && has != h.run {
		return Handed{}, fmt.Errorf("%w: run %d, not %d", ErrOtherRun, has, h.run)
	}
	h.pane = now.Pane.ID
	look, err := h.lookAt(ctx, now, 0)
	if err != nil {
		return Handed{}, err
	}
	if h.once != "" && now.Tags[tagOnce] == h.once {
		return h.again(ctx, look)
	}
	look, why, final, err := h.steady(ctx, now, look)
	switch {
	case err != nil:
		return Handed{}, err
	case final:
		return Handed{Refused, why}, nil
	case why != "":
		return Handed{Queued, why}, nil
	}
	if now.Pane.InMode { // nobody is attached: it was left so
		if err := h.t.Server.LeaveMode(ctx, h.pane); err != nil {
			return Handed{}, err
		}
	}
	if err := h.begin(ctx, now); err != nil {
		return Handed{}, err
	}
	h.before = h.transcript(look)
	h.typed = true
	if err := h.paste(ctx, now); err != nil {
		return Handed{}, err
	}
	if h.preset.composer == nil {
		return h.blind(ctx)
	}
	if why, err := h.arrived(ctx); err != nil || why != "" {
		return Handed{Pasted, why}, err
	}
	return h.enter(ctx)
}

// paste types the text, and tags the session with one that it gets once.
func (h *handover) paste(ctx context.Context, now tmux.Session) error {
	if h.once == "" || len(now.Tags) == 0 {
		return h.t.Server.Paste(ctx, h.pane, h.text)
	}
	now.Tags[tagOnce] = h.once
	return h.t.Server.PasteTagged(ctx, h.pane, h.text, now.ID, now.Tags)
}

// again does what is missing of a text that was typed before: perhaps Enter was not
// pressed. Where no composer shows that, it is pressed, which is at most an empty line.
func (h *handover) again(ctx context.Context, look Look) (Handed, error) {
	h.typed = true
	switch {
	case look.State == Ended:
		return Handed{Refused, fmt.Sprintf("its program has ended with status %d", look.Signs.Status)}, nil
	case h.preset.composer == nil:
		return h.blind(ctx)
	case look.Draft != "" && h.ours(look.Draft):
		h.before = h.transcript(look)
		return h.enter(ctx)
	}
	return Handed{Pasted, "it was typed before, and nobody saw whether it was taken"}, nil
}

// steady answers a dialog of the start, and says whether text can be typed, as cannot
// does. Before the first text the agent must stay ready for as long as its preset says:
// some programs show their composer for a moment before a dialog.
func (h *handover) steady(ctx context.Context, now tmux.Session, look Look) (_ Look, why string, final bool, err error) {
	for since := time.Now(); ; {
		if err := h.answer(ctx, now, look); err != nil {
			return look, "", false, err
		}
		why, final = h.cannot(look)
		if why != "" || look.Begun || h.preset.composer == nil || time.Since(since) >= max(h.preset.Settle, minSettle) {
			return look, why, final, nil
		}
		select {
		case <-ctx.Done():
			return look, "", false, context.Cause(ctx)
		case <-time.After(settlePause):
		}
		if look, err = h.lookAt(ctx, now, 0); err != nil {
			return look, "", false, err
		}
	}
}

// cannot says why nothing can be typed now; final that this will not change.
func (h *handover) cannot(look Look) (why string, final bool) {
	attached := look.Signs.Attached > 0
	switch {
	case look.State == Ended:
		return fmt.Sprintf("its program has ended with status %d", look.Signs.Status), true
	case look.State == Busy:
		return "the agent works", false
	case look.State == Waiting || look.State == Asking:
		return "it shows a dialog: " + look.Dialog, false
	case look.State != Ready:
		return "the agent is not ready", false
	case look.Draft != "":
		return "text that was not sent stands in its composer", false
	case attached && look.Signs.Scrolled:
		return "a person scrolls in its session", false
	case attached && time.Since(look.Signs.Typed) < typingFor:
		return "a person types into its session", false
	}
	return "", false
}

// blind presses Enter where nobody can see whether text was taken.
func (h *handover) blind(ctx context.Context) (Handed, error) {
	if err := wait(ctx, h.preset.EnterDelay); err != nil {
		return Handed{}, err
	}
	if err := h.t.Server.Press(ctx, h.pane, tmux.Enter); err != nil {
		return Handed{}, err
	}
	return Handed{Pasted, "the preset " + h.preset.Name + " has no composer, so nobody sees whether the text was taken"}, nil
}

// arrived waits until the composer shows the text and nothing else. It says why the
// text must not be sent otherwise.
func (h *handover) arrived(ctx context.Context) (why string, err error) {
	why = "the composer does not show the text"
	draft := ""
	for end := time.Now().Add(pasteFor + h.t.slack); time.Now().Before(end); {
		if err := wait(ctx, glance); err != nil {
			return "", err
		}
		look, err := h.look(ctx, 0)
		if err != nil {
			return "", err
		}
		if look.Draft == "" {
			continue
		}
		if look.Draft != draft { // it still changes
			draft = look.Draft
			continue
		}
		if h.ours(draft) {
			return "", nil
		}
		why = "the composer shows other text too"
	}
	return why, nil
}

// ours reports whether a draft is the text, or the end of it, or what stands for it.
func (h *handover) ours(draft string) bool {
	if h.preset.marker != nil {
		draft = h.preset.marker.ReplaceAllString(draft, "")
	}
	return strings.HasSuffix(h.folded, fold(draft))
}

// enter presses Enter until the text has left the composer and the agent is seen with
// it. Enter is pressed again only while the composer shows the text.
func (h *handover) enter(ctx context.Context) (Handed, error) {
	for range enters {
		if err := wait(ctx, h.preset.EnterDelay); err != nil {
			return Handed{}, err
		}
		if err := h.t.Server.Press(ctx, h.pane, tmux.Enter); err != nil {
			return Handed{}, err
		}
		left := false
		for end := time.Now().Add(enterFor + h.t.slack); time.Now().Before(end) || left && time.Now().Before(end.Add(acceptFor)); {
			if err := wait(ctx, glance); err != nil {
				return Handed{}, err
			}
			look, err := h.look(ctx, 0)
			if err != nil {
				return Handed{}, err
			}
			if look.State == Ended {
				return Handed{Pasted, fmt.Sprintf("its program ended with status %d", look.Signs.Status)}, nil
			}
			if look.Draft != "" && h.ours(look.Draft) {
				continue
			}
			left = true
			if look.State == Busy || h.accepted(look) {
				return Handed{Result: Confirmed}, nil
			}
		}
		if left {
			return Handed{Pasted, "the text left the composer, and nobody saw the agent work on it"}, nil
		}
	}
	return Handed{Pasted, "the text stays in the composer"}, nil
}

// accepted reports whether the end of the text came to stand above the composer.
func (h *handover) accepted(look Look) bool {
	now := h.transcript(look)
	tail := h.folded
	if r := []rune(tail); len(r) > 30 {
		tail = string(r[len(r)-30:])
	}
	return tail != "" && now != h.before && strings.Count(now, tail) > strings.Count(h.before, tail)
}

// transcript is what stands above the composer.
func (h *handover) transcript(look Look) string {
	return fold(strings.Join(look.Lines[:max(0, min(look.composer, len(look.Lines)))], "\n"))
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
