package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"gastown/town"
	"gastown/town/secrets"
)

const (
	// grace is how long a call may take to return after its deadline. It is longer than
	// it takes to kill a program; see program.Runner.
	grace = 3 * time.Second
	// maxOutput is the largest output of a call that is text or JSON, in bytes.
	maxOutput = 1 << 20
	// maxReason is how much of an error is kept, in bytes.
	maxReason = 2000
)

// How a call failed. Errors of Execute wrap one of them, or only what the plugin said.
var (
	// ErrLate: it did not return by its deadline.
	ErrLate = errors.New("it did not end in time")
	// ErrStuck: it did not return even after its deadline, or all its places are taken
	// by calls that did not.
	ErrStuck = errors.New("it does not end")
	// ErrPanic: it panicked.
	ErrPanic = errors.New("it panicked")
	// ErrOutput: it returned more than it may.
	ErrOutput = errors.New("it returned too much")
	// ErrGone: it was disabled, changed or removed.
	ErrGone = errors.New("it is not in force any more")
)

// Instance is a plugin that is enabled, initialised and in force. Its methods may be
// called from many goroutines.
type Instance struct {
	entry  Entry
	digest town.Digest
	values secrets.Values
	plugin Plugin
	host   *Set
	places chan struct{}
	under  sync.WaitGroup // calls that have not returned

	mu     sync.Mutex
	closed bool
	did    Did
}

// Did says how the calls of a plugin ended.
type Did struct {
	Calls, Failed int
	// Running are the calls under way, Stuck those of them that are past their deadline.
	Running, Stuck int
	// Last is when the last call ended, and Took how long it took. Reason is why it
	// failed; "" when it did not.
	Last   time.Time
	Took   time.Duration
	Reason string
	// Missed is what the last call did not do although it succeeded; "" for nothing.
	Missed string
	// Since is when the present run of failures began; zero after a success.
	Since time.Time
}

// Name is the plugin's name in the file.
func (i *Instance) Name() string { return i.entry.Name }

// Type is its type in the file.
func (i *Instance) Type() string { return i.entry.Type }

// Digest changes when the type or the resolved configuration does.
func (i *Instance) Digest() town.Digest { return i.digest }

// Plugin is the plugin itself, for facts that only its type has, such as the severities
// that a channel takes. Every call goes through Execute of the instance.
func (i *Instance) Plugin() Plugin { return i.plugin }

// Serves reports whether the plugin can be called as one of that type.
func (i *Instance) Serves(kind string) bool {
	s, ok := i.plugin.(Serving)
	return i.entry.Type == kind || ok && slices.Contains(s.Serves(), kind)
}

// Did says how its calls ended.
func (i *Instance) Did() Did {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.did
}

// Redact removes the plugin's secrets and what a terminal would obey from a text.
func (i *Instance) Redact(text string) string {
	return clean(i.values, text)
}

// clean removes secrets, and what a terminal would obey, from a text, and bounds it.
func clean(values secrets.Values, text string) string {
	lines := strings.Split(town.Plain(values.Redact(text)), "\n")
	for i, l := range lines {
		lines[i] = town.Visible(l)
	}
	return town.Clip(values.Redact(strings.Join(lines, "\n")), maxReason) // again: characters were within a secret
}

// withoutSecrets removes secrets from an output that is text or JSON.
func withoutSecrets(values secrets.Values, output any) any {
	switch o := output.(type) {
	case string:
		return values.Redact(o)
	case []byte:
		return []byte(values.Redact(string(o)))
	case json.RawMessage:
		text := values.Redact(string(o))
		if text == string(o) || json.Valid([]byte(text)) {
			return json.RawMessage(text)
		}
		quoted, _ := json.Marshal(text) // the secret was a number; a string cannot fail
		return json.RawMessage(quoted)
	}
	return output
}

// Execute calls the plugin and waits for it, for at most its timeout. Calls beyond its
// at_once wait for a place. Its errors name the plugin. Neither they nor an output that is
// text or JSON hold a secret.
func (i *Instance) Execute(ctx context.Context, input any) (output any, err error) {
	return i.do(ctx, func(ctx context.Context) (any, error) { return i.plugin.Execute(ctx, input) })
}

// Test proves that the plugin works, as Tester says. can is false when its type has no
// such proof.
func (i *Instance) Test(ctx context.Context) (said string, can bool, err error) {
	t, ok := i.plugin.(Tester)
	if !ok {
		return "", false, nil
	}
	out, err := i.do(ctx, func(ctx context.Context) (any, error) { return t.Test(ctx) })
	said, _ = out.(string)
	return i.Redact(said), true, err
}

// do makes a call.
func (i *Instance) do(ctx context.Context, fn func(context.Context) (any, error)) (output any, err error) {
	ctx, cancel := context.WithTimeout(ctx, i.entry.Timeout)
	defer cancel()
	if err := i.enter(ctx); err != nil {
		return nil, i.failed(err)
	}
	began := i.host.opts.Now()
	c := &call{ended: make(chan result, 1)}
	go func() {
		var r result
		defer func() {
			if p := recover(); p != nil {
				i.host.opts.Log.WithField("plugin", i.Name()).WithField("stack", i.Redact(string(debug.Stack()))).Error("a plugin panicked")
				r = result{nil, fmt.Errorf("%w: %v", ErrPanic, p)}
			}
			i.leave(c)
			c.ended <- r
		}()
		r.output, r.err = fn(ctx)
	}()
	var r result
	select {
	case r = <-c.ended:
	case <-ctx.Done():
		select {
		case r = <-c.ended:
		case <-time.After(grace):
			if i.stick(c) {
				r.err = fmt.Errorf("%w: it was told to end %s ago", ErrStuck, grace)
			} else {
				r = <-c.ended
			}
		}
	}
	if r.err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) && !errors.Is(r.err, ErrStuck) && !errors.Is(r.err, ErrPanic) {
		r.err = fmt.Errorf("%w (%s): %w", ErrLate, i.entry.Timeout, r.err)
	}
	missed := ""
	if part, ok := r.output.(Partial); ok {
		r.output, missed = part.Output, "the plugin "+i.Name()+": "+i.Redact(part.Missed)
	}
	if r.err == nil {
		r.err = tooMuch(r.output)
	}
	if r.output = withoutSecrets(i.values, r.output); r.err != nil {
		r.output, r.err = nil, i.failed(r.err)
	}
	i.note(began, missed, r.err)
	return r.output, r.err
}

