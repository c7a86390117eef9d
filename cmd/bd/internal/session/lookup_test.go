package session

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"gastown/cmd/internal/shell"
)

// A Deacon that says nothing is given up soon; one that says that there is a
// queue is waited for as long as --wait says.
func TestPatienceWithTheDeacon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, queued := range []bool{false, true} {
			call := &shell.Call{Globals: shell.Globals{Wait: time.Minute}}
			l := &lookup{call: call}
			l.queued.Store(queued)
			began := time.Now()
			err := l.soon(t.Context(), func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
			want := defaultMute
			if queued {
				want = call.Wait
			}
			if took := time.Since(began); took != want || err == nil {
				t.Errorf("queued %v: %s, %v", queued, took, err)
			}
		}
	})
}
