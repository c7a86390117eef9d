// Package trial makes Towns to be measured: each in a directory of its own, in an
// environment without this machine's configuration, as large as a scenario says. When a
// trial ends nothing of its Town is left: no process, no tmux server, no cgroup, no file.
//
// gt benchmark measures such Towns, and so do the programs and tests of e2e.
package trial

import (
	"fmt"
	"time"

	"gastown/town"
)

// Size is a scenario: a Town of so many polecats and convoys, and how long people may
// wait in it.
type Size struct {
	Name string
	// Polecats and Convoys are what the Town has, Range is what the scenario is for.
	Polecats, Convoys           int
	PolecatsRange, ConvoysRange string
	// Limit is the longest that a command by which people watch the Town may take.
	Limit time.Duration
}

// Sizes are the scenarios, smallest first. Each has the most polecats and convoys that
// its range allows.
var Sizes = []Size{
	{"small", 9, 4, "< 10", "< 5", time.Second},
	{"medium", 30, 20, "10-30", "5-20", 5 * time.Second},
	{"large", 100, 50, "30-100", "20-50", 10 * time.Second},
	{"xlarge", 120, 60, "> 100", "> 50", 30 * time.Second},
}

// SizeNames lists the names of the scenarios.
func SizeNames() (names []string) {
	for _, s := range Sizes {
		names = append(names, s.Name)
	}
	return names
}

// Watched are the commands of gt by which people watch a Town.
var Watched = []string{
	"status", "agents", "polecat list", "queue list", "rig list", "convoy list", "convoy stranded", "refinery status", "witness status", "mail inbox", "escalate list", "feed", "costs",
}

// Polecat is the nth of a Town of four rigs that exists as rows only.
func Polecat(n int) town.Address {
	return town.PolecatAddress(fmt.Sprintf("rig%d", n%4), fmt.Sprintf("p%d", n))
}
