package benchmark

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"gastown/cmd/gt/benchmark/trial"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town/noise"
)

// The medians below which docs/benchmark.md calls a figure healthy.
const (
	healthyQuery  = 10 * time.Millisecond
	healthySpawn  = 5 * time.Second
	healthyMail   = time.Second
	healthyConvoy = 2 * time.Second
	healthyPatrol = 30 * time.Second
)

// perPolecat is how many beads beside convoys, or shared documents, a Town has for each
// polecat.
const perPolecat = 20

// reads is how many point reads make one sample.
const reads = 100

func itoa(n int) string { return strconv.Itoa(n) }

// rows makes a Town whose polecats and convoys are rows, and starts its Deacon.
func (b *bench) rows(ctx context.Context) (err error) {
	if b.town, err = b.install(ctx, "town"); err != nil {
		return err
	}
	if err := b.town.Operational(ctx, func(s *operational.Store) error { return trial.People(ctx, s, b.polecats) }); err != nil {
		return err
	}
	err = b.town.Ledger(ctx, func(l *ledger.Store) (err error) {
		b.members, err = trial.Convoys(ctx, l, b.size.Convoys, perPolecat*b.polecats)
		return err
	})
	if err != nil {
		return err
	}
	return b.town.Start(ctx)
}

func prepareConvoys(ctx context.Context, b *bench) error { return b.rows(ctx) }

// roundConvoys measures what people wait for right after a bead of a convoy changed.
func roundConvoys(ctx context.Context, b *bench) error {
	change := func() error {
		_, err := b.town.BD(ctx, "update", b.members[b.round%len(b.members)], "--priority", itoa(b.round%5))
		return err
	}
	if err := change(); err != nil {
		return err
	}
	list, err := b.time("gt convoy list after a change", healthyConvoy, func() (trial.Sample, error) { return b.town.GT(ctx, "convoy", "list", "--json") })
	if err != nil {
		return err
	}
	var all []struct{ ID string }
	if err := json.Unmarshal([]byte(list.Out), &all); err != nil || len(all) < b.size.Convoys {
		return fmt.Errorf("gt convoy list printed %d convoys, not %d: %w", len(all), b.size.Convoys, err)
	}
	if err := change(); err != nil {
		return err
	}
	_, err = b.time("gt convoy status after a change", healthyConvoy, func() (trial.Sample, error) { return b.town.GT(ctx, "convoy", "status", all[b.round%len(all)].ID) })
	if err != nil {
		return err
	}
	_, err = b.time("gt convoy create", 0, func() (trial.Sample, error) {
		return b.town.GT(ctx, "convoy", "create", fmt.Sprint("new ", b.round), fmt.Sprintf("gt-o%d", 2*b.round), fmt.Sprintf("gt-o%d", 2*b.round+1))
	})
	return err
}

func prepareDolt(ctx context.Context, b *bench) error { return b.rows(ctx) }

// ledgerCommands are the commands of bd that are measured. %d becomes the round.
var ledgerCommands = [][]string{
	{"show", "gt-o%d"}, {"list", "--status=open", "--type=task", "--limit=100"}, {"ready"}, {"update", "gt-o%d", "--priority", "1"}, {"create", "bead %d"},
}

// roundDolt measures point reads through the Deacon's socket, and commands of bd.
func roundDolt(ctx context.Context, b *bench) error {
	err := b.town.Operational(ctx, func(s *operational.Store) error {
		var took []float64
		for range reads {
			d, err := s.Latency(ctx)
			if err != nil {
				return err
			}
			took = append(took, float64(d.Nanoseconds())/1e6)
		}
		b.add("point read", unitMS, noise.Median(took), milliseconds(healthyQuery))
		return nil
	})
	if err != nil {
		return err
	}
	for _, words := range ledgerCommands {
		if _, err := b.time("bd "+words[0], 0, func() (trial.Sample, error) { return b.town.BD(ctx, numbered(words, b.round)...) }); err != nil {
			return err
		}
	}
	return nil
}

// endDolt counts the queries of the commands, with beads that no command read before.
func endDolt(ctx context.Context, b *bench) error {
	for _, words := range ledgerCommands {
		s, err := b.town.BD(ctx, numbered(words, b.round+1)...)
		if err != nil {
			return err
		}
		if s.Queries >= 0 {
			b.add("queries of bd "+words[0], unitQueries, float64(s.Queries), 0)
		}
	}
	return nil
}

// numbered puts a number into the words of a command.
func numbered(words []string, n int) []string {
	all := make([]string, len(words))
	for i, w := range words {
		if all[i] = w; len(w) > 2 && w[len(w)-2:] == "%d" {
			all[i] = w[:len(w)-2] + itoa(n)
		}
	}
	return all
}
