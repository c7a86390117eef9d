package check

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"
)

// Disk checks how full the disk of a directory is.
type Disk struct {
	Path string
	// Warning and Critical are percentages of the disk in use.
	Warning, Critical int
	// Seen is called with the figures of each run; may be nil.
	Seen func(used float64, free uint64)
}

// Check returns the check named disk.
func (d Disk) Check() Check {
	return Check{Name: "disk", Help: "space on the Town's disk", Run: d.run}
}

func (d Disk) run(context.Context) (Result, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(d.Path, &fs); err != nil {
		return Result{}, fmt.Errorf("look at the disk of %s: %w", d.Path, err)
	}
	free := fs.Bavail * uint64(fs.Bsize)
	used := percent(fs.Blocks-fs.Bfree, fs.Blocks-fs.Bfree+fs.Bavail)
	inodes := percent(fs.Files-fs.Ffree, fs.Files)
	if d.Seen != nil {
		d.Seen(used/100, free)
	}
	what := fmt.Sprintf("%.0f %% used, %s free", used, bytes(free))
	if inodes > used {
		what = fmt.Sprintf("%.0f %% of the inodes used, %d free", inodes, fs.Ffree)
	}
	out := grade(max(used, inodes), float64(d.Warning), float64(d.Critical))
	out.Figure = what
	out.Threshold = fmt.Sprintf("%d %% warning, %d %% critical", d.Warning, d.Critical)
	if out.State != Healthy {
		out.Next = "make room on the disk of " + d.Path + "; gt deacon run gc packs what the Town itself holds"
	}
	return out, nil
}

// percent is computed as df does. A file system that reports no blocks counts as
// empty.
func percent(used, all uint64) float64 {
	if all == 0 {
		return 0
	}
	return 100 * float64(used) / float64(all)
}

// grade compares a figure with its thresholds.
func grade(figure, warning, critical float64) Result {
	switch {
	case figure >= critical:
		return Result{State: Critical}
	case figure >= warning:
		return Result{State: Warning}
	}
	return Result{State: Healthy}
}

// bytes formats a size.
func bytes(n uint64) string {
	switch {
	case n < 1<<20:
		return fmt.Sprintf("%.1f KB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	default:
		return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
	}
}
