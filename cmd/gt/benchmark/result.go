package benchmark

import (
	"time"

	"gastown/town/machine"
	"gastown/town/noise"
)

// format is the version of the form of a Result.
const format = 1

// The units of figures. Those that are counted do not depend on the machine.
const (
	unitMS        = "ms"
	unitProcesses = "processes"
	unitQueries   = "queries"
)

// Result is what gt benchmark measured; --json prints it and --output writes it.
type Result struct {
	// Benchmark is the version of this form.
	Benchmark int       `json:"benchmark"`
	Type      string    `json:"type"`
	Version   string    `json:"version"`
	At        time.Time `json:"at"`
	// Runs is how often each figure was meant to be measured.
	Runs int `json:"runs"`
	// Settings are those that a configuration file gave the Towns.
	Settings map[string]string `json:"settings,omitempty"`
	// Machine is what the machine had left before it began.
	Machine   machine.Readings `json:"machine"`
	Scenarios []Scenario       `json:"scenarios"`
}

// Scenario is one row of the scenario table.
type Scenario struct {
	Name string `json:"name"`
	// Polecats and Convoys are what the Town had. Real says that the polecats were
	// scripted agents in tmux, not rows only.
	Polecats int  `json:"polecats"`
	Convoys  int  `json:"convoys"`
	Real     bool `json:"real"`
	// Less says why the Town had fewer polecats than the scenario asks for, or why not
	// everything was measured.
	Less string `json:"less,omitempty"`
	// Limit is how long people may wait, Response how long they waited for the slowest
	// of the commands by which they watch a Town, which is Slowest. Both are in ms.
	Limit    float64 `json:"limit_ms"`
	Response float64 `json:"response_ms"`
	Slowest  string  `json:"slowest"`
	Kept     bool    `json:"kept"`
	// Processes counts those of git and tmux that one round of these commands starts,
	// Queries the SQL queries of gt status. Counted says that they were counted.
	Counted   bool `json:"counted"`
	Processes int  `json:"processes"`
	Queries   int  `json:"queries"`
	// Took is how long all of it took, with making the Town, in ms.
	Took    float64  `json:"took_ms"`
	Figures []Figure `json:"figures"`
}

// Figure is one quantity. A smaller one is better.
type Figure struct {
	Name    string    `json:"name"`
	Unit    string    `json:"unit"`
	Samples []float64 `json:"samples"`
	noise.Summary
	// Healthy is what the median should be below; 0 for no such threshold.
	Healthy float64 `json:"healthy,omitempty"`
	Kept    bool    `json:"kept"`
}

// counted reports whether the figure does not depend on the machine.
func (f Figure) counted() bool { return f.Unit == unitProcesses || f.Unit == unitQueries }

// settle computes what follows from the samples.
func (f Figure) settle() Figure {
	f.Summary = noise.Summarize(f.Samples)
	f.Kept = f.Healthy <= 0 || f.Median < f.Healthy
	return f
}

// milliseconds of a duration.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
