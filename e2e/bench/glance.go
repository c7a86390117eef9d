package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/layout"
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
)

// glanceSizes are the numbers of polecats that gt status is measured with. A Town has
// four rigs.
var glanceSizes = []int{4, 20, 50, 100}

// glances measures what people and agents call all the time, with a Deacon and rows of
// polecats, beside git --version.
func glances(ctx context.Context, o options) (figures []deaconFigure, err error) {
	dir, err := os.MkdirTemp("", "gtb") // the Deacon's sockets need a short path
	if err != nil {
		return nil, err
	}
	defer func() {
		for i := range figures {
			figures[i] = judgeDeacon(figures[i])
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	for _, polecats := range glanceSizes {
		h := &host{}
		if h.gt, err = newGT(o, dir); err != nil {
			return figures, err
		}
		got, err := h.glance(ctx, filepath.Join(dir, fmt.Sprint(polecats)), polecats, frontRuns*o.runs)
		figures = append(figures, got...)
		if err != nil {
			return figures, err
		}
	}
	return figures, nil
}

// glance measures one Town. With the largest it also measures what agents call.
func (h *host) glance(ctx context.Context, root string, polecats, runs int) (figures []deaconFigure, err error) {
	if err := h.install(ctx, root, "bench"); err != nil {
		return nil, err
	}
	if err := h.settle(ctx, root); err != nil {
		return nil, err
	}
	if err := h.people(ctx, polecats); err != nil {
		return nil, err
	}
	agent := h.program.with("GT_ROLE="+polecat(0).String(), "GT_RUN=1")
	bd := h.program
	bd.path = filepath.Join(filepath.Dir(bd.path), "bd")
	if _, err := bd.run(ctx, root, "create", "--id", "gt-0", "a bead"); err != nil {
		return nil, err
	}
	lines := []struct {
		name  string
		p     program
		words []string
	}{{fmt.Sprintf(glanceStatus, polecats), h.program, []string{"status"}}}
	if polecats == glanceSizes[len(glanceSizes)-1] {
		for _, name := range []string{glancePrime, glanceGuard, glanceHeartbeat, glanceHook, glanceInbox, glanceSend} {
			words := strings.Fields(strings.TrimPrefix(name, "gt "))
			switch name {
			case glanceGuard:
				words = append(words, "git push origin polecat/p0/gt-0")
			case glanceSend:
				words = append(words, polecat(2).String(), "-s", "a subject", "-m", "a text")
			}
			lines = append(lines, struct {
				name  string
				p     program
				words []string
			}{name, agent, words})
		}
	}
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
	if err == nil && polecats == glanceSizes[len(glanceSizes)-1] {
		if figures, err = h.dispatches(ctx, runs); err == nil {
			var more []deaconFigure
			more, err = h.convoys(ctx, runs)
			figures = append(figures, more...)
		}
	}
	least := milliseconds(floor, whole)
	for _, l := range lines {
		if len(samples[l.name]) > 0 {
			figures = append(figures, deaconFigure{Name: l.name, Unit: "ms", Value: milliseconds(samples[l.name], whole), Other: least, Beside: "git --version"})
		}
	}
	return figures, err
}

// polecat is the nth of a Town.
func polecat(n int) town.Address {
	return town.PolecatAddress(fmt.Sprintf("rig%d", n%4), fmt.Sprintf("p%d", n))
}

// people writes the rows of polecats, half of them at work. No Deacon runs.
func (h *host) people(ctx context.Context, polecats int) (err error) {
	s, err := operational.Open(ctx, h.database(layout.Operational), h.config.Stores[layout.Operational])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	now := time.Now()
	for n := range polecats {
		if n%2 == 1 {
			if _, err := s.Register(ctx, polecat(n), now); err != nil {
				return err
			}
			continue
		}
		if _, err := s.Assign(ctx, operational.Order{Bead: fmt.Sprintf("gt-%d", n), Agent: polecat(n), By: "bench"}, now); err != nil {
			return err
		}
	}
	return nil
}
