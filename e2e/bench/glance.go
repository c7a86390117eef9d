package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gastown/cmd/gt/benchmark/trial"
)

// The names of the figures of a Town with many polecats.
const (
	glanceStatus    = "gt status with %d polecats"
	glancePrime     = "gt prime"
	glanceGuard     = "gt guard"
	glanceHeartbeat = "gt heartbeat"
	glanceHook      = "gt hook"
	glanceInbox     = "gt mail inbox"
	glanceSend      = "gt mail send"
	glanceMetrics   = "gt metrics show"
)

// townSize is a Town of four rigs. One without a name is between two scenarios.
type townSize struct {
	trial.Size
	// agents: what agents call is measured, too.
	agents bool
}

// townSizes are the scenarios, and one size between them.
func townSizes() (all []townSize) {
	for _, s := range trial.Sizes {
		if s.Polecats == 100 {
			all = append(all, townSize{Size: trial.Size{Polecats: 50}})
		}
		all = append(all, townSize{Size: s, agents: s.Polecats == 100})
	}
	return all
}

// slowest is the name of the figure of what people wait for.
func (s townSize) slowest() string {
	return fmt.Sprintf("slowest of a Town of the scenario %s (%d polecats, %d convoys)", s.Name, s.Polecats, s.Convoys)
}

// glances measures what people and agents call all the time, with a Deacon and rows of
// polecats, beside git --version.
func glances(ctx context.Context, o options) (figures []deaconFigure, err error) {
	for _, size := range townSizes() {
		got, err := scratch(o, func(h *host) ([]deaconFigure, error) { return h.glance(ctx, size, frontRuns*o.runs) })
		figures = append(figures, got...)
		if err != nil {
			return figures, err
		}
	}
	return figures, nil
}

// glance measures one Town.
func (h *host) glance(ctx context.Context, size townSize, runs int) (figures []deaconFigure, err error) {
	if err := h.town(ctx); err != nil {
		return nil, err
	}
	if err := h.people(ctx, size.Polecats); err != nil {
		return nil, err
	}
	agent := h.program.with("GT_ROLE="+trial.Polecat(0).String(), "GT_RUN=1")
	bd := h.program
	bd.path = filepath.Join(filepath.Dir(bd.path), "bd")
	if _, err := bd.run(ctx, h.at.Root, "create", "--id", "gt-0", "a bead"); err != nil {
		return nil, err
	}
	lines := []glanceLine{{fmt.Sprintf(glanceStatus, size.Polecats), h.program, []string{"status"}}}
	if size.agents {
		for _, name := range []string{glancePrime, glanceGuard, glanceHeartbeat, glanceHook, glanceInbox, glanceSend, glanceMetrics} {
			words := strings.Fields(strings.TrimPrefix(name, "gt "))
			switch name {
			case glanceGuard:
				words = append(words, "git push origin polecat/p0/gt-0")
			case glanceSend:
				words = append(words, trial.Polecat(2).String(), "-s", "a subject", "-m", "a text")
			}
			lines = append(lines, glanceLine{name, agent, words})
		}
	}
	figures, err = h.turns(ctx, lines, runs)
	if err == nil && size.agents {
		var more []deaconFigure
		more, err = h.dispatches(ctx, runs)
		figures = append(figures, more...)
		if err == nil {
			more, err = h.dashboard(ctx, time.Duration(runs)*time.Second)
			figures = append(figures, more...)
		}
		if err == nil {
			more, err = h.monitor(ctx, time.Duration(runs)*time.Second)
			figures = append(figures, more...)
		}
	}
	if err == nil && size.Convoys > 0 {
		var more []deaconFigure
		more, err = h.convoys(ctx, size, runs)
		figures = append(figures, more...)
	}
	return figures, err
}

// glanceLine is a command to measure.
type glanceLine struct {
	name  string
	p     program
	words []string
}

// turns measures commands in turns, with a Deacon, beside git --version.
func (h *host) turns(ctx context.Context, lines []glanceLine, runs int) (figures []deaconFigure, err error) {
	git := program{path: "git", timed: h.timed, env: h.env}
	samples := map[string][]sample{}
	var floor []sample
	err = h.attended(ctx, func() error {
		for run := range 1 + runs {
			s, err := git.run(ctx, h.dir, "--version")
			if err != nil {
				return err
			}
			if run > 0 { // the first run is a warm-up
				floor = append(floor, s)
			}
			for _, l := range lines {
				if s, err = l.p.run(ctx, h.writer, l.words...); err != nil {
					return fmt.Errorf("%s: %w", l.name, err)
				}
				if run > 0 {
					samples[l.name] = append(samples[l.name], s)
				}
			}
		}
		return nil
	})
	least := milliseconds(floor, whole)
	for _, l := range lines {
		if len(samples[l.name]) > 0 {
			figures = append(figures, deaconFigure{Name: l.name, Unit: "ms", Value: milliseconds(samples[l.name], whole), Other: least, Beside: "git --version"})
		}
	}
	return figures, err
}

// waits measures the commands by which people watch a Town, and returns the slowest.
func (h *host) waits(ctx context.Context, size townSize, runs int) (figures []deaconFigure, err error) {
	var lines []glanceLine
	for _, words := range trial.Watched {
		lines = append(lines, glanceLine{words, h.program, strings.Fields(words)})
	}
	all, err := h.turns(ctx, lines, runs)
	if err != nil {
		return nil, err
	}
	slowest := slices.MaxFunc(all, func(a, b deaconFigure) int { return cmp.Compare(a.Value, b.Value) })
	limit := float64(size.Limit.Milliseconds())
	return []deaconFigure{{
		Name: size.slowest(), Unit: "ms", Value: slowest.Value, Other: slowest.Other, Beside: slowest.Beside + "; it is gt " + slowest.Name,
		Limit: limit, Over: slowest.Value > limit,
	}}, nil
}

// people writes the rows of polecats, half of them at work. No Deacon runs.
func (h *host) people(ctx context.Context, polecats int) (err error) {
	s, err := h.operational(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return trial.People(ctx, s, polecats)
}
