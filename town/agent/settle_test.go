package agent

import (
	"context"
	"testing"
	"time"
)

// The composer of some programs is there before they take text: a session is not ready
// before it was seen so for as long as its preset says.
func TestNotReadyBeforeItSettled(t *testing.T) {
	r := runtime(t)
	const settle = 2 * time.Second
	for i := range r.Presets {
		if r.Presets[i].Name == "codex" {
			r.Presets[i].Settle = settle
		}
	}
	began := time.Now()
	s, _ := startScripted(t, r, fakeOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	look, err := AwaitReady(ctx, s)
	if err != nil || look.State != Ready {
		t.Fatalf("%+v, %v", look.State, err)
	}
	if took := time.Since(began); took < settle {
		t.Errorf("ready after %s", took)
	}
}
