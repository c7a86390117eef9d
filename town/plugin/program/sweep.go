package program

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gastown/town/plugin"
	"gastown/town/process"
)

const (
	// sweepEvery is how often a Runner looks for what others left.
	sweepEvery = 10 * time.Minute
	// abandoned is the age from which on no run can be under way any more.
	abandoned = plugin.MaxTimeout + 5*time.Minute
)

// sweep removes what runs left whose process was killed, such as a gt plugin run, and ends
// their programs. A run of this Runner's own name is found by its next run; those of others
// have names that do not come again. What cannot be removed is left for the next time.
func (r *Runner) sweep(ctx context.Context) {
	if !r.slots.sweeps(time.Now()) {
		return
	}
	found, err := filepath.Glob(filepath.Join(escape.Replace(r.Dir), prefix+"*"))
	if err != nil {
		return
	}
	for _, path := range found {
		info, err := os.Lstat(path)
		if err != nil || !info.Mode().IsRegular() || time.Since(info.ModTime()) < abandoned || ctx.Err() != nil {
			continue
		}
		ext := filepath.Ext(path)
		id := strings.TrimSuffix(filepath.Base(path), ext)
		if ext != specExt && ext != limitsExt || r.slots.has(id) {
			continue
		}
		tree := process.Tree{Marker: r.mark(id)}
		if r.Limiter != nil {
			tree.Cgroup = func() []int { return r.Limiter.Processes(id) }
		}
		if tree.End(ctx, r.grace()) != nil || r.Limiter != nil && r.Limiter.Remove(id) != nil {
			continue
		}
		if ext == specExt {
			_ = os.Remove(path)
		}
	}
}

// escape makes a path a pattern of filepath.Glob that matches only it.
var escape = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`)

const (
	// prefix begins the names of runs, and of their files in Dir: what the launcher reads,
	// and what package limits knows of a run.
	prefix             = "plugin-"
	specExt, limitsExt = ".json", ".limits"
)

// sweeps reports whether it is time to sweep again, and notes it.
func (s *slots) sweeps(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if since := now.Sub(s.swept); since >= 0 && since < sweepEvery {
		return false
	}
	s.swept = now
	return true
}

// has reports whether a run is under way.
func (s *slots) has(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken[id]
}
