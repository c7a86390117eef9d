package deacon

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gastown/e2e/internal/scratch"
)

// ticks is the kernel's USER_HZ: how many a second of CPU time has in /proc.
const ticks = 100

// usage is what a process uses: threads, descriptors, memory, CPU time.
type usage struct {
	// threads never decrease: Go creates one for each call that waits for the disk.
	goroutines, descriptors, files, threads, children int
	// resident is in bytes.
	resident int64
	cpu      time.Duration
	// faults counts the page faults of children that have ended. It grows with
	// every process that was started.
	faults int
}

// lowest is the smallest of several readings of each figure, because momentary work
// only adds to it.
func lowest(t *testing.T, d *daemon) usage {
	t.Helper()
	const readings, pause = 30, 100 * time.Millisecond
	low := look(t, d)
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for range readings {
		<-tick.C
		u := look(t, d)
		low.goroutines = min(low.goroutines, u.goroutines)
		low.descriptors = min(low.descriptors, u.descriptors)
		low.files = min(low.files, u.files)
		low.threads = min(low.threads, u.threads)
		low.children = min(low.children, u.children)
		low.resident = min(low.resident, u.resident)
		low.cpu, low.faults = u.cpu, u.faults
	}
	return low
}

// look reads /proc and the Deacon's own metrics.
func look(t *testing.T, d *daemon) usage {
	t.Helper()
	dir := filepath.Join("/proc", strconv.Itoa(d.PID))
	open, err := os.ReadDir(filepath.Join(dir, "fd"))
	if err != nil {
		t.Fatal(err)
	}
	u := usage{goroutines: int(metric(t, d, "go_goroutines")), children: len(offspring(d.PID))}
	for _, e := range open {
		if to, err := os.Readlink(filepath.Join(dir, "fd", e.Name())); err == nil && strings.Contains(to, "/.dolt/noms") {
			u.files++
		} else if err == nil {
			u.descriptors++
		}
	}
	stat := fields(t, filepath.Join(dir, "stat"))
	u.faults = stat[10]
	u.cpu = time.Duration(stat[13]+stat[14]) * time.Second / ticks
	u.threads = stat[19]
	u.resident = int64(stat[23]) * int64(os.Getpagesize())
	return u
}

// fields reads a stat file of /proc. Index 0 is field 1 of proc(5); a field that is
// not a number is 0.
func fields(t *testing.T, path string) []int {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// The name, in parentheses, may contain any characters.
	rest := data[bytes.LastIndexByte(data, ')')+1:]
	all := make([]int, 2, 52)
	for _, f := range strings.Fields(string(rest)) {
		n, _ := strconv.Atoi(f)
		all = append(all, n)
	}
	if len(all) < 24 {
		t.Fatalf("%s has %d fields", path, len(all))
	}
	return all
}

// offspring lists the processes whose parent is pid.
func offspring(pid int) (all []int) {
	paths, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well-formed
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		f := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
		if len(f) > 1 && f[1] == strconv.Itoa(pid) {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			all = append(all, child)
		}
	}
	return all
}

// speaking lists the processes that have a directory among their arguments.
func speaking(of string) (all []string) {
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is well-formed
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err == nil && bytes.Contains(data, []byte(of)) {
			all = append(all, string(bytes.ReplaceAll(data, []byte{0}, []byte{' '})))
		}
	}
	return all
}

// page reads a page from the Deacon's HTTP address.
func page(t *testing.T, d *daemon, path string) string {
	t.Helper()
	client := http.Client{Timeout: scratch.Patience}
	res, err := client.Get("http://" + d.HTTP + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// metric is the sum of all samples of a metric whose labels have every part.
func metric(t *testing.T, d *daemon, name string, labels ...string) (sum float64) {
	t.Helper()
	for line := range strings.Lines(page(t, d, "/metrics")) {
		rest, ok := strings.CutPrefix(line, name)
		if !ok || rest[0] != ' ' && rest[0] != '{' {
			continue
		}
		here := true
		for _, l := range labels {
			here = here && strings.Contains(rest, l)
		}
		if !here {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(rest[strings.LastIndexByte(rest, ' ')+1:]), 64)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		sum += v
	}
	return sum
}

// ran counts the runs of a job with an outcome; "" counts all.
func ran(t *testing.T, d *daemon, job, outcome string) int {
	t.Helper()
	labels := []string{fmt.Sprintf("job=%q", job)}
	if outcome != "" {
		labels = append(labels, fmt.Sprintf("outcome=%q", outcome))
	}
	return int(metric(t, d, "gt_deacon_job_runs_total", labels...))
}
