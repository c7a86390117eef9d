package group

import (
	"errors"
	"strings"
	"testing"
)

func TestErrorsAreThoseOfErrgroup(t *testing.T) {
	failed := errors.New("failed")
	g, ctx := WithContext(t.Context())
	g.SetLimit(2)
	g.Go(func() error { return failed })
	g.Go(func() error { <-ctx.Done(); return ctx.Err() })
	if err := g.Wait(); !errors.Is(err, failed) {
		t.Errorf("%v", err)
	}
	g = New()
	g.Go(func() error { return nil })
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

// A panic cancels the others and comes out of Wait, with the stack where it began.
func TestWaitPanics(t *testing.T) {
	g, ctx := WithContext(t.Context())
	g.Go(func() error { mistake(); return nil })
	g.Go(func() error { <-ctx.Done(); return nil })
	defer func() {
		p, ok := recover().(*Panic)
		if !ok || p.String() != "a mistake" || !strings.Contains(string(p.Stack), "mistake") {
			t.Errorf("%v", p)
		}
	}()
	err := g.Wait()
	t.Errorf("it returned %v", err)
}

func mistake() { panic("a mistake") }
