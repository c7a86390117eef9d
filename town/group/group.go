// Package group runs the goroutines of one task. It is golang.org/x/sync/errgroup
// with one difference: a panic in a goroutine does not end the process. Wait panics
// with it in the goroutine that waits. There the boundary of a command or a job
// turns it into an error, so a command inside the Deacon cannot take the Deacon
// with it.
package group

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Group is a set of goroutines, made by New or WithContext. Every Group is waited
// for.
type Group struct {
	all *errgroup.Group

	mu    sync.Mutex
	first *Panic
}

// Panic is what Wait panics with.
type Panic struct {
	// Value is what the goroutine panicked with, Stack its stack.
	Value any
	Stack []byte
}

// String words the value, without the stack.
func (p *Panic) String() string { return fmt.Sprint(p.Value) }

// errPanicked ends the group's context. Nobody sees it: Wait panics.
var errPanicked = errors.New("a goroutine panicked")

// WithContext returns a Group and a context that ends with the first error or
// panic, or when Wait returns.
func WithContext(ctx context.Context) (*Group, context.Context) {
	all, ctx := errgroup.WithContext(ctx)
	return &Group{all: all}, ctx
}

// New returns a Group whose errors cancel nothing.
func New() *Group { return &Group{all: new(errgroup.Group)} }

// SetLimit bounds how many goroutines run at once; call it before Go.
func (g *Group) SetLimit(n int) { g.all.SetLimit(n) }

// Go runs f in a goroutine of its own.
func (g *Group) Go(f func() error) {
	g.all.Go(func() (err error) {
		defer func() {
			if value := recover(); value != nil {
				g.mu.Lock()
				defer g.mu.Unlock()
				if g.first == nil {
					g.first = &Panic{value, debug.Stack()}
				}
				err = errPanicked
			}
		}()
		return f()
	})
}

// Wait waits for all goroutines and returns the first error. It panics with a
// *Panic if one of them panicked.
func (g *Group) Wait() error {
	err := g.all.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.first != nil {
		panic(g.first)
	}
	return err
}
