package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// beadFigure is what one task costs with one number of beads. Times are in
// milliseconds, memory is in MB; 0 means not measured.
type beadFigure struct {
	Beads  int    `json:"beads"`
	Deacon bool   `json:"deacon"`
	Task   string `json:"task"`
	// Median and Best are wall times of whole processes. Open and Work split the
	// median run: opening the ledger, and using it. Start is the rest.
	Median float64 `json:"median_ms"`
	Best   float64 `json:"best_ms"`
	Start  float64 `json:"start_ms"`
	Open   float64 `json:"open_ms"`
	Work   float64 `json:"work_ms"`
	// CPU is the processor time of the median process, without the Deacon's.
	CPU float64 `json:"cpu_ms"`
	// Memory is the most memory that any of the processes held, Host the most that
	// the Deacon held.
	Memory float64 `json:"memory_mb"`
	Host   float64 `json:"deacon_memory_mb,omitempty"`
	// Queries is the largest number of queries of any of the processes; -1 where it
	// is unknown.
	Queries int `json:"queries"`
	// Direct is the time of the same work through a ledger that is already open, in
	// this process.
	Direct float64 `json:"direct_ms,omitempty"`
	// Public are the public bd's figures: of this run if Measured is set, otherwise
	// from promises.
	Public       float64 `json:"public_ms,omitempty"`
	PublicMemory float64 `json:"public_memory_mb,omitempty"`
	PublicCPU    float64 `json:"public_cpu_ms,omitempty"`
	Measured     bool    `json:"public_measured,omitempty"`
	// Least is how many times faster than the public bd it must be, Most the
	// maximum of queries; 0 for no limit.
	Least float64 `json:"least_times_faster,omitempty"`
	Most  int     `json:"most_queries,omitempty"`
	Over  bool    `json:"over"`
}

// faster is how many times faster than the public bd a task is.
func (f beadFigure) faster() float64 { return f.Public / f.Median }

// beadSize is the size of a ledger on disk, in MB.
type beadSize struct {
	Beads  int     `json:"beads"`
	Name   string  `json:"name"`
	Size   float64 `json:"mb"`
	Public float64 `json:"public_mb,omitempty"`
	Limit  float64 `json:"limit_mb,omitempty"`
	Over   bool    `json:"over"`
}

// beadReport has all figures of bd.
type beadReport struct {
	Tasks []beadFigure `json:"tasks,omitempty"`
	Sizes []beadSize   `json:"sizes,omitempty"`
}

// judged is the number of beads that the limits apply to.
const judged = 5000

// promises are the limits of each task, and how long the public bd takes, in
// milliseconds by number of beads. Its figures were measured with version 1.0.5,
// embedded, after its own garbage collection, on a machine of two cores. They are
// used when no public bd is measured in the same run. docs/performance.md has the
// limits.
var promises = []struct {
	task    string
	least   float64
	queries int
	public  map[int]float64
}{
	{taskCreate, 3, 0, map[int]float64{100: 416, judged: 300}},
	{taskShow, 3, 1, map[int]float64{100: 274, judged: 220}},
	{taskShows, 10, 1, map[int]float64{100: 1907, judged: 1080}},
	{taskList, 3, 0, map[int]float64{100: 318, judged: 270}},
	{taskUpdate, 3, 0, map[int]float64{100: 294, judged: 240}},
	{taskBatch, 10, 0, map[int]float64{100: 1517, judged: 1600}},
	{taskClose, 3, 0, map[int]float64{100: 449, judged: 570}},
	{taskReady, 3, 0, map[int]float64{100: 204, judged: 820}},
	{taskSearch, 3, 0, nil},
	{taskExport, 3, 0, map[int]float64{100: 345, judged: 2631}},
	{taskFill, 100, 0, map[int]float64{100: 3500, judged: 201_000}},
	{taskRaw, 0, 1, map[int]float64{judged: 1618}},
}

// The names and limits of sizes on disk, and the public bd's sizes, in MB.
const (
	sizeImported   = "ledger after the import"
	sizeCollected  = "ledger after a collection"
	sizeLimit      = 20
	publicImported = 352
	publicPacked   = 6
)

