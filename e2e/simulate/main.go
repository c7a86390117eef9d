// Command simulate lets many Towns publish to one repository, in virtual time. It
// runs the decisions of a real push (sync/turns) against a model of a host with
// limits, and prints how long edits took, how many pushes they cost and how fairly
// the Towns were served.
//
//	go run ./e2e/simulate -towns 1000 -every 10m -for 2h
package main

import (
	"flag"
	"fmt"
	"time"
)

func main() {
	w := defaults()
	flag.IntVar(&w.Towns, "towns", w.Towns, "how many Towns publish")
	flag.DurationVar(&w.Every, "every", w.Every, "mean time between the edits of one Town; 0 is a loop without pause")
	flag.DurationVar(&w.For, "for", w.For, "for how long people edit")
	flag.DurationVar(&w.Host.Latency, "latency", w.Host.Latency, "mean time of one connection")
	flag.DurationVar(&w.Host.Push, "push", w.Host.Push, "additional time of a push")
	flag.IntVar(&w.Host.Connections, "connections", w.Host.Connections, "connections at once; more are refused; 0 is no limit")
	flag.IntVar(&w.Host.PerMinute, "per-minute", w.Host.PerMinute, "connections a minute; more are refused; 0 is no limit")
	flag.Float64Var(&w.Host.Failures, "failures", w.Host.Failures, "share of connections that fail")
	flag.BoolVar(&w.Host.NoTurns, "no-turns", w.Host.NoTurns, "the host accepts no turns")
	flag.Float64Var(&w.Killed, "killed", w.Killed, "share of pushes whose Town ends after it left a turn, and goes on an hour later")
	flag.Uint64Var(&w.Seed, "seed", w.Seed, "of the random choices")
	flag.Parse()
	began := time.Now()
	fmt.Print(run(w))
	fmt.Printf("simulated in %v\n", time.Since(began).Round(time.Millisecond))
}
