package main

import (
	"context"
	"errors"
	"fmt"
)

// served repeats the daily steps of the exchange with a Deacon in the writer's and
// in the reader's Town. The stock command takes its turns as before. Only the local
// remote is measured: the others add their own time, not the Deacon's.
func (s *scenario) served(ctx context.Context) (err error) {
	ours, ok := s.peers[ours].(*gt)
	if !ok || s.kind != "local" {
		return nil
	}
	for _, town := range []string{ours.writer, ours.reader} {
		defer func() {
			_, stopped := ours.run(context.WithoutCancel(ctx), ours.dir, "--town", town, "deacon", "stop")
			err = errors.Join(err, stopped)
		}()
		for _, line := range [][]string{
			{"config", "deacon.http_address", "127.0.0.1:0"},
			{"config", "federation.interval", "720h"}, // so that the Deacon leaves the edits to the commands
			{"deacon", "start"},
		} {
			if _, err := ours.run(ctx, ours.dir, append([]string{"--town", town}, line...)...); err != nil {
				return fmt.Errorf("the Town's Deacon: %w", err)
			}
		}
	}
	steps := []struct {
		name string
		run  func(side int) (sample, error)
	}{
		{stepNone, func(side int) (sample, error) { return s.peers[side].pull(ctx) }},
		{stepPush, func(side int) (sample, error) { return s.peers[side].push(ctx) }},
		{stepPull, func(side int) (sample, error) { return s.peers[side].pull(ctx) }},
	}
	for range s.runs {
		for _, step := range steps {
			err := s.each(step.name+withDeacon, func(side int) (sample, error) {
				if step.name == stepPush {
					if err := s.peers[side].edit(ctx); err != nil {
						return sample{}, err
					}
				}
				return step.run(side)
			})
			if err != nil {
				return err
			}
		}
	}
	for _, step := range steps {
		s.wall(step.name + withDeacon)
	}
	return nil
}
