// Package machine reads what the machine has left: memory, processor and disk. It reads
// files of the kernel and starts no process. What cannot be read is left out, because a
// reading that is missing bounds nothing.
package machine

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Readings are what a machine has left at one moment. A field below 0 is not known.
type Readings struct {
	// Memory is what programs can still get, in bytes, without swapping.
	Memory int64 `json:"memory"`
	// Load is how many processes ran or waited for a core in the last minute, Cores how
	// many cores there are.
	Load  float64 `json:"load"`
	Cores int     `json:"cores"`
	// Disk is what this user can still write on the disk, in bytes.
	Disk int64 `json:"disk"`
}

// Unknown knows nothing.
var Unknown = Readings{Memory: -1, Load: -1, Disk: -1}

// Read reads the machine, with the disk that a directory is on.
func Read(dir string) Readings { return read("/", dir) }

// read reads files below root.
func read(root, dir string) Readings {
	r := Readings{Memory: memory(root), Load: load(root), Cores: runtime.NumCPU(), Disk: -1}
	var fs unix.Statfs_t
	for ; ; dir = filepath.Dir(dir) { // the directory may not be there yet
		if err := unix.Statfs(dir, &fs); err == nil {
			r.Disk = int64(fs.Bavail) * fs.Bsize
			break
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	return r
}

// memory is the least of what the kernel has for programs and what this process's cgroup
// leaves them. Files that the kernel can drop count as left.
func memory(root string) int64 {
	least := field(filepath.Join(root, "proc/meminfo"), "MemAvailable:", 1<<10)
	for _, group := range []struct{ limit, used, stat, files string }{
		{"memory.max", "memory.current", "memory.stat", "inactive_file"},
		{"memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"},
	} {
		at := func(name string) string { return filepath.Join(root, "sys/fs/cgroup", name) }
		limit, used := number(at(group.limit)), number(at(group.used))
		if limit < 0 || used < 0 { // "max", or no such cgroup
			continue
		}
		left := max(limit-used+max(field(at(group.stat), group.files, 1), 0), 0)
		if least < 0 || left < least {
			least = left
		}
	}
	return least
}

func load(root string) float64 {
	text, err := os.ReadFile(filepath.Join(root, "proc/loadavg"))
	words := strings.Fields(string(text))
	if err != nil || len(words) == 0 {
		return -1
	}
	n, err := strconv.ParseFloat(words[0], 64)
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// number is what a file holds; -1 when it holds none.
func number(file string) int64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return -1
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// field is a number in a file of lines with a name and a number; -1 without it.
func field(file, name string, unit int64) int64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return -1
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) >= 2 && words[0] == name {
			if n, err := strconv.ParseInt(words[1], 10, 64); err == nil && n >= 0 {
				return n * unit
			}
		}
	}
	return -1
}
