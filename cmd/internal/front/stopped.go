package front

import (
	"os"
	"strconv"
	"strings"
)

// isStopped reports whether the process that a lock's file names is stopped, for
// instance by SIGSTOP. It is a hint: the engine finds out who really holds the lock.
func isStopped(lock string) bool {
	text, err := os.ReadFile(lock)
	if err != nil {
		return false
	}
	// The file is one object of JSON, whose package would enlarge the front.
	_, rest, ok := strings.Cut(string(text), `"pid":`)
	if !ok {
		return false
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(rest)
	}
	pid, err := strconv.Atoi(rest[:end])
	if err != nil {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	after := string(stat[strings.LastIndexByte(string(stat), ')')+1:])
	return strings.HasPrefix(after, " T ") || strings.HasPrefix(after, " t ")
}
