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
)

// The names of the figures of merge queues.
const (
	mergeBatches = "seconds a merge in batches of 8, check of 1 s"
	mergeBad     = "check runs with one bad change among 16"
	mergeDone    = "gt done and landing, check of 0 s"
)

// merging measures merge queues: Git repositories on this disk, requests that one
// worker after the other handed in, no Deacon.
func merging(ctx context.Context, o options) ([]deaconFigure, error) {
	return scratch(o, func(h *host) ([]deaconFigure, error) { return h.merging(ctx, o) })
}

func (h *host) merging(ctx context.Context, o options) (figures []deaconFigure, err error) {
	if err := h.town(ctx); err != nil {
		return nil, err
	}
	single, err := h.merges(ctx, "one", "sleep 1", 3, -1)
	if err != nil {
		return nil, err
	}
	batch, err := h.merges(ctx, "eight", "sleep 1", 16, -1, "--batch")
	if err != nil {
		return nil, err
	}
	figures = append(figures, deaconFigure{Name: mergeBatches, Unit: "s", Value: batch.Seconds() / 16, Other: single.Seconds() / 3, Beside: "one by one"})
	count := filepath.Join(h.dir, "runs")
	script := filepath.Join(h.dir, "check.sh")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho >> "+count+"\ntest ! -e bad\n"), 0o700); err != nil {
		return figures, err
	}
	if _, err := h.command(ctx, "config", "refinery.batch_size", "16"); err != nil {
		return figures, err
	}
	if _, err := h.command(ctx, "config", "refinery.parallelism", "1"); err != nil {
		return figures, err
	}
	if _, err := h.merges(ctx, "bad", script, 16, 11, "--batch"); err != nil {
		return figures, err
	}
	runs, err := os.ReadFile(count)
	if err != nil {
		return figures, err
	}
	figures = append(figures, deaconFigure{Name: mergeBad, Unit: "runs", Value: float64(strings.Count(string(runs), "\n"))})
	var took []float64
	for n := range 1 + o.runs {
		s, err := h.doneAndLanded(ctx, n)
		if err != nil {
			return figures, err
		}
		if n > 0 { // the first is a warm-up
			took = append(took, float64(s.Milliseconds()))
		}
	}
	return append(figures, deaconFigure{Name: mergeDone, Unit: "ms", Value: median(took)}), nil
}

// sh runs a script of git commands with the benchmark's environment.
func (h *host) sh(ctx context.Context, script string) error {
	who := []string{"GIT_AUTHOR_NAME=b", "GIT_AUTHOR_EMAIL=b@example.com", "GIT_COMMITTER_NAME=b", "GIT_COMMITTER_EMAIL=b@example.com"}
	_, err := program{path: "sh", timed: h.timed, env: append(who, h.env...)}.run(ctx, h.dir, "-ec", script)
	return err
}

// project makes a rig with a check.
func (h *host) project(ctx context.Context, name, check string) error {
	err := h.sh(ctx, fmt.Sprintf(`git init -q -b main %[1]s.src; cd %[1]s.src; for n in 1 2 3 4 5 6 7 8 9; do echo $n > file$n; done
		git add -A; git commit -q -m first; git clone -q --bare . ../%[1]s.git; git remote add origin ../%[1]s.git`, name))
	if err != nil {
		return err
	}
	_, err = h.command(ctx, "rig", "add", name, filepath.Join(h.dir, name+".git"), "--check", check)
	return err
}

// merges hands in requests, one of which is bad unless it is -1, and measures one pass.
func (h *host) merges(ctx context.Context, name, check string, n, bad int, how ...string) (time.Duration, error) {
	if err := h.project(ctx, name, check); err != nil {
		return 0, err
	}
	s, err := h.operational(ctx)
	if err != nil {
		return 0, err
	}
	for i := range n {
		file := fmt.Sprintf("new%d", i)
		if i == bad {
			file = "bad"
		}
		if err = h.handIn(ctx, s, name, i, file); err != nil {
			break
		}
	}
	if err = errors.Join(err, s.Close()); err != nil {
		return 0, err
	}
	begin := time.Now()
	_, err = h.command(ctx, append([]string{"refinery", "merge", "--rig", name}, how...)...)
	return time.Since(begin), err
}

// handIn makes a merge request as gt done does.
func (h *host) handIn(ctx context.Context, s *operational.Store, name string, i int, file string) error {
	agent, bead := town.PolecatAddress(name, fmt.Sprintf("p%d", i)), fmt.Sprintf("%s-%d", name, i)
	branch := agent.Branch(bead)
	err := h.sh(ctx, fmt.Sprintf("cd %s.src; git checkout -q -b %s main; echo %d > %s; git add -A; git commit -q -m work; git push -q origin %[2]s; git rev-parse HEAD > ../head", name, branch, i, file))
	if err != nil {
		return err
	}
	head, err := os.ReadFile(filepath.Join(h.dir, "head"))
	if err != nil {
		return err
	}
	now := time.Now()
	a, err := s.Assign(ctx, operational.Order{Bead: bead, Agent: agent, By: "bench"}, now)
	if err != nil {
		return err
	}
	return s.Submit(ctx, a.Ticket, operational.MergeRequest{Branch: branch, Head: strings.TrimSpace(string(head)), Target: "main", Priority: 2}, now)
}

// doneAndLanded measures gt done of a worker and the pass that lands its work.
func (h *host) doneAndLanded(ctx context.Context, n int) (took time.Duration, err error) {
	name := fmt.Sprintf("quick%c", 'a'+n) // a prefix ends in a letter
	agent, bead := town.PolecatAddress(name, "nux"), name+"-1"
	if err := h.project(ctx, name, "true"); err != nil {
		return 0, err
	}
	s, err := h.operational(ctx)
	if err != nil {
		return 0, err
	}
	_, err = s.Assign(ctx, operational.Order{Bead: bead, Agent: agent, By: "bench"}, time.Now())
	if err = errors.Join(err, s.Close()); err != nil {
		return 0, err
	}
	box := filepath.Join(h.writer, "rigs", name, "polecats", "nux")
	err = h.sh(ctx, fmt.Sprintf("mkdir -p %[1]s; git -C %[2]s worktree add -q --no-track -B %[3]s %[4]s origin/main; cd %[4]s; echo new > new; git add -A; git commit -q -m work",
		filepath.Dir(box), filepath.Join(h.writer, "rigs", name, "repo.git"), agent.Branch(bead), box))
	if err != nil {
		return 0, err
	}
	worker := h.program.with("GT_ROLE="+agent.String(), "GT_RUN=1")
	begin := time.Now()
	if _, err := worker.run(ctx, box, "done"); err != nil {
		return 0, err
	}
	_, err = h.command(ctx, "refinery", "merge", "--batch", "--rig", name)
	took = time.Since(begin)
	if err == nil {
		err = h.sh(ctx, fmt.Sprintf("git -C %s.git cat-file -e main:new", name))
	}
	return took, err
}
