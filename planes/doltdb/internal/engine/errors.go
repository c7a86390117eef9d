package engine

import (
	"errors"
	"fmt"
	"io"
	"path"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/sirupsen/logrus"

	"gastown/town"
	"gastown/town/durable"
)

// ErrCorrupt reports data that is not what its index or its place says.
var ErrCorrupt = errors.New("damaged or altered data")

// Classify wraps the kind of a failure of this machine (see durable.OfMachine) around
// an error that has only its text: the engine passes on no more.
func Classify(err error) error {
	if err == nil || durable.OfMachine(err) {
		return err
	}
	if kind, ok := durable.Told(err.Error()); ok {
		return fmt.Errorf("%w: %w", kind, err)
	}
	return err
}

// Contain is deferred around calls of the engine that database/sql makes. It
// turns a panic into an error, and classifies errors.
func Contain(err *error) {
	p := recover()
	if p == nil {
		if *err != nil && *err != io.EOF {
			*err = Classify(*err)
		}
		return
	}
	logrus.StandardLogger().WithField("stack", string(debug.Stack())).Debug("the database engine panicked")
	*err = fmt.Errorf("the database engine stopped unexpectedly: %s", panicText(p))
}

// Recovered is deferred around direct calls of the engine. It turns a panic into
// an error of the operation.
func Recovered(op string, err *error) {
	if p := recover(); p != nil {
		*err = town.Fail(op, "nothing was changed; report it together with the command",
			"the database engine stopped unexpectedly: %s", panicText(p))
	}
}

// panicText is a panic's value with the place in the engine where it began, for
// reports of the fault. Call it in the deferred function that recovered.
func panicText(value any) string {
	text := town.Clip(fmt.Sprint(value), 300)
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	panicking := false
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		switch inRuntime := strings.HasPrefix(f.Function, "runtime."); {
		case inRuntime:
			panicking = true
		case panicking:
			return fmt.Sprintf("%s (%s:%d)", text, path.Base(f.File), f.Line)
		}
	}
	return text
}
