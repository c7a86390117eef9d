package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"gastown/cmd/gt/benchmark/trial"
	"gastown/deacon/control"
	"gastown/planes/operational"
	"gastown/town/config"
	"gastown/town/layout"
)

// deaconFigure is a figure of a Town with a Deacon, beside one to compare it with.
// Both are in Unit; Other is 0 where there is nothing to compare with.
type deaconFigure struct {
	Name   string  `json:"name"`
	Unit   string  `json:"unit"`
	Value  float64 `json:"value"`
	Other  float64 `json:"other,omitempty"`
	Beside string  `json:"beside,omitempty"`
	// Limit is the maximum for Value, or for Value/Other if Relative is set; 0 for
	// no limit.
	Limit    float64 `json:"limit,omitempty"`
	Relative bool    `json:"relative,omitempty"`
	Over     bool    `json:"over"`
}

// deaconLimits are the promised limits of a Town with a Deacon, in the figure's unit
// or as a ratio to the figure beside it.
var deaconLimits = map[string]struct {
	most     float64
	relative bool
}{
	deaconStatus:                      {15, false},
	sessionStart:                      {1.3, true},
	accessCheck:                       {5, false},
	frontVersion:                      {6, false},
	frontShow:                         {8, false},
	frontMemory:                       {10, false},
	frontShows:                        {10, false},
	frontList:                         {15, false},
	frontReady:                        {15, false},
	frontUpdate:                       {25, false},
	frontCreate:                       {25, false},
	frontAdded:                        {8, false},
	mergeBatches:                      {0.2, true}, // five times as many merges
	mergeBad:                          {8, false},  // 1 + 4 to halve + 1 to be sure + 1 of the target + 1 of the rest
	mergeDone:                         {2000, false},
	glancePrime:                       {15, false},
	glanceGuard:                       {15, false},
	glanceHook:                        {15, false},
	glanceInbox:                       {12, false},
	glanceMetrics:                     {15, false},
	reportTime:                        {2000, false},
	reportMemory:                      {200, false},
	workSpawn:                         {1.3, true},
	workPool:                          {1.3, true},
	workDispatch:                      {50, false},
	convoyRefresh:                     {50, false},
	alertMessages:                     {alertNames, false},
	monitorBusy:                       {2, false},
	monitorMemory:                     {60, false},
	fmt.Sprintf(patrolTook, 10):       {200, false},
	fmt.Sprintf(patrolTook, 30):       {500, false},
	fmt.Sprintf(patrolTook, 100):      {1500, false},
	fmt.Sprintf(patrolProcesses, 10):  {3, false},
	fmt.Sprintf(patrolProcesses, 30):  {3, false},
	fmt.Sprintf(patrolProcesses, 100): {3, false},
	fmt.Sprintf(glanceStatus, 100):    {30, false},
	frontCrowd:                        {1000, false},
	signaturesVerified:                {60, false},
	frontCrowdPeak:                    {300, false},
	frontRowMemory:                    {1.1, true}, // uncollected garbage varies by that much
	frontRowHandles:                   {1, true},
}

// judgeDeacon sets the limit of a figure, if it has one.
func judgeDeacon(d deaconFigure) deaconFigure {
	l, ok := deaconLimits[d.Name]
	if !ok {
		return d
	}
	d.Limit, d.Relative = l.most, l.relative
	measured := d.Value
	if d.Relative {
		measured /= d.Other
	}
	d.Over = measured > d.Limit
	return d
}

// The names of the Deacon's figures.
const (
	deaconStart  = "gt deacon start"
	deaconStop   = "gt deacon stop"
	deaconStatus = "gt federation status"
	deaconRead   = "point read"
	deaconWrite  = "write, median of 4 writers"
	deaconStall  = "write, longest of 4 writers"
	deaconMemory = "resident memory at rest"
)

// host is a Town with 1,000 documents whose Deacon is measured.
type host struct {
	*gt
	at     layout.Town
	config *config.Config
	client *control.Client
}

// scratch has a host measured in a directory of its own, judges the figures, also those
// before an error, and removes the directory. The path is short because Deacons' sockets are
// in it.
func scratch(o options, measure func(*host) ([]deaconFigure, error)) (figures []deaconFigure, err error) {
	dir, err := os.MkdirTemp("", "gtb")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	h := &host{}
	if h.gt, err = newGT(o, dir); err != nil {
		return nil, err
	}
	figures, err = measure(h)
	for i := range figures {
		figures[i] = judgeDeacon(figures[i])
	}
	return figures, err
}

// town makes the Town that is measured in the directory, under a short name.
func (h *host) town(ctx context.Context) error {
	root := filepath.Join(h.dir, "t")
	if err := h.install(ctx, root, "bench"); err != nil {
		return err
	}
	return h.settle(ctx, root)
}

// deacons measures a Deacon.
func deacons(ctx context.Context, o options) ([]deaconFigure, error) {
	return scratch(o, func(h *host) ([]deaconFigure, error) { return h.deacons(ctx, o) })
}

