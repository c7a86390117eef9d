package federate

import "time"

// step measures one step of a call for Options.Trace. Use: defer e.step("scan")().
func (e *Engine) step(name string) func() {
	start := time.Now()
	return func() { e.took(name, start) }
}

func (e *Engine) took(name string, start time.Time) {
	if e.opts.Trace != nil {
		e.opts.Trace(name, time.Since(start))
	}
}
