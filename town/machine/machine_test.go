package machine

import (
	"os"
	"path/filepath"
	"testing"
)

// What is left is the least that any bound leaves; what cannot be read is not known.
func TestRead(t *testing.T) {
	const meminfo = "MemTotal:  4000 kB\nMemFree: 100 kB\nMemAvailable:    2000 kB\n"
	for what, c := range map[string]struct {
		files  map[string]string
		memory int64
		load   float64
	}{
		"nothing":               {nil, -1, -1},
		"a machine":             {map[string]string{"proc/meminfo": meminfo, "proc/loadavg": "3.50 1 1 1/2 3\n"}, 2000 << 10, 3.5},
		"a cgroup without one":  {map[string]string{"proc/meminfo": meminfo, "sys/fs/cgroup/memory.max": "max\n", "sys/fs/cgroup/memory.current": "5\n"}, 2000 << 10, -1},
		"a cgroup":              {map[string]string{"proc/meminfo": meminfo, "sys/fs/cgroup/memory.max": "1000\n", "sys/fs/cgroup/memory.current": "900\n", "sys/fs/cgroup/memory.stat": "anon 1\ninactive_file 300\n"}, 400, -1},
		"a full cgroup":         {map[string]string{"sys/fs/cgroup/memory.max": "1000\n", "sys/fs/cgroup/memory.current": "1900\n"}, 0, -1},
		"a cgroup of version 1": {map[string]string{"proc/meminfo": meminfo, "sys/fs/cgroup/memory/memory.limit_in_bytes": "700\n", "sys/fs/cgroup/memory/memory.usage_in_bytes": "100\n"}, 600, -1},
		"a large cgroup":        {map[string]string{"proc/meminfo": meminfo, "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n", "sys/fs/cgroup/memory/memory.usage_in_bytes": "100\n"}, 2000 << 10, -1},
		"nonsense":              {map[string]string{"proc/meminfo": "MemAvailable: many\n", "proc/loadavg": "x\n"}, -1, -1},
	} {
		root := t.TempDir()
		for name, text := range c.files {
			path := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r := read(root, filepath.Join(root, "not", "there"))
		if r.Memory != c.memory || r.Load != c.load || r.Disk <= 0 || r.Cores < 1 {
			t.Errorf("%s: %+v, want %d and %g", what, r, c.memory, c.load)
		}
	}
	if r := Read(t.TempDir()); r.Memory <= 0 || r.Load < 0 || r.Disk <= 0 {
		t.Errorf("this machine: %+v", r)
	}
}
