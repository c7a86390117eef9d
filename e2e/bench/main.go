// Command bench measures what federation costs beside the stock dolt command of
// the same version, and says where a limit is exceeded.
//
//	go run ./e2e/bench            everything: about forty minutes on two cores
//	go run ./e2e/bench -quick     1,000 rows, each step once: under a minute
//	go run ./e2e/bench -federation=false    a Town with a Deacon only
//
// Both sides do the same work on the same number of rows of about 400 bytes:
// publish them, copy them, send one changed row, look for news and find none,
// take one changed row. Every figure is of whole processes, taken in turns, and
// the median of -n runs. Times depend on the machine; their ratios hardly do.
// Counts (connections, git processes) do not at all, and are what the test of
// this program asserts.
//
// A Town with a Deacon is measured beside the same Town without one.
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
	gt      string
	rows    []int
	remotes []string
	runs    int
	// pushes is how many one-row pushes precede the size of the repository; 0
	// leaves that out.
	pushes int
	// federation and deacon are what is measured.
	federation, deacon bool
	dir                string
	keep               bool
	json               bool
}

const (
	defaultGt      = "bin/gt"
	defaultRows    = "1000,10000,100000"
	defaultRemotes = "local,http,ssh"
	defaultRuns    = 5
	defaultPushes  = 1000
)

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	rows := f.String("rows", defaultRows, "numbers of rows, separated by commas")
	remotes := f.String("remotes", defaultRemotes, "remotes: local, http, ssh")
	quick := f.Bool("quick", false, "1,000 rows, each step once, ten pushes")
	f.StringVar(&o.gt, "gt", defaultGt, "the gt command to measure")
	f.IntVar(&o.runs, "n", defaultRuns, "how often each step is measured; the median counts")
	f.IntVar(&o.pushes, "pushes", defaultPushes, "one-row pushes before the repository's size is taken; 0 for none")
	f.BoolVar(&o.federation, "federation", true, "measure the federation beside the stock dolt")
	f.BoolVar(&o.deacon, "deacon", true, "measure a Town with a Deacon beside the same without one")
	f.StringVar(&o.dir, "dir", "", "where to work (default: a fresh temporary directory)")
	f.BoolVar(&o.keep, "keep", false, "leave the directory with its Towns and repositories")
	f.BoolVar(&o.json, "json", false, "print the figures as JSON")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if *quick {
		*rows, o.runs, o.pushes = "1000", 1, 10
	}
	for field := range strings.SplitSeq(*rows, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 || n > maxRows {
			return o, fmt.Errorf("-rows: %q is no number from 1 to %d", field, maxRows)
		}
		o.rows = append(o.rows, n)
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
	var figures []figure
	var duels []duel
	if o.deacon { // the shorter part first
		duels, err = deacons(ctx, o)
	}
	if err == nil && o.federation {
		figures, err = measure(ctx, o, os.Stderr)
	}
	if err == nil || len(figures)+len(duels) > 0 {
		err = errors.Join(err, report(os.Stdout, figures, duels, o.json))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}