func (h *host) deacons(ctx context.Context, o options) (figures []deaconFigure, err error) {
	if _, err := h.prepare(ctx, small); err != nil {
		return nil, err
	}
	r, err := newRemote(ctx, "local", h.dir)
	if err != nil {
		return nil, err
	}
	if _, err := h.first(ctx, r); err != nil {
		return nil, err
	}
	if err := h.settle(ctx, h.writer); err != nil {
		return nil, err
	}
	defer h.client.Close()
	defer func() {
		// Stop the Deacon even after an error.
		_, stopped := h.command(context.WithoutCancel(ctx), "deacon", "stop")
		err = errors.Join(err, stopped)
	}()
	for _, part := range []func(context.Context, options) ([]deaconFigure, error){h.lives, h.reads, h.load, h.sessions, h.spawns, h.alerts} {
		got, err := part(ctx, o)
		figures = append(figures, got...)
		if err != nil {
			return figures, fmt.Errorf("the Deacon: %w", err)
		}
	}
	return figures, nil
}

// settle selects the Town at root for the measurements.
func (h *host) settle(ctx context.Context, root string) (err error) {
	h.writer, h.at = root, layout.Town{Root: root}
	if _, err := h.command(ctx, "config", "deacon.http_address", "127.0.0.1:0"); err != nil {
		return err
	}
	h.client = control.NewClient(h.at.ControlSocket())
	h.config, err = config.Load(h.at.Config())
	return err
}

// operational opens the operational plane of the Town.
func (h *host) operational(ctx context.Context) (*operational.Store, error) {
	return operational.Open(ctx, trial.Database(h.at, layout.Operational), h.config.Stores[layout.Operational])
}

// command runs gt in the Town.
func (h *host) command(ctx context.Context, args ...string) (sample, error) {
	return h.run(ctx, h.dir, append([]string{"--town", h.writer, "--wait", "60s"}, args...)...)
}

// lives measures starts and stops, and a command with and without a Deacon. The
// first command after a start is not measured, because it opens the stores for the
// later ones. The Deacon runs at the end.
func (h *host) lives(ctx context.Context, o options) ([]deaconFigure, error) {
	samples := map[string][]sample{}
	for range o.runs {
		for _, step := range []struct{ name, line string }{
			{"without", deaconStatus}, {deaconStart, deaconStart}, {"first", deaconStatus}, {"with", deaconStatus}, {"with", deaconStatus},
			{"with", deaconStatus}, {deaconStop, deaconStop},
		} {
			s, err := h.command(ctx, strings.Fields(step.line)[1:]...)
			if err != nil {
				return nil, err
			}
			samples[step.name] = append(samples[step.name], s)
		}
	}
	_, err := h.command(ctx, "deacon", "start")
	wall := func(name string) float64 { return milliseconds(samples[name], whole) }
	return []deaconFigure{
		{Name: deaconStart, Unit: "ms", Value: wall(deaconStart)},
		{Name: deaconStop, Unit: "ms", Value: wall(deaconStop)},
		{Name: deaconStatus, Unit: "ms", Value: wall("with"), Other: wall("without"), Beside: "without a Deacon"},
	}, err
}

// reads measures point reads through the socket and, with the Deacon stopped, from
// the database in this process. The Deacon runs at the end.
func (h *host) reads(ctx context.Context, o options) ([]deaconFigure, error) {
	served, err := h.latency(ctx, 200*o.runs)
	if err != nil {
		return nil, err
	}
	if _, err := h.command(ctx, "deacon", "stop"); err != nil {
		return nil, err
	}
	embedded, err := h.latency(ctx, 200*o.runs)
	if err != nil {
		return nil, err
	}
	_, err = h.command(ctx, "deacon", "start")
	return []deaconFigure{{Name: deaconRead, Unit: "us", Value: served, Other: embedded, Beside: "embedded"}}, err
}

func (h *host) latency(ctx context.Context, reads int) (_ float64, err error) {
	s, err := h.operational(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var took []float64
	for range reads {
		d, err := s.Latency(ctx)
		if err != nil {
			return 0, err
		}
		took = append(took, float64(d.Nanoseconds())/1000)
	}
	return median(took), nil
}

// resident is the memory that the Deacon holds, in MB.
func (h *host) resident(ctx context.Context) (float64, error) {
	status, err := h.client.Status(ctx)
	if err != nil {
		return 0, err
	}
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(status.PID), "statm"))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(data))
	if len(fields) < 2 {
		return 0, fmt.Errorf("/proc says %q", data)
	}
	pages, err := strconv.Atoi(fields[1])
	return float64(pages*os.Getpagesize()) / 1e6, err
}

// reportDeacon prints figures of a Town with a Deacon.
func reportDeacon(w io.Writer, title string, figures []deaconFigure) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\n%s\tgt\tunit\tlimit\t\tbeside it\t\t\n", title)
	kept, limited := 0, 0
	for _, d := range figures {
		other, limit, verdict := "", "", ""
		if d.Beside != "" {
			other = number(d.Other)
		}
		if d.Limit > 0 {
			limited++
			limit, verdict = "<= "+number(d.Limit), "OVER"
			if d.Relative {
				limit += " times"
			}
			if !d.Over {
				kept++
				verdict = "ok"
			}
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", d.Name, number(d.Value), d.Unit, limit, verdict, other, d.Beside)
	}
	if err := t.Flush(); err != nil || limited == 0 {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d of %d limits kept\n", kept, limited)
	return err
}

// longest of one or more values.
func longest(values []float64) float64 { return slices.Max(values) }
