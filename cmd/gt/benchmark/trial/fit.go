package trial

import (
	"fmt"

	"gastown/town/machine"
)

// What a Town and each of its agents take on the machine at most.
const (
	townMemory, agentMemory = 768 << 20, 16 << 20
	townDisk, agentDisk     = 512 << 20, 4 << 20
)

// Fit is the number of polecats, of those wanted, that the machine carries as agents in
// tmux, and why it is less. Above maxLoad processes for each core it is that of the
// smallest scenario; 0 is no such bound. It is below 1 when the machine carries no Town.
func Fit(want, maxLoad int, r machine.Readings) (polecats int, why string) {
	polecats = want
	less := func(n int, format string, args ...any) {
		if n < polecats {
			polecats, why = max(n, 0), fmt.Sprintf(format, args...)
		}
	}
	if r.Memory >= 0 {
		less(room(r.Memory, townMemory, agentMemory), "%d MB of memory are left", r.Memory>>20)
	}
	if r.Disk >= 0 {
		less(room(r.Disk, townDisk, agentDisk), "%d MB are free on the disk", r.Disk>>20)
	}
	if maxLoad > 0 && r.Cores > 0 && r.Load > float64(maxLoad*r.Cores) {
		less(Sizes[0].Polecats, "%.0f processes run or wait on %d cores", r.Load, r.Cores)
	}
	return polecats, why
}

// FitRows is Fit for polecats that are rows, which take nothing.
func FitRows(want int, r machine.Readings) (polecats int, why string) {
	if n, why := Fit(1, 0, r); n < 1 {
		return n, why
	}
	return want, ""
}

func room(left, base, each int64) int {
	if left < base {
		return 0
	}
	return int(min((left-base)/each, 1<<20))
}
