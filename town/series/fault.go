package series

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
)

// errCut reports that a file became shorter while it was read.
var errCut = errors.New("a file of figures was cut off while it was used")

// guarded calls fn. Files of the database are mapped into memory, and reading one that
// somebody truncates is a fault of memory, which would end the process. In fn it is an
// error. So is a panic with an error: the database panics when it cannot write some files.
func guarded(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch p := recover().(type) {
		case nil:
		case error:
			var mistake runtime.Error
			switch {
			case cut(p):
				err = fmt.Errorf("%w: %w", errCut, p)
			case errors.As(p, &mistake):
				panic(p)
			default:
				err = p
			}
		default:
			panic(p)
		}
	}()
	if err = fn(); cut(err) { // the engine of PromQL returns what it recovered from
		err = fmt.Errorf("%w: %w", errCut, err)
	}
	return err
}

// cut reports that an error is a fault of memory.
func cut(err error) bool {
	var fault interface {
		runtime.Error
		Addr() uintptr
	}
	return errors.As(err, &fault)
}
