// Command bench measures what federation costs beside the stock dolt command of
// the same version, and what bd costs beside the public one, and says where a
// limit is exceeded.
//
//	go run ./e2e/bench            everything: an hour and a quarter on two cores
//	go run ./e2e/bench -quick     1,000 rows, each step once: under a minute
//	go run ./e2e/bench -federation=false -bd=false -backups=false    a Town with a Deacon only
//	go run ./e2e/bench -federation=false -deacon=false -backups=false -peer-bd PATH    bd only
//	go run ./e2e/bench -federation=false -deacon=false -bd=false    backups only
//
// Both sides do the same work on the same number of rows of about 400 bytes:
// publish them, copy them, send one changed row, look for news and find none,
// take one changed row. Every figure is of whole processes, taken in turns, and
// the median of -n runs. Times depend on the machine; their ratios hardly do.
// Counts (connections, git processes) do not at all, and are what the test of
// this program asserts.
//
// A Town with a Deacon is measured beside the same Town without one: the Deacon
// itself, and with 5,000 beads the commands that fronts hand to it, one at a
// time, 100 at once and 1,000 in a row. Then gt benchmark measures its smallest
// scenario, a whole Town with scripted agents, where there is a tmux.
//
// Backups are measured with the largest number of beads, and with at most 5,000 all 720
// hourly points of 30 days are taken, beside one full copy.
//
// bd is measured with 100, 5,000 and 100,000 beads, alone and with a Deacon:
// whole processes, with their peak memory and the number of their queries; and
// beside them the same queries through a ledger that is open already. A public
// bd that -peer-bd names gets the same beads and the same tasks in the same
// run; without one its figures are those measured once (promises).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
)

// options are the command line.
type options struct {
	gt string
	// timed is the path of the program that starts and measures other programs.
	timed   string
	rows    []int
	remotes []string
	runs    int
	// pushes is how many one-row pushes are made before the size of the repository
	// is measured; 0 skips that.
	pushes int
	// federation and deacon say which parts to measure.
	federation, deacon, bd, backups bool
	// points is how many backup points are taken, an hour's changes before each.
	points int
	// beads are the numbers of beads to measure bd with; more is how many beads are
	// imported on top.
	beads []int
	more  int
	// served is the number of beads to measure fronts with; atOnce and inRow are
	// how many run at once and one after the other.
	served, atOnce, inRow int
	// patrols are the numbers of polecats to measure patrols with.
	patrols []int
	// public is the path of the public bd to compare with; "" for none.
	public string
	dir    string
	keep   bool
	json   bool
}

const (
	defaultGt      = "bin/gt"
	defaultRows    = "1000,10000,20000,100000"
	defaultRemotes = "local,http,ssh"
	defaultBeads   = "100,5000,100000"
	defaultRuns    = 5
	defaultPushes  = 1000
)

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	rows := f.String("rows", defaultRows, "numbers of rows, separated by commas")
	remotes := f.String("remotes", defaultRemotes, "remotes: local, http, ssh")
	beads := f.String("beads", defaultBeads, "numbers of beads for bd, separated by commas")
	quick := f.Bool("quick", false, "1,000 rows, 100 beads, each step once, ten pushes")
	f.StringVar(&o.gt, "gt", defaultGt, "the gt command to measure; bd is beside it")
	f.IntVar(&o.runs, "n", defaultRuns, "how often each step is measured; the median counts")
	f.IntVar(&o.pushes, "pushes", defaultPushes, "one-row pushes before the repository's size is taken; 0 for none")
	f.BoolVar(&o.federation, "federation", true, "measure the federation beside the stock dolt")
	f.BoolVar(&o.deacon, "deacon", true, "measure a Town with a Deacon beside the same without one")
	f.BoolVar(&o.bd, "bd", true, "measure bd")
	f.BoolVar(&o.backups, "backups", true, "measure backups")
	f.StringVar(&o.public, "peer-bd", os.Getenv(publicEnv), "a public bd to measure beside ours ($"+publicEnv+")")
	f.StringVar(&o.dir, "dir", "", "where to work (default: a fresh temporary directory)")
	f.BoolVar(&o.keep, "keep", false, "leave the directory with its Towns and repositories")
	f.BoolVar(&o.json, "json", false, "print the figures as JSON")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.more, o.served, o.atOnce, o.inRow, o.patrols, o.points = defaultMore, judged, defaultAtOnce, defaultInRow, patrolSizes, monthPoints
	if *quick {
		*rows, *beads, o.more, o.runs, o.pushes = "1000", "100", 100, 1, 10
		o.served, o.atOnce, o.inRow, o.patrols, o.points = 100, 20, 20, patrolSizes[:1], 30
	}
	var err error
	if o.rows, err = numbers(*rows, maxRows); err != nil {
		return o, fmt.Errorf("-rows: %w", err)
	}
	if o.beads, err = numbers(*beads, maxBeads); err != nil {
		return o, fmt.Errorf("-beads: %w", err)
	}
	for name := range strings.SplitSeq(*remotes, ",") {
		if _, ok := reach[name]; !ok {
			return o, fmt.Errorf("-remotes: %q is none of local, http, ssh", name)
		}
		o.remotes = append(o.remotes, name)
	}
	if o.runs < 1 || o.pushes < 0 {
		return o, errors.New("-n is at least 1 and -pushes at least 0")
	}
	return o, nil
}

// numbers parses numbers from 1 to most, separated by commas.
func numbers(list string, most int) (all []int, err error) {
	for field := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 || n > most {
			return nil, fmt.Errorf("%q is no number from 1 to %d", field, most)
		}
		all = append(all, n)
	}
	return all, nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	r, err := everything(ctx, o)
	err = errors.Join(err, report(os.Stdout, r, o.json))
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// everything takes the measurements that the options select. After an error it
// returns the results it has.
func everything(ctx context.Context, o options) (r results, err error) {
	dir, err := os.MkdirTemp("", "gtb")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if o.timed, err = buildTimed(ctx, dir); err != nil {
		return r, err
	}
	if o.deacon { // the shorter parts first
		r.Deacon, err = deacons(ctx, o)
		if err == nil {
			r.Fronts, err = fronts(ctx, o)
		}
		if err == nil {
			var more []deaconFigure
			more, err = glances(ctx, o)
			r.Fronts = append(r.Fronts, more...)
		}
		if err == nil {
			var more []deaconFigure
			more, err = reports(ctx, o, reportDays)
			r.Fronts = append(r.Fronts, more...)
		}
		if err == nil {
			var more []deaconFigure
			more, err = merging(ctx, o)
			r.Fronts = append(r.Fronts, more...)
		}
		if err == nil {
			var more []deaconFigure
			more, err = patrols(ctx, o)
			r.Fronts = append(r.Fronts, more...)
		}
		if err == nil {
			r.Whole, err = wholeTown(ctx, o)
		}
	}
	if err == nil && o.backups {
		var more []deaconFigure
		more, err = backups(ctx, o)
		r.Fronts = append(r.Fronts, more...)
		if err == nil {
			more, err = month(ctx, o)
			r.Fronts = append(r.Fronts, more...)
		}
	}
	if err == nil && o.bd {
		r.Beads, err = ledgers(ctx, o, os.Stderr)
	}
	if err == nil && o.federation {
		r.Federation, err = measure(ctx, o, os.Stderr)
	}
	return r, err
}
