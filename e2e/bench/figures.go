package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// figure is one quantity measured on both sides. Ours and Stock are in Unit. Stock
// is 0 where there is nothing to compare with.
type figure struct {
	Rows   int     `json:"rows"`
	Remote string  `json:"remote"`
	Name   string  `json:"name"`
	Unit   string  `json:"unit"`
	Ours   float64 `json:"ours"`
	Stock  float64 `json:"stock,omitempty"`
	// Limit is the maximum for Ours/Stock, or for Ours itself if Absolute is set; 0
	// for no limit.
	Limit    float64 `json:"limit,omitempty"`
	Absolute bool    `json:"absolute,omitempty"`
	Over     bool    `json:"over"`
}

func (f figure) ratio() float64 {
	if f.Stock == 0 {
		return 0
	}
	return f.Ours / f.Stock
}

// Names of the steps; see the package comment.
const (
	stepStart   = "start-up"
	stepRecord  = "recording new files"
	stepFirst   = "first push"
	stepJoin    = "join"
	stepBefore  = "join before files"
	stepFiles   = "writing files, to plain writes"
	stepEntry   = "join, to clone and push"
	stepPush    = "one-row push"
	stepFind    = "finding the edit"
	stepSync    = "the sync itself"
	stepNone    = "no-op pull"
	stepPull    = "one-row pull"
	withDeacon  = ", with a Deacon"
	stepGrowth  = "growth of the sync itself"
	stepMemory  = "peak memory"
	stepVerify  = "verify arrivals"
	stepConnect = "connections of a "
	stepGit     = "git processes of a "
	stepSent    = "bytes sent by a "
)

// limit bounds one quantity of the federation.
type limit struct {
	remote   string // "" for any kind
	rows     int    // 0 for any
	name     string
	most     float64
	absolute bool
}

const small, medium, usual, large = 1000, 10_000, 20_000, 100_000

// limits are the promised limits. The first one that matches a figure applies.
var limits = []limit{
	{remote: "local", rows: large, name: stepPush, most: 0.60},
	{remote: "local", rows: large, name: stepSync, most: 0.15},
	{remote: "local", rows: large, name: stepNone, most: 0.50},
	{remote: "local", rows: large, name: stepPull, most: 0.60},
	{remote: "local", rows: large, name: stepFirst, most: 1.0},
	{remote: "local", rows: large, name: stepBefore, most: 1.0},
	{remote: "local", rows: large, name: stepJoin, most: 2.0},
	{remote: "local", rows: usual, name: stepRecord, most: 1500, absolute: true},
	{remote: "local", rows: usual, name: stepPush + withDeacon, most: 0.25},
	{remote: "local", rows: usual, name: stepNone + withDeacon, most: 0.25},
	{remote: "local", rows: medium, name: stepPush, most: 0.60},
	{remote: "local", rows: medium, name: stepNone, most: 0.80},
	{remote: "local", rows: small, name: stepPush, most: 1.0},
	{remote: "local", rows: small, name: stepNone, most: 1.0},
	{remote: "local", rows: small, name: stepPull, most: 1.0},
	{remote: "local", rows: small, name: stepFirst, most: 1.0},
	{remote: "local", rows: small, name: stepJoin, most: 1.0},
	{remote: "local", rows: small, name: stepEntry, most: 1.0},
	{remote: "ssh", name: stepPush, most: 0.25},
	{remote: "ssh", name: stepNone, most: 0.50},
	{name: stepConnect + stepPush, most: 1, absolute: true},
	{name: stepConnect + stepNone, most: 1, absolute: true},
	{name: stepConnect + stepPull, most: 1, absolute: true},
	{name: stepGrowth, most: 1.5, absolute: true},
	{rows: large, name: stepMemory, most: 300, absolute: true},
}

// judge sets the limit of a figure, if it has one.
func judge(f figure) figure {
	i := slices.IndexFunc(limits, func(l limit) bool {
		return l.name == f.Name && (l.remote == "" || l.remote == f.Remote) && (l.rows == 0 || l.rows == f.Rows)
	})
	if i < 0 {
		return f
	}
	f.Limit, f.Absolute = limits[i].most, limits[i].absolute
	if f.Absolute {
		f.Over = f.Ours > f.Limit
	} else {
		f.Over = f.ratio() > f.Limit
	}
	return f
}

// results are all measurements of a run.
type results struct {
	Federation []figure       `json:"federation,omitempty"`
	Deacon     []deaconFigure `json:"deacon,omitempty"`
	Fronts     []deaconFigure `json:"fronts,omitempty"`
	Beads      beadReport     `json:"bd,omitzero"`
	Whole      wholeReport    `json:"gt_benchmark,omitzero"`
}

// report prints the results as tables, or as JSON.
func report(w io.Writer, r results, asJSON bool) (err error) {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	if len(r.Federation) > 0 {
		err = reportFigures(w, r.Federation)
	}
	if len(r.Beads.Tasks) > 0 {
		err = errors.Join(err, reportBeads(w, r.Beads))
	}
	if len(r.Deacon) > 0 {
		err = errors.Join(err, reportDeacon(w, "with a Deacon", r.Deacon))
	}
	if len(r.Fronts) > 0 {
		err = errors.Join(err, reportDeacon(w, "commands in the Deacon", r.Fronts))
	}
	if r.Whole.Text != "" || r.Whole.Missing != "" {
		err = errors.Join(err, reportWhole(w, r.Whole))
	}
	return err
}

// reportFigures prints the federation's figures.
func reportFigures(w io.Writer, figures []figure) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "rows\tremote\tstep\tgt\tstock dolt\tunit\tratio\tlimit\t\t")
	over, limited := 0, 0
	for _, f := range figures {
		stock, ratio, most, verdict := "-", "-", "", ""
		if f.Stock != 0 {
			stock, ratio = number(f.Stock), fmt.Sprintf("%.2f", f.ratio())
		}
		if f.Limit != 0 {
			limited++
			most, verdict = "<= "+number(f.Limit), "ok"
			if f.Absolute {
				most += " " + f.Unit
			}
			if f.Over {
				over++
				verdict = "OVER"
			}
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n",
			f.Rows, f.Remote, f.Name, number(f.Ours), stock, f.Unit, ratio, most, verdict)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d of %d limits kept\n", limited-over, limited)
	return err
}

// number formats v with about three significant digits.
func number(v float64) string {
	switch {
	case v == float64(int64(v)):
		return fmt.Sprintf("%d", int64(v))
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

// median of one or more values.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
