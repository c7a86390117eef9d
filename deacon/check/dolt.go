package check

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"
)

// growthWindow is the period over which growth is reported.
const growthWindow = time.Hour

// Dolt checks how fast the database answers and how it grows.
type Dolt struct {
	// Latency measures how long a point read takes.
	Latency func(context.Context) (time.Duration, error)
	// Data is the directory of the planes.
	Data string
	// Warning and Critical are latencies; MaxBytes is the size, in bytes, from
	// which the check warns.
	Warning, Critical time.Duration
	MaxBytes          int64
	// Seen is called with the figures of each run; may be nil.
	Seen func(latency time.Duration, bytes int64)
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	since time.Time
	then  int64
}

// Check returns the check named dolt. It remembers the size between runs, so runs
// must not overlap.
func (d *Dolt) Check() Check {
	return Check{Name: "dolt", Help: "latency of a query, size and growth of the planes", Run: d.run}
}

func (d *Dolt) run(ctx context.Context) (Result, error) {
	took, err := d.Latency(ctx)
	if err != nil {
		return Result{}, err
	}
	size, err := treeSize(d.Data)
	if err != nil {
		return Result{}, fmt.Errorf("measure the planes: %w", err)
	}
	if d.Seen != nil {
		d.Seen(took, size)
	}
	out := grade(float64(took), float64(d.Warning), float64(d.Critical))
	out.Figure = fmt.Sprintf("%s for a query, %s on disk%s", took.Round(10*time.Microsecond), bytes(uint64(size)), d.growth(size))
	out.Threshold = fmt.Sprintf("%s warning, %s critical; %s warning", d.Warning, d.Critical, bytes(uint64(d.MaxBytes)))
	if out.State != Healthy {
		out.Next = "gt deacon run gc packs the planes; gt config deacon.latency_warning N moves the threshold"
	}
	if size >= d.MaxBytes {
		out.State = Worse(out.State, Warning)
		out.Next = "gt deacon run gc packs the planes; gt config deacon.data_warning SIZE moves the threshold"
	}
	return out, nil
}

// growth describes the change of size over about the last hour.
func (d *Dolt) growth(size int64) string {
	now := time.Now
	if d.Now != nil {
		now = d.Now
	}
	at := now()
	since, then := d.since, d.then
	if since.IsZero() || at.Sub(since) >= growthWindow {
		d.since, d.then = at, size
	}
	if since.IsZero() {
		return ""
	}
	sign, change := "+", size-then
	if change < 0 {
		sign, change = "-", -change
	}
	return fmt.Sprintf(", %s%s in %s", sign, bytes(uint64(change)), at.Sub(since).Round(time.Second))
}

// treeSize is the size of all files below a directory, in bytes. Files may appear
// and disappear meanwhile.
func treeSize(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}
