package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gastown/cmd/internal/shell"
	"gastown/town/config"
	"gastown/town/layout"
	"gastown/town/limits"
)

// A rig's entry sets the limits of its sessions together; what it leaves out is the
// Town's.
func TestSessionLimits(t *testing.T) {
	where := layout.Town{Root: t.TempDir()}
	if err := os.MkdirAll(filepath.Dir(where.RigsConfig()), 0o700); err != nil {
		t.Fatal(err)
	}
	rigs := `rigs:
  - {name: both, url: /srv/a, prefix: a, branch: main, limits: {memory: 2GB, cpu: 3}}
  - {name: half, url: /srv/b, prefix: b, branch: main, limits: {memory: 512MiB}}
  - {name: none, url: /srv/c, prefix: c, branch: main}
  - {name: tiny, url: /srv/d, prefix: d, branch: main, limits: {memory: 1KB}}
`
	if err := os.WriteFile(where.RigsConfig(), []byte(rigs), 0o600); err != nil {
		t.Fatal(err)
	}
	h := &Host{Layout: where, Config: &config.Config{Settings: map[string]string{"rig.cpu": "5", "polecat.max_memory": "1GB"}},
		call: &shell.Call{Invocation: &shell.Invocation{}}}
	for rig, want := range map[string]limits.Limits{
		"both": {Memory: 2 << 30, CPU: 3}, "half": {Memory: 512 << 20, CPU: 5}, "none": {Memory: 16 << 30, CPU: 5},
	} {
		of, group, err := h.SessionLimits(rig)
		if err != nil || group.Name != rig || group.Limits != want || of.Memory != 1<<30 {
			t.Errorf("%s: %+v, %+v, %v", rig, of, group, err)
		}
	}
	if _, _, err := h.SessionLimits("tiny"); err == nil || !strings.Contains(err.Error(), "out of range") {
		t.Errorf("less than a session can live on: %v", err)
	}
}
