package federate

import "time"

// phases are the names, for people, of the steps that may take long. The steps that use
// the network name the remote themselves.
var phases = map[string]string{
	"open": "open the federation", "scan": "look for edited files", "record": "record edits", "collect": "collect garbage",
	"verify": "verify what arrived", "take": "take what arrived", "check": "check what arrived", "check records": "check records of other Towns", "merge": "merge",
	"show": "write files", "reviews": "look for open reviews", "count": "count commits", "stage": "prepare what leaves",
	"preview": "look at what would leave", "adopt": "merge what the Town has", "copy": "copy the federation",
	"select records": "select records by the rules", "stage records": "prepare the records that leave",
	"merge records": "merge records of other Towns", "copy records": "copy the shared records", "close": "close the federation",
}

// step begins one step of a call. It shows the step as progress and measures it for
// Options.Trace. Use: defer e.step("scan")().
func (e *Engine) step(name string) func() {
	start := time.Now()
	if phase := phases[name]; phase != "" {
		e.progress(phase, 0, 0, "")
	}
	return func() { e.took(name, start) }
}

func (e *Engine) took(name string, start time.Time) {
	if e.opts.Trace != nil {
		e.opts.Trace(name, time.Since(start))
	}
}