// tooMuch checks the size of an output whose size can be seen.
func tooMuch(output any) error {
	n := 0
	switch o := output.(type) {
	case string:
		n = len(o)
	case []byte:
		n = len(o)
	case json.RawMessage:
		n = len(o)
	}
	if n > maxOutput {
		return fmt.Errorf("%w: %d bytes, more than %d", ErrOutput, n, maxOutput)
	}
	return nil
}

// enter takes a place for a call.
func (i *Instance) enter(ctx context.Context) error {
	select {
	case i.places <- struct{}{}:
	case <-ctx.Done():
		if d := i.Did(); d.Stuck > 0 {
			return fmt.Errorf("%w: %d calls of it are past their deadline; gt deacon restart ends them", ErrStuck, d.Stuck)
		}
		return fmt.Errorf("%w: its other calls took all the time", ErrLate)
	}
	select {
	case i.host.places <- struct{}{}:
	case <-ctx.Done():
		<-i.places
		return fmt.Errorf("%w: calls of other plugins took all the time", ErrLate)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed {
		<-i.host.places
		<-i.places
		return ErrGone
	}
	i.under.Add(1)
	i.did.Running++
	return nil
}

// call is a call under way. Its fields are guarded by the mutex of the instance.
type call struct {
	stuck, over bool
	ended       chan result
}

type result struct {
	output any
	err    error
}

// stick marks a call as stuck, unless it just ended. The call keeps its place in the
// plugin until it ends, and gives up its place among the calls of all plugins.
func (i *Instance) stick(c *call) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if c.over {
		return false
	}
	c.stuck = true
	i.did.Stuck++
	<-i.host.places
	return true
}

// leave gives the places of a call back.
func (i *Instance) leave(c *call) {
	i.mu.Lock()
	defer i.mu.Unlock()
	c.over = true
	i.did.Running--
	if c.stuck {
		i.did.Stuck--
	} else {
		<-i.host.places
	}
	<-i.places
	i.under.Done()
}

// note keeps how a call ended.
func (i *Instance) note(began time.Time, missed string, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.host.opts.Now().UTC()
	i.did.Calls++
	i.did.Last, i.did.Took, i.did.Missed = now, now.Sub(began), missed
	if err == nil {
		i.did.Reason, i.did.Since = "", time.Time{}
		return
	}
	i.did.Failed++
	if i.did.Since.IsZero() {
		i.did.Since = now
	}
	i.did.Reason = err.Error()
}

// failed names the plugin in an error of a call, and removes secrets from it.
func (i *Instance) failed(err error) error {
	return &callError{"the plugin " + i.Name() + ": " + i.Redact(err.Error()), err}
}

// callError is an error with another text. It has no Unwrap: what it covers may hold
// secrets.
type callError struct {
	text string
	err  error
}

func (e *callError) Error() string { return e.text }

// Is and As find kinds of errors, whose texts hold no secret.
func (e *callError) Is(target error) bool { return errors.Is(e.err, target) }
func (e *callError) As(target any) bool {
	if _, ok := target.(**Later); ok {
		later, ok := errors.AsType[*Later](e.err)
		if ok {
			*target.(**Later) = &Later{Seconds: later.Seconds, Err: errors.New(e.text)}
		}
		return ok
	}
	return errors.As(e.err, target)
}

// Close ends an instance that Try made.
func (i *Instance) Close(ctx context.Context) error { return i.close(ctx) }

// shut has no further call begin. first is false when that was done before.
func (i *Instance) shut() (first bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	first, i.closed = !i.closed, true
	return first
}

// close has no further call begin, waits for those under way until ctx ends, and cleans
// up.
func (i *Instance) close(ctx context.Context) error {
	if !i.shut() {
		return nil
	}
	return i.finish(ctx)
}

// finish waits for calls under way until ctx ends, and cleans up. A plugin with calls that
// do not end is not cleaned up, because they use it.
func (i *Instance) finish(ctx context.Context) error {
	ended := make(chan struct{})
	go func() { i.under.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
		return i.failed(fmt.Errorf("%w: its calls go on, so it is not cleaned up", ErrStuck))
	}
	return bounded(ctx, i.values, i.Name(), i.plugin.Cleanup)
}

// bounded calls Init or Cleanup of a plugin: a panic is an error, and it is not awaited
// beyond ctx.
func bounded(ctx context.Context, values secrets.Values, name string, fn func() error) error {
	ended := make(chan error, 1)
	go func() {
		var err error
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("%w: %v", ErrPanic, p)
			}
			ended <- err
		}()
		err = fn()
	}()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		err = ErrLate
	}
	if err == nil {
		return nil
	}
	return &callError{"the plugin " + name + ": " + clean(values, err.Error()), err}
}