// judgeBead adds to a figure the public bd's time and the limits. A limit of time
// applies to 5,000 beads, and wherever the public bd was measured in this run.
func judgeBead(f beadFigure) beadFigure {
	for _, p := range promises {
		if p.task != f.Task {
			continue
		}
		if f.Public == 0 {
			f.Public = p.public[f.Beads]
		}
		if f.Public > 0 && (f.Measured || f.Beads == judged) {
			f.Least = p.least
		}
		f.Most = p.queries
	}
	f.Over = f.Least > 0 && f.faster() < f.Least || f.Most > 0 && f.Queries > f.Most
	return f
}

func judgeSize(s beadSize) beadSize {
	if s.Beads == judged {
		s.Limit = sizeLimit
		if s.Public == 0 {
			s.Public = map[string]float64{sizeImported: publicImported, sizeCollected: publicPacked}[s.Name]
		}
	}
	s.Over = s.Limit > 0 && s.Size >= s.Limit
	return s
}

// figureOf summarises runs of our bd.
func figureOf(name string, samples []sample) beadFigure {
	f := beadFigure{Task: name, Queries: -1}
	work := func(s sample) time.Duration { return s.steps["work"] }
	open := func(s sample) time.Duration { return s.steps["open"] }
	f.Median, f.Open, f.Work = milliseconds(samples, whole), milliseconds(samples, open), milliseconds(samples, work)
	f.Start = milliseconds(samples, func(s sample) time.Duration { return s.wall - open(s) - work(s) })
	f.CPU = milliseconds(samples, func(s sample) time.Duration { return s.work })
	best := slices.MinFunc(samples, func(a, b sample) int { return int(a.wall - b.wall) })
	f.Best = float64(best.wall.Microseconds()) / 1000
	for _, s := range samples {
		f.Memory, f.Queries = max(f.Memory, s.memory), max(f.Queries, s.queries)
	}
	return f
}

// reportBeads prints the figures of bd.
func reportBeads(w io.Writer, r beadReport) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\nbeads\tdeacon\tbd\tms\tbest\tstart\topen\twork\tcpu\tMB\tdeacon MB\tqueries\tdirect ms\tto a direct query\tpublic ms\ttimes faster\tof the cpu\tlimit\t\t")
	kept, limited := 0, 0
	count := func(has, over bool) string {
		if !has {
			return ""
		}
		if limited++; over {
			return "OVER"
		}
		kept++
		return "ok"
	}
	for _, f := range r.Tasks {
		var limits []string
		if f.Least > 0 {
			limits = append(limits, ">= "+number(f.Least))
		}
		if f.Most > 0 {
			limits = append(limits, fmt.Sprintf("%d query", f.Most))
		}
		public, faster, ratio, busy := known(f.Public), "-", "-", "-"
		if f.Public > 0 {
			faster = number(f.faster())
			if f.Measured {
				public += " here"
				busy = fmt.Sprintf("%.2f", f.CPU/f.PublicCPU)
			}
		}
		if f.Direct > 0 {
			ratio = number(f.Median / f.Direct)
		}
		with, queries := "no", "-"
		if f.Deacon {
			with = "yes"
		}
		if f.Queries >= 0 {
			queries = fmt.Sprint(f.Queries)
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", f.Beads, with, f.Task,
			number(f.Median), number(f.Best), number(f.Start), number(f.Open), number(f.Work), number(f.CPU), number(f.Memory), known(f.Host),
			queries, known(f.Direct), ratio, public, faster, busy, strings.Join(limits, ", "), count(len(limits) > 0, f.Over))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(t, "\nbeads\ton the disk\tMB\tpublic bd\tlimit\t\t")
	for _, s := range r.Sizes {
		limit := ""
		if s.Limit > 0 {
			limit = "< " + number(s.Limit)
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t\n", s.Beads, s.Name, number(s.Size), known(s.Public), limit, count(s.Limit > 0, s.Over))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d of %d limits of bd kept\n", kept, limited)
	return err
}

// known formats a figure, or prints a dash for 0, which means not measured.
func known(v float64) string {
	if v == 0 {
		return "-"
	}
	return number(v)
}
