package main

import (
	"context"
	"time"
)

// The names of the figures of what a Deacon's metrics cost in a Town with many polecats: how
// much more it uses while it collects, stores and judges them than while it does not.
const (
	monitorBusy   = "metrics of 100 polecats, processor time more"
	monitorMemory = "metrics of 100 polecats, resident memory more"
)

// monitor measures two Deacons of the same Town, each for a time in which an agent sends a
// heartbeat each second: one without metrics, and one with them. None runs.
func (h *host) monitor(ctx context.Context, each time.Duration) ([]deaconFigure, error) {
	type use struct{ busy, memory float64 }
	measure := func(metrics string) (u use, err error) {
		if _, err := h.command(ctx, "config", "monitor.performance", metrics); err != nil {
			return u, err
		}
		err = h.attended(ctx, func() error {
			status, err := h.client.Status(ctx)
			if err != nil {
				return err
			}
			if u.busy, err = h.busy(ctx, status.PID, each); err != nil {
				return err
			}
			u.memory, err = h.resident(ctx)
			return err
		})
		return u, err
	}
	without, err := measure("false")
	if err != nil {
		return nil, err
	}
	with, err := measure("true")
	return []deaconFigure{
		{Name: monitorBusy, Unit: "% of a core", Value: with.busy - without.busy, Other: without.busy, Beside: "all else"},
		{Name: monitorMemory, Unit: "MB", Value: with.memory - without.memory, Other: without.memory, Beside: "all else"},
	}, err
}
