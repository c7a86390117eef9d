package agent

import (
	"context"
	"fmt"
	"time"

	"gastown/tmux"
)

// Settle implements Session.
func (s *session) Settle(ctx context.Context) (Look, error) {
	now, err := s.current(ctx)
	if err != nil {
		return Look{}, s.fail("look at", "", err)
	}
	look, err := s.lookAt(ctx, now, 0)
	if err != nil {
		return look, s.fail("look at", "", err)
	}
	if err := s.answer(ctx, now, look); err != nil {
		return look, s.fail("answer the dialog "+look.Dialog+" of", "", err)
	}
	return look, nil
}

// answer answers a dialog of the start.
func (s *session) answer(ctx context.Context, now tmux.Session, look Look) error {
	if look.State != Asking || look.Begun || now.Pane.InMode {
		return nil
	}
	keys := make([]tmux.Key, len(look.keys))
	for i, k := range look.keys {
		keys[i] = tmux.Key(k)
	}
	return s.t.Server.Press(ctx, now.Pane.ID, keys...)
}

// begin notes that text is handed over, after which no dialog is answered any more.
func (s *session) begin(ctx context.Context, now tmux.Session) error {
	if now.Tags[tagBegun] != "" || len(now.Tags) == 0 {
		return nil
	}
	now.Tags[tagBegun] = "1"
	return s.t.Server.Tag(ctx, now.ID, now.Tags)
}

// AwaitReady waits until an agent is seen ready twice, answering dialogs meanwhile. It
// returns what was seen last. ErrNotReady when that takes longer than the context
// allows or a person must act; ErrEnded when the program has ended.
func AwaitReady(ctx context.Context, s Session) (Look, error) {
	seen, since := 0, time.Time{} // since when it is in the state in which it was seen last
	var settle time.Duration
	if s, ok := s.(*session); ok {
		settle = max(s.preset.Settle, minSettle)
	}
	var last Look
	for {
		look, err := s.Settle(ctx)
		if ctx.Err() != nil {
			return last, fmt.Errorf("%w: the screen shows: %s", ErrNotReady, last.State)
		}
		if err != nil {
			return last, err
		}
		if seen++; seen == 1 || look.State != last.State {
			seen, since = 1, time.Now()
		}
		last = look
		switch {
		case look.State == Ready && seen >= 2 && time.Since(since) >= settle:
			return look, nil
		case look.State == Ended && (look.Signs.reaped || seen >= 2): // after the second look it is known, or never
			return look, fmt.Errorf("%w with status %d", ErrEnded, look.Signs.Status)
		case look.State == Waiting && time.Since(since) >= drawnFor:
			return look, fmt.Errorf("%w: a person must act: %s", ErrNotReady, look.Dialog)
		}
		select {
		case <-ctx.Done():
			return last, fmt.Errorf("%w: the screen shows: %s", ErrNotReady, last.State)
		case <-time.After(settlePause):
		}
	}
}

// minSettle is how long an agent is seen ready before it counts: some show their
// composer for a moment before the first dialog.
const minSettle = 500 * time.Millisecond

// drawnFor is how long a dialog may take to be drawn, with what is selected in it.
const drawnFor = 2 * time.Second

// settlePause is the time between two looks at a screen that changes.
const settlePause = 150 * time.Millisecond
