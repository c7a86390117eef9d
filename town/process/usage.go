package process

import (
	"strconv"
	"time"
)

// tick is the unit of processor time in /proc: 1/100 s on every machine that Linux runs
// programs of this kind on.
const tick = 10 * time.Millisecond

// Usage is what the processes of a tree use.
type Usage struct {
	// Running counts those that have not ended.
	Running int `json:"running"`
	// CPU is the processor time that they used, and their children that have ended.
	CPU time.Duration `json:"cpu"`
}

// Usages looks once at the table of processes, and says for each leader what it, its
// kernel session and all that descend from them use. Nothing is said of a leader that
// has ended and was waited for.
func Usages(leaders ...int) (map[int]Usage, error) {
	all, err := table()
	if err != nil {
		return nil, err
	}
	asked := make(map[int]bool, len(leaders))
	for _, pid := range leaders {
		asked[pid] = true
	}
	of := map[int]int{} // the leader of a process; 0 for none
	var find func(pid, depth int) int
	find = func(pid, depth int) int {
		if leader, known := of[pid]; known {
			return leader
		}
		e, ok := all[pid]
		leader := 0
		switch {
		case !ok || depth > maxDepth:
		case asked[pid]:
			leader = pid
		case asked[e.session]:
			leader = e.session
		default:
			leader = find(e.parent, depth+1)
		}
		of[pid] = leader
		return leader
	}
	usage := map[int]Usage{}
	for pid, e := range all {
		leader := find(pid, 0)
		if leader == 0 {
			continue
		}
		u := usage[leader]
		if e.state != "Z" && e.state != "X" {
			u.Running++
		}
		u.CPU += time.Duration(e.ticks) * tick
		usage[leader] = u
	}
	return usage, nil
}

// maxDepth bounds how many ancestors are asked.
const maxDepth = 10_000

// ticks is the processor time of a process and of its children that ended: its user and
// system time, and theirs.
func ticks(fields []string) (sum uint64) {
	for _, f := range fields[11:15] {
		n, _ := strconv.ParseUint(f, 10, 64)
		sum += n
	}
	return sum
}
